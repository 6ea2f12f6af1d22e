"""What a metric is, and the registry from which everything else follows.

A metric looks at each actor alone and gives rows: the actor, the keys of a cell, integer measures.
The engine adds the rows up over actors; `result` is arithmetic on the sums. The command, the YAML
section, the schema, the documentation, the lists of people and the tests by law all come from one
`register(...)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl
from pydantic import ConfigDict, RootModel

from adoptcli.context import Context
from adoptcli.definitions import Definitions, Model
from adoptcli.results import Result
from adoptcli.timeline import Timeline


class Settings(Model):
    """A metric's section of the YAML."""


class NamedSettings(RootModel[dict[str, Any]]):
    """A metric's section of the YAML whose keys are names of the person's own."""

    model_config = ConfigDict(frozen=True, defer_build=True)


Rows = Mapping[str, pl.LazyFrame]
Tallies = Mapping[str, pl.DataFrame]


def _nothing_missing(settings: Any, definitions: Definitions) -> str | None:
    return None


def _no_names(settings: Any, context: Context) -> Mapping[str, Sequence[str]]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric, registered once.

    Attributes:
        id: Module name, YAML key, JSON key, and command (with `-`).
        title: Its name for people.
        section: Where the report shows it.
        order: Its place in the report.
        settings: The model of its YAML section.
        definition: The module's docstring.
        rows: (timeline, settings, context) -> {table: rows of (actor, keys, integer measures)}.
        result: (tallies, settings, context) -> Result, from sums alone.
        keys: The key columns of each table of rows; all other columns but `actor` are measures.
        loose: Tables whose cells are so many that adding them up would save nothing; they have
            one measure, and `result` sees every row.
        plain: Tables whose numbers carry no interval, and need not be told apart by groups of
            accounts.
        on_request: It is computed only where it is named: by its command or `--only`.
        moments: What is not known of rows that stand for several events, where it needs that.
        users_only: Why it makes no sense where actors are accounts; empty where it does.
        whole_accounts: It counts what an account has once, so that it is split only by what all its
            members share: columns of the accounts table.
        needs: Other metrics whose sections of the YAML it uses, where they are there.
        features: It asks who can have a feature, so that what decides that is read.
        uses: Those whose sections it uses as well, if actors have the traits that they name.
        missing: What the YAML must have before the metric can be computed, or None.
        tally: Sums where they are much cheaper than rows; same keys, plus `segment`.
        names: (settings, context) -> what the whole numbers of a key stand for, by code; of one
            table's key alone under `table.key`.
        test: (a segment's tallies, the rest's) -> two-sided p-value, where the headline's interval
            is no ground for one.
        second: Rows that need the cut points which `cuts` takes from the sums of `rows`.
        cuts: Tallies of `rows` -> cut points.
        cut: (tallies of `rows`, cut points) -> those of `second`, without a look at its rows.
        exempt: Laws that do not hold, each with its reason.
    """

    id: str
    title: str
    section: Literal["adoption", "engagement", "together"]
    order: int
    settings: type[Settings] | type[NamedSettings]
    definition: str
    rows: Callable[[Timeline, Any, Context], Rows]
    result: Callable[[Tallies, Any, Context], Result]
    keys: Mapping[str, tuple[str, ...]]
    loose: frozenset[str] = frozenset()
    plain: frozenset[str] = frozenset()
    on_request: bool = False
    moments: str = ""
    users_only: str = ""
    whole_accounts: bool = False
    needs: tuple[str, ...] = ()
    features: bool = False
    uses: tuple[str, ...] = ()
    missing: Callable[[Any, Definitions], str | None] = _nothing_missing
    tally: Callable[[Timeline, Any, Context], Rows] | None = None
    names: Callable[[Any, Context], Mapping[str, Sequence[str]]] = _no_names
    test: Callable[[Tallies, Tallies], float | None] | None = None
    second: Callable[[Timeline, Any, Context, Mapping[str, float | None]], Rows] | None = None
    cuts: Callable[[Tallies, Any], Mapping[str, float | None]] | None = None
    cut: Callable[[Tallies, Mapping[str, float | None]], Tallies] | None = None
    exempt: Mapping[str, str] = field(default_factory=dict)

    @property
    def by_account(self) -> bool:
        """Whether it has sums of each account."""
        return self.whole_accounts or any("account" in keys for keys in self.keys.values())


_REGISTRY: dict[str, Metric] = {}


def register(metric: Metric) -> Metric:
    """Add a metric to the registry; its id must be new."""
    if metric.id in _REGISTRY:
        raise ValueError(f"metric {metric.id} is registered twice")
    _REGISTRY[metric.id] = metric
    return metric
