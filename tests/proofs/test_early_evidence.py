"""Evidence that is posted before its round is sealed: only the seal says which steps it must have."""

import numpy as np

from scorer.chain.artifacts import artifact
from scorer.chain.contracts import Suite
from scorer.lab.anvil import Anvil, run_anvil
from scorer.proofs.evidence import Evidence, operands
from scorer.proofs.tree import compute_tree
from scorer.protocol.chunks import chunk_from_words
from scorer.protocol.rules import preset
from scorer.protocol.submissions import Submissions
from tests.proofs.court_world import (
    IDS,
    REFUSED,
    TARGET,
    TREE_OF,
    CourtWorld,
    build,
    predicted,
    submitted,
)
from tests.proofs.test_score_court import refusal

NEVER = 2**256 - 1


def unsealed(anvil: Anvil, suite: Suite, submissions: Submissions) -> CourtWorld:
    """Return what a member knows of the round before it is sealed, with an outcome that it made up."""
    locked = suite.tournament.events.PositionsLocked().get_logs(from_block=0)
    chunks = tuple(chunk_from_words(event.args.fromSlot, event.args.positions) for event in locked)
    court = suite.w3.eth.contract(suite.committee.functions.court().call(), abi=artifact("ScoreCourt")["abi"])
    target = np.random.default_rng(4).choice([0, 0.25, 0.5, 0.75, 1], len(IDS))
    parts = court, None, None, preset("cupel"), 1, chunks, submissions, target, compute_tree(TREE_OF)
    return CourtWorld(anvil, suite, *parts)


def without_meta_model(world: CourtWorld) -> Evidence:
    """Return a report that scores nobody: without steps, its meta model explains nothing."""
    return world.evidence({}, operands=operands(world.terms, {TARGET: world.target}, None))


def test_attack_evidence_without_a_meta_model_is_posted_before_the_round_is_sealed() -> None:
    """Nothing would prove it wrong: scores are right beside it, and there is no step that could be wrong."""
    tried: list[tuple[Evidence, str]] = []

    def submits(anvil: Anvil, suite: Suite) -> tuple[Submissions, frozenset[int]]:
        found = submitted(IDS, predicted(np.random.default_rng(21)), anvil, suite)
        world = unsealed(anvil, suite, found)
        evidence = without_meta_model(world)
        tried.append((evidence, refusal(world.post, evidence, {})))
        return found, frozenset({REFUSED})

    with run_anvil(accounts=12) as anvil:
        world = build(anvil, submits=submits)
        ((evidence, refused),) = tried
        world.attest(evidence)
        report_hash = evidence.report.hash()
        final = world.suite.committee.functions.finalFrom(world.tournament, world.round_id, report_hash)
        assert (refused, final.call()) == ("RoundNotSealed", NEVER)
        assert refusal(world.post, evidence, {}) == "OtherSteps"
