"""Rules in the YAML: clauses that an actor must meet, all of them or any, judged at day ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Discriminator, Field, Tag, model_validator

from adoptcli.definitions import Criterion, Days, Definitions, Model, Name, Scalar


def _fit(days: int, within: int | None) -> None:
    """So many distinct days must lie in those looked back on: else nobody could ever meet it."""
    if within is not None and days > within:
        raise ValueError(f"{days} distinct days do not fit into {within} days")


class EventClause(Criterion):
    """An event, so many times and on so many distinct days, in the last days or ever."""

    within: Days | None = Field(None, description="Days looked back on; default: all.")

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        _fit(self.days, self.within)
        return self

    def __str__(self) -> str:
        return f"{Criterion.__str__(self)}{_in(self.within)}"


class ActiveDaysClause(Model):
    """So many active days."""

    active_days: int = Field(ge=1, description="On how many days it was active.")
    within: Days = Field(28, description="Days looked back on.")

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        _fit(self.active_days, self.within)
        return self

    def __str__(self) -> str:
        return f"{self.active_days} active days{_in(self.within)}"


class FeaturesClause(Model):
    """So many of the features, each used on so many distinct days."""

    features: int = Field(ge=1, description="How many of the features it used.")
    days: int = Field(1, ge=1, description="On how many distinct days each of them.")
    core: bool = Field(False, description="Of the core features alone.")
    within: Days = Field(28, description="Days looked back on.")

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        _fit(self.days, self.within)
        return self

    def __str__(self) -> str:
        kind = "core feature" if self.core else "feature"
        days = f" on {self.days} days" if self.days > 1 else ""
        return f"{_many(self.features, kind)}{days}{_in(self.within)}"


class ScoreClause(Model):
    """So many points in the window of the engagement score."""

    score: float = Field(gt=0, description="Points in the window of `engagement_score`.")

    def __str__(self) -> str:
        return f"score of {self.score:g}"


class UsersClause(Model):
    """So many of an account's users active."""

    users: int = Field(ge=1, description="How many of the account's users were active.")
    within: Days = Field(28, description="Days looked back on.")

    def __str__(self) -> str:
        return f"{_many(self.users, 'active member')}{_in(self.within)}"


class SeatsClause(Model):
    """So many of an account's seats used."""

    seats: float = Field(gt=0, description="Active users of the account ÷ its seats.")
    within: Days = Field(28, description="Days looked back on.")

    def __str__(self) -> str:
        return f"{self.seats * 100:g} % of seats used{_in(self.within)}"


class ActivatedClause(Model):
    """Activated, as `activation` has it."""

    activated: Literal[True] = Field(description="As `activation` has it, ever.")

    def __str__(self) -> str:
        return "activated"


class SignedUpClause(Model):
    """Its sign-up is known and past."""

    signed_up: Literal[True] = Field(description="Its sign-up is known and past.")

    def __str__(self) -> str:
        return "signed up"


class TraitClause(Model):
    """Traits as they are now: one of the values of each."""

    trait: dict[Name, Annotated[list[Scalar], Field(min_length=1)]] = Field(
        min_length=1, description="Columns or properties, and the values that count."
    )

    def traits(self) -> Iterable[str]:
        return self.trait

    def __str__(self) -> str:
        return " and ".join(f"{k} = {'|'.join(map(str, v))}" for k, v in self.trait.items())


Clause = (
    EventClause | ActiveDaysClause | FeaturesClause | ScoreClause | UsersClause | SeatsClause
    | ActivatedClause | SignedUpClause | TraitClause
)  # fmt: skip
KEYS = (
    "event", "active_days", "features", "score", "users", "seats", "activated", "signed_up",
    "trait",
)  # fmt: skip


def _kind(value: Any) -> str:
    """The clause that a mapping is meant to be, by the key that only it has."""
    if isinstance(value, BaseModel):
        return f"<{next(iter(type(value).model_fields))}>"
    if not isinstance(value, Mapping):
        return "<event>"
    near = (n for key in value for n in get_close_matches(str(key), KEYS, 1))
    return f"<{next((key for key in KEYS if key in value), next(near, 'event'))}>"


_Clause = Annotated[
    Annotated[EventClause, Tag("<event>")]
    | Annotated[ActiveDaysClause, Tag("<active_days>")]
    | Annotated[FeaturesClause, Tag("<features>")]
    | Annotated[ScoreClause, Tag("<score>")]
    | Annotated[UsersClause, Tag("<users>")]
    | Annotated[SeatsClause, Tag("<seats>")]
    | Annotated[ActivatedClause, Tag("<activated>")]
    | Annotated[SignedUpClause, Tag("<signed_up>")]
    | Annotated[TraitClause, Tag("<trait>")],
    Discriminator(_kind),
]


class Rule(Model):
    """Clauses, of which all must be met, or any."""

    all: list[_Clause] | None = Field(None, min_length=1, description="All of these clauses.")
    any: list[_Clause] | None = Field(None, min_length=1, description="One of these clauses.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Rule:
        if (self.all is None) == (self.any is None):
            raise ValueError("give either 'all' or 'any', a list of clauses")
        return self

    @property
    def clauses(self) -> Sequence[Clause]:
        """The clauses, whichever must be met."""
        return self.all or self.any or []

    @property
    def least(self) -> int:
        """How many of them must be met."""
        return 1 if self.any else len(self.clauses)

    def __str__(self) -> str:
        return (" or " if self.any else " and ").join(map(str, self.clauses))


def _in(within: int | None) -> str:
    return "" if within is None else f" in {within} d"


def _many(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' if n > 1 else ''}"


def counts(clause: Clause) -> bool:
    """Whether a clause counts something, rather than hold or not."""
    return not isinstance(clause, ActivatedClause | SignedUpClause | TraitClause)


def lacking(rules: Iterable[Rule], definitions: Definitions) -> str | None:
    """What the YAML must have before the rules can be judged, or None."""
    for clause in (c for rule in rules for c in rule.clauses):
        if isinstance(clause, FeaturesClause) and not definitions.features:
            return "add 'features: {NAME: [EVENT, …]}' to the YAML"
        if isinstance(clause, ScoreClause) and not getattr(definitions, "engagement_score", None):
            return "add 'engagement_score: {weights: {EVENT: 5}}' to the YAML"
        if isinstance(clause, ActivatedClause) and not getattr(definitions, "activation", None):
            return "add 'activation: {all: [EVENT, …]}' to the YAML"
        if isinstance(clause, SeatsClause) and definitions.accounts is None:
            return "add 'accounts: {file: FILE, seats: COLUMN}' to the YAML"
    return None


def accounts_only(rules: Iterable[Rule]) -> str | None:
    """Why the rules can be judged for accounts alone; None where they can be for users too."""
    for clause in (c for rule in rules for c in rule.clauses):
        if isinstance(clause, UsersClause | SeatsClause):
            return f"the rule asks for '{clause}', which only accounts have: add --unit account"
    return None
