"""A headless Chromium that a test drives, by web/tests/driver.mjs, and a wallet in it that signs here."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

DRIVER: Final = Path(__file__).parents[2] / "web" / "tests" / "driver.mjs"
WIDE, PHONE = 1280, 390


class BrowserError(Exception):
    """The browser did not do what was asked."""


@dataclass
class Browser:
    """One page of a browser; `answers` are what functions of the page ask the test."""

    process: "subprocess.Popen[str]"
    answers: dict[str, Callable[[Any], Any]] = field(default_factory=dict)

    def do(self, name: str, /, **arguments: Any) -> Any:
        """Let the browser do one thing; what it answers."""
        self._send({"do": name, **arguments})
        while True:
            line = self._read()
            if "ask" in line:
                self._send(
                    {"do": "answer", "id": line["id"], "value": self.answers[line["ask"]](line["call"])}
                )
                continue
            if "error" in line:
                raise BrowserError(f"{name} {arguments}: {line['error']}")
            return line["value"]

    def _send(self, document: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(document) + "\n")
        self.process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise BrowserError("expected an answer of the browser, found that it ended")
        found: dict[str, Any] = json.loads(line)
        return found

    def open(self, **settings: Any) -> None:
        """Begin with a fresh profile."""
        self.do("open", **settings)

    def goto(self, url: str) -> None:
        """Load a page that has to be there."""
        status = self.do("goto", url=url)
        assert status == 200, (url, status)

    def calm(self) -> None:
        """No error was logged, and nothing was asked of another host."""
        assert self.do("problems") == []
        assert self.do("foreign") == []


@contextmanager
def running_browser() -> Iterator[Browser]:
    """A browser for some tests."""
    node = shutil.which("node")
    assert node is not None, "expected node on PATH, found none; run make setup"
    environment = {**os.environ, "NO_PROXY": "*", "no_proxy": "*"}
    process = subprocess.Popen(
        [node, str(DRIVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    browser = Browser(process)
    try:
        yield browser
    finally:
        if process.poll() is None and process.stdin is not None:
            process.stdin.write('{"do": "end"}\n')
            process.stdin.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
