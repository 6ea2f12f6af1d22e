"""Exports of each preset, made up with every trap that is known, and counted by hand and script.

A module a preset, of its name with `_` for `-`:

    write(folder) -> Path   the export as people get it, 2,000 rows or more, the same every time
    EXPECTED                what a script counts that knows nothing of adoptcli: `events`, `actors`,
                            and where it matters `accounts`, `duplicates`, `excluded`, `anonymous`,
                            `set_aside` by reason, `merged`; `daily`: users active on each day, and
            `daily_accounts`: accounts
    OPTIONS                 options of the command line beside the path; often none
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def exports() -> dict[str, ModuleType]:
    """Each module by the preset's name."""
    names = sorted(m.name for m in iter_modules(__path__) if not m.name.startswith("_"))
    return {name.replace("_", "-"): import_module(f"{__name__}.{name}") for name in names}
