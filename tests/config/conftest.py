"""A metric that does nothing, and problems of a YAML as lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest
from pydantic import Field

from adoptcli.config.document import parse
from adoptcli.config.model import config_model, model_of, validated
from adoptcli.definitions import Criterion, Days, Definitions, Duration
from adoptcli.errors import ConfigProblem
from adoptcli.metrics import Metric, Settings, all_metrics


class FakeSettings(Settings):
    """A section with a bit of everything."""

    window: Days = Field(14, description="Days of the window.")
    gap: Duration = Field(3_600_000, description="Longest pause.")
    mode: Literal["soft", "hard"] = Field("soft", description="How.")
    steps: list[Criterion] = Field(default_factory=list, description="What must be done.")


def _nothing(*_: Any) -> Any:
    raise AssertionError("never counted")


@pytest.fixture
def fake() -> Metric:
    """A metric that is in no registry."""
    return Metric(
        id="fake", title="Fake", section="together", order=1, settings=FakeSettings,
        definition="Fake: what is not there.\n\nFormula: 0 ÷ 1.", rows=_nothing, result=_nothing,
        keys={"cells": ("period",)}, exempt={"row order": "there are no rows"},
    )  # fmt: skip


@pytest.fixture
def fake_model(fake: Metric) -> type[Definitions]:
    """The YAML's model with the fake metric in it."""
    return model_of({**all_metrics(), "fake": fake})


@pytest.fixture
def problems() -> Callable[..., list[str]]:
    """The lines of the problems in a YAML; none where it is good."""

    def find(text: str | bytes, model: type[Definitions] | None = None) -> list[str]:
        content = text.encode() if isinstance(text, str) else text
        try:
            validated(parse(content, "m.yaml"), model or config_model())
        except ConfigProblem as problem:
            return problem.message.splitlines()
        return []

    return find
