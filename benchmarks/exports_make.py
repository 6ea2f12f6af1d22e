"""The exports of the tests, many times over with other ids, a folder for each format."""

from __future__ import annotations

import gzip
import json
import re
import tempfile
import zipfile
from pathlib import Path

import polars as pl

from tests.exports import exports

MOST_BYTES = 250_000_000  # where a line holds many events
UUID = re.compile(rb"\b[0-9a-f]{4}([0-9a-f]{4}-[0-9a-f]{4}-)")
USER = re.compile(rb'(?<=["\t,:])(u|d|kiosk|visitor)(\d*)(-\d)?(?=["\t,.\n])')
NUMBER = re.compile(rb"(?<![\w.:+-])(10[0-5]\d)(?![\w.:-])")


def names() -> list[str]:
    """The presets that there are exports of."""
    return [*exports()]


def made(name: str, folder: Path, rows: int) -> dict[str, Path]:
    """A folder of files of one format each, by what to call it."""
    target = folder / str(rows) / name
    if not target.exists():
        with tempfile.TemporaryDirectory() as small:
            path = exports()[name].write(Path(small))
            files = _files(path, Path(small))
            size = sum(file.stat().st_size for file in files)
            copies = max(1, min(rows // sum(map(_height, files)), MOST_BYTES // size))
            for file in files:
                _many(file, target / _format(file), copies)
    found = sorted(target.iterdir())
    return {f"{name} {p.name}" if len(found) > 1 else name: p for p in found}


def _files(path: Path, small: Path) -> list[Path]:
    if path.is_file() and path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            archive.extractall(small / "unpacked")
        path = small / "unpacked"
    inside = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [p for p in inside if p.is_file() and _text(p).strip()]


def _height(file: Path) -> int:
    if _format(file) == "parquet":
        return pl.read_parquet(file).height
    return len(_text(file).splitlines())


def _format(file: Path) -> str:
    if file.read_bytes()[:4] == b"PAR1":
        return "parquet"
    return "ndjson" if _text(file)[:1] == b"{" else "csv"


def _text(file: Path) -> bytes:
    data = file.read_bytes()
    data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    spread = data[:1] == b"{" and not data.split(b"\n", 1)[0].rstrip().endswith(b"}")
    return json.dumps(json.loads(data)).encode() if spread else data


def _many(file: Path, folder: Path, copies: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if folder.name == "parquet":
        small = pl.read_parquet(file)
        text = small.write_ndjson().encode()
        many = b"".join(_renamed(text, i) for i in range(copies))
        pl.read_ndjson(many, schema=small.schema).write_parquet(folder / f"{file.stem}.parquet")
        return
    text = _text(file).rstrip(b"\n") + b"\n"
    first, _, rest = text.partition(b"\n")
    headed = folder.name == "csv" and first.count(b"\t") < 100
    kind = ".json" if folder.name == "ndjson" else "" if not headed else ".csv"
    with (folder / (re.sub(r"\W", "_", file.name) + kind)).open("wb") as target:
        target.write(first + b"\n" if headed else b"")
        for i in range(copies):
            target.write(_renamed(rest if headed else text, i))


def _renamed(text: bytes, i: int) -> bytes:
    """With other ids, so that rows and people are not those of another copy."""
    text = UUID.sub(b"%04x\\1" % i, text)
    text = USER.sub(lambda m: m[0] + b"%03d" % i, text)
    return NUMBER.sub(b"\\g<1>%03d" % i, text)
