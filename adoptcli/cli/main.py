"""Run the command line and turn whatever happens into a message and an exit code."""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from types import FrameType

from adoptcli.cli import progress
from adoptcli.errors import FULL, AdoptError, Exit
from adoptcli.render.text import safe


def run(arguments: list[str] | None = None) -> int:
    """The exit code of one call. Never a traceback, unless `--debug` asks for it."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments or bool(os.environ.get("ADOPTCLI_DEBUG"))
    _signals()
    _standard_streams()
    progress.begin()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")  # looking for them takes long
    gc.disable()  # a short run of many small objects; frames are counted, not collected
    try:
        from adoptcli.cli.app import program

        try:
            program(_asked(arguments))(args=arguments, prog_name="adoptcli")
        finally:
            progress.end()
    except SystemExit as stop:
        if stop.code == Exit.USAGE:
            _say_environment()
        return _flushed(stop.code if isinstance(stop.code, int) else int(bool(stop.code)))
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except AdoptError as problem:
        if debug:
            traceback.print_exc()
        _say(problem)
        return problem.exit_code
    except BrokenPipeError:
        return Exit.PIPE
    except MemoryError:
        return _out_of_memory()
    except OSError as error:
        if error.errno not in FULL:
            return _bug(error, debug)
        _line(f"error: no space for temporary files: {error.strerror}")
        _line("  → name another folder with --tmp")
        return Exit.OUTPUT
    except Exception as bug:
        return _bug(bug, debug)
    except BaseException as panic:
        if type(panic).__name__ != "PanicException":
            raise
        return _overwhelmed(panic)
    return _flushed(Exit.OK)


def _asked(arguments: list[str]) -> str | None:
    """The command's name; empty where there is none; None where all must be there."""
    if any(name.endswith("_COMPLETE") for name in os.environ):  # the shell asks what there is
        return None
    return next((argument for argument in arguments if not argument.startswith("-")), "")


def _signals() -> None:
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, _terminated)


def _standard_streams() -> None:
    """Put nothing in the place of streams that are closed, so that no file is opened there."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _terminated(number: int, frame: FrameType | None) -> None:
    raise SystemExit(int(Exit.TERMINATED))


def _flushed(code: int) -> int:
    """The code, unless the last bytes of the output cannot be written."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        _drop_stdout()
        return Exit.PIPE
    except (OSError, ValueError) as error:
        _drop_stdout()
        _line(f"error: the output cannot be written: {error}")
        return Exit.OUTPUT
    return code


def _drop_stdout() -> None:
    """Keep the interpreter from flushing again at exit, and failing again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _say(problem: AdoptError) -> None:
    for line in problem.message.splitlines():
        _line(f"error: {line}" if not line.startswith(" ") else line)
    if problem.hint:
        _line(f"  → {problem.hint}")


def _say_environment() -> None:
    """What a wrong use may come from without being seen."""
    found = sorted(name for name in os.environ if name.startswith("ADOPTCLI_"))
    if found:
        _line(f"  → set in the environment: {', '.join(f'{n}={os.environ[n]}' for n in found)}")


def _line(text: str) -> None:
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    shown = safe(text).encode(encoding, "replace").decode(encoding)
    try:
        print(shown, file=sys.stderr)  # noqa: T201
    except (OSError, ValueError, AttributeError):
        return  # nobody listens


def _out_of_memory() -> int:
    _line("error: out of memory")
    _line("  → say with ADOPTCLI_MEMORY_LIMIT how much there is, such as 1.5GB")
    return Exit.DATA


def _overwhelmed(panic: BaseException) -> int:
    """Polars has stopped half-way: there is no memory, or the data are damaged."""
    if "llocat" in str(panic):
        return _out_of_memory()
    _line(f"error: Polars cannot go on with these data: {str(panic).splitlines()[0]}")
    _line("  → a file may be damaged: fetch the export again")
    return Exit.DATA


def _bug(bug: Exception, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    kind = type(bug).__name__
    _line(
        f"error: this is a bug in adoptcli: {kind}: {str(bug).splitlines()[0] if str(bug) else ''}"
    )
    _line("  → run it again with --debug and report what it prints")
    return Exit.BUG
