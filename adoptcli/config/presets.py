"""Presets from their files: those of the package, and a person's own."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from importlib import resources
from pathlib import Path

import yaml

from adoptcli.config.checked import checked
from adoptcli.config.document import parse
from adoptcli.errors import ConfigProblem, UsageProblem
from adoptcli.source.preset import Detect, Preset

_FOLDER = resources.files("adoptcli.source") / "presets"
_ENDINGS = (".yaml", ".yml")


@cache
def names() -> tuple[str, ...]:
    """The presets of the package."""
    return tuple(sorted(
        Path(file.name).stem for file in _FOLDER.iterdir() if file.name.endswith(_ENDINGS)
    ))  # fmt: skip


def is_file(name: str) -> bool:
    """Whether a preset is named by its file."""
    return "/" in name or "\\" in name or name.endswith(_ENDINGS)


def load(name: str, base: Path | None = None) -> Preset:
    """A preset of the package by its name, or a person's own by its file, relative to `base`.

    Raises:
        UsageProblem: There is no such preset.
        ConfigProblem: Its file cannot be read, or has problems; one line a problem.
    """
    if not is_file(name):
        return _of_package(name)
    path = Path(name).expanduser()
    full = path if base is None or path.is_absolute() else base / path
    try:
        content = full.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigProblem("preset-unreadable", f"{name}: cannot be read: {reason}") from None
    return validated(content, name)


@cache
def _of_package(name: str) -> Preset:
    if name not in names():
        known = ", ".join((*names(), "none"))
        near = get_close_matches(name, names(), 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageProblem(
            "unknown-preset", f"there is no preset {name!r}",
            f"{hint}there are: {known}; a file of yours is written ./{name}.yaml",
        )  # fmt: skip
    file = _FOLDER / f"{name}.yaml"
    return validated(file.read_bytes(), f"{name}.yaml")


def validated(content: bytes, name: str) -> Preset:
    """The preset in a file's content.

    Raises:
        ConfigProblem: With one line for each problem in the file.
    """
    return checked(parse(content, name), Preset)


@cache
def detects() -> dict[str, Detect]:
    """How the package's presets are known, without a look at the rest of their files."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = {}
    for name in names():
        data = yaml.load((_FOLDER / f"{name}.yaml").read_bytes(), loader)
        if data.get("detect"):
            found[name] = Detect.model_validate(data["detect"])
    return found
