"""The court on a chain: it ends every report that lies, on one stranger's word, and no honest one."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from eth_hash.auto import keccak
from web3.exceptions import ContractLogicError

from scorer.chain.calldata import calldata
from scorer.chain.reverts import revert_name
from scorer.lab.anvil import run_anvil
from scorer.observation.posted import PostedIn, read_posted
from scorer.proofs.judge import Judge
from scorer.proofs.search import ProofKind, SealedFacts, cheapest, proof, report_faults, totals_fault
from scorer.units import wei_from_nano
from tests.proofs.court_world import (
    ABSENT,
    BONDS,
    CHALLENGE_WINDOW,
    MEMBERS,
    OPPOSITE,
    PLAIN,
    POSTING_PERIOD,
    REFUSED,
    STRANGER,
    TIED,
    UNSTAKED,
    CourtWorld,
    build,
    created,
    running_world,
)
from tests.waiting import mined

DISPROVEN = 6
NEVER = 2**256 - 1
SCORED = (PLAIN, TIED, OPPOSITE)


@pytest.fixture(scope="module")
def built() -> Iterator[CourtWorld]:
    with running_world() as world:
        yield world


@pytest.fixture
def world(built: CourtWorld) -> Iterator[CourtWorld]:
    with built.undone():
        yield built


def refusal(send: Any, *arguments: Any) -> str:
    """Return the name of the error with which a contract refuses what is sent, or nothing."""
    try:
        send(*arguments)
    except ContractLogicError as error:
        return revert_name(error) or str(error)
    return ""


def proofs_of_lanes(world: CourtWorld, evidence: Any, scores: dict[int, int]) -> dict[str, Any]:
    """Return one call of each proof that fits the world, by what it is about."""
    court, report, lanes = world.court.functions, evidence.report.to_contract(), world.lanes(scores)
    calls = {
        f"score of {model}": court.disproveScore(*world.score_arguments(evidence, scores, model))
        for model in SCORED
    }
    of = world.tournament, report
    calls["refused"] = court.disproveRefused(*of, lanes.place(REFUSED - 1), world.sealed.submission(REFUSED))
    calls["absent"] = court.disproveAbsent(*of, lanes.place(ABSENT - 1), world.sealed.gap(ABSENT))
    calls["unstaked"] = court.disproveUnstaked(*of, lanes.place(UNSTAKED - 1))
    calls["totals"] = court.disproveTotals(*of, lanes.to_contract())
    return calls


def accept(world: CourtWorld, scores: dict[int, int], **changes: Any) -> Any:
    """Let the members accept a report with these scores, after its evidence was posted."""
    evidence = world.evidence(scores, **changes)
    world.post(evidence, scores)
    world.post_steps(evidence)
    world.attest(evidence)
    return evidence


def test_an_honest_report_is_never_disproven_and_settles(world: CourtWorld) -> None:
    assert any(score < 0 for score in world.honest.values())
    evidence = accept(world, world.honest)
    for about, call in proofs_of_lanes(world, evidence, world.honest).items():
        assert refusal(world.prove, call) == "NotWrong", about
    world.anvil.advance_to(world.anvil.w3.eth.get_block("latest")["timestamp"] + CHALLENGE_WINDOW)
    world.send(world.suite.tournament.functions.beginSettlement(evidence.report.to_contract()))


@pytest.mark.parametrize("model", SCORED)
def test_a_score_that_is_off_by_two_ppm_is_disproven_and_by_one_is_not(built: CourtWorld, model: int) -> None:
    true = built.honest[model]
    for claimed in (true - 2, true + 2, -true, 0, 2**23 - 1, -(2**23)):
        scores = built.honest | {model: claimed}
        with built.undone():
            evidence = accept(built, scores)
            assert not refusal(built.prove, proofs_of_lanes(built, evidence, scores)[f"score of {model}"])
    scores = built.honest | {model: true + 1}
    with built.undone():
        evidence = accept(built, scores)
        judged = built.court.functions.scoreOf(*built.score_arguments(evidence, scores, model))
        claimed, least, largest = judged.call()
        assert claimed == true + 1
        assert abs(least / 2**64 - true) <= 0.5
        assert least <= largest
        about = f"score of {model}"
        wrong = abs((claimed << 64) - least) > 1 << 64
        assert refusal(built.prove, proofs_of_lanes(built, evidence, scores)[about]) == (
            "" if wrong else "NotWrong"
        )


@pytest.mark.parametrize(
    ("model", "about"), [(REFUSED, "refused"), (ABSENT, "absent"), (UNSTAKED, "unstaked")]
)
def test_a_score_of_who_must_have_none_is_disproven(world: CourtWorld, model: int, about: str) -> None:
    scores = world.honest | {model: 1}
    evidence = accept(world, scores)
    calls = proofs_of_lanes(world, evidence, scores)
    assert [name for name, call in calls.items() if name != about and not refusal(world.prove, call)] == []
    assert not refusal(world.prove, calls[about])


@pytest.mark.parametrize(("field", "by"), [("total_payout", 1), ("total_burn", 1), ("total_payout", -1)])
def test_totals_that_do_not_add_up_are_disproven(world: CourtWorld, field: str, by: int) -> None:
    right = getattr(world.evidence(world.honest).report, field)
    evidence = accept(world, world.honest, **{field: right + by})
    assert not refusal(world.prove, proofs_of_lanes(world, evidence, world.honest)["totals"])


def test_all_members_lie_and_one_stranger_with_the_data_ends_it(world: CourtWorld) -> None:
    scores = world.honest | {OPPOSITE: 50_000}
    evidence = world.evidence(scores)
    world.attest(evidence)
    third = world.suite.committee.functions.attest(world.tournament, evidence.report.to_contract())
    assert refusal(world.send, third, MEMBERS[2]) == "AlreadyAccepted"
    call = proofs_of_lanes(world, evidence, scores)[f"score of {OPPOSITE}"]
    world.prove(call)
    committee = world.suite.committee.functions
    assert committee.proposalOf(world.tournament, world.round_id).call().status == DISPROVEN
    slash = wei_from_nano(BONDS.slash)
    lost = [wei_from_nano(BONDS.member) - committee.bondOf(world.address(m)).call() for m in MEMBERS]
    assert lost == [slash, slash, 0]
    assert committee.creditOf(world.address(STRANGER)).call() == slash  # half of both
    report_hash = evidence.report.hash()
    assert committee.finalFrom(world.tournament, world.round_id, report_hash).call() == NEVER
    world.send(world.suite.tournament.functions.voidRound(world.round_id))


def test_a_report_without_public_evidence_never_becomes_final(world: CourtWorld) -> None:
    evidence = world.evidence(world.honest)
    world.attest(evidence)
    committee, report_hash = world.suite.committee.functions, evidence.report.hash()
    record = world.suite.tournament.functions.round(world.round_id).call()
    final = committee.finalFrom(world.tournament, world.round_id, report_hash)
    assert final.call() == NEVER
    world.anvil.advance_to(record.resolveAt + 4 * CHALLENGE_WINDOW)
    begin = world.suite.tournament.functions.beginSettlement(evidence.report.to_contract())
    assert refusal(world.send, begin) == "ReportNotFinal"
    close = committee.closeVotes(world.tournament, world.round_id)
    assert refusal(world.send, close) == "TooEarly"
    with world.undone():
        world.post(evidence, world.honest)
        assert final.call() == NEVER
        world.post_steps(evidence)
        posted = world.anvil.w3.eth.get_block("latest")["timestamp"]
        assert final.call() == posted + CHALLENGE_WINDOW
    world.anvil.advance_to(record.deadline + POSTING_PERIOD)
    posting = evidence.posting(world.lanes(world.honest).chunks, world.lanes(world.honest).packed)
    late = world.court.functions.post(world.tournament, *posting)
    assert refusal(world.send, late) == "PostedTooLate"
    world.send(close)


def test_evidence_is_taken_once(world: CourtWorld) -> None:
    evidence = world.evidence(world.honest)
    world.post(evidence, world.honest)
    since = world.court.functions.evidenceSince(world.tournament, world.round_id, evidence.report.hash())
    before = since.call()
    world.anvil.finalise()
    assert refusal(world.post, evidence, world.honest) == "AlreadyPosted"
    assert since.call() == before
    other = world.evidence(world.honest | {PLAIN: 1})
    assert refusal(world.post, other, world.honest | {PLAIN: 1}) == ""


def test_nobody_sends_a_proof_that_was_not_announced_as_his_own_a_block_before(world: CourtWorld) -> None:
    scores = world.honest | {PLAIN: 7}
    evidence = accept(world, scores)
    call = proofs_of_lanes(world, evidence, scores)[f"score of {PLAIN}"]
    assert refusal(world.send, call) == "NotCommitted"
    world.commit(call)
    thief = 7
    assert refusal(world.send, call, thief) == "NotCommitted"
    world.commit(call, thief)
    world.anvil.mines(at_once=False)
    gas = {"gas": 10_000_000}
    commit = world.court.functions.commit(bytes(32)).transact({"from": world.address(thief), **gas})
    world.anvil.mine_pool()
    world.anvil.mines(at_once=True)
    assert mined(world.anvil.w3, commit)["status"] == 1
    world.anvil.finalise()
    assert not refusal(world.send, call)


def test_what_is_final_is_not_disproven_any_more(world: CourtWorld) -> None:
    scores = world.honest | {PLAIN: 7}
    evidence = accept(world, scores)
    world.anvil.advance_to(world.anvil.w3.eth.get_block("latest")["timestamp"] + CHALLENGE_WINDOW + 1)
    call = proofs_of_lanes(world, evidence, scores)[f"score of {PLAIN}"]
    assert refusal(world.prove, call) == "TooLate"


def test_a_report_that_nobody_accepted_is_not_disproven(world: CourtWorld) -> None:
    lie = world.honest | {PLAIN: 7}
    accept(world, world.honest)
    call = proofs_of_lanes(world, world.evidence(lie), lie)[f"score of {PLAIN}"]
    assert refusal(world.prove, call) == "OtherReport"


def test_a_lie_that_was_upheld_or_is_disputed_is_disproven_too(world: CourtWorld) -> None:
    scores = world.honest | {PLAIN: 7}
    evidence = accept(world, scores)
    token, committee = world.suite.token.functions, world.suite.committee.functions
    world.send(token.transfer(world.address(STRANGER), wei_from_nano(BONDS.challenge)), 0)
    world.send(token.approve(world.suite.committee.address, 2**255))
    world.send(committee.challenge(world.tournament, world.round_id))
    call = proofs_of_lanes(world, evidence, scores)[f"score of {PLAIN}"]
    with world.undone():
        world.prove(call)
    world.attest(evidence)
    world.prove(call)
    assert committee.proposalOf(world.tournament, world.round_id).call().status == DISPROVEN


def test_scores_for_more_lanes_than_there_are_fall_to_the_proof_of_totals(world: CourtWorld) -> None:
    longer = [
        (at, words, scores + bytes(12)) for at, words, scores in world.lanes(world.honest).to_contract()
    ]
    head = bytes(32)
    for at, _, scores in longer:
        head = keccak(head + at.to_bytes(32, "big") + keccak(scores))
    evidence = world.evidence(world.honest, scores_head=head)
    world.attest(evidence)
    totals = world.court.functions.disproveTotals
    assert not refusal(world.prove, totals(world.tournament, evidence.report.to_contract(), longer))


def test_the_search_finds_each_lie_and_the_proof_that_ends_it(world: CourtWorld) -> None:
    lies = {
        PLAIN: world.honest[PLAIN] + 3,
        REFUSED: 9,
        ABSENT: -4,
        UNSTAKED: 1,
        OPPOSITE: world.honest[OPPOSITE] + 1,
    }
    scores = world.honest | lies
    evidence = accept(world, scores, total_burn=5)
    lanes = world.lanes(scores)
    models = [int(lane) + 1 for chunk in world.chunks for lane in chunk.lanes]
    record = world.suite.tournament.functions.round(world.round_id).call()
    facts = SealedFacts(models, world.sealed, record.payoutFactor, record.cap)
    *found, totals = report_faults(evidence, lanes, facts)
    assert [(fault.kind.name, fault.model) for fault in found] == [
        ("REFUSED", REFUSED), ("ABSENT", ABSENT), ("SCORE", PLAIN), ("UNSTAKED", UNSTAKED),
    ]  # fmt: skip
    assert totals.kind is ProofKind.TOTALS
    right = world.evidence(scores).report
    assert totals_fault(right, right.total_payout, right.total_burn) is None
    for fault in (*found, totals):
        with world.undone():
            arguments = proof(fault, evidence, lanes, world.sealed, world.tree)
            assert not refusal(world.prove, getattr(world.court.functions, fault.kind.value)(*arguments))
    assert report_faults(world.evidence(world.honest), world.lanes(world.honest), facts) == []
    score = [fault for fault in found if fault.kind is ProofKind.SCORE]
    tied = replace(score[0], model=TIED, lane=TIED - 1)
    assert cheapest([tied, *score], world.sealed) == score[0]
    assert cheapest([*score, totals], world.sealed) == totals
    assert cheapest([], world.sealed) is None
    of_one = report_faults(evidence, lanes, facts, only={OPPOSITE})
    assert [fault.kind.name for fault in of_one] == ["REFUSED", "ABSENT", "UNSTAKED", "TOTALS"]


@pytest.mark.parametrize("model", SCORED)
def test_what_the_search_computes_is_what_the_court_computes_to_the_last_bit(
    world: CourtWorld, model: int
) -> None:
    evidence = world.evidence(world.honest)
    judged = Judge(evidence.terms, evidence.operands).reward(world.predictions(model))
    assert judged is not None
    found = world.court.functions.scoreOf(*world.score_arguments(evidence, world.honest, model)).call()
    assert [world.honest[model], judged.least, judged.largest] == found
    assert judged.ppm == world.honest[model]


@pytest.mark.parametrize("wrong", [-0.0, -0.1, float("nan")])
def test_what_the_court_refuses_to_judge_is_not_judged_by_the_search(built: CourtWorld, wrong: float) -> None:
    predictions = built.predictions(PLAIN).copy()
    predictions[3] = wrong
    assert Judge(built.terms, built.operands).reward(predictions) is None
    assert Judge(built.terms, built.operands).reward(predictions[:-1]) is None


def test_a_court_that_is_a_wallet_asks_for_no_evidence_and_judges_by_itself() -> None:
    with run_anvil(accounts=12) as anvil:
        wallet = created(anvil, "Authority", str(anvil.account(0).address))
        world = build(anvil, wallet)
        evidence = world.evidence(world.honest)
        world.attest(evidence)
        committee = world.suite.committee.functions
        proposal = committee.proposalOf(world.tournament, world.round_id).call()
        final = committee.finalFrom(world.tournament, world.round_id, evidence.report.hash()).call()
        assert final == proposal.challengeUntil
        world.anvil.advance_to(final)
        world.send(committee.closeVotes(world.tournament, world.round_id))
        world.send(world.suite.tournament.functions.beginSettlement(evidence.report.to_contract()))


def test_evidence_is_read_back_from_the_event_that_made_it_public(world: CourtWorld) -> None:
    scores = world.honest | {TIED: 77}
    evidence = accept(world, scores)
    place = PostedIn(world.court, 0, world.anvil.w3.eth.block_number)
    of = world.anvil.w3.eth.chain_id, world.tournament
    found = read_posted(place, *of, evidence.report.hash(), world.terms)
    assert found is not None
    assert found.evidence == evidence
    assert list(found.packed) == list(world.lanes(scores).packed)
    assert read_posted(place, *of, bytes(32), world.terms) is None


def test_evidence_that_is_called_with_in_a_form_that_only_the_compiler_reads_is_read_back(
    world: CourtWorld,
) -> None:
    """Who could post what nobody can decode would keep a false report from every proof."""
    scores = world.honest | {TIED: 77}
    evidence, lanes = world.evidence(scores), world.lanes(scores)
    posting = evidence.posting(lanes.chunks, lanes.packed)
    call = bytearray(calldata(world.court.functions.post(world.tournament, *posting)))
    assert call[-1] == 0  # padding behind the last chunk's scores
    call[-1] = 1
    # What the fourth argument leads to is moved behind everything else.
    at = 4 + 3 * 32
    start = int.from_bytes(call[at : at + 32], "big")
    call[at : at + 32] = (len(call) - 4).to_bytes(32, "big")
    call += call[4 + start :]
    with pytest.raises(Exception, match="adding"):
        world.court.decode_function_input(bytes(call))
    request = {"from": world.address(STRANGER), "to": world.court.address, "data": bytes(call)}
    sent = world.anvil.w3.eth.send_transaction({**request, "gas": 20_000_000})  # type: ignore[typeddict-item]
    receipt = mined(world.anvil.w3, sent)
    assert receipt["status"] == 1
    place = PostedIn(world.court, receipt["blockNumber"], receipt["blockNumber"])
    of = world.anvil.w3.eth.chain_id, world.tournament, evidence.report.hash()
    found = read_posted(place, *of, world.terms)
    assert found is not None
    assert (found.evidence, list(found.packed)) == (evidence, list(lanes.packed))
