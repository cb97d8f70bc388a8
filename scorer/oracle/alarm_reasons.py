"""Lists every reason for which a daemon calls a human; the runbook has a section for each."""

from collections.abc import Callable
from enum import StrEnum


class Severity(StrEnum):
    """Says how soon somebody must look: at once, or within working hours."""

    PAGE = "page"
    TICKET = "ticket"


class AlarmReason(StrEnum):
    """Names what went wrong; the value says it in a sentence."""

    ABSENT = "A round was sealed without our signature."
    BOND_TOO_LARGE = "A challenge takes a larger bond than we stake."
    BRIDGE_BROKEN = "The bridge is out of balance: more is in use than is locked, or a message came twice."
    BRIDGE_SLOW = "A message of the bridge waits for longer than it should."
    BROKEN_FILE = "A file of ours is missing or broken: what rests on it is not done."
    CANNOT_REACH_CHAIN = "No endpoint can be used."
    CEILING = "A higher bid would be above the fee ceiling."
    CHALLENGE_LOST = "A report that we disputed was upheld: nothing is disputed until a human looked."
    CHECKPOINT_LATE = "Polygon's validators posted no checkpoint for longer than they should."
    CONSENSUS = "Members signed consensus documents of a round that differ."
    DEFECT = "The program met something that it was not written for."
    DISPLACED = "A transaction that is not ours took our nonce, and is final."
    ENDPOINTS_DISAGREE = "Endpoints say different things of what is final, or too few answer."
    FAILED = "A transaction reverted in its block."
    FEE_CAP = "Gas times fee cap is above what the endpoint takes."
    FINALITY_STALLED = "The chain goes on and finalises nothing: nothing is sent until it does."
    FOREIGN_NONCE = "A transaction that is not ours took our nonce."
    INPUTS_MISSING = (
        "The files of an open round are not here, or are not those of the round: no model can run."
    )
    INCOMPLETE_LOGS = "An endpoint's logs do not add up to what the contract committed to."
    LOCKED_AFTER_RELEASE = "Other stakes are locked than when shares were released: nothing is signed."
    LOST_KEY = "We have no key for the shares of a round, and take no part in it."
    LOW_BALANCE = "The account that pays for gas is almost empty."
    MISSED_ROUND = "A round closed without a submission of a model."
    MISSED_OPENING = "A planned round was not opened before it closed."
    NEVER_SEALED = "A round was not sealed in time; its positions return whole."
    MODEL_FAILED = "A model did not run, or what it predicted is not valid."
    NO_ENCRYPTION_KEYS = "Too few members published a key: a round would take no submission."
    NO_EVIDENCE = "The evidence of an accepted report is not public: it is never final without."
    NO_FUNDS = "The account cannot pay for the gas."
    NO_REPORT = "The files of a round are not those that the chain committed to."
    NO_SANDBOX = "A provider cannot run models here: nothing is run without a sandbox."
    NO_SUBMISSION = "A round closes soon, and a model has no submission."
    NOT_ALLOWED = "A contract does not allow what is to be done."
    NOT_DELIVERED = "A signed submission could not be handed in; it is tried again."
    NOT_PUBLISHED = "A round has closed or is sealed, and its files are not published."
    OVERRULED = "Other members' verdict on a submission prevails, and it is not ours."
    PEERS_DIFFER = "Another member's report of a round rests on other inputs than ours."
    POOL_SHORT = "A report was accepted that the pool cannot pay."
    PROVEN_WRONG = "An accepted report says what can be proven wrong."
    PUBLISHED_CHANGED = "What is published of a sealed round is not what we took over any more."
    PUBLISHED_MISMATCH = "What is published of a round is not what the chain committed to."
    REFUSED = "A transaction is refused, or takes too much gas, or reverted too often."
    REFUSED_SUBMISSION = "A submission was not taken."
    REPORT = "A report differs from ours, or ours is not sound."
    SET_ASIDE = "A report that was kept does not rest on what the chain says: it is made anew."
    SIGNER = "The remote signer does not sign."
    STALE_SUBMISSION = "An older version of a model was submitted, as the new one failed."
    TARGETS_CHANGED = "Targets or tables are others than those of our report."
    TOO_MANY_CHALLENGES = "As many of our bonds hang on disputes as may at once: this report is not disputed."
    TRANSFER_OVERDUE = "A transfer over the bridge was sent long ago and has not arrived."
    UNANSWERED = "Predictions were demanded, and we cannot show them: their model will not be paid."
    UNDECIDED = "Too few members released their shares: submissions cannot be read."
    UNKNOWN_VERSION = "The contracts are of a version that this program does not know."
    WRONG_RELEASE = "A member released keys that are proved wrong."
    WRONG_TERMS = "A round was opened with other terms than those of its rules: nothing is signed."

    @property
    def severity(self) -> Severity:
        """The severity with which the alarm is raised."""
        tickets = {
            AlarmReason.ABSENT,
            AlarmReason.BRIDGE_SLOW,
            AlarmReason.CANNOT_REACH_CHAIN,
            AlarmReason.CHECKPOINT_LATE,
            AlarmReason.LOW_BALANCE,
            AlarmReason.INPUTS_MISSING,
            AlarmReason.MODEL_FAILED,
            AlarmReason.NOT_DELIVERED,
            AlarmReason.REFUSED_SUBMISSION,
            AlarmReason.STALE_SUBMISSION,
            AlarmReason.TRANSFER_OVERDUE,
        }
        return Severity.TICKET if self in tickets else Severity.PAGE


RaiseAlarm = Callable[[AlarmReason, str], None]
"""Calls a human, for a reason and with a detail in words."""


def ignore_alarm(_reason: AlarmReason, _detail: str) -> None:
    """Raise no alarm."""
