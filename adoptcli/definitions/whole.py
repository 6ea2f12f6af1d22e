"""The definitions as a whole, and what can be gathered from any part of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, Field

from adoptcli.definitions.base import Days, Model, Name, Share, Zone, as_list
from adoptcli.definitions.events import EventRef, EventRefs, Feature, Signup
from adoptcli.definitions.source import Source
from adoptcli.definitions.tables import Accounts, Exclude, Segment, Users
from adoptcli.timeframe import Calendar, Period, Weekday


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
    source: Annotated[list[Source], Field(min_length=1), BeforeValidator(as_list)] = Field(
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
    max_rejected: Share = Field(
        0.01, description="Share of unusable rows above which the run stops, such as 0.1%."
    )
    runner: Literal["local", "spark"] = Field(
        "local", description="Where it runs: on this machine, or on Spark."
    )
    master: str | None = Field(
        None, description="Spark's address: spark://…, local[*], or sc://… for Connect."
    )
    findings: bool = Field(True, description="Say what stands out, and what to do about it.")

    @property
    def calendar(self) -> Calendar:
        """The zone and the start of the week."""
        return Calendar(ZoneInfo(self.time_zone), self.week_start)
