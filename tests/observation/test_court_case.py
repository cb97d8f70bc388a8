"""The proofs that a case offers are those that the deployment's court takes."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
import pytest

from scorer.chain.court import read_court
from scorer.observation.court_case import CourtCase, TooLargeToProve
from scorer.observation.posted import PostedReport
from scorer.proofs.calls import ScoredLanes, SealedTree
from scorer.proofs.meta_steps import StepTree
from scorer.proofs.search import FalseClaim, ProofKind, SealedFacts
from scorer.proofs.verdict_faults import VerdictCase
from scorer.protocol.digest import content_hashes
from scorer.protocol.submissions import Submission, Submissions
from tests.proofs.court_world import STAKE, STRANGER, CourtWorld, running_world

PROVER: Final = STRANGER
SMALL, LARGE = 61, 7_000
"""Ids of a step that one transaction carries, and of one that takes several."""


@pytest.fixture(scope="module")
def world() -> Iterator[CourtWorld]:
    with running_world() as built:
        yield built


def case_of(world: CourtWorld, ids: int, *, stages: bool) -> CourtCase:
    """Return the case of a report on two models and so many ids, before a court that stages or does not."""
    universe = tuple(f"id{row:05}" for row in range(ids))
    rows = [np.random.default_rng(model).permutation(ids) / ids for model in (1, 2)]
    entries = [
        Submission(model, row, content, "", b"", content)
        for model, row, content in zip((1, 2), rows, content_hashes(universe, rows), strict=True)
    ]
    submissions = Submissions(universe, tuple(entries), is_encrypted=True)
    sealed = SealedTree(submissions, frozenset())
    court = read_court(world.anvil.w3, world.suite.committee)
    assert court is not None
    assert court.staged is not None
    steps = StepTree.of(submissions, frozenset(), {1: STAKE, 2: STAKE})
    lanes = world.lanes({})
    facts = SealedFacts([int(lane) + 1 for lane in lanes.chunks[0].lanes], sealed, 1, 1)
    return CourtCase(
        court if stages else replace(court, staged=None),
        PostedReport(world.evidence({}), tuple(lanes.packed), steps),
        ScoredLanes(lanes.chunks[:1], lanes.packed[:1]),
        facts,
        VerdictCase(sealed, world.rules, {}, (1, world.tournament, 1)),
    )


FAULT: Final = FalseClaim(ProofKind.STEP, 1, 2, 1, 0, 1)


@pytest.mark.parametrize("stages", [True, False])
def test_a_proof_that_one_transaction_carries_is_offered_whole(world: CourtWorld, *, stages: bool) -> None:
    found = case_of(world, SMALL, stages=stages).disproof(FAULT, world.address(PROVER))
    assert found.staging is None


def test_a_larger_one_is_offered_in_several_where_the_court_hears_them(world: CourtWorld) -> None:
    found = case_of(world, LARGE, stages=True).disproof(FAULT, world.address(PROVER))
    assert found.staging is not None
    assert found.staging.pieces


def test_where_it_hears_none_the_deployment_is_named_as_what_lacks_it(world: CourtWorld) -> None:
    with pytest.raises(TooLargeToProve, match=r"expected a court that hears a StagedCourt"):
        case_of(world, LARGE, stages=False).disproof(FAULT, world.address(PROVER))
