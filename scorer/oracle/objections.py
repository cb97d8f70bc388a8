"""Asks several endpoints, before a member puts its name or its bond to a report, what the report rests on."""

from collections.abc import MutableSet

from scorer.chain.contracts import Suite
from scorer.observation.observe import Block, read_sealed
from scorer.oracle.consistency import disagreement
from scorer.oracle.context import CycleContext
from scorer.oracle.quorum_check import Unanswered
from scorer.oracle.view import RoundView
from scorer.storage.bundle import Bundle

Confirmations = MutableSet[tuple[Suite, int]]
"""Endpoint and round where all that a report rests on, which cannot change any more, was confirmed."""


def objection(
    context: CycleContext, view: RoundView, address: str, bundle: Bundle, confirmed: Confirmations
) -> str | None:
    """Return what another endpoint says otherwise, or that too few answer; None when enough say the same.

    They are asked at the same block for the round, the proposal and our vote, and for all that our report
    rests on. What they confirm of the latter is added to `confirmed`.
    """
    needed, round_id = context.quorum_check.needed, view.record.round_id

    def difference(suite: Suite) -> str | None:
        return _difference(suite, view, address, bundle, context.block, confirmed)

    confirmations, unanswered = 0, []
    for host, reply in context.quorum_check.replies(difference):
        if isinstance(reply, Unanswered):
            unanswered.append(f"{host}: {reply.why}")
        elif reply is not None:
            # One contradiction is enough, however many confirm.
            return f"round {round_id}: endpoint {host} says otherwise: {reply}"
        else:
            confirmations += 1
    if confirmations >= needed:
        return None
    return (
        f"round {round_id}: expected {needed} more endpoints to confirm what a vote or "
        f"a challenge rests on, found {confirmations}; {'; '.join(unanswered) or 'there are no others'}"
    )


def _difference(
    suite: Suite,
    view: RoundView,
    address: str,
    bundle: Bundle,
    block: Block,
    confirmed: Confirmations,
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
    if (suite, round_id) in confirmed:
        return None
    sealed = read_sealed(suite, view.record, block)
    problem = disagreement(bundle, sealed, suite.submitters_before(view.record.close_at, at))
    if problem is None:
        confirmed.add((suite, round_id))
    return problem
