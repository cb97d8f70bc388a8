"""Nobody has an honest report condemned, and nobody posts evidence that keeps a false one."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from eth_abi.exceptions import EncodingError
from eth_hash.auto import keccak
from web3.exceptions import ContractLogicError, MismatchedABI, Web3ValidationError

from scorer.chain.calldata import calldata
from scorer.chain.errors import EndpointError
from scorer.proofs.calls import commitment, score_inputs
from scorer.proofs.evidence import Operands
from scorer.proofs.ranking import RankedSubmission
from tests.proofs.attacks import altered, replaced
from tests.proofs.court_world import (
    ABSENT,
    OPPOSITE,
    PLAIN,
    REFUSED,
    STRANGER,
    TIED,
    UNSTAKED,
    CourtWorld,
    other_operands,
    running_world,
)
from tests.proofs.test_score_court import accept, refusal

SCORED = (PLAIN, TIED, OPPOSITE)
GAS = 25_000_000
NOT_ENCODED = (EncodingError, MismatchedABI, Web3ValidationError, TypeError, ValueError)


@pytest.fixture(scope="module")
def world() -> Iterator[CourtWorld]:
    with running_world() as built:
        evidence = accept(built, built.honest)
        assert evidence.report.hash()
        yield built


def condemns(world: CourtWorld, arguments: tuple[Any, ...]) -> bool:
    """Whether `disproveScore` would take the report for wrong."""
    try:
        claimed, *found = world.court.functions.scoreOf(*arguments).call({"gas": GAS})
    except (ContractLogicError, EndpointError, *NOT_ENCODED):
        return False
    return all(abs((claimed << 64) - each) > 1 << 64 for each in found)


@pytest.mark.parametrize("model", SCORED)
def test_no_altered_argument_condemns_an_honest_score(world: CourtWorld, model: int) -> None:
    evidence = world.evidence(world.honest)
    honest = world.score_arguments(evidence, world.honest, model)
    assert not condemns(world, honest)
    tried = 0
    for where, how, arguments in altered(honest[1:]):
        assert not condemns(world, (world.tournament, *arguments)), (where, how)
        tried += 1
    assert tried > 300


def test_nothing_of_another_model_condemns_an_honest_score(world: CourtWorld) -> None:
    evidence = world.evidence(world.honest)
    lanes, tree = world.lanes(world.honest), world.sealed
    models = (PLAIN, TIED, REFUSED, UNSTAKED, OPPOSITE)
    inputs = {
        model: score_inputs(world.predictions(model), evidence.operands, world.tree) for model in models
    }
    for lane in (PLAIN, TIED, REFUSED, ABSENT, UNSTAKED, OPPOSITE):
        for leaf in models:
            for of in models:
                arguments = (world.tournament, evidence.to_contract(), lanes.place(lane - 1))
                assert not condemns(world, (*arguments, tree.submission(leaf), inputs[of])), (lane, leaf, of)


def test_no_other_order_of_ties_and_no_way_without_them_condemns(world: CourtWorld) -> None:
    honest = world.score_arguments(world.evidence(world.honest), world.honest, TIED)
    inputs = honest[4]
    ranked = RankedSubmission(world.predictions(TIED))
    words = [ranked.order[at : at + 2] for at in range(0, len(ranked.order), 2)]
    for place in range(len(words) - 1):
        order = b"".join([*words[:place], words[place + 1], words[place], *words[place + 2 :]])
        assert not condemns(world, (*honest[:4], replaced(inputs, 1, order)))
    assert not condemns(world, (*honest[:4], replaced(inputs, 3, b"")))


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
    calls = [of(world.tournament, *arguments) for of, arguments in proofs]
    whole: list[tuple[Any, tuple[Any, ...]]] = [
        (functions.disproveAbsent, (report, lanes.place(ABSENT - 1), tree.gap(ABSENT)))
    ]
    whole += [(functions.disproveTotals, (report, lanes.to_contract()))]
    for of, arguments in whole:
        for _, _, other in altered(arguments):
            try:
                calls.append(of(world.tournament, *other))
            except NOT_ENCODED:
                continue
    assert len(calls) > 300
    assert [call for call in announced(world, calls) if succeeds(world, call)] == []


def announced(world: CourtWorld, calls: list[Any]) -> list[Any]:
    """Commit every call that can be encoded, and let a block pass."""
    encoded = []
    for call in calls:
        try:
            encoded.append((call, calldata(call)))
        except NOT_ENCODED:
            continue
    sender = {"from": world.address(STRANGER), "gas": 200_000}
    for _, data in encoded:
        world.court.functions.commit(commitment(world.address(STRANGER), data)).transact(sender)
    world.anvil.finalise()
    return [call for call, _ in encoded]


def succeeds(world: CourtWorld, call: Any) -> bool:
    try:
        call.call({"from": world.address(STRANGER), "gas": GAS})
    except (ContractLogicError, EndpointError):
        return False
    return True


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
    # The honest report's evidence may be there already: of another one nothing is.
    other = world.honest | {PLAIN: 1}
    evidence = world.evidence(other)
    assert refusal(world.post, replace(evidence, manifest=keccak(b"other")), other) == "OtherEvidence"
    terms = replace(world.terms, burn=world.terms.burn + 1)
    assert refusal(world.post, replace(evidence, terms=terms), other) == "OtherTerms"
    assert refusal(world.post, evidence, world.honest) == "OtherHeads"
