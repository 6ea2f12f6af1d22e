"""Where the events are, and how files are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    WithJsonSchema,
    create_model,
    model_validator,
)

from adoptcli.definitions.base import Duration, Model, Name, Scalar, Zone, as_list


def _one_path(value: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    if len(value) != 1:
        raise ValueError("one path a mapping; write a list of mappings")
    return value


_ONE_PATH_SCHEMA = {
    "type": "object",
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": {
        "type": "object",
        "additionalProperties": {"type": "string", "minLength": 1},
    },
}

Told = Annotated[
    dict[Name, dict[Name, Name]], AfterValidator(_one_path), WithJsonSchema(_ONE_PATH_SCHEMA)
]
Alternative = Name | Told
"""A column or path; or one whose values stand for others: {type: {page: page_view, "*": other}}."""

Alternatives = Annotated[list[Alternative], Field(min_length=1), BeforeValidator(as_list)]
"""The first of them that is not empty counts."""


class Columns(Model):
    """Where a file has what we need: columns, paths into columns, or several to choose from."""

    user: Alternatives | None = Field(None, description="Who did it.")
    event: Alternatives | None = Field(None, description="What was done.")
    timestamp: Alternatives | None = Field(None, description="When.")
    account: Alternatives | None = Field(None, description="Account or company of the user.")
    session: Alternatives | None = Field(None, description="Session id, for sessions by session.")
    id: Alternatives | None = Field(None, description="Event id; repeated deliveries count once.")
    anonymous: Alternatives | None = Field(
        None, description="Id of device or browser, for rows without user, where ids are stitched."
    )
    received: Alternatives | None = Field(
        None, description="When the vendor received it; tells late rows and wrong clocks."
    )


class Keep(Model):
    """Which of several deliveries of one event counts."""

    newest: Name | None = Field(None, description="Path of a time or number: the highest counts.")
    earliest: Name | None = Field(None, description="Path of a time or number: the lowest counts.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.newest is None) == (self.earliest is None):
            raise ValueError("needs either 'newest' or 'earliest'")
        return self


class Dedupe(Model):
    """What tells that two rows are the same event."""

    key: Annotated[list[Alternatives], Field(min_length=1), BeforeValidator(as_list)] = Field(
        description="Paths that together are the key; rows without the first are never repeats."
    )
    keep: Keep | None = Field(None, description="Which delivery counts; default: the earliest.")


Ours = Literal["user", "event", "timestamp", "account", "session", "id", "anonymous", "received"]


if TYPE_CHECKING:
    _FromColumn = Model
    _FromPlace = Model
else:  # `from` is a word of Python's, and cannot be written as a field is
    _FromColumn = create_model(
        "_FromColumn",
        __base__=Model,
        **{
            "from": (
                Name | None, Field(None, description="Its column of the ids that were merged."),
            )
        },
    )  # fmt: skip
    _FromPlace = create_model(
        "_FromPlace",
        __base__=Model,
        **{"from": (Alternatives, Field(description="Where they have the id that was merged."))},
    )

Events = Annotated[list[Name], Field(min_length=1), BeforeValidator(as_list)]


class Pair(_FromPlace):
    """Rows that tell that two ids are one person."""

    event: Events = Field(description="Their events, such as $identify, ignored or not.")
    to: Alternatives = Field(description="Where they have the id that stands for it.")
    mutual: bool = Field(
        False,
        description="All ids that such rows connect are one person. Else an id has one person, "
        "the one told last.",
    )


class Members(Model):
    """Rows that tell which account a user belongs to."""

    event: Events = Field(description="Their events, such as $group, ignored or not.")
    account: Alternatives = Field(description="Where they have the account.")


class Identity(_FromColumn):
    """Which ids are one person."""

    to: Name | None = Field(None, description="Its column of the ids that stand for them.")
    file: Name | None = Field(
        None, description="A table of ids and the ids that stand for the same people."
    )
    pairs: Annotated[list[Pair], BeforeValidator(as_list)] = Field(
        default_factory=list,
        description="Rows that tell themselves that two ids are one person. The file's word goes "
        "first, then theirs, then stitching.",
    )
    mode: Literal["resolved", "map", "stitch", "none"] | None = Field(
        None,
        description="Ids are final as they stand (resolved), the file or pairs map them (map), "
        "rows without user get the known user of their anonymous id (stitch), or each is a person "
        "(none). Default: map where there is a file or are pairs, else none.",
    )
    stitch: Literal["last", "first", "forward"] = Field(
        "last",
        description="Which known user counts: the last, the first, or only from then on.",
    )
    shared: int = Field(
        3,
        ge=1,
        le=1_000_000,
        description="An id of more people than this is nobody's, such as that of a shared device.",
    )

    @property
    def how(self) -> Literal["resolved", "map", "stitch", "none"]:
        """The mode, or what it is where none is named."""
        return self.mode or ("map" if self.file or self.pairs else "none")

    @property
    def told(self) -> list[Pair]:
        """The pairs to look for."""
        return [] if self.how == "none" else self.pairs

    def over(self, usual: Identity) -> Identity:
        """What this states itself, and for the rest what is usual."""
        own = {name: getattr(self, name) for name in self.model_fields_set}
        return usual.model_copy(update=own)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for key in ("file", "pairs"):
            if self.mode == "none" and getattr(self, key):
                raise ValueError(f"'{key}' goes with mode: map, resolved or stitch")
        if self.stitch != "last" and self.mode != "stitch":
            raise ValueError("'stitch' goes with mode: stitch")
        return self


class Source(Model):
    """Event files of one shape."""

    files: Annotated[list[Name], BeforeValidator(as_list)] = Field(
        default_factory=list, description="Files, folders or globs; the command line comes first."
    )
    preset: Name | None = Field(
        None, description="Whose export it is, such as amplitude; a file of yours; or none."
    )
    format: Literal["csv", "tsv", "ndjson", "parquet", "avro"] | None = Field(
        None, description="Taken from the file's name where absent."
    )
    columns: Columns = Field(
        Columns(), description="Columns or paths; the usual names are found without."
    )
    folder: Name | None = Field(
        None, description="A column that gets the name of the folder in which a file lies."
    )
    event: Name | None = Field(None, description="One event name for all rows of these files.")
    properties: Annotated[list[Name], BeforeValidator(as_list)] = Field(
        default_factory=list,
        description="Objects in which properties are looked for by their bare names; lists of "
        "keys and values end in {}.",
    )
    empty: dict[Ours, Annotated[list[Name], BeforeValidator(as_list)]] = Field(
        default_factory=dict, description="Values that mean nothing, such as session: ['-1']."
    )
    where: dict[Name, Scalar | Annotated[list[Scalar], Field(min_length=1)]] = Field(
        default_factory=dict, description="Values that rows must have; others are excluded."
    )
    explode: Annotated[list[Name], BeforeValidator(as_list)] = Field(
        default_factory=list, description="Nested lists to take apart, the outermost first."
    )
    ignore: Annotated[list[Name], BeforeValidator(as_list)] = Field(
        default_factory=list,
        description="Events that are no usage, * and ? as wildcards, unless the YAML names them.",
    )
    dedupe: Dedupe | None = Field(None, description="The key of repeated deliveries.")
    identity: Identity = Field(Identity(), description="Which ids are one person.")
    members: Members | None = Field(
        None,
        description="Rows that tell which account a user belongs to; rows of theirs without an "
        "account get the last one told, those before the first that one.",
    )
    ids: Literal["salesforce"] | None = Field(
        None,
        description="Whose ids these are; salesforce: 15 and 18 characters name the same record.",
    )
    weight: Name | None = Field(
        None, description="Path of a count: the row stands for so many events."
    )
    grace: Duration | None = Field(
        None, description="Events may arrive so late; the default as-of is so much earlier."
    )
    lookback: Duration | None = Field(
        None, description="With --since, dated folders so much older are not read."
    )
    time_zone: Zone = Field("UTC", description="Zone of timestamps that have none.")
    epoch_zone: Zone = Field(
        "UTC", description="Zone whose clock numeric timestamps tell, where it is not UTC."
    )
    timestamp_format: str | None = Field(
        None, description="strptime format, where the timestamps need one."
    )
    separator: str | None = Field(
        None, min_length=1, max_length=1, description="Between the fields of a CSV."
    )
    header: list[Name] | None = Field(
        None, min_length=1, description="Column names of CSV files that have no header line."
    )
    quote_char: str = Field(
        '"', max_length=1, description="Quotes fields of a CSV; empty where nothing does."
    )
    on_bad_lines: Literal["stop", "reject"] = Field(
        "stop", description="Of lines that are broken: stop, or reject and count them."
    )
