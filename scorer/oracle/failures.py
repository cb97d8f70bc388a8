"""Classifies failures, and lets one part of a cycle fail without stopping the others."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import sqlalchemy as sa
from web3.exceptions import Web3Exception

from scorer.chain.endpoints import NoAgreement
from scorer.chain.errors import EndpointError, EndpointsDisagree, Refused
from scorer.chain.logs import IncompleteLogs
from scorer.chain.rpc_errors import Answer
from scorer.evaluation.inputs import InputsMismatch
from scorer.logs import get_logger
from scorer.oracle.alarm_reasons import AlarmReason, RaiseAlarm
from scorer.protocol.rules import RulesError
from scorer.storage.bundle import BundleError
from scorer.transactions.journal import JournalError
from scorer.transactions.signers import SignerError

LONGEST_WORDS: Final = 2_000
"""Most characters of an exception in a log: what a stranger wrote may be in it."""
FATAL: Final = (JournalError, sa.exc.SQLAlchemyError)
"""Without its journal a daemon must not act: it ends, and its supervisor starts it anew."""
_OF_CHAIN: Final = (EndpointError, Web3Exception)
"""The second: a revert, a block or a transaction that is not there, and what no contract of ours returns."""
_OF_FILES: Final = (BundleError, RulesError, InputsMismatch, OSError)
CHAIN_FAILED: Final = frozenset({AlarmReason.CANNOT_REACH_CHAIN, AlarmReason.INCOMPLETE_LOGS})
"""Another endpoint may do better."""
OF_OUR_OWN: Final = frozenset({AlarmReason.BROKEN_FILE, AlarmReason.SIGNER})
"""No endpoint can be at fault. A defect is not among them: what an endpoint makes up may look like one."""
CUT_SHORT: Final = CHAIN_FAILED | {AlarmReason.BROKEN_FILE, AlarmReason.DEFECT, AlarmReason.SIGNER}
"""A part of the cycle did not come to its end."""


def reason_of(error: Exception) -> AlarmReason:
    """Return the reason for which a human is called when an exception ended a cycle, or a part of it."""
    # The special cases come first: most of them are errors of an endpoint too.
    if isinstance(error, NoAgreement):
        none = not any(health.is_up for health in error.health)
        return AlarmReason.CANNOT_REACH_CHAIN if none else AlarmReason.ENDPOINTS_DISAGREE
    if isinstance(error, EndpointsDisagree):
        return AlarmReason.ENDPOINTS_DISAGREE
    if isinstance(error, IncompleteLogs):
        return AlarmReason.INCOMPLETE_LOGS
    if isinstance(error, SignerError):
        return AlarmReason.SIGNER
    if isinstance(error, Refused) and error.answer == Answer.GAS_TOO_HIGH:
        return AlarmReason.REFUSED
    if isinstance(error, _OF_CHAIN):
        return AlarmReason.CANNOT_REACH_CHAIN
    return AlarmReason.BROKEN_FILE if isinstance(error, _OF_FILES) else AlarmReason.DEFECT


def in_words(error: Exception) -> str:
    """Return an exception's kind and message for a log, cut short."""
    words = str(error)
    shown = words if len(words) <= LONGEST_WORDS else f"{words[:LONGEST_WORDS]}..."
    return f"{type(error).__name__}: {shown}"


@contextmanager
def apart(what: str, raise_alarm: RaiseAlarm) -> Iterator[list[str]]:
    """Keep a failure from what comes next: it is reported, with `what` failed, and not raised.

    Yields
    ------
    list[str]
        Empty; the failure is added to it in words.
    """
    failed: list[str] = []
    try:
        yield failed
    except FATAL:
        raise
    except Exception as error:  # noqa: BLE001 - whatever one part meets must not stop the others
        reason = reason_of(error)
        if reason == AlarmReason.DEFECT:
            get_logger().exception("defect", part=what)
        failed.append(f"{what}: {in_words(error)}")
        raise_alarm(reason, failed[0])
