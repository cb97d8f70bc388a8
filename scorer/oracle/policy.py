"""Holds the choices that the protocol leaves to a committee member."""

from dataclasses import dataclass

from scorer.oracle.sanity import SanityLimits
from scorer.oracle.takeover import GRACE


@dataclass(frozen=True)
class MemberPolicy:
    """The choices that a member's operator makes, as plain values.

    Attributes
    ----------
    challenges, largest_bond
        Whether an accepted report that is not our own is disputed, and for what bond at most, wei.
    most_challenges
        The number of bonds that may hang on undecided challenges at once.
    lost_challenges
        The rounds whose lost challenge a human has looked at. Any other lost one ends all challenging.
    stagger
        Seconds between members' turns in sending what anybody may send.
    roll_wait
        Seconds after the beginning of a settlement for which its chunks are left to the operator, while
        another round is to be locked; 0: none.
    limits
        The bounds outside of which a report is held back; None: nothing is held back.
    proves
        Whether an accepted report that can be proven wrong is, to the court, for the gas that it takes.
    recomputes
        Whether a fresh process must come to the same report before it is attested.
    disputed
        Hashes of accepted reports, in hex, that a human has looked at and found wrong: these are disputed
        whatever they rest on.
    publication_grace
        Seconds after a seal in which published files may still be on their way.
    outcome_delay
        Seconds that are waited after an outcome before a report is made, for targets to be corrected.
    subscribers
        Public X25519 keys of those who get the body of a round's consensus document at once.
    """

    challenges: bool = False
    largest_bond: int = 0
    most_challenges: int = 3
    lost_challenges: frozenset[int] = frozenset()
    stagger: int = 0
    roll_wait: int = 0
    limits: SanityLimits | None = None
    proves: bool = True
    recomputes: bool = False
    disputed: frozenset[str] = frozenset()
    publication_grace: int = GRACE
    outcome_delay: int = 0
    subscribers: tuple[bytes, ...] = ()
