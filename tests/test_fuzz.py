"""A hundred damaged inputs; `python -m tests.fuzz` is the long run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import Input, fault, made


@pytest.mark.parametrize("batch", range(4))
def test_whatever_the_input_there_is_a_message(
    batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _as_it_was(monkeypatch)
    for seed in range(batch * 25, batch * 25 + 25):
        folder = tmp_path / str(seed)
        folder.mkdir()
        assert fault(made(seed), folder) == "", seed


def test_a_fault_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _as_it_was(monkeypatch)

    def broken(arguments: list[str]) -> int:
        raise RecursionError

    monkeypatch.setattr("tests.fuzz.run", broken)
    assert fault(Input({}, []), tmp_path) == "exit code RecursionError came through"
    monkeypatch.setattr("tests.fuzz.run", lambda arguments: 70)
    assert fault(Input({}, []), tmp_path) == "exit code 70"
    monkeypatch.setattr("tests.fuzz.run", lambda arguments: 3)
    assert fault(Input({}, []), tmp_path) == "exit code 3 without a word"


def test_inputs_can_be_had_again() -> None:
    assert made(7) == made(7)
    assert made(7) != made(8)


def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run sets for its own files is set back afterwards."""
    monkeypatch.setattr("tempfile.tempdir", None)
    for name, value in {"TMPDIR": "/tmp", "COLUMNS": "80", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
