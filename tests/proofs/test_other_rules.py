"""Every part of a reward score before the court: BMC, the originality factor and the burn multiplier, too."""

from collections.abc import Iterator
from typing import Any

import pytest

from scorer.lab.anvil import run_anvil
from scorer.proofs.judge import Judge
from scorer.proofs.meta_faults import MetaCase
from scorer.proofs.search import FalseClaim, ProofKind, SealedFacts
from scorer.proofs.terms import unprovable_parts
from scorer.protocol.rules import Rules, preset
from tests.proofs.court_world import OPPOSITE, PLAIN, TARGET, TIED, CourtWorld, build
from tests.proofs.test_score_court import refusal

SCORED = (PLAIN, TIED, OPPOSITE)


def rules_with(**parts: Any) -> Rules:
    """Return rules with CORR, MMC and BMC, and all that makes a reward score of them."""
    document: dict[str, Any] = preset("cupel").model_dump(mode="json", exclude_none=True)
    multipliers = {"corr": "0.5", "mmc": "1.25", "bmc": "-2"}
    document["factors"] = [
        {"score": score, "target": TARGET, "multiplier": multiplier}
        for score, multiplier in multipliers.items()
    ]
    return Rules.model_validate(document | parts)


@pytest.fixture(scope="module")
def built() -> Iterator[CourtWorld]:
    with run_anvil(accounts=12) as anvil:
        yield build(anvil, rules=rules_with(), benchmark=True)


@pytest.fixture
def world(built: CourtWorld) -> Iterator[CourtWorld]:
    with built.undone():
        yield built


def test_a_score_made_of_every_part_is_judged_to_the_last_bit_and_disproven_where_it_is_false(
    built: CourtWorld,
) -> None:
    assert unprovable_parts(built.rules) == ()
    assert built.terms.originality > 0
    assert built.terms.burn > 1_000_000
    assert [factor.score for factor in built.terms.factors] == [0, 1, 2]
    assert {score > 0 for score in built.honest.values()} == {True, False}
    for model in SCORED:
        true = built.honest[model]
        for claimed, expected in ((true, "NotWrong"), (true + 2, ""), (true - 2, "")):
            scores = built.honest | {model: claimed}
            with built.undone():
                evidence = built.evidence(scores)
                built.attest(evidence)
                arguments = built.score_arguments(evidence, scores, model)
                found = built.court.functions.scoreOf(*arguments).call()
                judged = Judge(built.terms, built.operands).reward(built.predictions(model))
                assert judged is not None
                assert found == [claimed, judged.least, judged.largest]
                assert refusal(built.prove, built.court.functions.disproveScore(*arguments)) == expected


def test_ranks_of_a_benchmark_are_not_held_against_the_meta_model_s_sums(world: CourtWorld) -> None:
    models = [int(lane) + 1 for chunk in world.chunks for lane in chunk.lanes]
    lanes = world.lanes(world.honest)
    case = MetaCase.of(world.steps, SealedFacts(models, world.sealed, 1, 1), lanes)
    evidence = world.evidence(world.honest)
    world.attest(evidence)
    assert case.faults(evidence) == []
    for vector, expected in ((0, "StepRight"), (1, "OtherMetaModel")):
        fault = FalseClaim(ProofKind.RANKS, -1, -1, 1, 0, vector)
        call = world.meta_court.functions.disproveRanks(*case.arguments(fault, evidence, lanes))
        assert refusal(world.prove, call) == expected
