"""One change, tried: a fork that imports the changed module and runs tests until one fails.

The parent has imported what is imported anyway, but nothing of adoptcli, and never runs Polars, as
its threads would not live on in a fork.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType

import pytest

from .operators import Mutant

MEMORY = 4 << 30  # bytes; some changes ask for all there is
PATIENCE = 3  # times the processor time that the tests usually take, and
GRACE = 30  # seconds more
FEW = 30  # tests to begin with: their files are soon imported, and they find most


@dataclass
class Trial:
    """A fork at work."""

    mutant: Mutant | None  # none: nothing is changed
    tests: list[str]
    seconds: float  # that the tests usually take
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="mutant-")))
    begun: float = field(default_factory=time.monotonic)
    pid: int = 0

    def start(self) -> Trial:
        self.pid = os.fork()
        if self.pid == 0:
            os.setpgid(0, 0)
            try:
                code = self._run()
            except BaseException:  # the module cannot even be imported
                os.write(2, traceback.format_exc().encode())
                code = 1
            os._exit(code)
        return self

    def _run(self) -> int:
        limit = int(PATIENCE * self.seconds) + GRACE
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        out = os.open(self.folder / "out", os.O_WRONLY | os.O_CREAT)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(self.folder / "hypothesis")
        if self.mutant:
            sys.meta_path.insert(0, _Changed(self.mutant))
        importlib.import_module("adoptcli.metrics").all_metrics()
        return self._pytest(self.tests[:FEW]) or self._pytest(self.tests[FEW:])

    def _pytest(self, tests: list[str]) -> int:
        if not tests:
            return 0
        files = sorted({test.split("::")[0] for test in tests})
        options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-seed=0",
                   "-W", "ignore::pytest.PytestAssertRewriteWarning"]  # fmt: skip
        return pytest.main(
            [*options, f"--basetemp={self.folder / 'tests'}", *files],
            plugins=[_Chosen(tests, self.folder / "killer")],
        )

    def ended(self, status: int) -> tuple[str, str]:
        """killed, survived or timeout, and the test that failed."""
        killer = self.folder / "killer"
        by = killer.read_text() if killer.exists() else "import"
        code = os.waitstatus_to_exitcode(status)
        said = (self.folder / "out").read_text(errors="replace")[-2000:]
        shutil.rmtree(self.folder, ignore_errors=True)
        if code in (-signal.SIGXCPU, -signal.SIGKILL):
            return "timeout", ""
        if code in (4, 5) or (code != 0 and self.mutant is None):
            raise SystemExit(f"the tests cannot run, or fail without a change ({by}): {said}")
        return ("survived", "") if code == 0 else ("killed", by)

    def astray(self) -> bool:
        """Waiting for something that will not come, or taking all memory."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        late = time.monotonic() - self.begun > 10 * (self.seconds + GRACE)
        return late or pages * resource.getpagesize() > MEMORY

    def kill(self) -> None:
        os.killpg(self.pid, signal.SIGKILL)

    def drop(self) -> None:
        """End it, whatever it has found."""
        self.kill()
        os.waitpid(self.pid, 0)
        shutil.rmtree(self.folder, ignore_errors=True)


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    """Finds one module, and reads it as it was changed."""

    def __init__(self, mutant: Mutant) -> None:
        parts = Path(mutant.file).with_suffix("").parts
        self.name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        self.path, self.source = str(Path(mutant.file).resolve()), mutant.source()

    def find_spec(self, fullname: str, path: object, target: object = None) -> object:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def get_filename(self, fullname: str) -> str:
        return self.path

    def get_data(self, path: str) -> bytes:
        return self.source

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.source, self.path, "exec", dont_inherit=True)  # no kept bytecode


class _Chosen:
    """Runs the tests that are asked for, in that order, and notes which one fails."""

    def __init__(self, tests: list[str], note: Path) -> None:
        self.place, self.note = {test: n for n, test in enumerate(tests)}, note

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        chosen = [item for item in items if item.nodeid in self.place]
        items[:] = sorted(chosen, key=lambda item: self.place[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.note.exists():
            self.note.write_text(report.nodeid)
