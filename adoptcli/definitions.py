"""What things are: the vocabulary of the YAML that several metrics share.

Every reference to an event is an `EventRef`, wherever it stands, so that the loader can gather them
all: they decide which properties are read and what an event's code is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    WithJsonSchema,
    create_model,
    model_validator,
)

from adoptcli.timeframe import DAY_MS, Calendar, Period, Weekday

Scalar = str | int | float | bool

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d|w)$")
_UNITS = {
    "ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": DAY_MS, "w": 7 * DAY_MS,
}  # fmt: skip


class Model(BaseModel):
    """A part of the YAML: unknown keys are errors, "5" is no number, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    def traits(self) -> Iterable[str]:
        """The columns and properties of actors that this part names, apart from its own parts."""
        return ()

    def user_traits(self) -> Iterable[str]:
        """Those that are asked only where actors are users."""
        return ()

    def numbers(self) -> Iterable[str]:
        """The properties of events whose numbers this part reads, apart from its own parts."""
        return ()


def _name(value: Any) -> Any:
    if isinstance(value, bool):
        word = "yes/on/true" if value else "no/off/false"
        raise ValueError(f"{word} without quotes is a boolean in YAML; put quotes around the name")
    if isinstance(value, int | float | date):
        raise ValueError(f"{value} without quotes is not text in YAML; put quotes around the name")
    return value


Name = Annotated[str, BeforeValidator(_name), Field(min_length=1)]


def _duration(value: Any) -> Any:
    if isinstance(value, str) and (match := _DURATION.match(value.strip())):
        return round(float(match[1]) * _UNITS[match[2]])
    raise ValueError("a duration is a number and a unit, such as 30min, 12h, 7d or 2w")


def _days(value: Any) -> Any:
    if isinstance(value, str) and (match := re.match(r"^(\d+)\s*(d|w)$", value.strip())):
        return int(match[1]) * (7 if match[2] == "w" else 1)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("a number of days is written 28d or 4w")


def _as_written(value: int) -> str:
    """A duration as the YAML has it, in the largest unit that divides it."""
    for unit in ("d", "h", "min", "s"):
        if value % _UNITS[unit] == 0:
            return f"{value // _UNITS[unit]}{unit}"
    return f"{value}ms"


def _days_as_written(value: int) -> str:
    return f"{value}d"


def _local_date(value: Any) -> Any:
    if isinstance(value, str):
        with suppress(ValueError):
            value = date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError("a date is written 2026-03-01")


def _zone(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        near = get_close_matches(value, sorted(available_timezones()), 1)
        example = f"did you mean {near[0]!r}?" if near else "one is 'Europe/Berlin'"
        raise ValueError(f"{value!r} is no IANA time zone; {example}") from error
    return value


_DURATION_SCHEMA = {
    "type": "string",
    "pattern": r"^\s*(?=[0-9.]*[1-9])\d+(\.\d+)?\s*(ms|s|min|m|h|d|w)\s*$",
}
_DAYS_SCHEMA = {
    "anyOf": [
        {"type": "string", "pattern": r"^\s*0*[1-9]\d*\s*(d|w)\s*$"},
        {"type": "integer", "minimum": 1, "maximum": 3660},
    ]
}

Duration = Annotated[
    int,
    BeforeValidator(_duration),
    Field(gt=0),
    PlainSerializer(_as_written, when_used="json"),
    WithJsonSchema(_DURATION_SCHEMA),
]
"""Elapsed time in ms; a day is 86,400 s."""

Days = Annotated[
    int,
    BeforeValidator(_days),
    Field(ge=1, le=3660),
    PlainSerializer(_days_as_written, when_used="json"),
    WithJsonSchema(_DAYS_SCHEMA),
]
"""A number of local calendar days."""

LocalDate = Annotated[
    date, BeforeValidator(_local_date), WithJsonSchema({"type": "string", "format": "date"})
]
Zone = Annotated[str, BeforeValidator(_zone)]


class EventRef(Model):
    """An event by its name, or only those of its rows whose properties have the given values."""

    event: Name = Field(description="Its name in the log, or a name of yours from `events`.")
    where: dict[Name, Scalar | Annotated[list[Scalar], Field(min_length=1)]] = Field(
        default_factory=dict, description="Property values that the row must have."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        if isinstance(value, Mapping | BaseModel):
            return value
        return {"event": value}

    def __str__(self) -> str:
        conditions = ", ".join(f"{k}={_text(v)}" for k, v in self.where.items())
        return f"{self.event}[{conditions}]" if conditions else self.event

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        """A bare name is as good as a mapping."""
        return {"anyOf": [{"type": "string", "minLength": 1}, handler(core)]}


def _text(value: Scalar | list[Scalar]) -> str:
    return "|".join(map(str, value)) if isinstance(value, list) else str(value)


class Criterion(EventRef):
    """One thing that an actor must have done, so many times, on so many distinct local days."""

    at_least: int = Field(1, ge=1, description="How many times.")
    days: int = Field(1, ge=1, description="On how many distinct local days.")

    def __str__(self) -> str:
        text = EventRef.__str__(self)
        if self.at_least > 1:
            text = f"{self.at_least} × {text}"
        return f"{text} on {self.days} days" if self.days > 1 else text


class Answer(EventRef):
    """An event that carries a number, such as the answer to a question."""

    score: Name = Field("score", description="The property that holds the number.")

    def numbers(self) -> Iterable[str]:
        return (self.score,)


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


EventRefs = Annotated[list[EventRef], Field(min_length=1), BeforeValidator(_as_list)]


class Feature(Model):
    """The events that are uses of one feature, and who can have it."""

    events: EventRefs = Field(description="Events that are a use of the feature.")
    core: bool = Field(False, description="One of the features that the product is about.")
    launched_at: LocalDate | None = Field(None, description="Local date on which it came.")
    eligible: dict[Name, list[Scalar]] = Field(
        default_factory=dict, description="Segment values of those who can have it."
    )

    def traits(self) -> Iterable[str]:
        return self.eligible

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        return {"events": value} if isinstance(value, str | list) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        """Its events alone are as good as a mapping."""
        schema = handler(core)
        name = {"type": "string", "minLength": 1}
        several = handler.resolve_ref_schema(schema)["properties"]["events"]
        return {"anyOf": [name, {"type": "array", **_array(several)}, schema]}


def _array(schema: dict[str, Any]) -> dict[str, Any]:
    """The items of a list's schema, or of the list among its alternatives."""
    options = [schema, *schema.get("anyOf", ())]
    keys = ("items", "minItems")
    return next({k: o[k] for k in keys if k in o} for o in options if "items" in o)


class PropertyRef(Model):
    """A property of the events that holds a time."""

    property: Name = Field(description="Its name.")


def _signup_kind(value: Any) -> str:
    of_property = isinstance(value, Mapping) and "property" in value
    return "<property>" if of_property or isinstance(value, PropertyRef) else "<event>"


Signup = Annotated[
    Annotated[PropertyRef, Tag("<property>")] | Annotated[EventRef, Tag("<event>")],
    Discriminator(_signup_kind),
]


class Columns(Model):
    """The names that a file gives to the columns that we need."""

    user: Name | None = Field(None, description="Who did it.")
    event: Name | None = Field(None, description="What was done.")
    timestamp: Name | None = Field(None, description="When.")
    account: Name | None = Field(None, description="Account or company of the user.")
    session: Name | None = Field(None, description="Session id, for sessions by session.")
    id: Name | None = Field(None, description="Event id; repeated deliveries count once.")
    anonymous: Name | None = Field(
        None, description="Id of device or browser, for rows without user, where ids are stitched."
    )


if TYPE_CHECKING:
    _From = Model
else:  # `from` is a word of Python's, and cannot be written as a field is
    _From = create_model(
        "_From",
        __base__=Model,
        **{
            "from": (
                Name | None, Field(None, description="Its column of the ids that were merged."),
            )
        },
    )  # fmt: skip


class Identity(_From):
    """Which ids are one person."""

    to: Name | None = Field(None, description="Its column of the ids that stand for them.")
    file: Name | None = Field(
        None, description="A table of ids and the ids that stand for the same people."
    )
    mode: Literal["resolved", "map", "stitch", "none"] | None = Field(
        None,
        description="Ids are final as they stand (resolved), the file maps them (map), rows "
        "without user get the known user of their anonymous id (stitch), or each is a person "
        "(none). Default: map where there is a file, else none.",
    )
    stitch: Literal["last", "first", "forward"] = Field(
        "last",
        description="Which known user counts: the last, the first, or only from then on.",
    )
    shared: int = Field(
        3, ge=1, le=1_000_000, description="An anonymous id of more users than this is nobody's."
    )

    @property
    def how(self) -> Literal["resolved", "map", "stitch", "none"]:
        """The mode, or what it is where none is named."""
        return self.mode or ("map" if self.file else "none")

    def over(self, usual: Identity) -> Identity:
        """What this states itself, and for the rest what is usual."""
        own = {name: getattr(self, name) for name in self.model_fields_set}
        return usual.model_copy(update=own)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.mode == "none" and self.file:
            raise ValueError("'file' goes with mode: map, resolved or stitch")
        if self.stitch != "last" and self.mode != "stitch":
            raise ValueError("'stitch' goes with mode: stitch")
        return self


class Source(Model):
    """Event files of one shape."""

    files: Annotated[list[Name], BeforeValidator(_as_list)] = Field(
        default_factory=list, description="Files, folders or globs; the command line comes first."
    )
    format: Literal["csv", "tsv", "ndjson", "parquet"] | None = Field(
        None, description="Taken from the file's name where absent."
    )
    columns: Columns = Field(
        Columns(), description="Column names; the usual ones are found without."
    )
    event: Name | None = Field(None, description="One event name for all rows of these files.")
    time_zone: Zone = Field("UTC", description="Zone of timestamps that have none.")
    timestamp_format: str | None = Field(
        None, description="strptime format, where the timestamps need one."
    )
    identity: Identity = Field(Identity(), description="Which ids are one person.")
    separator: str | None = Field(
        None, min_length=1, max_length=1, description="Between the fields of a CSV."
    )
    on_bad_lines: Literal["stop", "reject"] = Field(
        "stop", description="Of lines that are broken: stop, or reject and count them."
    )


class Users(Model):
    """A table of users: who signed up when, and what is known of them."""

    file: Name = Field(description="Relative to this YAML.")
    id: Name | None = Field(None, description="Column of the user id.")
    signed_up_at: Name | None = Field(None, description="Column of the sign-up time or date.")
    account: Name | None = Field(None, description="Column of the user's account.")
    time_zone: Zone | None = Field(None, description="Zone of naive times; default the report's.")


class Accounts(Model):
    """A table of accounts."""

    file: Name = Field(description="Relative to this YAML.")
    id: Name | None = Field(None, description="Column of the account id.")
    seats: Name | None = Field(None, description="Column of the seats bought.")
    mrr: Name | None = Field(None, description="Column of the monthly recurring revenue.")
    signed_up_at: Name | None = Field(None, description="Column of the account's sign-up.")
    cancelled_at: Name | None = Field(None, description="Column of the cancellation.")
    time_zone: Zone | None = Field(None, description="Zone of naive times; default UTC.")


class Segment(Model):
    """Something that actors are told apart by: a column of a table or a property of the events."""

    name: Name = Field(description="The column or property.")
    at: Literal["first", "latest"] = Field(
        "latest", description="Which of an actor's values counts, where the events hold several."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return value if isinstance(value, Mapping | BaseModel) else {"name": value}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        """A bare name is as good as a mapping."""
        return {"anyOf": [{"type": "string", "minLength": 1}, handler(core)]}


class Exclude(Model):
    """What does not count: ids and event names, with * and ? as wildcards."""

    users: list[Name] = Field(default_factory=list, description="User ids, such as those of yours.")
    accounts: list[Name] = Field(default_factory=list, description="Account ids.")
    events: list[Name] = Field(default_factory=list, description="Event names, such as noise.")


def parts(value: object) -> Iterator[Model]:
    """Every part within a part of the YAML, itself first, in the order in which they stand."""
    if isinstance(value, BaseModel):
        if isinstance(value, Model):
            yield value
        for name in type(value).model_fields:
            yield from parts(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from parts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from parts(item)


def references(value: object) -> Iterator[EventRef]:
    """Every event reference within a part of the YAML, in the order in which they stand."""
    return (part for part in parts(value) if isinstance(part, EventRef))


def named_traits(value: object, *, of_users: bool = True) -> Iterator[str]:
    """Every column or property of actors that a part of the YAML names."""
    for part in parts(value):
        yield from part.traits()
        yield from part.user_traits() if of_users else ()


def named_numbers(value: object) -> Iterator[str]:
    """Every property of events whose numbers a part of the YAML reads."""
    for part in parts(value):
        yield from part.numbers()


class Definitions(Model):
    """The part of the YAML that says what things are; the metrics' sections come on top."""

    version: Literal[1] = Field(1, description="Version of this file's format.")
    time_zone: Zone = Field("UTC", description="IANA zone of days, weeks and months.")
    week_start: Weekday = Field("monday", description="First day of the week.")
    period: Period = Field("month", description="Of trends and comparisons: day, week or month.")
    signup: Signup | None = Field(
        None, description="The event of signing up, or {property: name} of the events."
    )
    login: EventRefs | None = Field(None, description="Events that are a login.")
    purchase: EventRefs | None = Field(None, description="Events that begin a subscription.")
    active_events: EventRefs | None = Field(
        None, description="Events that make somebody active; default: any event."
    )
    events: dict[Name, EventRefs] = Field(
        default_factory=dict, description="Names of ours for events told apart by a property."
    )
    features: dict[Name, Feature] = Field(
        default_factory=dict, description="Features and the events that use them."
    )
    channels: dict[Name, EventRefs] = Field(
        default_factory=dict,
        description="Engagement channels, such as help, webinars, e-mails, and their events.",
    )
    segments: list[Segment] = Field(
        default_factory=list,
        description="What --by splits by: columns or event properties, and whose value counts.",
    )
    source: Annotated[list[Source], Field(min_length=1), BeforeValidator(_as_list)] = Field(
        default_factory=lambda: [Source()],
        description="Where the events are; one mapping or a list.",
    )  # fmt: skip
    users: Users | None = Field(None, description="A table of users.")
    accounts: Accounts | None = Field(None, description="A table of accounts.")
    exclude: Exclude = Field(Exclude(), description="What does not count; * and ? are wildcards.")
    burn_in: Days | None = Field(
        None, description="First days of the data in which nobody counts as new; 30 without signup."
    )
    dedupe: Literal["ids", "exact"] = Field(
        "ids", description="Drop repeated event ids, or also rows that are equal in everything."
    )
    max_rejected: float = Field(
        0.01, ge=0, le=1, description="Share of unusable rows above which the run stops."
    )
    findings: bool = Field(True, description="Say what stands out, and what to do about it.")

    @property
    def calendar(self) -> Calendar:
        """The zone and the start of the week."""
        return Calendar(ZoneInfo(self.time_zone), self.week_start)
