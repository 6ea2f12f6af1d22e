"""Users, accounts, what they are told apart by, and which of them do not count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator

from adoptcli.definitions.base import Model, Name, Zone


class Users(Model):
    """A table of users: who signed up when, and what is known of them."""

    file: Name = Field(description="Relative to this YAML.")
    id: Name | None = Field(None, description="Column of the user id.")
    signed_up_at: Name | None = Field(None, description="Column of the sign-up time or date.")
    account: Name | None = Field(None, description="Column of the user's account.")
    time_zone: Zone | None = Field(None, description="Zone of naive times; default UTC.")


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
