"""A committee member at work: one cycle over every unfinished round."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from scorer.encryption import Identity
from scorer.oracle.actions import ActionResult
from scorer.oracle.alarm_reasons import RaiseAlarm, ignore_alarm
from scorer.oracle.cache import MemberCache
from scorer.oracle.context import CycleContext
from scorer.oracle.member_cycle import MemberCycle
from scorer.oracle.paths import MemberPaths
from scorer.oracle.policy import MemberPolicy
from scorer.storage.bundle import REPORT, Bundle


@dataclass
class Member:
    """One member of the committee of one tournament.

    Attributes
    ----------
    address
        The account whose votes are looked for.
    raise_alarm
        Calls a human.
    challenged
        Returns the rounds whose report we disputed.
    cache
        What this process read and computed before.
    identities
        Our encryption keys, newest first: older ones are for rounds that opened before a change.
    """

    paths: MemberPaths
    address: str
    policy: MemberPolicy = field(default_factory=MemberPolicy)
    raise_alarm: RaiseAlarm = ignore_alarm
    challenged: Callable[[], Sequence[int]] = tuple
    cache: MemberCache = field(default_factory=MemberCache)
    identities: Sequence[Identity] = ()

    def cycle(self, context: CycleContext, rounds: Sequence[int] | None = None) -> list[ActionResult]:
        """Observe, decide and act once for every unfinished round, oldest first.

        Parameters
        ----------
        rounds
            Look at these alone; None: at all that were ever opened.

        Returns
        -------
        list[ActionResult]
            Each action that was taken, and each that was not, with the reason.
        """
        return self.in_cycle(context).run(rounds)

    def recomputed(self, context: CycleContext, round_id: int) -> tuple[Bundle, bytes | None]:
        """Make our bundle of a round anew from our inputs as they are now.

        Returns
        -------
        tuple[Bundle, bytes | None]
            The bundle, and the hash that its report had before.

        Raises
        ------
        InputsMismatch, BundleError, scorer.chain.logs.IncompleteLogs
            When it cannot be made.
        """
        bundle = self.bundle(round_id)
        before = bundle.report().hash() if bundle.has(REPORT) else None
        record = context.suite.round(round_id, context.block.number)
        return self.in_cycle(context).reporter.anew(record), before

    def bundle(self, round_id: int) -> Bundle:
        """Return the member's own bundle of a round."""
        return self.paths.own_bundle(round_id)

    def in_cycle(self, context: CycleContext) -> MemberCycle:
        """Return the member bound to the chain as one cycle reads it."""
        return MemberCycle(
            context,
            self.paths,
            self.address,
            self.policy,
            self.raise_alarm,
            self.challenged,
            self.cache,
            self.identities,
        )
