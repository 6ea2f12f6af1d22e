"""What adoptcli says of a simulated log, by its own command line."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import channel
import early
import experiment
import polars as pl
import yaml

from adoptcli.cli.main import run

Row = dict[str, Any]
Tables = dict[str, list[Row]]
DRIVERS = {
    "signup": "signed_up", "active_events": ["visit"],
    "drivers": {"exposure": "7d", "outcome": {"kind": "retention", "after": "14d", "until": "28d"}},
}  # fmt: skip
IMPACT = {
    "signup": "signed_up", "active_events": ["visit"],
    "features": {"sharing": ["shared"], "reports": ["report_built"]},
    "channels": {"articles": ["article_read"]},
    "impact": {"adoption": {"feature": "sharing"}, "negative_control": ["exported"]},
}  # fmt: skip
EXPERIMENT = {
    "signup": "signed_up", "active_events": ["visit"], "features": {"sharing": ["shared"]},
    "users": {"file": "users.csv", "id": "user"},
    "impact": {"adoption": {"feature": "sharing"}, "variant": "variant", "control": "old"},
}  # fmt: skip


def drivers(log: early.Log) -> dict[str, Any]:
    """The JSON of `adoptcli drivers`."""
    everybody = pl.arange(log.users, dtype=pl.Int64, eager=True)
    rows = pl.concat([
        _frame(log.user, pl.Series(log.names).gather(log.event), log.signup[log.user] + log.time),
        _frame(everybody, pl.Series(["signed_up"]).new_from_index(0, log.users), log.signup),
    ])  # fmt: skip
    days = early.SIGNUP_DAYS + early.END + 1
    return _said("drivers", _with_account(rows, log.account), DRIVERS, days)


def impact(log: channel.Log) -> dict[str, Any]:
    """The JSON of `adoptcli impact`."""
    rows = _frame(log.user, pl.Series(channel.NAMES).gather(log.event), log.time)
    return _said("impact", _with_account(rows, log.account), IMPACT, channel.DAYS)


def experiments(log: experiment.Log) -> dict[str, Any]:
    """The JSON of `adoptcli impact` where variants were drawn by lot."""
    rows = _frame(log.user, pl.Series(experiment.NAMES).gather(log.event), log.time)
    drawn = pl.Series(["old", "new"]).gather(log.variant)
    users = pl.DataFrame({"user": pl.arange(drawn.len(), eager=True), "variant": drawn})
    users = users.filter(pl.col("user").is_in(rows["user"].unique().implode()))
    return _said("impact", rows, EXPERIMENT, experiment.DAYS, users)


def _with_account(rows: pl.DataFrame, account: early.Ints | None) -> pl.DataFrame:
    if account is None:
        return rows
    return rows.with_columns(account=pl.Series(account).gather(rows["user"]).cast(pl.String))


def _frame(user: Any, event: pl.Series, time: Any) -> pl.DataFrame:
    frame = pl.DataFrame({"user": user, "event": event, "timestamp": time})
    return frame.with_columns(pl.col("timestamp").cast(pl.Datetime("ms", "UTC")))


def _said(
    metric: str, rows: pl.DataFrame, config: dict[str, Any], days: int,
    users: pl.DataFrame | None = None,
) -> dict[str, Any]:  # fmt: skip
    source = {"columns": {name: name for name in rows.columns}}
    as_of = datetime.fromtimestamp((early.START + days * early.DAY) / 1000, UTC).date()
    with tempfile.TemporaryDirectory() as folder:
        log, made, out = (Path(folder) / name for name in ("e.parquet", "m.yaml", "out.json"))
        rows.with_columns(pl.col("user").cast(pl.String)).write_parquet(log)
        if users is not None:
            users.write_csv(Path(folder) / "users.csv")
        made.write_text(yaml.safe_dump({"version": 1, "source": source, **config}))
        code = run([metric, str(log), "-c", str(made), "--as-of", str(as_of), "-q", "-o", str(out)])
        if code:
            raise RuntimeError(f"adoptcli {metric} ended with {code}")
        found: dict[str, Any] = json.loads(out.read_text())["metrics"][metric]
        return found
