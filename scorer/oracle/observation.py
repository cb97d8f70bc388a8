"""The rounds that a cycle acts on, as one endpoint shows them and others confirm.

A vote that rests on a lie is refused by a second endpoint, and a transaction by the contracts. But nothing
refuses what is left undone: an endpoint that hides a round, or says that it is settled, that its outcome is
far away or that we voted, would keep a daemon waiting without a word.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scorer.chain.contracts import RoundRecord, Suite
from scorer.chain.errors import EndpointsDisagree
from scorer.observation.observe import Block, CommitteeView, RoundTracker, unfinished_rounds
from scorer.oracle.quorum_check import QuorumCheck, host_of
from scorer.protocol.documents import shown


@dataclass(frozen=True)
class Observation:
    """Rounds that are not over at a block.

    Attributes
    ----------
    records
        Oldest first; those in doubt are left out.
    doubts
        Rounds of which two endpoints say different things, and what.
    """

    records: Sequence[RoundRecord]
    doubts: Mapping[int, str]


def observed_rounds(
    suite: Suite,
    block: Block,
    witnesses: QuorumCheck,
    tracker: RoundTracker,
    rounds: Sequence[int] | None = None,
) -> Observation:
    """The unfinished rounds, as `unfinished_rounds` has them. A round in doubt is asked about again.

    Raises
    ------
    EndpointsDisagree
        When endpoints say that different numbers of rounds were ever opened.
    """
    trial, count = tracker.copy(), suite.round_count(block.number)

    def read(other: Suite) -> tuple[int, list[RoundRecord]]:
        found = other.round_count(block.number)
        same = found == count
        return found, unfinished_rounds(other, block, rounds, tracker.copy(), found) if same else []

    ours = {each.round_id: each for each in unfinished_rounds(suite, block, rounds, trial, count)}
    doubts: dict[int, str] = {}
    for host, (found, records) in witnesses.say(read):
        if found != count:
            raise EndpointsDisagree(
                f"expected endpoints to agree, found {count} rounds at {host_of(suite)} and {found} at {host}"
            )
        doubts |= _differing("round", host, ours, {each.round_id: each for each in records})
    trial.unfinished |= doubts.keys()
    tracker.keep(trial)
    return Observation([each for each in ours.values() if each.round_id not in doubts], doubts)


def committee_doubts(committee: CommitteeView, witnesses: QuorumCheck, block: Block) -> dict[int, str]:
    """Rounds of whose accepted report, or of our vote on which, another endpoint says otherwise."""
    asked = sorted(committee.proposals)

    def read(other: Suite) -> CommitteeView:
        return CommitteeView.read(other, asked, committee.address, block)

    doubts: dict[int, str] = {}
    for host, theirs in witnesses.say(read) if asked else ():
        if theirs.proposals.keys() == committee.proposals.keys():
            doubts |= _differing("proposal", host, committee.proposals, theirs.proposals)
        if theirs.votes.keys() == committee.votes.keys():
            doubts |= _differing("vote", host, committee.votes, theirs.votes)
    return doubts


def _differing(what: str, host: str, ours: Mapping[int, Any], theirs: Mapping[int, Any]) -> dict[int, str]:
    return {
        each: f"round {each}: endpoint {host} says otherwise: the {what} is {_of(theirs, each)}, "
        f"not {_of(ours, each)}"
        for each in _different(ours, theirs)
    }


def _different(ours: Mapping[int, Any], theirs: Mapping[int, Any]) -> Iterator[int]:
    for each in sorted({*ours, *theirs}):
        if (each in ours) != (each in theirs) or ours.get(each) != theirs.get(each):
            yield each


def _of(found: Mapping[int, Any], round_id: int) -> str:
    return shown(repr(found[round_id])) if round_id in found else "over"
