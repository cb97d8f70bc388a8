"""What a failure means, and how one part of a cycle fails without stopping the others."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import requests
import sqlalchemy as sa
import structlog
from web3.exceptions import Web3Exception, Web3RPCError

from scorer.chain.answers import Answer, classify_error
from scorer.chain.endpoint import EndpointError, host
from scorer.chain.endpoints import NoAgreement
from scorer.chain.journal import JournalError
from scorer.chain.logs import IncompleteLogs
from scorer.chain.signers import SignerError
from scorer.oracle.reasons import Reason
from scorer.rounds.evaluation import InputsMismatch
from scorer.rounds.rules import RulesError
from scorer.store.bundle import BundleError

FATAL: Final = (JournalError, sa.exc.SQLAlchemyError)
"""Without its journal a daemon must not act: it ends, and its supervisor starts it anew."""
_OF_CHAIN: Final = (
    EndpointError,
    requests.RequestException,
    Web3Exception,
    ConnectionError,
    TimeoutError,
    json.JSONDecodeError,  # what an endpoint answered; our own files say which file is broken
)
_OF_FILES: Final = (BundleError, RulesError, InputsMismatch, OSError)
CHAIN_FAILED: Final = frozenset({Reason.CANNOT_REACH_CHAIN, Reason.INCOMPLETE_LOGS})
"""Another endpoint may do better."""
CUT_SHORT: Final = CHAIN_FAILED | {Reason.BROKEN_FILE, Reason.DEFECT, Reason.SIGNER}
"""A part of the cycle did not come to its end."""


def reason_of(error: Exception) -> Reason:
    """What a human is told of an exception that ended a cycle, or a part of it."""
    if isinstance(error, NoAgreement):
        none = not any(each.is_up for each in error.health)
        return Reason.CANNOT_REACH_CHAIN if none else Reason.ENDPOINTS_DISAGREE
    if isinstance(error, IncompleteLogs):
        return Reason.INCOMPLETE_LOGS
    if isinstance(error, SignerError):
        return Reason.SIGNER
    if isinstance(error, Web3RPCError) and classify_error(error) == Answer.GAS_TOO_HIGH:
        return Reason.REFUSED
    if isinstance(error, _OF_CHAIN):
        return Reason.CANNOT_REACH_CHAIN
    return Reason.BROKEN_FILE if isinstance(error, _OF_FILES) else Reason.DEFECT


def in_words(error: Exception) -> str:
    """An exception for a log: of a request its kind and host alone; in the rest may be a provider's key."""
    words = str(error)
    if isinstance(error, requests.RequestException):
        url = getattr(error.request, "url", None)
        answer = "no answer" if error.response is None else f"status {error.response.status_code}"
        words = f"{answer} from {host(url) if url else 'an endpoint'}"
    return f"{type(error).__name__}: {words}"


@contextmanager
def apart(what: str, alarm: Callable[[str, str], None]) -> Iterator[list[str]]:
    """Keep a failure from what comes next: it is told, with `what` failed, and not raised.

    Yields
    ------
    list[str]
        Empty; it gets what was told.
    """
    failed: list[str] = []
    try:
        yield failed
    except FATAL:
        raise
    except Exception as error:  # noqa: BLE001 - whatever one part meets must not stop the others
        reason = reason_of(error)
        if reason == Reason.DEFECT:
            structlog.get_logger().exception("defect", part=what)
        failed.append(f"{what}: {in_words(error)}")
        alarm(reason.name, failed[0])
