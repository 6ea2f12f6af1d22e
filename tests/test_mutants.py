"""The tool that changes the code: what it changes, and that its list of what is no change holds."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

from tools.mutants.operators import mutants
from tools.mutants.reach import Reach

JUDGED = Path(__file__).parents[1] / "tools" / "mutants" / "judged.yaml"

CODE = '''\
"""The number 1 of a docstring stays."""
LIMIT: Literal[1] = 2


@dataclass(frozen=True)
class Window:
    def inside(self, day: int) -> bool:
        assert day > 0, "stays"
        if not self.open:
            raise ValueError(f"1 + 1 stay {day + 1}")
        return -1 <= day and (day + 1) * 2 < self.end


found = frame.filter(x).join(y, on="a", how="left").select(pl.col("b").min().fill_null(False))
'''


def changed(code: str, tmp_path: Path) -> set[str]:
    path = tmp_path / "code.py"
    path.write_text(code, encoding="utf-8")
    found = mutants(str(path))
    for mutant in found:
        ast.parse(mutant.source())
    return {mutant.now for mutant in found}


def test_what_is_changed_by_hand(tmp_path: Path) -> None:
    """Numbers, signs, edges, logic, methods, their words; neither types nor texts nor errors."""
    line, found = "return -1 <= day and (day + 1) * 2 < self.end", CODE.splitlines()[-1]
    assert changed(CODE, tmp_path) == {
        "LIMIT: Literal[1] = 3", "LIMIT: Literal[1] = 1", "if self.open:",
        *(line.replace("-1", one) for one in ("1", "-2", "-0")),
        line.replace("<= ", "< "), line.replace(" < ", " <= "), line.replace("and", "or"),
        line.replace("+ 1", "- 1"), line.replace("+ 1", "+ 2"), line.replace("+ 1", "+ 0"),
        line.replace("* 2", "/ 2"), line.replace("* 2", "* 3"), line.replace("* 2", "* 1"),
        found.replace(".filter(x)", ""), found.replace('"left"', '"inner"'),
        found.replace(', how="left"', ""), found.replace("min", "max"),
        found.replace(".fill_null(False)", ""), found.replace("False", "True"),
    }  # fmt: skip


def test_tests_of_a_line_its_own_cases_first_as_long_as_the_budget_lasts(tmp_path: Path) -> None:
    file = tmp_path / "churn.py"
    function = "def f(\n    a: int = 2,\n) -> int:\n    a += 1\n\n    return a\n"
    file.write_text(f"A = 1\n\n\n{function}\n@cache\ndef g() -> int:\n    return 1\n")
    own, other = "tests/test_cases.py::test_case[churn: x]", "tests/test_cases.py::test_case[y]"
    seconds = {own: 2.0, other: 1.0, "tests/test_a.py::a": 0.5, "tests/test_a.py::b": 9.0}
    reached = {1: [other], 5: [other], 7: [*seconds], 9: [other], 13: [other]}
    known = Reach({str(file): reached}, seconds)
    assert known.tests(str(file), (7, 8), 4) == [own, other, "tests/test_a.py::a"]
    assert known.tests(str(file), (8, 9), 4) == [other]
    for once in ((1, 1), (4, 6), (13, 13)):
        assert set(known.tests(str(file), once, 99)) == {*seconds}
    assert Reach({}, seconds).tests(str(file), (1, 1), 99) == []  # no test runs it


def test_what_is_judged_is_still_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each entry is a change that can be made, with a reason."""
    monkeypatch.chdir(JUDGED.parents[2])
    listed = yaml.safe_load(JUDGED.read_text(encoding="utf-8"))
    there = {m.name for file in {e["file"] for e in listed} for m in mutants(file)}
    assert [e for e in listed if (e["file"], e["was"], e["now"]) not in there] == []
    assert all(e["why"] for e in listed)
