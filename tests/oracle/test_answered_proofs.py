"""What answers to demands make public condemns a report: a daemon that runs all the time looks at it too."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scorer.lab.false_report import FalseReport
from scorer.lab.in_process import CHALLENGE_WINDOW, FIRST_MEMBER
from scorer.observation.answers import answer_call
from scorer.oracle.actions import ActionResult, AnnounceProof, AnswerDemand, Challenge, ProveWrong
from scorer.oracle.policy import MemberPolicy
from scorer.proofs.calls import SealedTree
from scorer.protocol.predictions import write_predictions
from scorer.storage.bundle import SUBMISSIONS, Bundle
from tests.chains import Chains
from tests.demanding_world import answers, demand, demanding_world, drawing_of
from tests.world import FIRST, World, lent_world

HONEST, LIARS = 2, (0, 1)


def one_sealed(world: World) -> None:
    """Seal a round in whose report predictions may be demanded."""
    demanding_world(world).sealed_round()


@pytest.fixture
def world(chains: Chains, tmp_path: Path) -> Iterator[World]:
    """A world whose first round, under which predictions may be demanded, is sealed."""
    with lent_world(chains, tmp_path / "world", begin=one_sealed) as world:
        yield demanding_world(world)


def lie(world: World) -> None:
    """Two of three members overpay all who are paid, and post their evidence."""
    world.resolve(FIRST)
    world.cycle(HONEST)
    bundle = world.members[HONEST].bundle(FIRST)
    columns = bundle.scores()
    scores = zip(columns["model_id"].tolist(), columns["reward_score"].tolist(), strict=True)
    false = FalseReport.of(bundle, {model: score + 7 for model, score in scores if score > 0})
    false.attest(world.suite, [world.tournament.sender(FIRST_MEMBER + liar) for liar in LIARS])
    false.post(world.suite, world.admin)
    world.anvil.finalise()


def lose(bundle: Bundle) -> None:
    """Hold no number that was predicted, as who could not open the envelopes."""
    submissions = bundle.submissions()
    ids = len(submissions.universe)
    with (bundle.folder / SUBMISSIONS).open("wb") as file:
        write_predictions(file, [np.full(ids, np.nan)] * len(submissions.entries), ids)


def kinds(steps: list[ActionResult]) -> list[type]:
    return [type(step.action) for step in steps]


def test_a_member_that_could_not_read_a_model_proves_by_what_it_answers(world: World) -> None:
    lie(world)
    lose(world.members[HONEST].bundle(FIRST))
    assert AnnounceProof not in kinds(world.cycle(HONEST))
    (drawn,) = demand(world, FIRST, 0)
    assert AnnounceProof not in kinds(world.cycle(HONEST))

    other = world.members[LIARS[0]].bundle(FIRST)
    sealed = SealedTree(other.submissions(), other.refused())
    world.admin.send(answer_call(world.suite, FIRST, drawn.place, sealed, drawn.model, world.admin.address))
    world.anvil.finalise()
    assert AnnounceProof in kinds(world.cycle(HONEST))
    assert ProveWrong in kinds(world.cycle(HONEST))


def test_predictions_are_shown_though_what_comes_before_cannot_be_sent(world: World) -> None:
    """A member is ordered to dispute a report, and its evidence came late: only answers are still in time."""
    world.resolve(FIRST, dict.fromkeys(LIARS, 1.0 - world.target))
    world.cycle(*LIARS)
    proposal = world.suite.proposal(FIRST, world.anvil.w3.eth.block_number)
    assert proposal is not None
    world.anvil.advance_to(proposal.challenge_until - CHALLENGE_WINDOW // 2)
    world.post_evidence()
    (drawn,) = demand(world, FIRST, 0)
    assert drawing_of(world, FIRST).until[0] < proposal.challenge_until - 60
    world.anvil.advance_to(proposal.challenge_until - 60)
    request: Any = world.anvil.w3.provider.make_request
    request("evm_setNextBlockTimestamp", [proposal.challenge_until])
    request("evm_mine", [])

    ordered = frozenset({proposal.report_hash.hex()})
    world.members[HONEST].policy = MemberPolicy(challenges=True, disputed=ordered)
    steps = world.cycle(HONEST)
    (challenge,) = (step for step in steps if isinstance(step.action, Challenge))
    assert "TooLate" in challenge.outcome
    (answer,) = (step.action for step in steps if isinstance(step.action, AnswerDemand))
    assert answer.model == drawn.model
    assert len(list(answers(world))) == 1
