"""What a report says of its meta model before MetaCourt: every lie falls to one proof, and nothing honest."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from eth_hash.auto import keccak

from scorer.observation.posted import PostedIn, read_steps
from scorer.proofs.evidence import Evidence
from scorer.proofs.meta_faults import MetaCase
from scorer.proofs.meta_steps import StepTree
from scorer.proofs.search import FalseClaim, ProofKind, SealedFacts
from tests.proofs.attacks import altered
from tests.proofs.court_world import (
    CHALLENGE_WINDOW,
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
from tests.proofs.many_calls import succeeding
from tests.proofs.test_score_court import refusal

DISPROVEN = 6
NEVER = 2**256 - 1
STEPS = {0: PLAIN, 1: TIED, 4: OPPOSITE}
"""The leaves that add to the sums, and the models of their submissions."""
IDLE = {2: REFUSED, 3: UNSTAKED, 5: 0, 6: 0, 7: 0}
"""Those that do not; from 5 on they fill the tree up."""


@pytest.fixture(scope="module")
def built() -> Iterator[CourtWorld]:
    with running_world() as world:
        yield world


@pytest.fixture
def world(built: CourtWorld) -> Iterator[CourtWorld]:
    with built.undone():
        yield built


def case_of(world: CourtWorld, steps: StepTree) -> MetaCase:
    models = [int(lane) + 1 for chunk in world.chunks for lane in chunk.lanes]
    facts = SealedFacts(models, world.sealed, 1_000_000, 1_000_000)
    return MetaCase.of(steps, facts, world.lanes(world.honest))


def evidence_with(world: CourtWorld, steps: StepTree, **changes: Any) -> Evidence:
    """Return an honest report but for its steps."""
    operands = replace(changes.pop("operands", world.operands), steps=steps.root)
    return world.evidence(world.honest, operands=operands, **changes)


def accepted(world: CourtWorld, steps: StepTree, **changes: Any) -> Evidence:
    evidence = evidence_with(world, steps, **changes)
    world.post(evidence, world.honest)
    world.post_steps(evidence, steps)
    world.attest(evidence)
    return evidence


def call_of(world: CourtWorld, case: MetaCase, fault: FalseClaim, evidence: Evidence) -> Any:
    arguments = case.arguments(fault, evidence, world.lanes(world.honest))
    return getattr(world.meta_court.functions, fault.kind.value)(*arguments)


def all_proofs(world: CourtWorld, case: MetaCase, evidence: Evidence) -> dict[str, Any]:
    """Return one call for everything that can be said of the meta model, by what it is about."""
    faults = [FalseClaim(ProofKind.STEP, model - 1, model, 1, 0, index) for index, model in STEPS.items()]
    faults += [FalseClaim(ProofKind.IDLE_STEP, -1, model, 1, 0, index) for index, model in IDLE.items()]
    faults += [FalseClaim(ProofKind.RANKS, -1, -1, 1, 0, 0), FalseClaim(ProofKind.SHAPE, -1, -1, 1, 0)]
    return {f"{fault.kind.name} {fault.index}": call_of(world, case, fault, evidence) for fault in faults}


def other_steps(world: CourtWorld, index: int) -> StepTree:
    """Return the honest steps, but with other sums from a leaf on, as a liar would have them."""
    hashes = [world.steps.hash_at(leaf) for leaf in range(8)]
    return StepTree([*hashes[:index], *(keccak(each) for each in hashes[index:])])


def test_nothing_about_an_honest_meta_model_is_proven_and_its_report_settles(world: CourtWorld) -> None:
    case = case_of(world, world.steps)
    evidence = accepted(world, world.steps)
    assert case.faults(evidence) == []
    for about, call in all_proofs(world, case, evidence).items():
        assert refusal(world.prove, call) == "StepRight", about
    world.anvil.advance_to(world.anvil.w3.eth.get_block("latest")["timestamp"] + CHALLENGE_WINDOW)
    world.send(world.suite.tournament.functions.beginSettlement(evidence.report.to_contract()))


@pytest.mark.parametrize("index", range(8))
def test_the_first_step_that_is_wrong_is_found_and_ends_the_report(world: CourtWorld, index: int) -> None:
    steps = other_steps(world, index)
    case, evidence = case_of(world, steps), accepted(world, steps)
    (fault,) = case.faults(evidence)
    kind = ProofKind.STEP if index in STEPS else ProofKind.IDLE_STEP
    assert (fault.kind, fault.index, fault.model) == (kind, index, (STEPS | IDLE)[index])
    world.prove(call_of(world, case, fault, evidence))
    proposal = world.suite.committee.functions.proposalOf(world.tournament, world.round_id).call()
    assert proposal.status == DISPROVEN


def test_ranks_that_are_not_those_of_the_last_sums_end_the_report(world: CourtWorld) -> None:
    records = world.operands.vectors[0].records
    ranks = [records[at + 2 : at + 4] for at in range(0, len(records), 4)]
    other = next(place for place, rank in enumerate(ranks) if rank != ranks[0])
    swapped = bytearray(records)
    swapped[2:4], swapped[4 * other + 2 : 4 * other + 4] = ranks[other], ranks[0]
    case = case_of(world, world.steps)
    lie = other_operands(world.operands, records=bytes(swapped))
    evidence = accepted(world, world.steps, operands=lie)
    (fault,) = case.faults(evidence)
    assert (fault.kind, fault.claimed, fault.index) == (ProofKind.RANKS, 2, 0)
    call = call_of(world, case, fault, evidence)
    assert succeeding(world, [lambda: call]) == (1, 1)  # where no other argument may: see below
    world.prove(call)


@pytest.mark.parametrize("leaves", [1, 3, 9])
def test_steps_for_more_or_fewer_submissions_than_there_are_end_the_report(
    world: CourtWorld, leaves: int
) -> None:
    steps = StepTree([world.steps.hash_at(index) for index in range(leaves)])
    case, evidence = case_of(world, steps), accepted(world, steps)
    (fault,) = case.faults(evidence)
    assert fault.kind is ProofKind.SHAPE
    world.prove(call_of(world, case, fault, evidence))


def test_a_report_is_not_final_until_every_step_is_public(world: CourtWorld) -> None:
    steps = StepTree([keccak(number.to_bytes(4, "big")) for number in range(1500)])
    evidence = evidence_with(world, steps)
    since = world.court.functions.evidenceSince(world.tournament, world.round_id, evidence.report.hash())
    post, struct = world.meta_court.functions.post, evidence.to_contract()
    first, second = (post(world.tournament, struct, part, *steps.part(part)) for part in range(2))
    assert refusal(world.send, second) == "OtherPart"
    world.send(first)
    assert refusal(world.send, first) == "OtherPart"
    world.post(evidence, world.honest)
    assert since.call() == NEVER
    receipt = world.send(second)
    assert since.call() == world.anvil.w3.eth.get_block(receipt["blockNumber"])["timestamp"]
    posting = world.meta_court.functions.postingOf(world.tournament, evidence.report.hash()).call()
    assert list(posting)[:2] == [2, 2]
    place = PostedIn(world.meta_court, 0, receipt["blockNumber"])
    found = read_steps(place, world.tournament, evidence.report.hash(), steps.root)
    assert found is not None
    assert list(found.hashes) == steps.hashes
    third = post(world.tournament, struct, 2, *steps.part(1))
    assert refusal(world.send, third) == "NotInSteps"


def test_steps_that_the_report_does_not_commit_to_are_not_taken(world: CourtWorld) -> None:
    evidence, post = world.evidence(world.honest), world.meta_court.functions.post
    hashes, siblings = world.steps.part(0)
    struct = evidence.to_contract()
    for other in (hashes[:-1], hashes[::-1], [*hashes, bytes(32)], [*hashes, *hashes], hashes[:1]):
        assert refusal(world.send, post(world.tournament, struct, 0, other, siblings)) == "NotInSteps"
    for other in ([], [bytes(32)] * 1025):
        assert refusal(world.send, post(world.tournament, struct, 0, other, siblings)) == "WrongCount"
    assert refusal(world.send, post(world.tournament, struct, 0, hashes, [bytes(32)])) == "NotInSteps"
    lying = replace(evidence, manifest=keccak(b"other")).to_contract()
    assert refusal(world.send, post(world.tournament, lying, 0, hashes, siblings)) == "OtherEvidence"
    record = world.suite.tournament.functions.round(world.round_id).call()
    world.anvil.advance_to(record.deadline + 15 * 86_400)
    assert refusal(world.post_steps, evidence) == "PostedTooLate"


def test_a_report_without_steps_is_not_taken_where_somebody_submitted(world: CourtWorld) -> None:
    evidence = evidence_with(world, StepTree(()))
    assert refusal(world.post, evidence, world.honest) == "OtherSteps"


def test_only_its_siblings_may_condemn_and_only_what_was_announced(world: CourtWorld) -> None:
    steps = other_steps(world, 1)
    case, evidence = case_of(world, steps), accepted(world, steps)
    report = evidence.report.to_contract()
    condemn = world.court.functions.condemn(world.tournament, report, world.address(STRANGER))
    assert refusal(world.send, condemn) == "NotSibling"
    call = call_of(world, case, case.faults(evidence)[0], evidence)
    assert refusal(world.send, call) == "NotCommitted"
    world.commit(call)
    world.anvil.finalise()
    assert refusal(world.send, call, 7) == "NotCommitted"
    world.send(call)


def test_no_altered_argument_condemns_an_honest_meta_model(world: CourtWorld) -> None:
    evidence, case = accepted(world, world.steps), case_of(world, world.steps)
    tried = 0
    proofs = all_proofs(world, case, evidence)
    for about in ("STEP 0", "STEP 1", "IDLE_STEP 3", "IDLE_STEP 5", "RANKS 0", "SHAPE 0"):
        honest = proofs[about]
        function = getattr(world.meta_court.functions, honest.fn_name)
        others = altered(tuple(honest.arguments[1:]))
        count, succeeded = succeeding(
            world, [partial(function, world.tournament, *other) for _, _, other in others]
        )
        assert not succeeded, about
        tried += count
    assert tried > 500


def test_steps_of_one_leaf_never_stand_for_another(world: CourtWorld) -> None:
    evidence, case = accepted(world, world.steps), case_of(world, world.steps)
    lanes, functions = world.lanes(world.honest), world.meta_court.functions
    calls: list[Callable[[], Any]] = []
    start = world.tournament, evidence.to_contract()
    for at in range(8):
        step = world.steps.step(at)
        for model in (PLAIN, TIED, REFUSED, UNSTAKED, OPPOSITE):
            leaf = world.sealed.submission(model)
            several: tuple[Any, ...] = ([], lanes.to_contract(), lanes.to_contract()[:1])
            calls += [partial(functions.disproveIdleStep, *start, leaf, step, chunks) for chunks in several]
            for of in STEPS.values():
                fault = FalseClaim(ProofKind.STEP, of - 1, of, 1, 0, world.sealed.submission(of)[5])
                inputs = case.arguments(fault, evidence, lanes)[5]
                place = lanes.place(of - 1)
                calls.append(partial(functions.disproveStep, *start, place, leaf, step, inputs))
        calls.append(partial(functions.disproveIdleStep, *start, world.sealed.leaf(at), step, []))
    assert succeeding(world, calls) == (len(calls), 0)
