"""A daemon's log: JSON for whatever collects it, and lines for people on a terminal."""

import io
import json

import pytest
import structlog

from scorer.daemon.logging import configure_logging, line_for_people


class Screen(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> object:
    yield
    structlog.reset_defaults()


def written(stream: io.StringIO) -> str:
    configure_logging(stream)
    log = structlog.get_logger()
    log.info("cycle", block=76, steps=["1 Attest: block 77, 101230 gas", "2 Wait: not sealed yet"], left=None)
    log.error("alarm", reason="FAILED", password="SECRETWORD", counts={"sent": 2, "lost": []})
    return stream.getvalue()


def test_what_is_collected_is_an_object_a_line() -> None:
    first, second = map(json.loads, written(io.StringIO()).splitlines())
    assert (first["event"], first["block"], first["level"]) == ("cycle", 76, "info")
    assert second["reason"] == "FAILED"


def test_on_a_terminal_the_same_is_a_line_for_people_without_secrets() -> None:
    first, second = written(Screen()).splitlines()
    time, _, rest = first.partition(" ")
    assert (len(time), time[-1]) == (9, "Z")
    assert rest == (
        "cycle  block 76  steps 1 Attest: block 77, 101230 gas; 2 Wait: not sealed yet  left none"
    )
    assert " ERROR alarm  reason FAILED  password [hidden]  counts sent 2, lost none" in second
    assert "SECRETWORD" not in second


def test_a_stranger_s_text_cannot_write_over_the_screen_and_a_traceback_keeps_its_lines() -> None:
    event = {"event": "refused", "name": "a\x1b[2Jb\r\nc", "exception": "Traceback:\n  line\x1b"}
    assert line_for_people(event).splitlines() == [
        r"Z refused  name a\x1b[2Jb\r\nc",
        "Traceback:",
        r"  line\x1b",
    ]
