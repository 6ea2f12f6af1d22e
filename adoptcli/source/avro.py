"""Avro files as frames of so many rows each, in bounded memory.

A file is a header and blocks of rows. Some blocks with the header before them are an Avro file
again, which Polars reads whole. What it cannot read is told by the header's schema, since it stops
the program otherwise; fastavro reads that.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.util import find_spec
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

import polars as pl

from adoptcli.errors import DataProblem, UsageProblem

MAGIC = b"Obj\x01"
BATCH = 1 << 24  # bytes of blocks
ROWS = 200_000  # of a frame where each row is a Python object
CODECS = ("null", "deflate", "snappy")  # that Polars reads

Schema = Any
"""A schema of Avro as JSON: the name of a type, a list (a union), or an object."""

PRIMITIVES: Mapping[str, type[pl.DataType]] = {
    "null": pl.String, "boolean": pl.Boolean, "int": pl.Int64, "long": pl.Int64,
    "float": pl.Float64, "double": pl.Float64, "string": pl.String, "bytes": pl.String,
    "enum": pl.String, "fixed": pl.String,
}  # fmt: skip


def frames(stream: BinaryIO, name: str) -> Iterator[pl.DataFrame]:
    """The rows of a file, some at a time; one frame without rows where there are none.

    Raises:
        DataProblem: It is broken, cut off, or no Avro.
        UsageProblem: It needs a package that is missing.
    """
    head, schema, codec = _header(stream, name)
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise _broken(name, "its rows are no records")
    plain = codec in CODECS and _plain(schema)
    for number, blocks in enumerate(_blocks(stream, head, name)):
        try:
            if plain:
                yield _texts(pl.read_avro(io.BytesIO(head + blocks)))
            else:
                yield from _slowly(head + blocks, schema, codec, name)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            first = str(error).splitlines()[0] if str(error) else "it cannot be read"
            raise _broken(name, f"{first} (part {number + 1})") from error


def _broken(name: str, what: str) -> DataProblem:
    return DataProblem("broken-avro", f"{name}: {what}", "fetch the export again")


def _header(stream: BinaryIO, name: str) -> tuple[bytes, Schema, str]:
    """The bytes before the first block, the schema, and how blocks are packed."""
    seen = _Seen(stream)
    if stream.read(len(MAGIC)) != MAGIC:
        raise _broken(name, "this is no Avro file")
    seen.bytes += MAGIC
    known: dict[str, bytes] = {}
    try:
        while count := seen.number():
            if count < 0:
                seen.number()
            for _ in range(abs(count)):
                key = seen.read(seen.number()).decode()
                known[key] = seen.read(seen.number())
        seen.read(16)
        schema = json.loads(known["avro.schema"])
    except (EOFError, KeyError, ValueError) as error:
        raise _broken(name, "its header cannot be read") from error
    return bytes(seen.bytes), schema, known.get("avro.codec", b"null").decode()


class _Seen:
    """A stream that keeps what has been read of it."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.bytes = stream, bytearray()

    def read(self, size: int) -> bytes:
        found = self.stream.read(size) if size >= 0 else b""
        if len(found) != size:
            raise EOFError
        self.bytes += found
        return found

    def number(self, first: bytes = b"") -> int:
        """A whole number of Avro: seven bits a byte, the lowest first, the sign in the lowest.

        Its first byte may have been read before.
        """
        value = shift = 0
        while True:
            (byte,) = first or self.read(1)
            first = b""
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)
            if shift > 63:
                raise ValueError("a number is too long")


def _blocks(stream: BinaryIO, head: bytes, name: str) -> Iterator[bytes]:
    """Blocks as they stand, so many at a time; at least one time."""
    seen, sync, rows, given = _Seen(stream), head[-16:], 0, False
    while first := stream.read(1):
        seen.bytes += first
        try:
            rows += _block(seen, first, sync)
        except (EOFError, ValueError) as error:
            raise _broken(name, f"it is cut off or broken after {rows:,} rows") from error
        if len(seen.bytes) >= BATCH:
            yield bytes(seen.bytes)
            seen.bytes, given = bytearray(), True
    if seen.bytes or not given:
        yield bytes(seen.bytes)


def _block(seen: _Seen, first: bytes, sync: bytes) -> int:
    """Read one block, whose first byte is read already; how many rows it has."""
    rows = seen.number(first)
    seen.read(seen.number())
    if seen.read(16) != sync:
        raise ValueError("a block does not end as it should")
    return rows


def _plain(schema: Schema) -> bool:
    """Whether Polars reads it: no maps, no unions but with null, no type named anew."""
    if isinstance(schema, list):
        rest = [one for one in schema if one != "null"]
        return len(schema) == 2 and len(rest) == 1 and _plain(rest[0])
    if isinstance(schema, str):
        return schema in PRIMITIVES
    if schema["type"] == "record":
        return all(_plain(each["type"]) for each in schema["fields"])
    if schema["type"] == "array":
        return _plain(schema["items"])
    return schema["type"] != "map" and (schema["type"] in PRIMITIVES or _plain(schema["type"]))


def _texts(frame: pl.DataFrame) -> pl.DataFrame:
    """With words of a list, which differ from frame to frame, and bytes as texts."""
    some = [n for n, t in frame.schema.items() if t in (pl.Categorical, pl.Binary, pl.Null)]
    return frame.with_columns(pl.col(some).cast(pl.String, strict=False)) if some else frame


def _slowly(content: bytes, schema: Schema, codec: str, name: str) -> Iterator[pl.DataFrame]:
    """The rows by fastavro, a Python object each."""
    if find_spec("fastavro") is None:
        raise UsageProblem(
            "no-fastavro", f"{name}: Avro with maps, mixed types or {codec} needs fastavro",
            "install it: pip install fastavro cramjam",
        )  # fmt: skip
    import fastavro

    known: dict[str, Schema] = {}
    types = {each["name"]: _dtype(each["type"], known) for each in schema["fields"]}
    rows: list[dict[str, Any]] = []
    try:
        record: Any
        for record in fastavro.reader(io.BytesIO(content)):
            rows.append({n: _value(record[n], dtype) for n, dtype in types.items()})
            if len(rows) == ROWS:
                yield pl.DataFrame(rows, schema=types)
                rows = []
    except (ValueError, ImportError) as error:
        if "need to install" not in str(error):
            raise _broken(name, str(error)) from error
        way = "install it: pip install cramjam" if codec == "snappy" else "write it with deflate"
        raise UsageProblem("no-codec", f"{name}: {error}", way) from error
    except Exception as error:  # fastavro raises whatever its decoding happens to meet
        raise _broken(name, f"it cannot be read: {error}") from error
    yield pl.DataFrame(rows, schema=types)


def _dtype(
    schema: Schema, known: dict[str, Schema], within: frozenset[str] = frozenset()
) -> pl.DataType:
    """The type of values: texts where there may be several types, or objects within themselves."""
    if isinstance(schema, list):
        rest = [one for one in schema if one != "null"]
        made = [_dtype(one, known, within) for one in rest]  # they may name types for later
        return made[0] if len(made) == 1 else pl.String()
    if isinstance(schema, str):
        if schema in PRIMITIVES:
            return PRIMITIVES[schema]()
        return _dtype(known[schema.rsplit(".", 1)[-1]], known, within)
    name = str(schema.get("name", "")).rsplit(".", 1)[-1]
    if name and name in within:
        return pl.String()
    known[name] = schema
    return _of_object(schema, known, within | {name} if name else within)


def _of_object(
    schema: Mapping[str, Any], known: dict[str, Schema], within: frozenset[str]
) -> pl.DataType:
    kind, logical = schema["type"], str(schema.get("logicalType", ""))
    if kind == "record":
        return pl.Struct({f["name"]: _dtype(f["type"], known, within) for f in schema["fields"]})
    if kind == "array":
        return pl.List(_dtype(schema["items"], known, within))
    if kind == "map":
        held = _dtype(schema["values"], known, within)
        return pl.List(pl.Struct({"key": pl.String(), "value": held}))
    if kind == "long" and logical.endswith(("timestamp-millis", "timestamp-micros")):
        return pl.Datetime("us", None if logical.startswith("local") else "UTC")
    if logical in ("date", "time-millis", "time-micros"):
        return pl.Date() if logical == "date" else pl.Time()
    if logical == "decimal":
        return pl.String()
    return PRIMITIVES[kind]() if kind in PRIMITIVES else _dtype(kind, known, within)


def _value(value: Any, dtype: pl.DataType) -> Any:
    """A value of fastavro as one of a type; maps as lists of pairs."""
    if value is None:
        return None
    if isinstance(dtype, pl.Struct) and isinstance(value, dict):
        return {f.name: _value(value[f.name], f.dtype) for f in dtype.fields}  # type: ignore[arg-type]
    if isinstance(dtype, pl.List):
        inner: Any = dtype.inner
        items = value
        if isinstance(value, dict):
            items = [{"key": key, "value": held} for key, held in value.items()]
        return [_value(item, inner) for item in items]
    return _text(value) if dtype == pl.String else value


def _text(value: Any) -> str:
    """Any value as text: objects as JSON, so that paths lead into them."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, datetime):
        utc = value.tzinfo is not None
        return value.astimezone(ZoneInfo("UTC")).isoformat() if utc else value.isoformat()
    if isinstance(value, dict | list):
        return json.dumps(value, default=_text, ensure_ascii=False)
    return str(value)
