"""Holds everything that a decision on one round depends on, as plain data."""

from dataclasses import dataclass

from scorer.chain.records import ProposalRecord, RoundRecord
from scorer.observation.court_case import Disproof
from scorer.oracle.actions import SealRound
from scorer.protocol.report import Report


@dataclass(frozen=True)
class Challenging:
    """Says whether we challenge at all, and which allowance is missing for the bond.

    Attributes
    ----------
    approve
        Wei to approve first, one after the other; nothing when the committee may take the bond already. NMR
        changes an allowance from or to zero alone.
    """

    allowed: bool = False
    approve: tuple[int, ...] = ()


@dataclass(frozen=True)
class Absence:
    """A seal that was recorded without our signature.

    Attributes
    ----------
    signature
        Ours of the same statement; None where we signed none.
    in_a_row
        The number of seals without it, up to the last one recorded.
    limit
        The number of them after which anybody may remove us.
    """

    signature: bytes | None
    in_a_row: int
    limit: int


@dataclass(frozen=True)
class OwedPlace:
    """A model of a draw whose predictions were demanded and are not shown yet.

    Attributes
    ----------
    place
        In the draw, from 0.
    problem
        Why we cannot show them, in words; None where we can.
    unstaged
        Pieces that are missing at the store, where one transaction does not carry them.
    """

    place: int
    model: int
    problem: str | None = None
    unstaged: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class OwedPredictions:
    """The predictions that are owed under the accepted report of a round.

    Attributes
    ----------
    since, until
        From when members answer, as nothing more can be demanded, and until when answers are taken, Unix
        seconds. The owner of a model may answer before.
    """

    places: tuple[OwedPlace, ...]
    since: int
    until: int


@dataclass(frozen=True)
class RoundView:
    """Everything that a decision on one round depends on, as of one finalised block.

    Attributes
    ----------
    now
        The block's timestamp: the only clock there is.
    chunks_left
        The number of chunks that are not settled yet.
    vote
        The report hash we attested last.
    report
        Our own report; None while we have not computed it.
    refusals
        The reasons for which our report must not be attested.
    address
        Our own.
    block
        Number of the finalised block.
    pool
        The tournament's pool, nano-NMR; None: no report of the round is accepted yet.
    delay
        Seconds that we leave to others before we send what anybody may send: members take turns.
    seal
        The seal to send, once a quorum signed one.
    sealable_from
        Chain time from which it may be sent: whoever is left out of it counts as absent.
    bonded
        Whether votes hold bonds, which are to be let go of.
    locking
        The tournament's rounds that are still to be locked. An operator who locks one while this round is
        settled does both for less.
    roll_wait
        Seconds after the beginning of a settlement for which chunks are left to such an operator.
    absence
        Set where the round was sealed without our signature.
    challenge_window
        The committee's, seconds.
    evidence_until
        Until when a court takes evidence of the round's reports, Unix seconds; None where none is asked for.
    posted_parts
        The number of parts of the accepted report's evidence that are public: itself, and of its steps.
    unstaged
        Pieces of our own evidence that are missing at the store, where one transaction does not carry it.
    disproof
        Set where we can prove that the accepted report is wrong.
    owed
        Set where predictions were demanded under the accepted report and can still be shown.
    """

    record: RoundRecord
    now: int
    chunks_left: int
    proposal: ProposalRecord | None
    vote: bytes | None
    report: Report | None
    refusals: tuple[str, ...] = ()
    challenging: Challenging = Challenging()
    address: str = ""
    delay: int = 0
    block: int = 0
    seal: SealRound | None = None
    sealable_from: int = 0
    pool: int | None = None
    bonded: bool = False
    locking: tuple[RoundRecord, ...] = ()
    roll_wait: int = 0
    absence: Absence | None = None
    challenge_window: int = 0
    evidence_until: int | None = None
    posted_parts: int = 0
    unstaged: tuple[bytes, ...] = ()
    disproof: Disproof | None = None
    owed: OwedPredictions | None = None
