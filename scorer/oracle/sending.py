"""Sends what a member or the operator decided to do; the one place where either hands over a transaction."""

from dataclasses import dataclass
from typing import Final

from scorer.oracle.alarm_reasons import AlarmReason, RaiseAlarm
from scorer.transactions.request import Reverted, TransactionRequest, TransactionSender

ALREADY_DONE: Final = frozenset(
    {
        "AlreadyAccepted",
        "AlreadyAttested",
        "AlreadyCounted",
        "AlreadyPosted",
        "OtherPart",
        "NothingOwed",
        "NotTopOfStack",
        "OtherReport",
        "ReportStands",
        "RoundNotSealed",
        "SealKnown",
        "WrongState",
        "WrongStatus",
    }
)
"""Reverts that mean somebody else was faster: not an error."""
DRY_RUN: Final = "dry run: not sent"


@dataclass(frozen=True)
class Outcome:
    """The outcome of an action in words, and whether the action after it still makes sense."""

    text: str
    goes_on: bool


@dataclass(frozen=True)
class Sending:
    """A request to send, with the words and the reverts by which its outcome is judged.

    Attributes
    ----------
    what
        The action in words, for an alarm.
    already_done
        Names of reverts that mean that somebody else was faster.
    """

    what: str
    request: TransactionRequest
    already_done: frozenset[str] = ALREADY_DONE


def send(sender: TransactionSender, sending: Sending, raise_alarm: RaiseAlarm) -> Outcome:
    """Deliver a request; a revert that does not mean that it is done already calls a human."""
    try:
        delivery = sender.deliver(sending.request)
    except Reverted as revert:
        if revert.name in sending.already_done:
            return Outcome(f"already done ({revert.name})", goes_on=True)
        raise_alarm(AlarmReason.NOT_ALLOWED, f"{sending.what}: {revert}")
        return Outcome(str(revert), goes_on=False)
    return Outcome(delivery.note, delivery.is_mined)
