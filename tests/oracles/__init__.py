"""Every metric computed twice again: in plain Python, one person after the other, and in SQL.

A module of a metric's name holds:
    plain(world) -> tables    by sets and loops
    sql(db, config) -> tables by DuckDB, from `database.connect`
    CELLS                     (table, measure) whose people `--who` lists; ROWS and MEASURES where
                              the rows behind them have other names
    section(rng)              optional: what it puts into the YAML of a random log
Both give {table: rows as dictionaries}; a share is a pair of counts.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType

SHARED = ("criteria", "database", "judge", "model", "options", "risk_sets", "rules", "shrink")


@cache
def oracles() -> dict[str, ModuleType]:
    """The oracle of each metric, by its id."""
    names = [m.name for m in pkgutil.iter_modules(__path__) if m.name not in (*SHARED, "__main__")]
    return {name: importlib.import_module(f"{__name__}.{name}") for name in sorted(names)}
