"""Holds all that an operator's process remembers between two cycles."""

from dataclasses import dataclass, field
from pathlib import Path

from scorer.observation.basis import ChainBasis
from scorer.observation.observe import RoundTracker
from scorer.operator.plans import PlanFolder
from scorer.operator.rolling import SettlingRounds
from scorer.oracle.stamps import Stamp


@dataclass
class OperatorCache:
    """Remembers what a process read and decided; losing it costs time alone.

    Attributes
    ----------
    rounds
        The rounds that are over in a finalised block.
    slots
        The most slots that a chunk of an unfinished round may have.
    plans
        Plans as they were read, by their folder.
    opened
        Digests of plans that are on the chain.
    done
        Digests of plans that were opened and are over, or were missed and reported.
    checked
        The stamp of published submissions that were held against their signatures, by round.
    settling
        Rounds in settlement, with the scores that members published.
    basis
        The block that what was read of the chain rests on.
    """

    rounds: RoundTracker = field(default_factory=RoundTracker)
    slots: dict[int, int] = field(default_factory=dict)
    plans: dict[Path, PlanFolder] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    checked: dict[int, Stamp] = field(default_factory=dict)
    settling: SettlingRounds = field(default_factory=SettlingRounds)
    basis: ChainBasis = field(default_factory=ChainBasis)

    def forget_chain(self) -> None:
        """Read everything anew: the chain that it was read from is no more."""
        self.rounds.forget()
        self.settling.keep(set())
        for known in (self.slots, self.opened, self.done, self.checked):
            known.clear()
