"""The other courts that ScoreCourt hears: those that its constructor was given, and nobody else."""

from collections.abc import Iterator
from typing import Any

import pytest

from scorer.chain.artifacts import artifact
from scorer.chain.records import ZERO_ADDRESS
from scorer.lab.anvil import run_anvil
from scorer.proofs.tree import compute_tree
from tests.proofs.court_world import PLAIN, STRANGER, TREE_OF, CourtWorld, build, created
from tests.proofs.test_score_court import refusal

SIBLING = 7
"""The account that stands for another court."""


@pytest.fixture(scope="module")
def world() -> Iterator[CourtWorld]:
    with run_anvil(accounts=12) as anvil:
        meta, siblings = created(anvil, "MetaCourt"), [str(anvil.account(SIBLING).address)]
        yield build(anvil, created(anvil, "ScoreCourt", compute_tree(TREE_OF).root, meta.address, siblings))


def creation(world: CourtWorld, meta: str, siblings: list[str]) -> Any:
    """Return the constructor of a court."""
    code = artifact("ScoreCourt")
    contract = world.anvil.w3.eth.contract(abi=code["abi"], bytecode=code["bytecode"])
    return contract.constructor(bytes(32), meta, siblings)


def test_a_sibling_condemns_a_report_and_nobody_else_does(world: CourtWorld) -> None:
    evidence = world.evidence(world.honest | {PLAIN: 5_000})
    world.attest(evidence)
    prover = world.address(STRANGER)
    condemn = world.court.functions.condemn(world.tournament, evidence.report.to_contract(), prover)
    assert refusal(world.send, condemn) == "NotSibling"
    assert world.court.functions.siblings().call() == [world.address(SIBLING)]
    world.send(condemn, SIBLING)
    assert world.suite.committee.functions.hasExpired(world.tournament, world.round_id).call()
    assert world.suite.committee.functions.creditOf(prover).call() > 0


def test_a_court_has_few_siblings_and_none_that_is_nobody(world: CourtWorld) -> None:
    meta, sibling = world.meta_court.address, world.address(SIBLING)
    for siblings, why in (([ZERO_ADDRESS], "ZeroSibling"), ([sibling] * 9, "WrongCount")):
        assert refusal(creation(world, meta, siblings).estimate_gas) == why
    assert refusal(creation(world, ZERO_ADDRESS, []).estimate_gas) == "ZeroSibling"
    assert refusal(creation(world, meta, [sibling] * 8).estimate_gas) == ""
