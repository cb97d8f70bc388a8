"""Answers to demands for predictions: the calls that give them, and those that are on the chain."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from web3.contract.contract import ContractFunction

from scorer.chain.calldata import calldata
from scorer.chain.contracts import Suite
from scorer.chain.court import StagedCourt
from scorer.chain.demands import Demands
from scorer.chain.logs import IncompleteLogs, event_logs, first_block_at
from scorer.observation.observe import Block
from scorer.proofs.calls import SealedTree
from scorer.proofs.pieces import fits_pools, piece_address, pieces_of
from scorer.proofs.search import predictions_of
from scorer.protocol.digest import content_hash, content_of, prediction_bytes
from scorer.protocol.predictions import float_array
from scorer.protocol.submissions import Submission


def answer_call(
    suite: Suite, round_id: int, place: int, sealed: SealedTree, model: int, to: str
) -> ContractFunction:
    """Return the call that answers a demand, however large it is; see `sent_answer`.

    Parameters
    ----------
    to
        The checksummed address that gets the part of the deposit for sending it.

    Raises
    ------
    ValueError
        When the model did not submit, or its predictions are withheld.
    TypeError
        When the tournament demands nothing.
    """
    content = prediction_bytes(predictions_of(sealed, model))
    answer = _demands(suite).contract.functions.answer
    return answer(suite.tournament.address, round_id, place, sealed.submission(model), content, to)


def answer_pieces(call: ContractFunction) -> tuple[bytes, ...]:
    """Return what is staged before an answer is sent; nothing where one transaction carries it."""
    whole = calldata(call)
    return () if fits_pools(whole) else pieces_of(whole)


def sent_answer(suite: Suite, call: ContractFunction) -> ContractFunction:
    """Return an answer as it is sent: itself, or by the store of the pieces that hold it.

    Raises
    ------
    TypeError
        When it is too large, and the committee's court has no store.
    """
    pieces = answer_pieces(call)
    if not pieces:
        return call
    staged = staged_court(suite)
    if staged is None:
        raise TypeError("expected a court with a store of pieces for so large an answer, found none")
    at = [piece_address(str(staged.store.address), piece) for piece in pieces]
    return staged.store.functions.send(_demands(suite).contract.address, at)


def staged_court(suite: Suite) -> StagedCourt | None:
    """Return the sibling of the court that has a store of pieces; None where there is none."""
    return None if suite.court is None else suite.court.staged


def with_answers(
    suite: Suite, round_id: int, report_hash: bytes, sealed: SealedTree, at: Block
) -> SealedTree:
    """Return submissions with the predictions that answers to demands made public: as if we held them.

    What an endpoint shows of predictions that are not those that were signed is passed over.

    Raises
    ------
    scorer.chain.logs.IncompleteLogs
        When it shows fewer answers than the contract counts.
    """
    if suite.demands is None:
        return sealed
    shown, ids = read_answers(suite, round_id, report_hash, at), sealed.submissions.universe
    entries, strange = [], dict[int, bytes]()
    for entry in sealed.submissions.entries:
        content = shown.get(entry.model_id)
        if content is not None and content_of(ids, content) == entry.content_hash:
            answered = replace(entry, predictions=_floats(content))
            if are_signed(answered, ids):
                entries.append(answered)
                continue
            # Whatever was signed is an answer, also what no file can hold: then the seal is false.
            strange[entry.model_id] = content
        entries.append(entry)
    submissions = replace(sealed.submissions, entries=tuple(entries))
    return replace(sealed, submissions=submissions, strange=strange)


def are_signed(entry: Submission, ids: tuple[str, ...]) -> bool:
    """Say whether one holds the predictions of a submission, and they are those that were signed."""
    if entry.predictions is None or len(entry.predictions) != len(ids):
        return False
    return content_hash(ids, float_array(entry.predictions)) == entry.content_hash


def read_answers(suite: Suite, round_id: int, report_hash: bytes, at: Block) -> Mapping[int, bytes]:
    """Return the bytes, by model, with which demands under a report were answered.

    Raises
    ------
    scorer.chain.logs.IncompleteLogs
        When an endpoint shows fewer than the contract counts.
    """
    demands, tournament = _demands(suite), str(suite.tournament.address)
    draw = demands.draw_of(tournament, report_hash, at.number)
    if not draw.answered:
        return {}
    filters = {"tournament": tournament, "roundId": round_id, "reportHash": report_hash}
    first = first_block_at(suite.w3, draw.since, suite.addresses.block, at.number)
    last = first_block_at(suite.w3, draw.answers_until, first, at.number)
    found = {
        int(event["args"]["modelId"]): bytes(event["args"]["predictions"])
        for event in event_logs(demands.contract.events.Answered(), filters, first, min(last, at.number))
    }
    if len(found) != len(draw.answered):
        raise IncompleteLogs(
            f"round {round_id}: expected {len(draw.answered)} answers to demands in the blocks {first} to "
            f"{last}, found {len(found)}"
        )
    return found


def _floats(content: bytes) -> NDArray[np.float64]:
    """Return predictions from eight bytes each; none where these are not whole."""
    whole = content if len(content) % 8 == 0 else b""
    return np.frombuffer(whole, dtype=">f8").astype(np.float64)


def _demands(suite: Suite) -> Demands:
    if suite.demands is None:
        raise TypeError("expected a tournament that demands predictions, found one that does not")
    return suite.demands
