"""Rows by schema: which columns which files have, and where they differ from most rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from adoptcli.source.files import size_of
from adoptcli.source.scan import Scan, types_of

CHEAP = 500_000_000  # bytes of JSON of which the keys of every row are counted

Columns = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Schema:
    """Files that have the same columns.

    Attributes:
        example: One of the files.
        columns: Their names; in whatever order they stand.
        more, lacking: What the schema of most rows has not, or has and this has not.
        retyped: Columns whose type is another there: name, type here, type there.
    """

    kind: str
    files: int
    rows: int
    example: str
    columns: tuple[str, ...]
    more: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    retyped: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Shapes:
    """The schemas of a source, that of most rows first, and how many rows have each JSON key."""

    schemas: tuple[Schema, ...]
    keys: Mapping[str, int] | None = None

    @property
    def drifting(self) -> bool:
        """Whether there is more than one."""
        return len(self.schemas) > 1


@dataclass(frozen=True)
class _Seen:
    kind: str
    columns: Columns
    file: str
    rows: int


def shapes(scans: Sequence[Scan], rows: Sequence[int]) -> Shapes:
    """The schemas of the files of a source.

    Args:
        scans: Its files, those of one shape together.
        rows: How many rows each of the scans has.
    """
    told = [scan for scan in scans if scan.kind == "ndjson"]
    keyed = bool(told) and sum(size_of(f) for s in told for f in s.files) <= CHEAP
    seen: list[_Seen] = []
    keys: dict[str, int] = defaultdict(int)
    for scan, n in zip(scans, rows, strict=True):
        counts = _by_file(scan, keyed=keyed) if scan.kind == "ndjson" else None
        for name in scan.columns if counts is not None and keyed else ():
            keys[name] += int(counts[name].sum()) if counts is not None else 0
        seen += _files(scan, n, counts)
    return Shapes(_schemas(seen), dict(keys) if keyed else None)


def _by_file(scan: Scan, *, keyed: bool) -> pl.DataFrame | None:
    """Rows by file and, if asked for, how many of them have each key."""
    if not keyed and len(set(scan.own)) < 2:
        return None
    names = scan.columns if keyed else scan.columns[:1]
    lazy = scan.frame(names, "adoptcli file")
    return (
        lazy.group_by("adoptcli file")
        .agg(pl.col(names).count(), pl.len().alias("adoptcli n"))
        .collect()
    )


def _files(scan: Scan, rows: int, counts: pl.DataFrame | None) -> Iterator[_Seen]:
    """Each file with its columns; where rows are not known by file the first has them all."""
    types = (
        {n: str(t) for n, t in types_of(scan.files[0]).items()} if scan.kind == "parquet" else {}
    )
    hive = tuple(key for key, _ in scan.hive)
    by_file = None
    if counts is not None:
        by_file = dict(counts.select("adoptcli file", "adoptcli n").iter_rows())
    for i, (file, own) in enumerate(zip(scan.files, scan.own, strict=True)):
        names = sorted({*own, *hive})
        n = by_file.get(file.path, 0) if by_file is not None else rows * (i == 0)
        kind = (file.origin or file).kind
        yield _Seen(kind, tuple((name, types.get(name, "")) for name in names), file.name, n)


def _schemas(seen: Sequence[_Seen]) -> tuple[Schema, ...]:
    groups: dict[tuple[str, Columns], list[_Seen]] = defaultdict(list)
    for one in seen:
        groups[one.kind, one.columns].append(one)
    ordered = sorted(groups.items(), key=lambda g: (-sum(s.rows for s in g[1]), g[1][0].file))
    most = dict(ordered[0][0][1])
    return tuple(_schema(kind, dict(columns), files, most) for (kind, columns), files in ordered)


def _schema(
    kind: str, columns: Mapping[str, str], files: Sequence[_Seen], most: Mapping[str, str]
) -> Schema:
    both = [name for name in columns if name in most]
    names, rows = {one.file for one in files}, sum(one.rows for one in files)
    return Schema(
        kind, len(names), rows, files[0].file, tuple(columns),
        more=tuple(name for name in columns if name not in most),
        lacking=tuple(name for name in most if name not in columns),
        retyped=tuple(
            (name, columns[name], most[name])
            for name in both
            if columns[name] and most[name] and columns[name] != most[name]
        ),
    )  # fmt: skip
