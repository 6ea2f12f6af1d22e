"""The page of presets: a part each, and an example that is one."""

from __future__ import annotations

import re
from typing import Any

import pytest

from adoptcli.config import presets, sources

PAGE = sources.about_sources()


@pytest.mark.parametrize("name", presets.names())
def test_a_part_a_preset(name: str) -> None:
    found = presets.load(name)
    (part,) = re.findall(rf"(?ms)^## {name}$(.*?)(?=^## |\Z)", PAGE)
    for text in (found.about, found.get, *found.notes, *found.source.ignore):
        assert text in part
    assert ("**Unverified**" in part) == (not found.verified)
    for label in ("Known by", "User", "Event", "Time", "Identity", "Duplicates"):
        assert f"- **{label}**: " in part


def test_the_example_is_a_preset(cli: Any) -> None:
    (text,) = re.findall(r"(?s)```yaml\n(.*?)```", sources.OWN)
    assert presets.validated(text.encode(), "ours.yaml").source.columns.user
    assert cli("explain", "sources").out == PAGE
