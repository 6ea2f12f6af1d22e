"""What is known of the exports of one product, and which product's an export is, by its shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

import polars as pl
from pydantic import BeforeValidator, Field, field_validator, model_validator

from adoptcli.definitions import Model, Name, Source, as_list
from adoptcli.errors import DataProblem, UsageProblem
from adoptcli.source import paths
from adoptcli.source.files import File, head_of
from adoptcli.source.scan import Scan, Types, scans, types_of

LOOKED_AT = 50
FILES = 8  # to look at until one fits; exports may have tables beside their events
_READING = {"header", "explode", "timestamp_format", "separator", "quote_char"}


Names = Annotated[list[Name], BeforeValidator(as_list)]


class Detect(Model):
    """The shape by which an export is known; all that is said must hold."""

    format: Annotated[
        list[Literal["csv", "tsv", "ndjson", "parquet", "avro"]], BeforeValidator(as_list)
    ] = Field(default_factory=list, description="The kinds of file that it may be.")
    columns: Names = Field(
        default_factory=list, description="Columns and paths that the first rows have."
    )
    only: Names = Field(default_factory=list, description="No columns but these.")
    fields: int | None = Field(
        None, ge=2, description="Fields a line of a file that has no header line."
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.columns and self.fields is None:
            raise ValueError("needs 'columns' or 'fields'")
        return self

    @property
    def weight(self) -> tuple[int, int]:
        """How specific it is."""
        return len(self.columns) + (self.fields or 0), len(self.only)


class Preset(Model):
    """How to read the exports of one product."""

    about: Name = Field(description="Which product and which export, in a line.")
    get: Name | None = Field(None, description="Where to click in the product to get the export.")
    verified: bool = Field(False, description="It was checked against real exports.")
    notes: Names = Field(default_factory=list, description="What to know of its numbers.")
    detect: Detect | None = Field(None, description="The shape by which it is known.")
    source: Source = Field(description="How to read it: any keys of `source`.")
    signup: Names = Field(default_factory=list, description="Events that are the sign-up.")
    login: Names = Field(default_factory=list, description="Events that are a login.")
    purchase: Names = Field(default_factory=list, description="Events that begin a subscription.")

    @field_validator("source")
    @classmethod
    def _bare(cls, value: Source) -> Source:
        if value.preset is not None or value.files:
            raise ValueError("the source of a preset names neither files nor a preset")
        return value


def applied(preset: Preset, name: str, own: Source) -> Source:
    """The preset's source; what the YAML says itself wins, key by key."""
    stated = own.model_fields_set - {"columns", "preset"}
    columns = preset.source.columns.model_copy(
        update={n: getattr(own.columns, n) for n in own.columns.model_fields_set}
    )
    changes = {n: getattr(own, n) for n in stated}
    if "identity" in changes:
        changes["identity"] = own.identity.over(preset.source.identity)
    return preset.source.model_copy(update={**changes, "columns": columns, "preset": name})


def is_open(source: Source) -> bool:
    """Whether nothing says where the files have user, event and time, so that their shape may."""
    columns = source.columns
    stated = (columns.user, columns.event, columns.timestamp, source.event, source.preset)
    return not any(stated) and not source.model_fields_set & _READING


def detected(files: Sequence[File], known: Mapping[str, Detect]) -> str | None:
    """The name of the one preset that fits the first of the first files that any fits, or None.

    Raises:
        UsageProblem: Two fit equally well.
    """
    for file in files[:FILES]:
        scan, types = _seen(file)
        fitting = [name for name, detect in known.items() if _fits(detect, file, scan, types)]
        if not fitting:
            continue
        best = max(known[name].weight for name in fitting)
        found = [name for name in fitting if known[name].weight == best]
        if len(found) > 1:
            raise UsageProblem(
                "ambiguous-format",
                f"{file.name}: this may be an export of {' or of '.join(found)}",
                f"say which: --preset {found[0]}, or --preset none",
            )
        return found[0]
    return None


def _fits(detect: Detect, file: File, scan: Scan | None, types: Types) -> bool:
    if detect.format and (file.origin or file).kind not in detect.format:
        return False
    if detect.fields is not None:
        return _fields(file) == detect.fields
    if scan is None or (detect.only and not set(scan.names) <= set(detect.only)):
        return False
    found = [paths.find(text, scan.names) for text in detect.columns]
    return all(path is not None and _there(path, scan, types) for path in found)


def _fields(file: File) -> int:
    return head_of(file).split(b"\n", 1)[0].count(b"\t") + 1


def _seen(file: File) -> tuple[Scan | None, Types]:
    """The file's columns and their types; none of what cannot be read, which others will say."""
    try:
        (scan,) = scans([file], Source())
        return scan, types_of(file)
    except DataProblem:
        return None, {}


def _there(path: paths.Path, scan: Scan, types: Types) -> bool:
    """Whether a path leads to something: by the types, or in the first rows' JSON texts."""
    if not path.steps:
        return True
    dtype = types.get(path.column, pl.String())
    if scan.kind == "ndjson" and dtype == pl.String:
        return False
    value, _ = paths.value(path, dtype)
    if scan.kind == "ndjson":
        return paths.within(path, dtype)
    head = scan.frame([path.column]).head(LOOKED_AT).select(value.alias("value")).collect()
    return head["value"].null_count() < head.height
