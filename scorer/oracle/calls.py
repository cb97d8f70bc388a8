"""Actions as calls of the contracts."""

from web3.contract.contract import ContractFunction

from scorer.chain.contracts import Suite
from scorer.oracle.decide import Action, Attest, BeginSettlement, ReturnChunk, SettleChunk, VoidRound
from scorer.oracle.observe import Sealed
from scorer.rounds.chunks import EMPTY_HEAD, pack_scores, positions_heads, scores_heads
from scorer.rounds.evaluation import scores_by_chunk
from scorer.store.bundle import Bundle


def contract_call(
    suite: Suite, round_id: int, action: Action, sealed: Sealed | None, bundle: Bundle
) -> ContractFunction:
    """The contract call that carries out `action`.

    Raises
    ------
    TypeError
        When the action sends nothing.
    """
    match action:
        case Attest(report):
            return suite.committee.functions.attest(suite.tournament.address, report.to_contract())
        case BeginSettlement(report):
            return suite.tournament.functions.beginSettlement(report.to_contract())
        case VoidRound():
            return suite.tournament.functions.voidRound(round_id)
        case SettleChunk(index) if sealed is not None:
            return _settle(suite, round_id, index, sealed, bundle)
        case ReturnChunk(index) if sealed is not None:
            return _return(suite, round_id, index, sealed)
        case _:
            raise TypeError(f"expected an action that sends a transaction, found {action}")


def _settle(suite: Suite, round_id: int, index: int, sealed: Sealed, bundle: Bundle) -> ContractFunction:
    columns = bundle.scores()
    by_model = dict(zip(columns["model_id"].tolist(), columns["reward_score"].tolist(), strict=True))
    chunks = sealed.positions.chunks
    scores = scores_by_chunk(sealed.positions, by_model)
    return suite.tournament.functions.settle(
        round_id,
        chunks[index].from_slot,
        positions_heads(chunks)[index],
        list(chunks[index].words),
        scores_heads(chunks, scores)[index],
        pack_scores(scores[index]),
    )


def _return(suite: Suite, round_id: int, index: int, sealed: Sealed) -> ContractFunction:
    chunks = sealed.positions.chunks
    return suite.tournament.functions.settle(
        round_id,
        chunks[index].from_slot,
        positions_heads(chunks)[index],
        list(chunks[index].words),
        EMPTY_HEAD,
        b"",
    )
