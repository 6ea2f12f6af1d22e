"""Files at https://, one by one: the web has no folders."""

from __future__ import annotations

from http.client import HTTPException, HTTPResponse
from pathlib import Path
from tempfile import gettempdir
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

from adoptcli.errors import AdoptError, DataProblem, UsageProblem
from adoptcli.source import copies
from adoptcli.source.addresses import shown
from adoptcli.source.copies import ending

PATIENCE = 60  # seconds without a byte
PART = 206  # the status of an answer that is a part
AGENT = {"User-Agent": "adoptcli"}


def in_place(address: str) -> bool:
    """Whether parts of the file can be asked for, the last too; signed addresses stay with us.

    Raises:
        DataProblem: It cannot be reached.
    """
    if "?" in address:
        return False
    try:
        with _asked(address, "bytes=-8") as answer:  # Azure would give the whole
            return answer.status == PART
    except DataProblem as error:
        if error.slug != "unreadable-address":
            raise
        return False  # who fetches the whole will say


def fetch(address: str, tmp: Path | None) -> Path:
    """A private copy of the file, which goes when the program does.

    Raises:
        DataProblem: It cannot be reached, or ends too early.
        OutputProblem: There is no space for it.
        UsageProblem: It is no address of a file.
    """
    name = shown(address)
    ends = ending(unquote(urlsplit(address).path))
    with _asked(address) as answer:
        size = int(answer.headers.get("Content-Length") or 0)
        copies.enough_room(Path(tmp or gettempdir()), size, name)
        try:
            path, head = copies.spool(answer, ends, tmp)
        except (HTTPException, TimeoutError, ConnectionError) as error:
            raise _cut_short(name) from error
    if path.stat().st_size < size:
        raise _cut_short(name)
    if not head:
        raise DataProblem("empty-file", f"{name}: the file is empty", "check the export")
    return path


def _asked(address: str, part: str = "") -> HTTPResponse:
    name = shown(address)
    if "@" in urlsplit(address).netloc:
        raise UsageProblem(
            "password-in-address", "an address with a name or password in it is not read",
            "fetch the file with a tool that keeps secrets, and give it or pipe it in",
        )  # fmt: skip
    if any(sign in name for sign in "*[") or name.endswith("/"):
        raise UsageProblem(
            "no-list", f"{name}: the web has no folders and globs", "name the files one by one"
        )
    try:
        headers = AGENT | ({"Range": part} if part else {})
        made = urlopen(Request(address, headers=headers), timeout=PATIENCE)
    except HTTPError as error:
        with error:
            raise _refused(error.code, name) from None
    except (URLError, OSError, HTTPException, ValueError):
        raise DataProblem(
            "no-network",
            f"{name}: the server cannot be reached",
            "check the address and the network",
        ) from None
    answer: HTTPResponse = made
    return answer


def _refused(status: int, name: str) -> AdoptError:
    if status in (401, 403, 409):  # 409: an account of Azure that nobody may read unsigned
        text = f"{name}: the server refuses access ({status})"
        return DataProblem("no-access", text, "check the address; signed ones end after a while")
    if status in (404, 410):
        return DataProblem("no-such-file", f"{name}: there is no such file", "check the address")
    return DataProblem("unreadable-address", f"{name}: the server answers {status}", "try again")


def _cut_short(name: str) -> DataProblem:
    return DataProblem("cut-short", f"{name}: the server broke off", "try again")
