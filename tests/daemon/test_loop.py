"""The loop goes on after what passes, ends at what does not, and tells both."""

import io
import json
import os
import re
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from scorer.chain.endpoint import EndpointError, unchecked
from scorer.chain.endpoints import Block, Health, NoAgreement
from scorer.chain.errors import Unreachable
from scorer.chain.logs import IncompleteLogs
from scorer.chain.rpc_errors import Answer
from scorer.daemon.alarms import Alarms
from scorer.daemon.health import served
from scorer.daemon.logging import configure_logging
from scorer.daemon.loop import Loop, stopped_by_signals
from scorer.daemon.metrics import Liveness, Metrics
from scorer.daemon.site import UnknownVersion
from scorer.oracle.alarm_reasons import AlarmReason
from scorer.transactions.intents import IntentState
from scorer.transactions.journal import JournalError
from scorer.transactions.signers import SignerError
from scorer.transactions.state_machine import ALARMING

UP = Health("a", Block(2, b"", 0), Block(1, b"", 0))
DOWN = Health("b", trouble="down", answer=Answer.UNREACHABLE)


@pytest.fixture(autouse=True)
def quiet() -> None:
    """Logs go nowhere."""
    configure_logging(io.StringIO())


def loop_of(cycle: Callable[[], Mapping[str, Any]]) -> Loop:
    metrics = Metrics()
    return Loop(cycle, 0.001, metrics, Alarms(metrics), Liveness(longest=60))


def raising(error: BaseException) -> Callable[[], Mapping[str, Any]]:
    def cycle() -> Mapping[str, Any]:
        raise error

    return cycle


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (EndpointError("no"), "CANNOT_REACH_CHAIN"),
        (NoAgreement("no", [DOWN]), "CANNOT_REACH_CHAIN"),
        (NoAgreement("no", [UP, DOWN]), "ENDPOINTS_DISAGREE"),
        (IncompleteLogs("no"), "INCOMPLETE_LOGS"),
        (SignerError("no"), "SIGNER"),
        (Unreachable("no"), "CANNOT_REACH_CHAIN"),
        (ZeroDivisionError("no"), "DEFECT"),
    ],
)
def test_what_may_pass_is_reported_and_tried_again(error: Exception, reason: str) -> None:
    loop = loop_of(raising(error))
    loop.run(cycles=3)
    page = loop.metrics.page().decode()
    assert f'cupel_alarms_total{{reason="{reason}",tournament=""}} 3.0' in page
    assert f'cupel_alarm{{reason="{reason}",tournament=""}} 1.0' in page
    assert "no" in str(loop.liveness.not_ready)


@pytest.mark.parametrize("error", [UnknownVersion("no"), JournalError("no")])
def test_what_does_not_pass_ends_the_process(error: Exception) -> None:
    with pytest.raises(type(error)):
        loop_of(raising(error)).run(cycles=3)


def test_an_alarm_stays_up_while_the_next_cycle_is_not_over() -> None:
    """A cycle that waits for endpoints takes most of the time: who looks then must see what is wrong."""
    seen: list[str] = []

    def cycle() -> Mapping[str, Any]:
        seen.append(loop.metrics.page().decode())
        raise EndpointError("no")

    loop = loop_of(cycle)
    loop.run(cycles=2)
    assert 'cupel_alarm{reason="CANNOT_REACH_CHAIN",tournament=""} 1.0' in seen[1]


def test_an_alarm_goes_down_when_its_reason_is_gone() -> None:
    errors = [EndpointError("no"), None]

    def cycle() -> Mapping[str, Any]:
        error = errors.pop(0)
        if error:
            raise error
        return {}

    loop = loop_of(cycle)
    loop.run(cycles=2)
    assert 'cupel_alarm{reason="CANNOT_REACH_CHAIN",tournament=""} 0.0' in loop.metrics.page().decode()
    assert loop.liveness.not_ready is None


def test_a_process_that_is_asked_to_stop_ends_what_it_began() -> None:
    finished = []

    def cycle() -> Mapping[str, Any]:
        os.kill(os.getpid(), signal.SIGTERM)
        finished.append(True)
        return {}

    loop = loop_of(cycle)
    with stopped_by_signals(loop.stop):
        loop.run()
    assert finished == [True]


def test_health_and_readiness_come_from_what_the_process_knows() -> None:
    now = [0.0]
    pulse = Liveness(longest=60, clock=lambda: now[0])
    metrics = Metrics()

    def ask(port: int, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    with served(0, metrics, pulse) as port:
        assert ask(port, "/healthz") == (200, "alive\n")
        assert ask(port, "/readyz") == (503, "no cycle yet\n")
        pulse.not_ready = None
        assert ask(port, "/readyz") == (200, "ready\n")
        now[0] = 61
        assert ask(port, "/healthz")[0] == 503
        pulse.beat()
        assert ask(port, "/healthz")[0] == 200
        assert "cupel_finalised_block" in ask(port, "/metrics")[1]
        assert ask(port, "/")[0] == 404
    assert threading.active_count() < 50


def test_logs_are_json_and_keep_secrets() -> None:
    import structlog

    stream = io.StringIO()
    configure_logging(stream)
    structlog.get_logger().info(
        "cycle",
        endpoint="https://user:pw@node.example/v3/apikey",
        private_key="0xabc",
        steps=["sent 0x" + "ab" * 40, {"password": "hunter2"}],
        hash=b"\x01",
    )
    (line,) = stream.getvalue().splitlines()
    event = json.loads(line)
    assert event["endpoint"] == "node.example"
    assert event["hash"] == "0x01"
    for secret in ("apikey", "pw@", "0xabc", "hunter2", "ab" * 40):
        assert secret not in line


unreachable = unchecked("http://127.0.0.1:1/v2/SECRETKEY", timeout=1)


def in_other_words() -> Mapping[str, Any]:
    """As urllib3 says it, inside an exception that is not a request's own."""
    raise ValueError("HTTPConnectionPool: Max retries exceeded with url: /v2/SECRETKEY (Caused by ...)")


@pytest.mark.parametrize("cycle", [lambda: {"at": unreachable.eth.block_number}, in_other_words])
def test_a_providers_key_is_neither_logged_nor_shown_when_it_cannot_be_reached(
    cycle: Callable[[], Mapping[str, Any]],
) -> None:
    stream = io.StringIO()
    configure_logging(stream)
    loop = loop_of(cycle)
    loop.once()
    with served(0, loop.metrics, loop.liveness) as port, pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5)
    shown = stream.getvalue() + caught.value.read().decode()
    assert "expected an answer" in shown or "Max retries exceeded" in shown
    assert "SECRETKEY" not in shown


def test_every_alarm_of_a_transaction_is_a_known_reason_and_every_reason_is_raised() -> None:
    known = {reason.name for reason in AlarmReason}
    raised = {why.name for why in ALARMING} | {IntentState.DISPLACED.name, IntentState.FAILED.name}
    sources = Path(__file__).parents[2] / "scorer"
    for path in {*sources.rglob("*.py")} - {sources / "oracle" / "alarm_reasons.py"}:
        raised |= set(re.findall(r"\bAlarmReason\.([A-Z_]+)", path.read_text()))
    assert raised == known


def test_every_reason_has_a_section_in_the_runbook_and_a_rule() -> None:
    root = Path(__file__).parents[2]
    runbook = (root / "docs" / "runbook.md").read_text()
    rules = (root / "ops" / "alerts.yml").read_text()
    sections = re.findall(r"^### ([A-Z_]+)$", runbook, re.MULTILINE)
    assert sorted(sections) == sorted(reason.name for reason in AlarmReason)
    for reason in AlarmReason:
        assert f"`{reason.value}`" in runbook
        assert f'max_over_time(cupel_alarm{{reason="{reason.name}"}}[' in rules
        assert f"summary: {json.dumps(reason.value)}" in rules


def test_every_metric_of_the_dashboard_and_the_rules_exists() -> None:
    root = Path(__file__).parents[2]
    exposed = set(re.findall(r"^# HELP (cupel_\w+)", Metrics().page().decode(), re.MULTILINE))
    exposed |= {f"{name}_bucket" for name in exposed} | {f"{name}_count" for name in exposed}
    for file in ("alerts.yml", "grafana.json"):
        used = set(re.findall(r"\bcupel_\w+", (root / "ops" / file).read_text()))
        assert used
        assert used <= exposed, used - exposed
