"""How a committee member works, beyond what the protocol says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scorer.oracle.sanity import SanityLimits
from scorer.oracle.takeover import GRACE
from scorer.transactions.alarms import AlarmCallback, ignore_alarm


@dataclass(frozen=True)
class MemberPolicy:
    """How a member works, beyond what the protocol says.

    Attributes
    ----------
    challenges, largest_bond
        Whether it disputes an accepted report that is not its own, and for what bond at most, wei.
    most_challenges
        How many bonds may hang on undecided challenges at once.
    challenged
        Tells the rounds whose report we disputed.
    lost_challenges
        Of these, the rounds whose lost challenge a human has looked at. Any other one ends all challenging.
    stagger
        Seconds between members' turns in sending what anybody may send.
    roll_wait
        Seconds after the beginning of a settlement for which its chunks are left to the operator, while
        another round is to be locked; 0: none.
    limits
        What is too unusual to be attested; None: nothing is held back.
    recomputes
        Whether a fresh process must come to the same report before it is attested.
    disputed
        Hashes of accepted reports, in hex, that a human has looked at and found wrong: these are disputed
        whatever they rest on.
    publication_grace
        Seconds after a seal in which published files may still be on their way.
    outcome_delay
        Seconds that are waited after an outcome before a report is made, for targets to be corrected.
    alarm
        Told the kind and the detail of what a human must know.
    """

    challenges: bool = False
    largest_bond: int = 0
    most_challenges: int = 3
    challenged: Callable[[], Sequence[int]] = tuple
    lost_challenges: frozenset[int] = frozenset()
    stagger: int = 0
    roll_wait: int = 0
    limits: SanityLimits | None = None
    recomputes: bool = False
    disputed: frozenset[str] = frozenset()
    publication_grace: int = GRACE
    outcome_delay: int = 0
    alarm: AlarmCallback = ignore_alarm
