"""Read one export one way, and print seconds and counts as JSON.

python benchmarks/exports_read.py adoptcli|plain|duckdb PRESET FOLDER
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent))

if TYPE_CHECKING:
    import polars as pl

    from adoptcli.source.events import Canonical
    from adoptcli.source.parts import Part

Counts = dict[str, int]


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def timed(work: Callable[[], Callable[[], Counts]]) -> None:
    """Do the work, and print what it took; the counting afterwards is not timed."""
    wall, cpu = time.perf_counter(), _processor()
    count = work()
    took = {"wall": time.perf_counter() - wall, "cpu": _processor() - cpu}
    print(json.dumps({**took, **count()}))


def look(name: str, path: str) -> Canonical:
    """adoptcli's look at the first rows."""
    from adoptcli.definitions import Source
    from adoptcli.runner.presets import Settled
    from adoptcli.source.events import Needed, read

    needed = Needed(account=True, session=True, id=True, anonymous=True)
    return read([Source(preset=name)], [path], None, needed, "UTC", settle=Settled().settle)


def adoptcli(name: str, path: str) -> None:
    """Read and encode, whatever second looks that takes, as the command line does."""
    from adoptcli.__main__ import tune

    tune()  # before Polars is imported
    from adoptcli.runner.beside import Beside
    from adoptcli.runner.encoding import encoded
    from adoptcli.runner.sizing import Sizing
    from adoptcli.source import told
    from adoptcli.timeline.encode import Wanted

    def work() -> Callable[[], Counts]:
        canonical = look(name, path)
        has = canonical.found
        wanted = Wanted(account="account" in has, session="session" in has, id="id" in has,
                        prefer=canonical.preferring)  # fmt: skip
        tables = Beside(None, None, told=told.read(canonical.parts, canonical.zone))
        found, _ = encoded(canonical, wanted, tables, Sizing(1, None, 0), None)
        frame = found.frame
        assert frame is not None
        users = frame.filter(~pl.col("device"))["given"] if found.given else frame["user"]
        return lambda: {
            "rows": frame.height, "users": users.drop_nulls().n_unique(),
            "times": frame["time"].drop_nulls().n_unique(),
        }  # fmt: skip

    import polars as pl

    from adoptcli.runner import presets

    assert presets
    timed(work)


def plain(name: str, path: str) -> None:
    """Read the same fields of the same files, and do nothing with them."""
    import polars as pl

    found = [_plain(part) for part in look(name, path).parts]

    def work() -> Callable[[], Counts]:
        frames = [lazy.collect() for lazy in found]
        return lambda: {"rows": sum(frame.height for frame in frames)}

    assert pl
    timed(work)


def _plain(part: Part) -> pl.LazyFrame:
    import polars as pl

    from adoptcli.source.lazy import scan_csv

    scan, wanted = part.scan, _fields(part)
    files = [file.path for file in scan.files]
    if scan.kind == "ndjson":
        return pl.scan_ndjson(files, schema=wanted)
    if scan.kind == "parquet":
        return pl.scan_parquet(files).select(*wanted)
    header = scan.columns if scan.bare else None
    return scan_csv(files, scan.separator, scan.eol, scan.quote, header).select(*wanted)


def _fields(part: Part) -> dict[str, pl.DataType]:
    """The columns that are wanted, with their types."""
    import polars as pl

    from adoptcli.source import paths
    from adoptcli.source.scan import types_of

    chosen = [choice.path for choice in part.chosen()]
    chosen = chosen if part.way != "text" else [paths.Path(path.column) for path in chosen]
    wanted = paths.schema(chosen)
    if part.scan.kind == "parquet":
        types = types_of(part.scan.files[0])
        return {name: types[name] for name in wanted}
    if part.scan.kind != "ndjson":
        return dict.fromkeys(wanted, pl.String())
    schema = wanted
    for name in reversed(part.scan.explode):
        schema = {**wanted, name: pl.List(pl.Struct(schema))}
    return schema


def duckdb(name: str, path: str) -> None:
    """Into a table of the same columns."""
    import duckdb
    import exports_sql

    found = look(name, path)
    query = exports_sql.table([(part, _fields(part)) for part in found.parts])

    def work() -> Callable[[], Counts]:
        db = duckdb.connect()
        db.execute("set TimeZone = 'UTC'")
        db.execute(query)

        def count() -> Counts:
            cells = db.execute(
                "select count(*), count(distinct user), count(distinct time) from log"
            ).fetchone()
            assert cells
            return dict(zip(("rows", "users", "times"), cells, strict=True))

        return count

    timed(work)


if __name__ == "__main__":
    {"adoptcli": adoptcli, "plain": plain, "duckdb": duckdb}[sys.argv[1]](*sys.argv[2:])
