"""Lists our own challenges, by the journal, and how they ended, by the chain."""

from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from functools import partial

from scorer.chain.contracts import Suite
from scorer.chain.records import ProposalStatus
from scorer.oracle.quorum_check import QuorumCheck
from scorer.transactions.intents import OPEN, IntentState
from scorer.transactions.journal import Journal
from scorer.transactions.request import RequestKey, scope_of

DECIDED = frozenset({ProposalStatus.UPHELD, ProposalStatus.OVERTURNED})
"""These never change again, and need not be read again."""


@dataclass(frozen=True)
class Challenges:
    """Rounds whose report we disputed.

    Attributes
    ----------
    at_stake
        Rounds on whose dispute our bond hangs, or will once the transaction is mined.
    lost
        Rounds whose report was upheld, so that our bond is burned.
    """

    at_stake: frozenset[int] = frozenset()
    lost: frozenset[int] = frozenset()


def challenged_rounds(journal: Journal, chain_id: int, tournament: str) -> list[int]:
    """Return the rounds of a tournament for which a challenge was signed and did not fail."""
    keys = [
        RequestKey.parse(intent.key)
        for intent in journal.intents_of(scope_of(chain_id, tournament), "challenge")
        if intent.state in _NOT_FAILED
    ]
    return [key.round_id for key in keys if key is not None and key.round_id is not None]


_NOT_FAILED = OPEN | {IntentState.FINAL}


def outcomes(
    suite: Suite,
    rounds: Iterable[int],
    block: int,
    decided: MutableMapping[int, ProposalStatus],
    quorum_check: QuorumCheck,
) -> Challenges:
    """Return how the challenges of `rounds` stand at `block`; what is decided for good is added to `decided`.

    Raises
    ------
    scorer.chain.errors.EndpointsDisagree
        When endpoints do not say the same of one that is decided: a lie would be remembered for good.
    """
    at_stake, lost = set(), set()
    for round_id in rounds:
        status = decided.get(round_id) or _status(round_id, block, suite)
        if status in DECIDED and round_id not in decided:
            decided[round_id] = status = quorum_check.confirmed(
                suite, f"round {round_id}, how its dispute ended", partial(_status, round_id, block)
            )
        if status in (ProposalStatus.ACCEPTED, ProposalStatus.DISPUTED):
            at_stake.add(round_id)
        if status == ProposalStatus.UPHELD:
            lost.add(round_id)
    return Challenges(frozenset(at_stake), frozenset(lost))


def _status(round_id: int, block: int, suite: Suite) -> ProposalStatus:
    proposal = suite.proposal(round_id, block)
    return ProposalStatus.NONE if proposal is None else proposal.status
