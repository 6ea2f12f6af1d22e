"""Results of runs, kept: one Parquet file a run in a folder, and one number over time.

A file's name says which run it holds, `2026-10-01_3f9c1e_user-month_5d0b71e2.parquet`: as-of, hash
of the definitions, unit and period, and a hash of what limits it: dates, split, metrics. The same
run writes the same file, so that running twice changes nothing.
"""

from adoptcli.history.kept import KIND, RUN, Run, frame, name, runs, save
from adoptcli.history.series import Point, last_run, points

__all__ = ["KIND", "RUN", "Point", "Run", "frame", "last_run", "name", "points", "runs", "save"]
