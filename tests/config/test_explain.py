"""The words for people come from the modules, and the documents are up to date."""

from __future__ import annotations

import pytest

from adoptcli.config.explain import explain, one
from adoptcli.config.keys import keys_of
from adoptcli.errors import UsageProblem
from adoptcli.metrics import Metric, all_metrics
from tools import gen_docs


def test_a_line_a_metric() -> None:
    lines = explain().splitlines()
    for metric_id, line in zip(all_metrics(), lines, strict=False):
        assert line.startswith(f"{metric_id} ")
        assert line.endswith(".")


@pytest.mark.parametrize("metric_id", all_metrics())
def test_every_metric_in_full(metric_id: str) -> None:
    metric = all_metrics()[metric_id]
    text = explain(metric_id.replace("_", "-"))
    assert text.startswith(f"# {metric.title}\n")
    for label in ("Formula", "Numerator", "Denominator", "Window", "Left out", "Textbook"):
        if f"{label}: " in metric.definition:
            assert f"- **{label}**: " in text
    assert "- **Formula**: " in text
    for key in keys_of(metric.settings):
        assert f"- `{key.name}`" in text
    assert "no description" not in text
    for table in metric.keys:
        assert f"`{table}" in text


def test_all_parts(fake: Metric) -> None:
    assert one(fake) == (
        "# Fake\n\nWhat is not there.\n\nCommand `adoptcli fake`, section `fake` of the YAML.\n\n"
        "- **Formula**: 0 ÷ 1.\n\n"
        "## Settings\n\n"
        "- `window` (default `14d`): Days of the window. From 1d to 3660d.\n"
        "- `gap` (default `1h`): Longest pause.\n"
        "- `mode` (default `soft`): How. One of soft, hard.\n"
        "- `steps`: What must be done.\n\n"
        "## Cells\n\n- `cells[period=…]`\n\n"
        "## Laws that do not hold\n\n- row order: there are no rows\n"
    )


def test_unknown_metric() -> None:
    with pytest.raises(UsageProblem, match="there is no metric 'retenton'") as caught:
        explain("retenton")
    assert caught.value.hint.startswith("did you mean 'retention'? there are: ")


@pytest.mark.parametrize("name", gen_docs.GENERATORS)
def test_documents_are_as_the_code_says(name: str) -> None:
    found = (gen_docs.ROOT / name).read_text(encoding="utf-8")
    assert found == gen_docs.GENERATORS[name](), "run python tools/gen_docs.py"


def test_gen_docs_says_what_differs(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gen_docs, "ROOT", tmp_path)
    monkeypatch.setattr(gen_docs, "GENERATORS", {"a.md": lambda: "one\n"})
    assert gen_docs.main(["--check"]) == 1
    assert "+one" in capsys.readouterr().err
    assert gen_docs.main([]) == 0
    assert gen_docs.main(["--check"]) == 0
    assert gen_docs.main(["--help"]) == 2
