"""Gas of proofs in rounds of so many ids that one transaction does not carry them, every transaction's."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from scorer.chain.calldata import calldata
from scorer.proofs.evidence import Evidence, Operands
from scorer.proofs.meta_faults import MetaCase
from scorer.proofs.meta_steps import StepTree
from scorer.proofs.pieces import cut_at, piece_address
from scorer.proofs.search import ProofKind, SealedFacts
from scorer.proofs.staged import (
    Stage,
    Staging,
    staged_predictions,
    staged_ranks,
    staged_score,
    staged_step,
)
from scorer.units import ONE
from tests.proofs.court_world import CourtWorld, other_operands
from tests.proofs.staged_world import announce, let_age, score_call

TRANSACTION_GAS: Final = 1 << 24
"""Gas of a transaction at most, since Fusaka."""
PLAIN, TIED, PAIRS = 1, 2, 3
"""Models: without ties, with 51 different predictions, with two ids of each."""


def measure_staged(world: CourtWorld, ids: int) -> dict[str, int]:
    """Return gas by name: of scores of a target in bins and of a continuous one, meta model and seal."""
    found: dict[str, int] = {}
    continuous = replace(world, target=0.05 * np.random.default_rng(ids).standard_t(4, ids))
    cases = ((world, PLAIN, "corr_mmc"), (continuous, TIED, "corr_mmc_continuous_ties"))
    for case, model, name in cases:
        with world.undone():
            found |= _score(case, model, f"{name}_{ids}")
    return found | _meta_model(world, ids) | _seal(world, ids)


def _score(world: CourtWorld, model: int, name: str) -> dict[str, int]:
    scores = world.honest_of((PLAIN, TIED))
    lie = scores | {model: scores[model] + 7}
    evidence = world.evidence(lie)
    found = {f"post_{name}": _posted(world, evidence, lie)}
    world.attest(evidence)
    stage = Stage(str(world.store.address))
    staged = staged_score(world.predictions(model), evidence.operands, world.tree, stage)
    call = score_call(world, evidence, lie, model, staged.walked)
    return found | _proven(world, call, staged.staging, name)


def _posted(world: CourtWorld, evidence: Evidence, scores: dict[int, int]) -> int:
    """Post a report's evidence from pieces; returns the gas of the last transaction."""
    lanes, vectors = world.lanes(scores), evidence.operands.vectors
    posting = world.court.functions.post(world.tournament, *evidence.posting(lanes.chunks, lanes.packed))
    parts = [*(each.records for each in vectors), *(each.palette for each in vectors)]
    pieces = cut_at(calldata(posting), parts)
    _staged(world, pieces)
    at = [piece_address(str(world.store.address), piece) for piece in pieces]
    return int(world.send(world.store.functions.send(world.court.address, at))["gasUsed"])


def _staged(world: CourtWorld, pieces: Sequence[bytes]) -> list[int]:
    """Stage what is not there; returns the gas of each."""
    get_code, to_address = world.anvil.w3.eth.get_code, world.anvil.w3.to_checksum_address
    store = str(world.store.address)
    missing = [piece for piece in pieces if not get_code(to_address(piece_address(store, piece)))]
    return [int(world.send(world.store.functions.stage(piece))["gasUsed"]) for piece in missing]


def _proven(world: CourtWorld, call: Any, staging: Staging, name: str) -> dict[str, int]:
    announce(world, call)
    gas = _staged(world, staging.pieces)
    functions = world.staged_court.functions
    walks = [int(world.send(functions.walk(*walk.arguments))["gasUsed"]) for walk in staging.walks]
    let_age(world)
    found = {name: int(world.send(call)["gasUsed"]), f"{name}_bytes": len(calldata(call))}
    found |= {f"{name}_pieces": len(gas), f"{name}_staging": sum(gas), f"{name}_piece": max(gas, default=0)}
    return found | {f"{name}_walk_{number}": each for number, each in enumerate(walks, 1)}


def meta_model_lies(world: CourtWorld) -> dict[str, tuple[StepTree, Operands]]:
    """Return the steps and operands of a report that is wrong in one, by the name of what is measured."""
    hashes = list(world.steps.hashes)
    steps = {
        name: StepTree([*hashes[: model - 1], bytes(32), *hashes[model:]])
        for name, model in (("", len(hashes)), ("_ties", TIED), ("_pairs", PAIRS))
    }
    records = bytearray(world.operands.vectors[0].records)
    records[2:4], records[6:8] = records[6:8], records[2:4]
    return {
        **{
            f"meta_step{name}": (each, replace(world.operands, steps=each.root))
            for name, each in steps.items()
        },
        "meta_ranks": (world.steps, other_operands(world.operands, records=bytes(records))),
    }


def _meta_model(world: CourtWorld, ids: int) -> dict[str, int]:
    scores = world.honest_of((PLAIN, TIED))
    lanes, found = world.lanes(scores), dict[str, int]()
    models = [int(lane) + 1 for chunk in world.chunks for lane in chunk.lanes]
    for name, (steps, operands) in meta_model_lies(world).items():
        with world.undone():
            case = MetaCase.of(steps, SealedFacts(models, world.sealed, ONE, ONE), lanes)
            evidence = world.evidence(scores, operands=operands)
            world.attest(evidence)
            (fault,) = case.faults(evidence)
            stage, arguments = Stage(str(world.store.address)), case.arguments(fault, evidence, lanes)
            make = staged_step if fault.kind is ProofKind.STEP else staged_ranks
            staged = make(arguments, stage)
            call = getattr(world.staged_court.functions, fault.kind.value)(*staged)
            found |= _proven(world, call, stage.staging, f"{name}_{ids}")
    return found


def _seal(world: CourtWorld, ids: int) -> dict[str, int]:
    case = world.verdicts
    (fault,) = (each for each in case.faults() if each.kind is ProofKind.PREDICTIONS)
    with world.undone():
        evidence = world.evidence(world.honest_of((PLAIN, TIED)))
        world.attest(evidence)
        stage = Stage(str(world.store.address))
        arguments = staged_predictions(case.arguments(fault, evidence), stage)
        call = world.staged_court.functions.disprovePredictions(*arguments)
        return _proven(world, call, stage.staging, f"seal_predictions_{ids}")
