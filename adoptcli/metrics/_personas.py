"""Personas: actors of certain traits, from whom something else is asked than from the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Protocol

import polars as pl
from pydantic import Field

from adoptcli.context import Context, text
from adoptcli.definitions import Criterion, Model, Name, Scalar
from adoptcli.results import Caveat
from adoptcli.timeframe import DAY_MS
from adoptcli.timeline import Timeline

ELSE = "everyone else"


class Rule(Protocol):
    """A section that asks something else of each persona."""

    @property
    def before_signup(self) -> str:
        """Whether what was done before the sign-up counts: `count` or `ignore`."""

    @property
    def personas(self) -> Mapping[str, Persona]:
        """Actors by their traits."""

    @property
    def parts(self) -> list[Part]:
        """One a persona, in the same order, and one for everyone else if there is a rule."""


class Persona(Model):
    """Actors by their traits; one belongs to the first persona that it fits."""

    who: dict[Name, Scalar | Annotated[list[Scalar], Field(min_length=1)]] = Field(
        min_length=1, description="Values of columns or properties that its actors have."
    )

    def traits(self) -> Iterable[str]:
        return self.who


@dataclass(frozen=True)
class Part:
    """What is asked of a persona, or of everyone else, and within which time since sign-up.

    Attributes:
        rule: Whether `all` criteria must be met or `any`.
        within: In ms.
    """

    name: str
    criteria: tuple[Criterion, ...]
    rule: str
    in_order: bool
    within: int

    def __str__(self) -> str:
        word = " then " if self.in_order else " and " if self.rule == "all" else " or "
        return word.join(map(str, self.criteria))


def by_part(
    timeline: Timeline, context: Context, rule: Rule,
    find: Callable[[Part, pl.DataFrame | None], pl.DataFrame],
) -> pl.DataFrame:  # fmt: skip
    """What is found of each part's actors, with `part` (its place) and `within` (ms); sorted.

    Args:
        timeline: The bucket.
        context: The run's context.
        rule: The section.
        find: (part, its actors, or None where they are all) -> rows with `actor`.

    Returns:
        All rows, one part's columns beside the other's; actors of no part have none.
    """
    parts = rule.parts
    if not rule.personas:
        return _marked(find(parts[0], None), 0, parts[0])
    people = _placed(timeline, context, rule.personas)
    found = [
        _marked(find(part, people.filter(pl.col("part") == i).select("actor")), i, part)
        for i, part in enumerate(parts)
    ]
    return pl.concat(found, how="diagonal").sort("actor", maintain_order=True)


def _marked(found: pl.DataFrame, place: int, part: Part) -> pl.DataFrame:
    return found.with_columns(
        part=pl.lit(place, dtype=pl.Int64), within=pl.lit(part.within, dtype=pl.Int64)
    )


def _placed(timeline: Timeline, context: Context, personas: Mapping[str, Persona]) -> pl.DataFrame:
    """actor and part: the place of its persona; one after the last for everyone else."""
    part = pl.lit(len(personas), dtype=pl.Int64)
    for i, persona in reversed([*enumerate(personas.values())]):
        part = pl.when(_fits(persona, context)).then(pl.lit(i, dtype=pl.Int64)).otherwise(part)
    return timeline.actors.select("actor", part=part)


def _fits(persona: Persona, context: Context) -> pl.Expr:
    return pl.all_horizontal(
        pl.col(f"trait.{trait}").is_in(_codes(context.traits[trait], values)).fill_null(False)
        for trait, values in persona.who.items()
    )


def _codes(labels: Sequence[str], values: Scalar | list[Scalar]) -> list[int]:
    wanted = set(_texts(values))
    return [code for code, label in enumerate(labels) if label in wanted]


def _texts(values: Scalar | list[Scalar]) -> list[str]:
    return [text(value) for value in (values if isinstance(values, list) else [values])]


def spans(rule: Rule) -> str:
    """The times that the parts allow: `7 d`, or `7 to 14 d`."""
    lengths = sorted({part.within / DAY_MS for part in rule.parts})
    return " to ".join(f"{days:g}" for days in dict.fromkeys((lengths[0], lengths[-1]))) + " d"


def note(rule: Rule, what: str) -> str:
    """What is asked, or whose `what`."""
    names = ", ".join(part.name for part in rule.parts)
    return f"each by its persona's {what}: {names}" if rule.personas else str(rule.parts[0])


def labels(rule: Rule) -> list[str]:
    """What is asked by all parts in words, one criterion after the other."""
    return [
        f"{part.name}: {criterion}" if rule.personas else str(criterion)
        for part in rule.parts
        for criterion in part.criteria
    ]


def names(rule: Rule, context: Context) -> dict[str, list[str]]:
    """Items are criteria; in the table of personas the parts, whose codes follow."""
    return {"item": [*labels(rule), *(part.name for part in rule.parts)]}


def rule_caveats(rule: Rule, early: int, what: str) -> tuple[Caveat, ...]:
    """How many did some of `what` before their sign-up."""
    if not early:
        return ()
    counts = "counts as done at it" if rule.before_signup == "count" else "does not count"
    text = f"actors who did some of the {what} before their sign-up, which {counts}"
    return (Caveat("negative-time", text, early),)


def unmatched(rule: Rule, context: Context) -> tuple[Caveat, ...]:
    """A caveat for each value of a persona that no actor has."""
    found = []
    for name, persona in rule.personas.items():
        for trait, values in persona.who.items():
            held = context.traits[trait]
            for value in _texts(values):
                if value not in held:
                    near = get_close_matches(value, held, 1)
                    hint = f"; did you mean {near[0]!r}?" if near else ""
                    message = f"persona {name}: nobody has {trait} = {value}{hint}"
                    found.append(Caveat("value-not-seen", message, 0))
    return tuple(found)
