"""Before a member puts its name or its bond to a report, several endpoints must say what it rests on."""

from collections.abc import Callable, Iterator, MutableSet, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from scorer.chain import endpoint
from scorer.chain.contracts import Suite
from scorer.chain.errors import EndpointsDisagree
from scorer.observation.observe import Block, read_sealed
from scorer.oracle.consistency import disagreement
from scorer.oracle.decide import RoundView
from scorer.oracle.failures import OF_OUR_OWN, in_words, reason_of
from scorer.storage.bundle import Bundle

T = TypeVar("T")


@dataclass(frozen=True)
class QuorumCheck:
    """The endpoints that a cycle is not pinned to.

    Attributes
    ----------
    suites
        The contracts behind each.
    needed
        How many of them must confirm.
    heard
        Endpoint and round where a report's ground, which cannot change any more, was confirmed.
    """

    suites: Sequence[Suite] = ()
    needed: int = 0
    heard: MutableSet[tuple[Suite, int]] = field(default_factory=set)

    def say(self, read: Callable[[Suite], T]) -> Iterator[tuple[str, T]]:
        """What `read` finds at as many of them as must confirm, by host; one that fails is passed over."""
        confirmed = 0
        for suite in self.suites:
            if confirmed == self.needed:
                return
            try:
                found = read(suite)
            except Exception as error:
                if reason_of(error) in OF_OUR_OWN:
                    raise
                continue
            confirmed += 1
            yield host_of(suite), found

    def confirmed(self, suite: Suite, what: str, read: Callable[[Suite], T]) -> T:
        """What `read` finds at `suite`, once enough others find the same.

        Raises
        ------
        scorer.chain.errors.EndpointsDisagree
            When one finds something else, or too few answer.
        """
        ours, heard = read(suite), 0
        for host, theirs in self.say(read):
            if theirs != ours:
                raise EndpointsDisagree(f"{what}: endpoint {host} says otherwise than {host_of(suite)}")
            heard += 1
        if heard < self.needed:
            raise EndpointsDisagree(f"{what}: expected {self.needed} more endpoints to say, found {heard}")
        return ours

    def objection(self, view: RoundView, address: str, bundle: Bundle, block: Block) -> str | None:
        """What one of them says otherwise, or that too few answer; None when enough say the same.

        They are asked at the same block for the round, the proposal and our vote, and for all that our report
        rests on.
        """
        confirmed, silent = 0, []
        for suite in self.suites:
            if confirmed == self.needed:
                break
            try:
                other = self._otherwise(suite, view, address, bundle, block)
            except Exception as error:
                if reason_of(error) in OF_OUR_OWN:
                    raise
                silent.append(f"{host_of(suite)}: {in_words(error)}")
                continue
            if other is not None:
                return f"round {view.record.round_id}: endpoint {host_of(suite)} says otherwise: {other}"
            confirmed += 1
        if confirmed >= self.needed:
            return None
        return (
            f"round {view.record.round_id}: expected {self.needed} more endpoints to confirm what a vote or "
            f"a challenge rests on, found {confirmed}; {'; '.join(silent) or 'there are no others'}"
        )

    def _otherwise(
        self, suite: Suite, view: RoundView, address: str, bundle: Bundle, block: Block
    ) -> str | None:
        round_id, at = view.record.round_id, block.number
        pairs = (
            ("round", view.record, suite.round(round_id, at)),
            ("proposal", view.proposal, suite.proposal(round_id, at)),
            ("vote", view.vote, suite.vote(round_id, address, at)),
        )
        for what, ours, theirs in pairs:
            if ours != theirs:
                return f"the {what} is {theirs!r}, not {ours!r}"
        if (suite, round_id) in self.heard:
            return None
        sealed = read_sealed(suite, view.record, block)
        found = disagreement(bundle, sealed, suite.submitters(view.record.close_at, at))
        if found is None:
            self.heard.add((suite, round_id))
        return found


def host_of(suite: Suite) -> str:
    """The host of the endpoint behind contracts."""
    return endpoint.host_of(suite.w3)
