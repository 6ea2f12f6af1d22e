"""Problems that a person can mend: what is wrong, where, the way out, and the exit code."""

from __future__ import annotations

import errno
from enum import IntEnum

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # no more can be written


class Exit(IntEnum):
    """Exit codes of the command line."""

    OK = 0
    MISSED = 1
    USAGE = 2
    DATA = 3
    BUG = 70
    OUTPUT = 74
    INTERRUPTED = 130
    PIPE = 141
    TERMINATED = 143


class AdoptError(Exception):
    """A problem with a stable slug, a message that says where, and a hint that says what to do."""

    exit_code = Exit.BUG

    def __init__(self, slug: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.slug = slug
        self.message = message
        self.hint = hint


class UsageProblem(AdoptError):
    """The command line asks for something that cannot be."""

    exit_code = Exit.USAGE


class ConfigProblem(AdoptError):
    """The YAML cannot be used; the message holds one line a problem."""

    exit_code = Exit.USAGE


class DataProblem(AdoptError):
    """The data are missing, unreadable or not enough to judge."""

    exit_code = Exit.DATA


class MemoryProblem(AdoptError):
    """There is less memory than is needed."""

    exit_code = Exit.DATA


class OutputProblem(AdoptError):
    """The output cannot be written."""

    exit_code = Exit.OUTPUT
