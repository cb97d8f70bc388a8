"""Reads the rounds that a cycle acts on, as one endpoint shows them and others confirm.

A vote that rests on a lie is refused by a second endpoint, and a transaction by the contracts. But nothing
refuses what is left undone: an endpoint that hides a round, or says that it is settled, that its outcome is
far away or that we voted, would keep a daemon waiting without an alarm.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scorer.chain.contracts import Suite
from scorer.chain.errors import EndpointsDisagree
from scorer.chain.records import RoundRecord
from scorer.observation.observe import CommitteeView, RoundTracker, unfinished_rounds
from scorer.oracle.agreement import host_of
from scorer.oracle.context import CycleContext
from scorer.protocol.documents import shown


@dataclass(frozen=True)
class Observation:
    """Rounds that are not over at a block.

    Attributes
    ----------
    records
        Oldest first; those in doubt are left out.
    doubts
        Rounds of which two endpoints say different things, with what they say.
    """

    records: Sequence[RoundRecord]
    doubts: Mapping[int, str]


def observed_rounds(
    context: CycleContext,
    tracker: RoundTracker,
    rounds: Sequence[int] | None = None,
) -> Observation:
    """Return the unfinished rounds, as `unfinished_rounds` does. A round in doubt is asked about again.

    Raises
    ------
    EndpointsDisagree
        When endpoints say that different numbers of rounds were ever opened.
    """
    suite, block = context.suite, context.block
    # On copies: an endpoint that is wrong must leave nothing in what is remembered.
    trial, count = tracker.copy(), suite.round_count(block.number)

    def read(other: Suite) -> tuple[int, list[RoundRecord]]:
        opened = other.round_count(block.number)
        if opened != count:
            return opened, []
        return opened, unfinished_rounds(other, block, rounds, tracker.copy(), opened)

    ours = {record.round_id: record for record in unfinished_rounds(suite, block, rounds, trial, count)}
    doubts: dict[int, str] = {}
    for host, (opened, records) in context.quorum_check.answers(read):
        if opened != count:
            raise EndpointsDisagree(
                f"expected endpoints to agree, found {count} rounds at {host_of(suite)} "
                f"and {opened} at {host}"
            )
        doubts |= _differing("round", host, ours, {record.round_id: record for record in records})
    trial.unfinished |= doubts.keys()
    tracker.keep(trial)
    return Observation([record for record in ours.values() if record.round_id not in doubts], doubts)


def committee_doubts(context: CycleContext, committee: CommitteeView) -> dict[int, str]:
    """Return rounds of whose accepted report, or of our vote on it, another endpoint says otherwise."""
    asked = sorted(committee.proposals)

    def read(other: Suite) -> CommitteeView:
        return CommitteeView.read(other, asked, committee.address, context.block)

    doubts: dict[int, str] = {}
    for host, theirs in context.quorum_check.answers(read) if asked else ():
        if theirs.proposals.keys() == committee.proposals.keys():
            doubts |= _differing("proposal", host, committee.proposals, theirs.proposals)
        if theirs.votes.keys() == committee.votes.keys():
            doubts |= _differing("vote", host, committee.votes, theirs.votes)
    return doubts


def _differing(what: str, host: str, ours: Mapping[int, Any], theirs: Mapping[int, Any]) -> dict[int, str]:
    return {
        round_id: f"round {round_id}: endpoint {host} says otherwise: the {what} is "
        f"{_shown(theirs, round_id)}, not {_shown(ours, round_id)}"
        for round_id in _different(ours, theirs)
    }


def _different(ours: Mapping[int, Any], theirs: Mapping[int, Any]) -> Iterator[int]:
    for round_id in sorted({*ours, *theirs}):
        if (round_id in ours) != (round_id in theirs) or ours.get(round_id) != theirs.get(round_id):
            yield round_id


def _shown(records: Mapping[int, Any], round_id: int) -> str:
    return shown(repr(records[round_id])) if round_id in records else "over"
