"""A headless Chromium, spoken to over its own pipe; no library stands between."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = (
    "--headless", "--disable-gpu", "--no-sandbox", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-extensions",
    "--disable-dev-shm-usage", "--remote-debugging-pipe",
)  # fmt: skip
TROUBLE = (
    "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded",
    "Page.javascriptDialogOpening", "Network.requestWillBeSent",
)  # fmt: skip

# Chromium reads from descriptor 3 and writes to 4.
START = """
import os, sys
ends = [os.dup(int(end)) for end in sys.argv[1:3]]
for number, end in zip((3, 4), [os.dup(end) for end in ends]):
    os.dup2(end, number)
os.execv(sys.argv[3], sys.argv[3:])
"""


def found() -> str | None:
    """Where a Chromium is, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@dataclass
class Page:
    """One page: what it does, and what it did that a report must not do."""

    send: Any
    read: Any
    session: str = ""
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    seen: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    loaded: bool = False

    def call(self, method: str, **parameters: Any) -> Any:
        """Ask, and wait for the answer; what happens meanwhile is kept."""
        number = next(self.ids)
        message = {"id": number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.send(message)
        while (answer := self._next()).get("id") != number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def _next(self) -> Mapping[str, Any]:
        message: Mapping[str, Any] = self.read()
        if message.get("method") in TROUBLE:
            self.seen.append((message["method"], message["params"]))
        self.loaded = self.loaded or message.get("method") == "Page.loadEventFired"
        return message

    def open(self, path: Path, width: int, *, dark: bool = False) -> None:
        """A file, in a window so wide."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=800,
                  deviceScaleFactor=1, mobile=width < 500)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.loaded = False
        self.call("Page.navigate", url=path.as_uri())
        while not self.loaded:
            self._next()

    def value(self, expression: str) -> Any:
        """What an expression is on the page."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)[
            "result"
        ].get("value")

    def trouble(self, path: Path) -> list[tuple[str, Mapping[str, Any]]]:
        """All that was seen but the reading of the file itself."""
        own = ("Network.requestWillBeSent", path.as_uri())
        return [
            (method, seen) for method, seen in self.seen
            if (method, seen.get("request", {}).get("url", "").split("#")[0]) != own
            and not seen.get("request", {}).get("url", "").startswith("data:")
        ]  # fmt: skip


@contextmanager
def page() -> Iterator[Page]:
    """A page of a Chromium that ends with the block."""
    to_browser, our_end = os.pipe()
    from_browser, their_end = os.pipe()
    folder = tempfile.mkdtemp()
    process = subprocess.Popen(
        [sys.executable, "-c", START, str(to_browser), str(their_end), str(found()), *QUIET,
         f"--user-data-dir={folder}", "about:blank"],
        pass_fds=(to_browser, their_end), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(to_browser)
    os.close(their_end)
    buffer = bytearray()

    def send(message: Mapping[str, Any]) -> None:
        os.write(our_end, json.dumps(message).encode() + b"\0")

    def read() -> Mapping[str, Any]:
        while b"\0" not in buffer:
            part = os.read(from_browser, 1 << 16)
            assert part, "Chromium ended"
            buffer.extend(part)
        message, _, rest = bytes(buffer).partition(b"\0")
        buffer[:] = rest
        found: Mapping[str, Any] = json.loads(message)
        return found

    try:
        shown = Page(send, read)
        target = shown.call("Target.createTarget", url="about:blank")["targetId"]
        shown.session = shown.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            shown.call(f"{domain}.enable")
        yield shown
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        os.close(our_end)
        os.close(from_browser)
        shutil.rmtree(folder, ignore_errors=True)
