"""The encoded rows of a log that a cluster has: asked and counted where they are."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from adoptcli.errors import DataProblem
from adoptcli.runner.spark import session as spark
from adoptcli.runner.spark import worker
from adoptcli.runner.spark.worker import BUCKET, TEXT, Shape
from adoptcli.source.steady import unless
from adoptcli.timeline.build import Plan
from adoptcli.timeline.encode import Encoded, Query

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

PAYLOAD = f"{BUCKET} int, payload binary"
AT_ONCE = 16  # buckets whose sums are added up by one worker
Changed = Callable[[], DataProblem | None]
T = TypeVar("T")


class Cluster:
    """Some buckets of encoded rows each worker has (see `timeline.encode.Cluster`)."""

    def __init__(self, rows: DataFrame, shape: Shape, changed: Changed) -> None:
        self._rows, self._shape, self._changed = rows, shape, changed
        self.rows = pl.DataFrame(schema=dict(shape.schema)).drop(*worker.BELOW)

    def ask(self, query: Query) -> pl.DataFrame:
        """The answers of all buckets, one below the other."""
        found = self._each(lambda bucket, encoded: worker.answer(bucket, encoded, query))
        answers: list[pl.DataFrame] = _values(found)
        answers = answers or [query(self.rows.lazy()).collect()]  # no bucket has anything
        return pl.concat(answers, how="vertical_relaxed")

    def each(
        self, plan: Plan, work: Callable[[Plan, int], T], add: Callable[[Sequence[T]], T]
    ) -> T:
        """What comes of each bucket, added up by the workers and at the end here."""
        bare = replace(plan, encoded=None, built={})  # type: ignore[arg-type]
        found = self._each(lambda bucket, encoded: worker.worked(bucket, encoded, bare, work, add))
        if self._shape.buckets > AT_ONCE:
            groups = -(-self._shape.buckets // AT_ONCE)
            found = found.repartition(groups, BUCKET).mapInArrow(
                lambda batches: worker.added(batches, add), PAYLOAD
            )
        with unless(self._changed):  # who lost a worker has read again
            return add(_values(found))

    def codes(self, texts: pl.Series) -> pl.DataFrame:
        """text and code of those of some users that the workers know."""
        found = self._each(lambda _, encoded: worker.users(encoded).codes(texts))
        codes: list[pl.DataFrame] = _values(found)
        return pl.concat([pl.DataFrame(schema=worker.CODED), *codes])

    def matching(self, patterns: Sequence[str]) -> list[int]:
        """The codes of the users that one of the patterns matches."""
        found = _values(self._each(lambda _, encoded: worker.users(encoded).matching(patterns)))
        return [code for some in found for code in some]

    def close(self) -> None:
        """Let the rows go; a cluster that has ended has none."""
        with suppress(Exception):
            self._rows.unpersist()
        spark.close(self._rows.sparkSession)

    def _each(self, work: Callable[[int, Encoded], Any]) -> Any:
        shape = self._shape
        found: Any = self._rows.mapInArrow(
            lambda batches: worker.each(batches, shape, work), PAYLOAD
        )
        return found


def _values(found: DataFrame) -> list[Any]:
    """What came of buckets, in their order."""
    rows = sorted(spark.collected(found), key=lambda row: row[0])
    return [pickle.loads(row[1]) for row in rows]


class Users:
    """The users' dictionary, of which each worker has a part (see `timeline.encode.Dictionary`)."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._known = pl.DataFrame(schema=worker.CODED)

    def add(self, texts: pl.Series) -> pl.Series:
        """Codes of texts from the users table, which the workers have too."""
        self._known = self._cluster.codes(texts.unique())
        asked = texts.to_frame(TEXT)
        return asked.join(self._known, on=TEXT, how="left", maintain_order="left")["code"]

    def text(self, codes: pl.Series) -> pl.Series:
        """The texts of codes that were given out."""
        asked = codes.to_frame("code")
        return asked.join(self._known, on="code", how="left", maintain_order="left")[TEXT]

    def matching(self, size: int, patterns: Sequence[str]) -> list[int]:
        """The codes of those that one of the patterns matches."""
        return self._cluster.matching(patterns)
