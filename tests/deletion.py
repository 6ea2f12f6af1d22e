"""A Delta table, written by hand, two of whose four rows are deleted by a deletion vector."""

from __future__ import annotations

import json
import struct
import uuid
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import polars as pl

LETTERS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
FEATURE = ["deletionVectors"]
MAGIC, ARRAY = 1681511377, 12346
ROWS = pl.DataFrame(
    {"user": ["a", "b", "c", "d"], "event": "open",
     "timestamp": [f"2026-01-0{day}T10:00:00Z" for day in range(1, 5)]}
)  # fmt: skip


def write(folder: Path, stored: Literal["inside", "beside"], deleted: Sequence[int]) -> Path:
    """The table, its vector in the log or in a file of its own; none where nothing is deleted."""
    (folder / "_delta_log").mkdir(parents=True)
    ROWS.write_parquet(folder / "part.parquet")
    fields = [{"name": n, "type": "string", "nullable": True, "metadata": {}} for n in ROWS.columns]
    when = 1767225600000
    size = (folder / "part.parquet").stat().st_size
    add = {"path": "part.parquet", "partitionValues": {}, "size": size, "modificationTime": when,
           "dataChange": True, "stats": '{"numRecords":4}'}  # fmt: skip
    if deleted:
        add["deletionVector"] = _vector(folder, stored, deleted)
    actions = [
        {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": FEATURE,
                      "writerFeatures": FEATURE}},
        {"metaData": {"id": str(uuid.UUID(int=1)), "format": {"provider": "parquet", "options": {}},
                      "schemaString": json.dumps({"type": "struct", "fields": fields}),
                      "partitionColumns": [], "createdTime": when,
                      "configuration": {"delta.enableDeletionVectors": "true"}}},
        {"add": add},
    ]  # fmt: skip
    lines = "\n".join(map(json.dumps, actions))
    (folder / "_delta_log" / f"{0:020}.json").write_text(lines + "\n")
    return folder


def _vector(folder: Path, stored: str, deleted: Sequence[int]) -> dict[str, object]:
    rows = struct.pack(f"<{len(deleted)}H", *deleted)
    data = struct.pack("<IQIIIHHI", MAGIC, 1, 0, ARRAY, 1, 0, len(deleted) - 1, 16) + rows
    found: dict[str, object] = {"sizeInBytes": len(data), "cardinality": len(deleted)}
    if stored == "inside":
        inline = _lettered(data + b"\0" * (-len(data) % 4))
        return {"storageType": "i", "pathOrInlineDv": inline, **found}
    name = uuid.UUID(int=2)
    body = struct.pack(">I", len(data)) + data + struct.pack(">I", zlib.crc32(data))
    (folder / f"deletion_vector_{name}.bin").write_bytes(b"\1" + body)
    return {"storageType": "u", "pathOrInlineDv": _lettered(name.bytes), "offset": 1, **found}


def _lettered(data: bytes) -> str:
    """Base 85 by the letters of ZeroMQ."""
    numbers = (number for (number,) in struct.iter_unpack(">I", data))
    return "".join(LETTERS[n // 85**place % 85] for n in numbers for place in (4, 3, 2, 1, 0))
