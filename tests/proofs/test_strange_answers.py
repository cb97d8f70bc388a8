"""Leaves of bytes that no file of predictions can hold: an answer with them shows that the seal is false."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pytest
from eth_hash.auto import keccak

from scorer.chain.contracts import Suite
from scorer.client.stakes import latest_block
from scorer.evaluation.inputs import Positions
from scorer.lab.anvil import Anvil
from scorer.observation.court_case import CaseFiles, CourtCase, read_case
from scorer.proofs.evidence import Evidence, operands
from scorer.proofs.meta_steps import StepTree
from scorer.proofs.search import FalseClaim, ProofKind
from scorer.protocol.digest import universe_digest
from scorer.protocol.secrecy import Secrecy
from scorer.protocol.submissions import Submission, Submissions
from tests.proofs.court_world import ABSENT, IDS, OPPOSITE, PLAIN, REFUSED, STRANGER, TARGET, TIED, signed
from tests.proofs.demands_world import PAYER, DemandsWorld, running_demands
from tests.proofs.test_score_court import DISPROVEN

RIGHT: Final = np.linspace(0.1, 0.9, len(IDS)).astype(">f8").tobytes()
MINUS_ZERO, OTHER_NAN = b"\x80" + bytes(7), b"\x7f\xf0" + bytes(5) + b"\x01"
LEAVES: Final = {
    PLAIN: b"",
    TIED: b"seven..",
    REFUSED: RIGHT[:-8],
    ABSENT: MINUS_ZERO + RIGHT[8:],
    OPPOSITE: OTHER_NAN + RIGHT[8:],
}
"""What stands behind the leaf of each model, all of which count."""
PAID: Final = dict.fromkeys(LEAVES, 30_000)
DEMANDS: Final = 16
FIRST: Final = 0


def submits(anvil: Anvil, suite: Suite) -> tuple[Submissions, frozenset[int]]:
    """Owners and a quorum collude: what was signed is in no envelope."""
    entries = []
    for model, raw in LEAVES.items():
        content = keccak(universe_digest(IDS) + keccak(raw))
        entries.append(signed(anvil, suite, Submission(model, None, content, "", b"", keccak(content))))
    return Submissions(IDS, tuple(entries), is_encrypted=True), frozenset()


@pytest.fixture(scope="module")
def built() -> Iterator[DemandsWorld]:
    with running_demands(DEMANDS, submits=submits) as demands:
        yield demands


@pytest.fixture
def demands(built: DemandsWorld) -> Iterator[DemandsWorld]:
    with built.world.undone():
        yield built


def reported(demands: DemandsWorld) -> Evidence:
    """Let the quorum report that all are paid, with any meta model, and draw all of them."""
    world, steps = demands.world, StepTree(tuple(keccak(bytes([leaf])) for leaf in range(8)))
    given = operands(world.terms, {TARGET: world.target}, np.linspace(0, 1, len(IDS)), None, steps.root)
    evidence = demands.evidence(PAID, operands=given)
    world.attest(evidence)
    world.post(evidence, PAID)
    world.post_steps(evidence, steps)
    demands.draw_at(evidence, [model - 1 for model in LEAVES], PAID)
    return evidence


def case_of(demands: DemandsWorld, evidence: Evidence) -> CourtCase:
    """Return the case as everybody has it, who holds no predictions."""
    world, at = demands.world, latest_block(demands.world.suite)
    secrecy = Secrecy.model_validate({"submissions": "encrypted", "demands": DEMANDS, "deposit": "4"})
    rules = world.rules.model_copy(update={"secrecy": secrecy})
    models = tuple(int(lane) + 1 for chunk in world.chunks for lane in chunk.lanes)
    positions = Positions(world.chunks, tuple(model if model <= OPPOSITE else 0 for model in models))
    record = world.suite.round(world.round_id, at.number)
    files = CaseFiles(rules, world.sealed)
    found = read_case(world.suite, record, positions, files, evidence.report.hash(), at)
    assert found is not None
    return found


@pytest.mark.parametrize("model", LEAVES)
def test_an_answer_that_no_file_can_hold_shows_that_the_seal_is_false(
    demands: DemandsWorld, model: int
) -> None:
    world, evidence = demands.world, reported(demands)
    place = list(LEAVES).index(model)
    world.send(demands.demand(place), PAYER)
    before = case_of(demands, evidence)
    assert before.verdicts.faults() == []
    leaf, to = world.sealed.submission(model), world.address(STRANGER)
    world.send(demands.functions.answer(*demands.place_of_round, place, leaf, LEAVES[model], to))

    case = case_of(demands, evidence)
    (fault,) = case.verdicts.faults()
    assert fault == FalseClaim(ProofKind.PREDICTIONS, -1, model, 1, 0)
    world.prove(case.disproof(fault, to).call(case.court))
    status: Any = world.suite.committee.functions.proposalOf(*demands.place_of_round).call().status
    assert status == DISPROVEN
