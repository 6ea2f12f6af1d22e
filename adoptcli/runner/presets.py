"""What presets add to the definitions: how to read, what to leave out, what events stand for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from glob import escape
from pathlib import Path

import polars as pl

from adoptcli.config import presets
from adoptcli.definitions import Definitions, EventRef, Exclude, Source
from adoptcli.source import preset as shapes
from adoptcli.source.files import File
from adoptcli.source.parts import UNCOUNTED, UNMET
from adoptcli.timeline.dictionary import Dictionary
from adoptcli.timeline.encode import Encoded
from adoptcli.timeline.survey import Survey

NONE = "none"


@dataclass
class Settled:
    """The presets of one run, as the files come to be known."""

    base: Path | None = None
    used: list[shapes.Preset] = field(default_factory=list)

    def settle(self, source: Source, files: Sequence[File]) -> tuple[Source, list[str]]:
        """The source with the preset that it names; once there are files, that they are known by.

        Raises:
            UsageProblem: There is no such preset, or two fit the files.
            ConfigProblem: The preset's file has problems.
        """
        if not files:
            named = source.preset not in (None, NONE)
            return self._with(source.preset or "", source) if named else (source, [])
        if source.preset is not None or not shapes.is_open(source):
            return source, []
        name = shapes.detected(files, presets.detects())
        if name is None:
            return source, []
        columns = presets.detects()[name].columns
        shown = f", by its columns {', '.join(columns)}" if columns else ", by its shape"
        note = f"format: {name}{shown}; --preset none turns this off"
        made, more = self._with(name, source)
        return made, [note, *more]

    def _with(self, name: str, source: Source) -> tuple[Source, list[str]]:
        found = presets.load(name, self.base)
        self.used.append(found)
        doubt = f"the preset {name} was written from documentation, without a real export to check"
        said = [] if found.verified or presets.is_file(name) else [doubt]
        return shapes.applied(found, name, source), said

    def with_roles(self, d: Definitions, events: Sequence[str | None]) -> Definitions:
        """The definitions with the presets' sign-up, login and purchase events that occur."""
        changes: dict[str, object] = {}
        for role, named in self.roles(d).items():
            occurring = [EventRef(event=name) for name in named if name in events]
            if occurring:
                changes[role] = occurring[0] if role == "signup" else occurring
        return d.model_copy(update=changes)

    def roles(self, d: Definitions) -> dict[str, list[str]]:
        """The events that the presets take for what the definitions do not name."""
        named = {
            role: [event for preset in self.used for event in getattr(preset, role)]
            for role in ("signup", "login", "purchase")
        }
        return {role: some for role, some in named.items() if some and getattr(d, role) is None}


def no_usage(sources: Sequence[Source], names: Iterable[str | None]) -> list[str]:
    """Those of the names that sources ignore, or that stand for rows which do not count."""
    patterns = [p.replace("[", "[[]") for source in sources for p in source.ignore]
    patterns += [UNMET, UNCOUNTED]
    return [
        name for name in names if name is not None and any(fnmatchcase(name, p) for p in patterns)
    ]


def excluded(d: Definitions, named: Collection[str], words: Dictionary, size: int) -> Exclude:
    """What does not count: as the YAML says, and what its sources ignore or leave out.

    What the YAML names counts, whatever its sources ignore.
    """
    some = any(source.ignore for source in d.source)
    texts = words.texts(size).to_list() if some else []
    ignored = [escape(text) for text in no_usage(d.source, texts) if text not in named]
    ignored += [UNMET] if any(source.where for source in d.source) else []
    ignored += [UNCOUNTED] if any(source.weight for source in d.source) else []
    return d.exclude.model_copy(update={"events": [*d.exclude.events, *ignored]})


def weightless(found: Survey, encoded: Encoded) -> Survey:
    """With the rows that have no weight set aside, not excluded."""
    texts = encoded.dictionaries["event"].texts(encoded.size("event"))
    codes = (texts == UNCOUNTED).arg_true()
    some, known = pl.col("event").is_in(codes.to_list()), pl.col("user", "time").is_not_null()
    n = int(encoded.ask(lambda rows: rows.filter(some, known).select(pl.len()))["len"].sum())
    if not n:
        return found
    aside = {**found.set_aside, "no-weight": n}
    return replace(found, excluded=found.excluded - n, set_aside=aside)
