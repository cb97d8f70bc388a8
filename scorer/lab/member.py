"""A committee member on a local chain: a cycle reads the newest finalised block, from one endpoint alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from scorer.chain.contracts import Suite
from scorer.encryption import Identity
from scorer.observation.observe import finalised_block
from scorer.oracle.actions import ActionResult
from scorer.oracle.alarm_reasons import RaiseAlarm, ignore_alarm
from scorer.oracle.cache import MemberCache
from scorer.oracle.context import CycleContext
from scorer.oracle.member import Member
from scorer.oracle.paths import MemberPaths
from scorer.oracle.policy import MemberPolicy
from scorer.storage.bundle import Bundle
from scorer.transactions.request import TransactionSender


@dataclass
class LocalMember:
    """A member with the chain that it reads and the account that it sends from.

    Attributes
    ----------
    sender
        None: a dry run.
    """

    suite: Suite
    paths: MemberPaths
    address: str
    sender: TransactionSender | None
    policy: MemberPolicy = field(default_factory=MemberPolicy)
    raise_alarm: RaiseAlarm = ignore_alarm
    challenged: Callable[[], Sequence[int]] = tuple
    cache: MemberCache = field(default_factory=MemberCache)
    identities: Sequence[Identity] = ()

    @property
    def member(self) -> Member:
        """The member as a daemon would run it."""
        return Member(
            self.paths,
            self.address,
            self.policy,
            self.raise_alarm,
            self.challenged,
            self.cache,
            self.identities,
        )

    @property
    def context(self) -> CycleContext:
        """The chain as it is now."""
        return CycleContext(self.suite, finalised_block(self.suite), sender=self.sender)

    def cycle(self, rounds: Sequence[int] | None = None) -> list[ActionResult]:
        """Run one cycle, over some rounds alone if given; return the results of its actions."""
        return self.member.cycle(self.context, rounds)

    def bundle(self, round_id: int) -> Bundle:
        """Return the member's own bundle of a round."""
        return self.paths.own_bundle(round_id)
