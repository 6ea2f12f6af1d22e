"""A server that answers as Azure Blob Storage does: lists, properties, bytes and ranges of blobs.

Whoever asks must sign with the account's key, or hold the shared access signature; a container may
be public.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

ACCOUNT = "acme"
KEY = base64.b64encode(b"a key of this account alone").decode()
SIGNATURE = "hushhush"
WHEN = "Mon, 05 Jan 2026 10:00:00 GMT"
PAGE = 5  # blobs of one answer, so that folders take several
SIGNED = (
    "Content-Encoding", "Content-Language", "Content-Length", "Content-MD5", "Content-Type", "Date",
    "If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range",
)  # fmt: skip

Containers = dict[str, dict[str, bytes]]


class Blobs(ThreadingHTTPServer):
    """The containers of an account.

    Attributes:
        root: A folder with the same files, for who holds the two against each other.
        containers: Blobs by container and name.
        public: Containers that anybody may read.
        asked: Verb, path and range of each request.
    """

    daemon_threads = True

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.containers: Containers = {}
        self.public: set[str] = set()
        self.asked: list[tuple[str, str, str]] = []

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving(root: Path) -> Iterator[Blobs]:
    """A server for as long as it is needed."""
    server = Blobs(root)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Blobs

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        query = dict(parse_qsl(asked.query, keep_blank_values=True))
        container, _, name = unquote(asked.path).lstrip("/").partition("/")
        self.server.asked.append((self.command, unquote(asked.path), self._range() or ""))
        blobs = self.server.containers.get(container)
        if container not in self.server.public and not self._allowed(query):
            self._refuse(403, "AuthenticationFailed")
        elif blobs is None:
            self._refuse(404, "ContainerNotFound")
        elif query.get("comp") == "list":
            self._answer(200, _listed(container, blobs, query), "application/xml")
        elif name not in blobs:
            self._refuse(404, "BlobNotFound")
        else:
            self._blob(blobs[name])

    do_HEAD = do_GET

    def _blob(self, content: bytes) -> None:
        asked = self._range()
        if asked is None or asked.startswith("bytes=-"):  # of the last bytes it knows nothing
            self._answer(200, content, "application/octet-stream")
            return
        first, last = asked.removeprefix("bytes=").split("-")
        start, end = int(first), min(int(last or len(content)) + 1, len(content))
        if start >= len(content):
            self._refuse(416, "InvalidRange")
            return
        place = {"Content-Range": f"bytes {start}-{end - 1}/{len(content)}"}
        self._answer(206, content[start:end], "application/octet-stream", place)

    def _range(self) -> str | None:
        return self.headers.get("x-ms-range") or self.headers.get("Range")

    def _allowed(self, query: Mapping[str, str]) -> bool:
        said = self.headers.get("Authorization")
        return said == f"SharedKey {ACCOUNT}:{self._signature(query)}" or (
            said is None and query.get("sig") == SIGNATURE
        )

    def _signature(self, query: Mapping[str, str]) -> str:
        sent = {name.lower(): value for name, value in self.headers.items()}
        sent |= {"content-length": ""} if sent.get("content-length") == "0" else {}
        lines = [self.command, *(sent.get(name.lower(), "") for name in SIGNED)]
        lines += [f"{n}:{v}" for n, v in sorted(sent.items()) if n.startswith("x-ms-")]
        lines.append(f"/{ACCOUNT}{urlsplit(self.path).path}")
        lines += sorted(f"{name.lower()}:{value}" for name, value in query.items())
        made = hmac.digest(base64.b64decode(KEY), "\n".join(lines).encode(), hashlib.sha256)
        return base64.b64encode(made).decode()

    def _refuse(self, status: int, code: str) -> None:
        body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>No.</Message></Error>'
        self._answer(status, body.encode(), "application/xml", {"x-ms-error-code": code})

    def _answer(
        self, status: int, body: bytes, kind: str, more: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        told = {
            "Content-Type": kind, "Content-Length": str(len(body)), "Last-Modified": WHEN,
            "ETag": '"0x1"', "Accept-Ranges": "bytes", "x-ms-version": "2023-11-03",
            "x-ms-blob-type": "BlockBlob", **(more or {}),
        }  # fmt: skip
        for name, value in told.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


def _listed(container: str, blobs: Mapping[str, bytes], query: Mapping[str, str]) -> bytes:
    """One page of a list, and where the next begins."""
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    found: dict[str, str] = {}
    for name in sorted(n for n in blobs if n.startswith(prefix)):
        below, sign, _ = name.removeprefix(prefix).partition(delimiter or "\0")
        if delimiter and sign:
            folder = prefix + below + delimiter
            found[folder] = f"<BlobPrefix><Name>{escape(folder)}</Name></BlobPrefix>"
            continue
        found[name] = (
            f"<Blob><Name>{escape(name)}</Name><Properties><Last-Modified>{WHEN}</Last-Modified>"
            f"<Etag>0x1</Etag><Content-Length>{len(blobs[name])}</Content-Length><Content-Type>"
            "application/octet-stream</Content-Type></Properties></Blob>"
        )
    begin = query.get("marker") or query.get("startFrom", "")
    names = [name for name in found if name >= begin]
    page, rest = names[:PAGE], names[PAGE:]
    inside = "".join(found[name] for name in page)
    return (
        f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="{container}">'
        f"<Prefix>{escape(prefix)}</Prefix><Blobs>{inside}</Blobs>"
        f"<NextMarker>{escape(rest[0]) if rest else ''}</NextMarker></EnumerationResults>"
    ).encode()
