"""The whole YAML as one model, gathered from the metrics; every problem at once, with its place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, create_model

from adoptcli.audiences.conditions import Conditions, Own
from adoptcli.config import checks
from adoptcli.config.checked import checked
from adoptcli.config.document import Document, parse
from adoptcli.config.presets import is_file
from adoptcli.config.problems import Problem, dotted
from adoptcli.definitions import Definitions, Identity, Name, Source
from adoptcli.errors import ConfigProblem
from adoptcli.metrics import Metric, NamedSettings, Settings, all_metrics
from adoptcli.targets import names
from adoptcli.targets.model import Target

_NOT_HASHED: dict[str, Any] = {
    "source": True, "max_rejected": True, "audiences": True, "findings": True,
    "runner": True, "master": True,
    "targets": True, "users": {"file"}, "accounts": {"file"},
}  # fmt: skip
_COUNTS = {  # of a source
    "empty", "where", "ignore", "dedupe", "weight", "event", "ids", "members", "lookback",
}  # fmt: skip


@dataclass(frozen=True)
class Config:
    """What a YAML says.

    Attributes:
        definitions: What things are; the metrics' sections are attributes too.
        path: The file, or None for the defaults.
        document: The file with the places in it.
    """

    definitions: Definitions
    path: Path | None
    document: Document | None = field(default=None, repr=False, compare=False)

    def place_of(self, word: str) -> str:
        """`FILE:LINE:COLUMN: KEY: ` of the first value, else key, that is this word; or empty.

        A target that is of a segment names the column, too.
        """
        found = self.document.place_of(word) if self.document else ""
        if self.document is None or found:
            return found
        of_it = [name for name in self.targets if word in names.parse(name).by]
        return self._about(of_it[0], "").line(self.document.name) if of_it else ""

    @property
    def targets(self) -> dict[str, Target]:
        """The figures that have a target."""
        return dict(getattr(self.definitions, "targets", {}))

    def wrong_targets(self, wrong: Mapping[str, str]) -> ConfigProblem:
        """The problems of some targets, each with its place."""
        assert self.document is not None
        found = sorted(self._about(name, message) for name, message in wrong.items())
        lines = [problem.line(self.document.name) for problem in found]
        return ConfigProblem("invalid-config", "\n".join(lines))

    def _about(self, target: str, message: str) -> Problem:
        """A problem that stands where a target's name does."""
        assert self.document is not None
        path = ("targets", target)
        return Problem(self.document.place(path, key=True), dotted(path), message)

    @property
    def settings(self) -> dict[str, Any]:
        """Each metric's section; None where it needs one and has none."""
        return {name: getattr(self.definitions, name) for name in all_metrics()}

    @property
    def base(self) -> Path | None:
        """The folder that file names in the YAML are relative to."""
        return self.path.resolve().parent if self.path else None


@cache
def config_model() -> type[Definitions]:
    """`Definitions` with one more field a metric: its settings, under its id."""
    return model_of(all_metrics())


def model_of(metrics: Mapping[str, Metric]) -> type[Definitions]:
    """`Definitions` and the sections of the given metrics."""
    own: Any = Field(
        default_factory=dict, description="Lists of your own, for `adoptcli audience`."
    )
    aims: Any = Field(
        default_factory=dict,
        description="What figures must be, for `adoptcli check`: METRIC, METRIC.textbook, "
        "METRIC[plan=pro] or METRIC.TABLE[KEY=VALUE].COLUMN, and a condition.",
    )
    sections: dict[str, Any] = {
        "audiences": (dict[Own, Conditions], own), "targets": (dict[Name, Target], aims),
    }  # fmt: skip
    for metric in metrics.values():
        if metric.id in Definitions.model_fields:
            raise ValueError(f"metric {metric.id} has the name of another key")
        usual = defaults(metric.settings)
        kind: Any = metric.settings if usual else metric.settings | None
        sections[metric.id] = (kind, Field(usual, description=summary(metric)))
    name = "MetricsFile"
    return create_model(name, __base__=Definitions, __doc__="metrics.yaml", **sections)


def defaults(settings: type[Settings] | type[NamedSettings]) -> Settings | NamedSettings | None:
    """The settings of a section that is not there; None where the metric needs one."""
    try:
        return settings()
    except ValidationError:
        return None


def summary(metric: Metric) -> str:
    """The first sentence of the definition."""
    paragraph = metric.definition.strip().split("\n\n", 1)[0]
    text = " ".join(paragraph.split()).split(": ", 1)[-1]
    return text[:1].upper() + text[1:]


def default() -> Config:
    """What holds without a YAML."""
    return Config(config_model()(), None)


def load(path: Path | str) -> Config:
    """The config of a file.

    Raises:
        ConfigProblem: It cannot be read, or has problems; one line a problem, in their order.
    """
    name = str(path)
    document = parse(_content(Path(path)), name)
    return Config(validated(document, config_model()), Path(path), document)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        hint = "adoptcli init EVENTS writes one to edit"
        raise ConfigProblem("config-not-found", f"{path}: there is no such file", hint) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigProblem("config-unreadable", f"{path}: cannot be read: {reason}") from None


def validated(document: Document, model: type[Definitions]) -> Definitions:
    """The definitions in a document.

    Raises:
        ConfigProblem: With one line for each problem in the file.
    """
    return checked(document, model, checks.sections(document))


def _counted(source: Source) -> dict[str, Any]:
    """What of a source decides which rows count, and for how much; how it is read does not."""
    stated = source.model_dump(mode="json", include=_COUNTS, exclude_defaults=True)
    known = source.preset is not None and source.preset != "none" and not is_file(source.preset)
    named = {"preset": source.preset} if known else {}
    return {**named, **{name: value for name, value in stated.items() if value is not None}}


def _way(identity: Identity) -> tuple[str | int, ...]:
    """How ids become people; which file says so does not matter, which rows do."""
    told = [pair.model_dump_json() for pair in identity.told]
    return identity.how, identity.stitch, identity.shared, *told


def hash_of(definitions: Definitions, roles: Mapping[str, Sequence[str]] | None = None) -> str:
    """Six characters that change with what is counted and how, and with nothing else.

    Which columns are read, and in which zone, is no part of it: the same data in another shape have
    the same definitions.

    Args:
        definitions: As they hold, with the keys that presets give; no name of a file counts.
        roles: Events that presets take for the sign-up and the like where they occur.
    """
    plain = definitions.model_dump(mode="json", exclude=_NOT_HASHED)
    ways = {_way(source.identity) for source in definitions.source}
    if known := sorted(way for way in ways if way[0] in ("map", "stitch") or way[3:]):
        plain["identity"] = known
    if counted := [rules for source in definitions.source if (rules := _counted(source))]:
        plain["rows"] = counted
    if roles:
        plain["roles"] = {role: list(names) for role, names in roles.items()}
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6]
