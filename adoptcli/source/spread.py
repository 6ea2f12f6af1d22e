"""JSON objects in an array, or over several lines: each as it stands, one a line."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from adoptcli.errors import DataProblem

MOST = 256_000_000  # characters of one object
AT_ONCE = 1 << 22  # bytes to read, at least
NEAR = 16  # characters: the longest of what may be cut in two and is no text
_BETWEEN = re.compile(r"[ \t\r\n]*")


def _refused(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


# Numbers stay texts: nothing of the values is used, and the longest would be refused.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refused)


def is_spread(head: bytes) -> bool:
    """Whether a file that begins so is an array, or has an object that goes on below its line.

    One that begins with a byte order mark is taken for one, since no line of objects may.
    """
    text = head.lstrip()
    first, *more = text.split(b"\n", 1)
    return text.startswith((b"[", codecs.BOM_UTF8)) or (
        text.startswith(b"{") and bool(more) and not first.rstrip().endswith(b"}")
    )


def one_a_line(pieces: Iterable[bytes], name: str) -> Iterator[bytes]:
    """The objects of arrays and between them, one a line, every character as it was.

    Args:
        pieces: The file's bytes, bit by bit.
        name: The file's name, for messages.

    Raises:
        DataProblem: Something is no object, broken or cut off; with its number and its place.
    """
    text = _Text(iter(pieces), name)
    while text.more():
        found = [*text.objects()]
        if found:
            yield ("\n".join(found) + "\n").encode()
    text.end()


@dataclass
class _Text:
    """What has been read and not yet passed on.

    Attributes:
        rest, at: The text, and where in it the next object begins.
        read: Bytes that have been read.
        items: Objects that have been passed on.
        within: The place is in an array; `due`: after an object, so that a comma must come;
            `opened`: right after the array's beginning.
    """

    pieces: Iterator[bytes]
    name: str
    rest: str = ""
    at: int = 0
    read: int = 0
    items: int = 0
    within: bool = False
    due: bool = False
    opened: bool = False
    done: bool = False
    decoder: codecs.IncrementalDecoder = field(
        default_factory=codecs.getincrementaldecoder("utf-8-sig")
    )

    def more(self) -> bool:
        """Read on, at least as much as is still unread; whether there was anything."""
        parts, size = [self.rest[self.at :]], 0
        wanted = len(parts[0])
        if wanted > MOST:
            self.broken(f"the object is longer than {MOST:,} characters")
        while not self.done and size < max(wanted, AT_ONCE):
            piece = next(self.pieces, None)
            self.done = piece is None
            size += len(piece or b"")
            parts.append(self._decoded(piece or b""))
        self.rest, self.at = "".join(parts), 0
        return size > 0

    def _decoded(self, piece: bytes) -> str:
        try:
            text = self.decoder.decode(piece, self.done)
        except UnicodeDecodeError as error:
            place = f"at byte {self.read + error.start:,}"
            raise DataProblem(
                "broken-json", f"{self.name}: the text is not UTF-8, {place}", "mend the file"
            ) from error
        self.read += len(piece)
        return text

    def objects(self) -> Iterator[str]:
        """The objects that are whole."""
        while self._to_object():
            try:
                _, end = _DECODER.raw_decode(self.rest, self.at)
            except json.JSONDecodeError as error:
                if self.done or not self._cut(error):
                    self.broken(f"{error.msg[:1].lower()}{error.msg[1:]}; it is broken or cut off")
                return
            except (ValueError, RecursionError) as error:
                self.broken(str(error) or "it is too deep")
            yield self.rest[self.at : end].replace("\n", " ")
            self.at, self.due, self.items = end, True, self.items + 1

    def _to_object(self) -> bool:
        """Go on to the beginning of the next object; False where more must be read."""
        while True:
            self.at = _BETWEEN.match(self.rest, self.at).end()  # type: ignore[union-attr]
            found = self.rest[self.at : self.at + 1]
            if found == "{" and not (self.within and self.due):
                return True
            if not found:
                return False
            if found == "[" and not self.within:
                self.within, self.due = True, False
            elif found == "]" and self.within and (self.due or self.opened):
                self.within, self.due = False, False
            elif found == "," and self.within and self.due:
                self.due = False
            elif found == "]" and self.within:
                self.broken("the array ends with a comma; remove it, or the export is cut off")
            else:
                self.broken("this is no object")
            self.opened = found == "["
            self.at += 1

    def _cut(self, error: json.JSONDecodeError) -> bool:
        """Whether the object may be whole once more is read."""
        end = len(self.rest.rstrip())
        return error.msg.startswith("Unterminated string") or error.pos >= end - NEAR

    def end(self) -> None:
        """Complain where the file ends before its array does."""
        if self.within or self.rest[self.at :].strip():
            self.broken("the file is cut off")

    def broken(self, what: str) -> NoReturn:
        """Raise what is wrong with the next object."""
        byte = self.read - len(self.rest[self.at :].encode())
        raise DataProblem(
            "broken-json",
            f"{self.name}: item {self.items + 1:,}, at byte {byte:,}: {what}",
            "fetch the export again, or mend the file",
        )
