"""Duplicates: rows that repeat another, by the key of the source or else as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from adoptcli.source.addresses import located
from adoptcli.source.scan import Scan

By = Literal["key", "row"]


@dataclass(frozen=True)
class Duplicates:
    """Rows that repeat another.

    Attributes:
        by: What tells a repeat: the key of the source, or the whole row where it has none.
        repeats: Rows beyond the first of each.
        keys: How many keys, or different rows, are repeated.
        most: How often the most repeated stands there.
        keyless: Rows that lack the key, and are never repeats.
        shared: Keys that several users have; each user's row is kept.
    """

    by: By
    repeats: int = 0
    keys: int = 0
    most: int = 0
    keyless: int = 0
    shared: int = 0


def repeated(rows: pl.LazyFrame, pieces: int = 1) -> pl.DataFrame:
    """The keys (id) that several rows have, and whether several users do (shared).

    Args:
        rows: id and user, of every row.
        pieces: Look at so many parts of the keys, one after the other, which takes less memory.
    """
    user = pl.col("user")
    found = [
        piece.filter(pl.col("id").is_not_null())
        .group_by("id")
        .agg(n=pl.len(), shared=user.min() != user.max())
        .filter(pl.col("n") > 1)
        .select("id", pl.col("shared").fill_null(False))
        .collect()
        for piece in _pieces(rows, "id", pieces)
    ]
    return pl.concat(found)


def _pieces(rows: pl.LazyFrame, key: str, pieces: int) -> list[pl.LazyFrame]:
    """The rows by a hash: those of one are in one piece."""
    if pieces == 1:
        return [rows]
    return [rows.filter(pl.col(key) % pieces == number) for number in range(pieces)]


def by_key(rows: pl.LazyFrame, several: pl.DataFrame) -> Duplicates:
    """Rows of one user that have one key.

    Args:
        rows: id and user, of every row.
        several: What `repeated` gives.
    """
    again = rows.join(several.lazy().select("id"), on="id", how="semi")
    found = again.group_by("id", "user").len().filter(pl.col("len") > 1).collect()
    return Duplicates(
        "key",
        repeats=int(found["len"].sum()) - found.height,
        keys=found["id"].n_unique(),
        most=_most(found["len"]),
        keyless=int(rows.select(pl.col("id").is_null().sum()).collect().item()),
        shared=int(several["shared"].sum()),
    )


def by_row(scans: Sequence[Scan], pieces: int = 1, folder: Path | None = None) -> Duplicates:
    """Rows that are the same in every column; in several `pieces` by way of a file in a folder."""
    hashes = pl.concat([_hashes(scan) for scan in scans])
    if folder is not None:
        hashes.sink_parquet(folder / "rows", compression="lz4", statistics=False)
        hashes = pl.scan_parquet(folder / "rows")
    elif pieces > 1:  # the files are looked at once
        hashes = hashes.collect().lazy()
    found = [
        piece.group_by("row").len().filter(pl.col("len") > 1).collect()
        for piece in _pieces(hashes, "row", pieces)
    ]
    counts = pl.concat(found)["len"]
    return Duplicates("row", int(counts.sum()) - len(counts), len(counts), _most(counts))


def _hashes(scan: Scan) -> pl.LazyFrame:
    """A number for each row, the same for the same row; of JSON for the text of its line."""
    if scan.kind == "ndjson" and not scan.explode:
        lines = pl.scan_lines([located(file.path) for file in scan.files]).select(pl.col("line"))
        filled = lines.filter(pl.col("line").str.strip_chars() != "")
        return filled.select(row=pl.struct("line").hash())
    raw = scan.frame(scan.names)
    filled = raw.filter(~pl.all_horizontal(pl.all().is_null()))  # blank lines repeat nothing
    return filled.select(row=pl.struct(*sorted(scan.names)).hash())


def _most(counts: pl.Series) -> int:
    top = counts.max()
    return top if isinstance(top, int) else 0
