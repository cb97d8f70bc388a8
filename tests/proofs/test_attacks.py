"""Nobody has an honest report condemned, and nobody posts evidence that keeps a false one."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from eth_hash.auto import keccak

from scorer.proofs.calls import score_inputs
from scorer.proofs.evidence import Operands
from scorer.proofs.ranking import RankedSubmission
from tests.proofs.attacks import altered, replaced
from tests.proofs.court_world import (
    ABSENT,
    OPPOSITE,
    PLAIN,
    REFUSED,
    TIED,
    UNSTAKED,
    CourtWorld,
    other_operands,
    running_world,
)
from tests.proofs.many_calls import answers, succeeding
from tests.proofs.test_score_court import accept, refusal

SCORED = (PLAIN, TIED, OPPOSITE)


@pytest.fixture(scope="module")
def world() -> Iterator[CourtWorld]:
    with running_world() as built:
        evidence = accept(built, built.honest)
        assert evidence.report.hash()
        yield built


def condemning(world: CourtWorld, arguments: Sequence[tuple[Any, ...]]) -> list[int]:
    """Return the places of the arguments for which `disproveScore` would take a report for wrong."""
    found = answers(world, world.court.functions.scoreOf, arguments)
    return [place for place, answer in enumerate(found) if answer is not None and is_wrong(*answer)]


def is_wrong(claimed: int, *found: int) -> bool:
    return all(abs((claimed << 64) - each) > 1 << 64 for each in found)


@pytest.mark.parametrize("model", SCORED)
def test_no_altered_argument_condemns_an_honest_score(world: CourtWorld, model: int) -> None:
    evidence = world.evidence(world.honest)
    honest = world.score_arguments(evidence, world.honest, model)
    others = list(altered(honest[1:]))
    assert len(others) > 300
    found = condemning(world, [honest, *((world.tournament, *arguments) for _, _, arguments in others)])
    assert [others[place - 1][:2] for place in found] == []


def test_a_false_score_is_condemned_by_its_own_arguments(world: CourtWorld) -> None:
    """The tests beside this one find nothing: this one shows that they would."""
    false = world.honest | {PLAIN: world.honest[PLAIN] + 2}
    evidence = world.evidence(false)
    assert condemning(world, [world.score_arguments(evidence, false, PLAIN)]) == [0]


def test_nothing_of_another_model_condemns_an_honest_score(world: CourtWorld) -> None:
    evidence = world.evidence(world.honest)
    lanes, tree = world.lanes(world.honest), world.sealed
    models = (PLAIN, TIED, REFUSED, UNSTAKED, OPPOSITE)
    inputs = {
        model: score_inputs(world.predictions(model), evidence.operands, world.tree) for model in models
    }
    mixed = [
        (world.tournament, evidence.to_contract(), lanes.place(lane - 1), tree.submission(leaf), inputs[of])
        for lane in (PLAIN, TIED, REFUSED, ABSENT, UNSTAKED, OPPOSITE)
        for leaf in models
        for of in models
    ]
    assert condemning(world, mixed) == []


def test_no_other_order_of_ties_and_no_way_without_them_condemns(world: CourtWorld) -> None:
    honest = world.score_arguments(world.evidence(world.honest), world.honest, TIED)
    inputs = honest[4]
    ranked = RankedSubmission(world.predictions(TIED))
    words = [ranked.order[at : at + 2] for at in range(0, len(ranked.order), 2)]
    orders = [
        b"".join([*words[:place], words[place + 1], words[place], *words[place + 2 :]])
        for place in range(len(words) - 1)
    ]
    others = [*(replaced(inputs, 1, order) for order in orders), replaced(inputs, 3, b"")]
    assert condemning(world, [(*honest[:4], other) for other in others]) == []


def test_no_other_proof_condemns_an_honest_report(world: CourtWorld) -> None:
    functions, report = world.court.functions, world.evidence(world.honest).report.to_contract()
    lanes, tree = world.lanes(world.honest), world.sealed
    proofs: list[tuple[Any, tuple[Any, ...]]] = [(functions.disproveTotals, (report, lanes.to_contract()))]
    for model in (PLAIN, TIED, REFUSED, ABSENT, UNSTAKED, OPPOSITE):
        place = lanes.place(model - 1)
        proofs.append((functions.disproveUnstaked, (report, place)))
        proofs += [(functions.disproveRefused, (report, place, tree.submission(leaf))) for leaf in SCORED]
        proofs += [(functions.disproveRefused, (report, place, tree.submission(REFUSED)))]
        gaps = [tree.gap(other) for other in (ABSENT, 5, 7, 10)]
        gaps += [(False, True, gaps[0][2], tree.submission(leaf), []) for leaf in (PLAIN, OPPOSITE)]
        gaps += [(True, False, tree.submission(leaf), gaps[0][3], gaps[3][4]) for leaf in (PLAIN, OPPOSITE)]
        gaps += [(True, True, tree.submission(PLAIN), tree.submission(REFUSED), [])]
        gaps += [(False, False, gaps[0][2], gaps[0][3], [])]
        proofs += [(functions.disproveAbsent, (report, place, gap)) for gap in gaps]
    calls = [partial(of, world.tournament, *arguments) for of, arguments in proofs]
    whole: list[tuple[Any, tuple[Any, ...]]] = [
        (functions.disproveAbsent, (report, lanes.place(ABSENT - 1), tree.gap(ABSENT)))
    ]
    whole += [(functions.disproveTotals, (report, lanes.to_contract()))]
    for of, arguments in whole:
        calls += [partial(of, world.tournament, *other) for _, _, other in altered(arguments)]
    tried, succeeded = succeeding(world, calls)
    assert tried > 300
    assert succeeded == 0


def test_evidence_that_would_keep_a_false_report_is_not_taken(world: CourtWorld) -> None:
    vector = world.operands.vectors[0]
    records, palette = vector.records, vector.palette
    places = len(palette) // 12
    others = {
        "no vectors": Operands(()),
        "place beyond the palette": other_operands(
            world.operands, records=places.to_bytes(2, "big") + records[2:]
        ),
        "rank 0": other_operands(world.operands, records=records[:2] + bytes(2) + records[4:]),
        "rank 2n": other_operands(
            world.operands, records=records[:2] + (122).to_bytes(2, "big") + records[4:]
        ),
        "an id less": other_operands(world.operands, records=records[:-4]),
        "no palette": other_operands(world.operands, palette=b""),
        "half an entry": other_operands(world.operands, palette=palette + bytes(6)),
        "shift too small": other_operands(world.operands, shift=63),
        "shift too large": other_operands(world.operands, shift=193),
    }
    for what, operands in others.items():
        evidence = world.evidence(world.honest, operands=operands)
        assert refusal(world.post, evidence, world.honest) in {"OtherVector", "WrongCount", "OtherSteps"}, (
            what
        )
    # What nobody needs would take a proof the gas that it has.
    swollen = {
        "WrongCount": Operands((*world.operands.vectors, vector), world.operands.steps),
        "OtherVector": other_operands(world.operands, palette=palette + bytes(12 * vector.ids)),
    }
    for error, operands in swollen.items():
        assert refusal(world.post, world.evidence(world.honest, operands=operands), world.honest) == error
    # The honest report's evidence may be there already: of another one nothing is.
    other = world.honest | {PLAIN: 1}
    evidence = world.evidence(other)
    assert refusal(world.post, replace(evidence, manifest=keccak(b"other")), other) == "OtherEvidence"
    terms = replace(world.terms, burn=world.terms.burn + 1)
    assert refusal(world.post, replace(evidence, terms=terms), other) == "OtherTerms"
    assert refusal(world.post, evidence, world.honest) == "OtherHeads"
