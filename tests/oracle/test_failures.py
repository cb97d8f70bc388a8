"""A failure is reported by its cause, and keeps nothing waiting that has another cause."""

import io

import pytest
import sqlalchemy as sa
from web3.exceptions import BadFunctionCallOutput, BlockNotFound

from scorer.chain.endpoints import Block, Health, NoAgreement
from scorer.chain.errors import (
    EndpointError,
    MalformedAnswer,
    RateLimited,
    Refused,
    StateUnavailable,
    Unreachable,
)
from scorer.chain.logs import IncompleteLogs
from scorer.chain.rpc_errors import Answer
from scorer.daemon.logging import configure_logging
from scorer.evaluation.inputs import InputsMismatch
from scorer.oracle.alarm_reasons import AlarmReason
from scorer.oracle.failures import CHAIN_FAILED, apart, in_words, reason_of
from scorer.protocol.rules import RulesError
from scorer.storage.bundle import BundleError
from scorer.transactions.journal import JournalError
from scorer.transactions.signers import SignerError

UP = Health("a", Block(2, b"", 0), Block(1, b"", 0))


@pytest.fixture(autouse=True)
def quiet() -> None:
    """Logs go nowhere."""
    configure_logging(io.StringIO())


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (EndpointError("no"), AlarmReason.CANNOT_REACH_CHAIN),
        (Unreachable("no"), AlarmReason.CANNOT_REACH_CHAIN),
        (RateLimited("no"), AlarmReason.CANNOT_REACH_CHAIN),
        (MalformedAnswer("no"), AlarmReason.CANNOT_REACH_CHAIN),
        (StateUnavailable("missing trie node"), AlarmReason.CANNOT_REACH_CHAIN),
        (BadFunctionCallOutput("no"), AlarmReason.CANNOT_REACH_CHAIN),
        (BlockNotFound("no"), AlarmReason.CANNOT_REACH_CHAIN),
        (Refused("no", answer=Answer.GAS_TOO_HIGH), AlarmReason.REFUSED),
        (Refused("no"), AlarmReason.CANNOT_REACH_CHAIN),
        (NoAgreement("no", [UP]), AlarmReason.ENDPOINTS_DISAGREE),
        (IncompleteLogs("no"), AlarmReason.INCOMPLETE_LOGS),
        (SignerError("no"), AlarmReason.SIGNER),
        (BundleError("no"), AlarmReason.BROKEN_FILE),
        (RulesError("no"), AlarmReason.BROKEN_FILE),
        (InputsMismatch("rules", 1, 2), AlarmReason.BROKEN_FILE),
        (IsADirectoryError("no"), AlarmReason.BROKEN_FILE),
        (OSError("no space left on device"), AlarmReason.BROKEN_FILE),
        (ValueError("'nonsense' is not a valid Answer"), AlarmReason.DEFECT),
        (ZeroDivisionError("no"), AlarmReason.DEFECT),
    ],
)
def test_a_failure_is_reported_by_its_cause(error: Exception, reason: AlarmReason) -> None:
    assert reason_of(error) == reason
    alarms: list[tuple[AlarmReason, str]] = []

    def fail() -> None:
        raise error

    with apart("round 5", lambda *alarm: alarms.append(alarm)) as failed:
        fail()
    assert [raised for raised, _ in alarms] == [reason]
    assert [detail for _, detail in alarms] == failed
    assert failed[0].startswith("round 5: ")


def test_an_endpoint_is_left_for_a_failure_of_the_chain_alone() -> None:
    assert {AlarmReason.CANNOT_REACH_CHAIN, AlarmReason.INCOMPLETE_LOGS} == CHAIN_FAILED


@pytest.mark.parametrize(
    "error", [JournalError("no"), sa.exc.OperationalError("", {}, Exception()), SystemExit()]
)
def test_nothing_goes_on_without_a_journal_or_against_an_end(error: BaseException) -> None:
    with pytest.raises(type(error)), apart("round 5", lambda *_: None):
        raise error


def test_a_failure_is_logged_by_its_kind_and_no_longer_than_somebody_reads() -> None:
    assert in_words(Unreachable("endpoint a: no answer")) == "Unreachable: endpoint a: no answer"
    assert len(in_words(ValueError("9" * 10**6))) < 2_100
