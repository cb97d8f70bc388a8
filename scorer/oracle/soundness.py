"""Decides whether a member may put its name to its own report."""

from dataclasses import dataclass

from scorer.oracle.alarm_reasons import RaiseAlarm
from scorer.oracle.cache import MemberCache
from scorer.oracle.failures import apart
from scorer.oracle.paths import MemberPaths
from scorer.oracle.policy import MemberPolicy
from scorer.oracle.recomputation import stop
from scorer.oracle.sanity import (
    RECOMPUTE_TIMEOUT,
    NoVerdict,
    Summary,
    recomputed_elsewhere,
    refusals,
    summary,
)
from scorer.protocol.report import Report
from scorer.storage.bundle import REPORT


@dataclass
class Soundness:
    """Holds a member's reports against its policy, each report once."""

    paths: MemberPaths
    policy: MemberPolicy
    cache: MemberCache
    raise_alarm: RaiseAlarm

    def refusals(self, round_id: int, report: Report) -> tuple[str, ...]:
        """Return why our report must not be attested; empty when it may."""
        known = self.cache.refusals.get(report.hash())
        if known is None:
            try:
                known = self.cache.refusals[report.hash()] = self._judged(round_id, report)
            except NoVerdict as error:
                return (f"{error}; it is tried again",)
        return known

    def _judged(self, round_id: int, report: Report) -> tuple[str, ...]:
        bundle, limits = self.paths.own_bundle(round_id), self.policy.limits
        reasons: tuple[str, ...] = ()
        if limits is not None:
            before = self._summary_before(round_id)
            reasons = refusals(report, bundle.terms(), bundle.scores(), before, limits)
        # Last, as it takes as long as scoring the round.
        if not reasons and self.policy.recomputes and not self._is_recomputed(round_id, report):
            disagreement = recomputed_elsewhere(bundle.folder)
            reasons = () if disagreement is None else (disagreement,)
        stop(self.cache.recomputations, round_id)
        return reasons

    def _is_recomputed(self, round_id: int, report: Report) -> bool:
        """Say whether a process that ran beside our computation came to the same report."""
        begun = self.cache.recomputations.pop(round_id, None)
        return begun is not None and begun.agrees(report, RECOMPUTE_TIMEOUT)

    def _summary_before(self, round_id: int) -> Summary | None:
        """Return a summary of the newest earlier round that we reported on and can read."""
        for earlier in range(round_id - 1, 0, -1):
            bundle = self.paths.own_bundle(earlier)
            if bundle.has(REPORT):
                what = f"round {earlier}, which round {round_id} is compared with"
                with apart(what, self.raise_alarm):
                    return summary(bundle.scores())
        return None
