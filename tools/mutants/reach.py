"""Which tests run which lines, and how long each takes: recorded once, kept until code changes."""

from __future__ import annotations

import ast
import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

KEPT = Path(".mutants/reach.json")
NUMBERS = (  # what holds every figure and every default
    "tests/test_cases.py", "tests/test_oracles.py", "tests/test_pinned.py",
    "tests/config/test_explain.py",
)  # fmt: skip
SHARED = "fixture "  # a context of what is made once for several tests


@dataclass(frozen=True)
class Reach:
    """Tests by file and line, and the processor time of each test.

    What is made once for several tests stands apart: its time, and what of it each test uses.
    """

    lines: dict[str, dict[int, list[str]]]
    seconds: dict[str, float]
    state: str = ""
    shared: dict[str, float] = field(default_factory=dict)
    uses: dict[str, list[str]] = field(default_factory=dict)

    def tests(self, file: str, span: tuple[int, int], budget: float) -> list[str]:
        """Those that run any of the lines, as long as the budget lasts.

        First the module's own cases, then all cases and oracles, each the quickest first.

        What runs once in a process may concern any test.
        """
        run = self.lines.get(file, {})
        found = {t for line in range(span[0], span[1] + 1) for t in run.get(line, ())}
        if run and not _in_function(file, span[0]):
            found = {*self.seconds}
        stem, spent, chosen, made = Path(file).stem, 0.0, list[str](), set[str]()
        for test in sorted(found, key=lambda t: (_rank(stem, t), self.seconds[t], t)):
            takes = self.time([test], made)
            if not chosen or spent + takes <= budget:
                chosen.append(test)
                spent += takes
                made.update(self.uses.get(test, ()))
        return chosen

    def time(self, tests: list[str], made: Collection[str] = ()) -> float:
        """The processor time of tests that run together, where some of what they use is there."""
        used = {name for test in tests for name in self.uses.get(test, ())}.difference(made)
        return sum(self.seconds[test] for test in tests) + sum(self.shared[name] for name in used)


def _in_function(file: str, line: int) -> bool:
    """Whether it runs with each call, or once: by whichever test imports the module, or is first
    to call a function whose answer is kept."""
    bodies = [
        (node.body[0].lineno, node.end_lineno or 0)
        for node in ast.walk(ast.parse(Path(file).read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and "cache" not in map(ast.unparse, node.decorator_list)
    ]
    return any(first <= line <= last for first, last in bodies)


def _rank(stem: str, test: str) -> int:
    if not test.startswith(NUMBERS):
        return 2
    return 0 if stem.strip("_") in test else 1


def reach(files: list[str]) -> Reach:
    """As it was recorded for these very files and tests, or recorded now."""
    state = _state()
    if KEPT.exists() and (kept := json.loads(KEPT.read_text()))["state"] == state:
        lines = {f: {int(n): t for n, t in found.items()} for f, found in kept["lines"].items()}
        return Reach(**kept | {"lines": lines})
    print("recording which tests run which lines ...", flush=True)
    KEPT.parent.mkdir(exist_ok=True)
    child = os.fork()  # so that nothing of adoptcli is imported here
    if child == 0:
        try:
            KEPT.write_text(json.dumps({"state": state, **_record(files)}))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    return reach(files)


def _state() -> str:
    """A hash of all code, cases, pins and tests."""
    found = hashlib.sha256()
    for folder in ("adoptcli", "tests"):
        for path in sorted(Path(folder).rglob("*")):
            if path.suffix in (".py", ".yaml", ".json"):
                found.update(path.read_bytes())
    return found.hexdigest()


def _record(files: list[str]) -> dict[str, Any]:
    import coverage

    cover = coverage.Coverage(data_file=None, include=[str(Path(f).resolve()) for f in files])
    recorder = _Recorder(cover)
    cover.start()
    pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:xdist"], plugins=[recorder])
    cover.stop()
    data, lines = cover.get_data(), {}
    for file in files:
        found = data.contexts_by_lineno(str(Path(file).resolve()))
        lines[file] = {n: sorted(recorder.tests_of(contexts)) for n, contexts in found.items()}
    seconds, users = recorder.seconds, recorder.users
    uses = {t: [name for name, tests in users.items() if t in tests] for t in seconds}
    return {"lines": lines, "seconds": seconds, "shared": recorder.shared, "uses": uses}


class _Recorder:
    """Tells coverage which test runs; what passes is kept, with its time."""

    def __init__(self, cover: Any) -> None:
        self.cover = cover
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()
        self.users: defaultdict[str, set[str]] = defaultdict(set)  # fixture: tests
        self.shared: dict[str, float] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[Any]:
        self.test, start, made = item.nodeid, _spent(), sum(self.shared.values())
        self.cover.switch_context(self.test)
        outcome = yield
        self.cover.switch_context("")
        own = _spent() - start - (sum(self.shared.values()) - made)
        names = [n for n in getattr(item, "fixturenames", ()) if n in self.shared]
        for name in names:
            self.users[name].add(self.test)
        if self.test not in self.failed:
            self.seconds[self.test] = round(own, 3)
        return outcome

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[Any]:
        if fixturedef.scope == "function":
            return (yield)
        start = _spent()
        self.cover.switch_context(SHARED + fixturedef.argname)
        made = yield
        self.cover.switch_context(self.test)
        self.shared[fixturedef.argname] = _spent() - start
        return made

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.outcome != "passed":
            self.failed.add(report.nodeid)

    def tests_of(self, contexts: list[str]) -> set[str]:
        found = {c for c in contexts if c in self.seconds}
        for context in contexts:
            if context.startswith(SHARED):
                found |= self.users[context.removeprefix(SHARED)] & self.seconds.keys()
        return found


def _spent() -> float:
    return sum(os.times()[:4])
