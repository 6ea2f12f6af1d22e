"""Every option of the YAML is one that random logs set and oracles know of, or says why not."""

from __future__ import annotations

from collections import defaultdict
from fnmatch import fnmatchcase

import pytest

from tests.logs import random_log
from tests.oracles.options import chosen, options

LOGS = 250
BESIDE = {
    "audiences.*": "lists, not numbers: test_audience",
    "findings": "what is said about numbers: test_findings",
    "targets.*": "what numbers are held against: test_check",
    "max_rejected": "only whether there is a report: test_bad_input",
    "version": "there is one",
    "runner": "where it runs: tests/spark",
    "master": "where it runs: tests/spark",
    "source.*": "which rows there are, and how they are read: test_formats, test_presets, "
    "test_repeats, test_identity, test_told, test_lookback, test_axes",
    "signup.property": "a time that rows carry: tests/cases/activation",
    "accounts.signed_up_at": "of accounts alone: test_accounts",
    "*.all.*.users": "a clause on accounts alone: tests/cases/qualified, test_accounts",
    "*.any.*.users": "a clause on accounts alone: tests/cases/qualified, test_accounts",
    "*.all.*.seats": "a clause on accounts alone: tests/cases/qualified, test_accounts",
    "*.any.*.seats": "a clause on accounts alone: tests/cases/qualified, test_accounts",
}  # fmt: skip


@pytest.fixture(scope="module")
def values() -> dict[str, set[str]]:
    """What random logs set each option to, and nothing where some do not set it."""
    found: dict[str, set[str]] = defaultdict(set)
    seen: dict[str, set[int]] = defaultdict(set)
    known = options()
    for seed in range(LOGS):
        for path, value in chosen(random_log(seed).config):
            place = path if path in known else f"{path}.*"
            found[place].add(repr(value))
            seen[place].add(seed)
    return {path: some | {""} if len(seen[path]) < LOGS else some for path, some in found.items()}


def test_random_logs_try_every_option(values: dict[str, set[str]]) -> None:
    """With two values at least, one of which may be none."""
    wanted = {path for path in options() if not _beside(path)}
    assert wanted <= set(values), sorted(wanted - set(values))
    assert not {path: values[path] for path in wanted if len(values[path]) < 2}


def test_reasons_are_of_options_that_are_not_tried(values: dict[str, set[str]]) -> None:
    for pattern in BESIDE:
        assert any(fnmatchcase(path, pattern) for path in options()), pattern
    tried = {path for path in values if _beside(path)}
    assert tried == {"max_rejected"}


def _beside(path: str) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in BESIDE)
