"""A round in which stakes are locked and nobody submitted: its root is zero, and nothing is in that tree."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from scorer.lab.anvil import run_anvil
from scorer.proofs.calls import score_inputs
from scorer.proofs.evidence import Evidence, operands
from scorer.protocol.rules import Rules, preset
from scorer.protocol.submissions import Submissions
from tests.proofs.court_world import IDS, PLAIN, TARGET, CourtWorld, build, predicted, submitted
from tests.proofs.test_score_court import refusal


def corr_alone() -> Rules:
    """Return rules under which a score needs no meta model: without submissions there is none."""
    document: dict[str, Any] = preset("cupel").model_dump(mode="json", exclude_none=True)
    document["factors"] = [{"score": "corr", "target": TARGET, "multiplier": "1"}]
    document["adjusters"] = {}
    return Rules.model_validate(document)


@pytest.fixture(scope="module")
def world() -> Iterator[CourtWorld]:
    with run_anvil(accounts=12) as anvil:
        nothing = Submissions(IDS, (), is_encrypted=True), frozenset[int]()
        built = build(anvil, rules=corr_alone(), submits=lambda *_: nothing)
        built.attest(report_of(built))
        yield built


def report_of(world: CourtWorld) -> Evidence:
    """Return the honest report: nobody scores anything."""
    return world.evidence({}, operands=operands(world.terms, {TARGET: world.target}, None))


def forged(world: CourtWorld, index: int, siblings: list[bytes]) -> tuple[Any, ...]:
    """Return a leaf of what a model might have submitted, at a place that there is not."""
    entries = submitted(IDS, predicted(np.random.default_rng(21)), world.anvil, world.suite).entries
    (entry,) = (each for each in entries if each.model_id == PLAIN)
    hashes = entry.content_hash, entry.ciphertext_hash, entry.signature_hash
    return entry, (PLAIN, *hashes, 1, index, siblings)


@pytest.mark.parametrize(("index", "siblings"), [(0, []), (1, []), (2, [bytes(32)]), (5, [bytes(32)] * 2)])
def test_no_leaf_is_in_the_tree_of_a_round_to_which_nobody_submitted(
    world: CourtWorld, index: int, siblings: list[bytes]
) -> None:
    """Its root is zero, which is also what a place beyond a tree's width gives."""
    assert world.sealed.submissions.root() == bytes(32)
    evidence, (entry, leaf) = report_of(world), forged(world, index, siblings)
    row = entry.predictions
    place, report = world.lanes({}).place(PLAIN - 1), evidence.report.to_contract()
    start, courts = (world.tournament, evidence.to_contract()), (world.court, world.verdict_court)
    score, verdict = (court.functions for court in courts)
    inputs = score_inputs(row, evidence.operands, world.tree)
    nobody = (10_000, *leaf[1:])
    calls = [
        score.disproveScore(*start, place, leaf, inputs),
        score.disproveRefused(world.tournament, report, place, (*leaf[:4], 0, *leaf[5:])),
        verdict.disproveSigner(world.tournament, report, nobody, b""),
        verdict.disproveForm(world.tournament, report, leaf, world.rules.canonical_json()),
        verdict.disproveOrder(world.tournament, report, leaf, (*leaf[:5], index + 1, siblings)),
        verdict.disproveOrder(world.tournament, report, (0, *leaf[1:]), leaf),
    ]
    assert [refusal(world.prove, call) for call in calls] == ["NotInTree"] * len(calls)


def test_its_honest_report_is_posted_and_settles(world: CourtWorld) -> None:
    evidence = report_of(world)
    assert evidence.operands.steps == bytes(32)
    assert evidence.report.total_payout == 0
    world.post(evidence, {})
    final = world.suite.committee.functions.finalFrom(
        world.tournament, world.round_id, evidence.report.hash()
    ).call()
    world.anvil.advance_to(final)
    world.send(world.suite.tournament.functions.beginSettlement(evidence.report.to_contract()))
