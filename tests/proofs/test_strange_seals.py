"""What members may seal that no honest one would: it frees neither a step of the meta model nor a score."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from eth_hash.auto import keccak

from scorer.lab.anvil import run_anvil
from scorer.proofs.evidence import Evidence
from scorer.proofs.meta_steps import StepTree
from scorer.protocol.merkle import NO_LEAF, merkle_proof, merkle_root
from tests.proofs.court_world import PLAIN, TIED, CourtWorld, build
from tests.proofs.test_score_court import refusal

DISPROVEN = 6
FILLER = 3
LEAVES = [(0, 1), (PLAIN, 1), (TIED, 2), None, (PLAIN, 1)]
"""Model and verdict: a model that there is not, one that counts, a verdict that there is not, nothing, and
the second one once more."""


def sealed_leaf(model: int, verdict: int) -> tuple[Any, ...]:
    """The fields of a leaf whose preimages are anybody's guess."""
    return model, *(keccak(bytes([model, what])) for what in range(3)), verdict


def leaf_hashes() -> list[bytes]:
    return [NO_LEAF if leaf is None else leaf_hash(*leaf) for leaf in LEAVES]


def leaf_hash(model: int, verdict: int) -> bytes:
    fields = sealed_leaf(model, verdict)
    words = [each.to_bytes(32, "big") if isinstance(each, int) else each for each in fields]
    return keccak(keccak(b"".join(words)))


def submission(index: int) -> tuple[Any, ...]:
    siblings = merkle_proof(leaf_hashes(), index)
    return *sealed_leaf(*(LEAVES[index] or (0, 0))), index, siblings


@pytest.fixture(scope="module")
def built() -> Iterator[CourtWorld]:
    with run_anvil(accounts=12) as anvil:
        yield build(anvil, root=merkle_root(leaf_hashes()))


@pytest.fixture
def world(built: CourtWorld) -> Iterator[CourtWorld]:
    with built.undone():
        yield built


STEPS = StepTree([keccak(bytes([leaf])) for leaf in range(len(LEAVES))])
"""Sums that change at every leaf, as a liar likes."""


def accepted(world: CourtWorld) -> Evidence:
    evidence = world.evidence(world.honest, operands=replace(world.operands, steps=STEPS.root))
    world.attest(evidence)
    return evidence


def is_disproven(world: CourtWorld) -> bool:
    proposal = world.suite.committee.functions.proposalOf(world.tournament, world.round_id).call()
    return bool(proposal.status == DISPROVEN)


def test_a_leaf_of_no_model_adds_nothing_to_the_sums(world: CourtWorld) -> None:
    evidence, lanes = accepted(world), world.lanes(world.honest)
    proof = evidence.to_contract(), submission(0), STEPS.step(0), lanes.to_contract()
    world.prove(world.meta_court.functions.disproveIdleStep(world.tournament, *proof))
    assert is_disproven(world)


def test_a_verdict_that_there_is_not_adds_nothing_to_the_sums(world: CourtWorld) -> None:
    evidence = accepted(world)
    proof = evidence.to_contract(), submission(2), STEPS.step(2)
    world.prove(world.meta_court.functions.disproveIdleStep(world.tournament, *proof, []))
    assert is_disproven(world)


def test_a_verdict_that_there_is_not_earns_no_score(world: CourtWorld) -> None:
    evidence = accepted(world)
    place = world.lanes(world.honest).place(TIED - 1)
    proof = evidence.report.to_contract(), place, submission(2)
    world.prove(world.court.functions.disproveRefused(world.tournament, *proof))
    assert is_disproven(world)


@pytest.mark.parametrize(
    ("left", "right"),
    [(1, 4), (2, 4), (FILLER, 4)],
    ids=["a model twice", "models that do not ascend", "a leaf behind one that fills the tree up"],
)
def test_leaves_out_of_their_order_end_every_report_over_the_seal(
    world: CourtWorld, left: int, right: int
) -> None:
    report = accepted(world).report.to_contract()
    order = world.verdict_court.functions.disproveOrder
    for before, behind in ((right, left), (left, left)):
        if FILLER not in (behind,):
            call = order(world.tournament, report, submission(before), submission(behind))
            assert refusal(world.prove, call) == "SealRight"
    world.prove(order(world.tournament, report, submission(left), submission(right)))
    assert is_disproven(world)


def test_leaves_in_their_order_end_nothing(world: CourtWorld) -> None:
    report = accepted(world).report.to_contract()
    for left, right in ((0, 1), (1, 2)):
        leaves = submission(left), submission(right)
        call = world.verdict_court.functions.disproveOrder(world.tournament, report, *leaves)
        assert refusal(world.prove, call) == "SealRight"


def test_a_model_that_there_is_not_signed_nothing(world: CourtWorld) -> None:
    report = accepted(world).report.to_contract()
    call = world.verdict_court.functions.disproveSigner(world.tournament, report, submission(0), b"")
    world.prove(call)
    assert is_disproven(world)
