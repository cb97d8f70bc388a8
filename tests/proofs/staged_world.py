"""Staging and walks in a `CourtWorld`: what a prover does before the last call."""

from collections.abc import Sequence
from typing import Any

from scorer.proofs.evidence import Evidence
from scorer.proofs.staged import COMMITMENT_AGE, Stage, StagedScore, Staging, staged_score
from tests.proofs.court_world import STRANGER, CourtWorld


def stage(world: CourtWorld, pieces: Sequence[bytes], account: int = STRANGER) -> None:
    """Stage contents at the world's store."""
    for piece in pieces:
        world.send(world.store.functions.stage(piece), account)


def prepare(world: CourtWorld, staging: Staging, account: int = STRANGER) -> None:
    """Stage all pieces and walk all walks."""
    stage(world, staging.pieces, account)
    for walk in staging.walks:
        world.send(world.staged_court.functions.walk(*walk.arguments), account)


def staged_of(world: CourtWorld, evidence: Evidence, model: int, range_ids: int = 20) -> StagedScore:
    """Return what the staged proof of a model's score takes, walked in ranges of so many ids."""
    stage_ = Stage(str(world.store.address))
    return staged_score(world.predictions(model), evidence.operands, world.tree, stage_, range_ids)


def score_call(
    world: CourtWorld, evidence: Evidence, scores: dict[int, int], model: int, walked: tuple[Any, ...]
) -> Any:
    """Return the last call of the proof of a model's score."""
    arguments = world.score_arguments(evidence, scores, model)[:4]
    return world.staged_court.functions.disproveScore(*arguments, walked)


def announce(world: CourtWorld, call: Any, account: int = STRANGER) -> None:
    """Commit the last call of a staged proof."""
    world.commit(call, account, world.staged_court)


def let_age(world: CourtWorld, seconds: int = COMMITMENT_AGE) -> None:
    """Let time pass on the chain."""
    world.anvil.advance_to(world.anvil.w3.eth.get_block("latest")["timestamp"] + seconds)


def prove_staged(world: CourtWorld, call: Any, staging: Staging, account: int = STRANGER) -> Any:
    """Announce, stage, walk, wait, and prove."""
    announce(world, call, account)
    prepare(world, staging, account)
    let_age(world)
    return world.send(call, account)
