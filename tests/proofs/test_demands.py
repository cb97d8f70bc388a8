"""Predictions that are demanded: who is drawn, who pays, who answers, and what silence costs."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pytest
from web3.logs import DISCARD

from scorer.chain.calldata import calldata
from scorer.proofs.calls import ScoredLanes
from scorer.proofs.search import ProofKind
from scorer.protocol.chunks import push
from scorer.protocol.digest import prediction_bytes
from scorer.units import wei_from_nano
from tests.proofs.court_world import (
    ABSENT,
    ADMIN,
    CHALLENGE_WINDOW,
    GUARDIAN,
    MEMBERS,
    OPPOSITE,
    OWNER,
    PLAIN,
    REFUSED,
    STAKE,
    STRANGER,
    TIED,
    UNSTAKED,
)
from tests.proofs.demands_world import (
    ABOVE,
    BLOCKS,
    DELAY,
    DEMANDS,
    DEPOSIT,
    LANES,
    PAYER,
    THIRD,
    DemandsWorld,
    drawn,
    pretender,
    running_demands,
)
from tests.proofs.test_score_court import refusal

BOTH: Final = [LANES[PLAIN], LANES[TIED]]
PAID: Final = int(wei_from_nano(DEPOSIT))
FIRST, SECOND = 0, 1
HISTORY: Final = "0x0000F90827F1c53a10cb7A002335175320002935"
ALL_ONES: Final = "0x5f195f5260205ff3"
"""Code that answers everything with 32 bytes of ones: NOT of zero, MSTORE, RETURN."""


@pytest.fixture(scope="module")
def built() -> Iterator[DemandsWorld]:
    with running_demands() as demands:
        yield demands


@pytest.fixture
def demands(built: DemandsWorld) -> Iterator[DemandsWorld]:
    with built.world.undone():
        yield built


@pytest.fixture
def placed(demands: DemandsWorld) -> DemandsWorld:
    """Both paid lanes may be demanded."""
    demands.draw_at(demands.accept(), BOTH)
    return demands


# drawing


def test_a_draw_falls_where_the_formula_says_and_the_lanes_are_public(demands: DemandsWorld) -> None:
    evidence = demands.accept()
    scheduled = demands.world.send(demands.draw())
    (event,) = demands.contract.events.DrawScheduled().process_receipt(scheduled, errors=DISCARD)
    first = scheduled["blockNumber"] + DELAY + 1
    assert event.args.fromBlock == first
    demands.mine(DELAY + BLOCKS + 1)
    receipt = demands.world.send(demands.draw())
    (event,) = demands.contract.events.Drawn().process_receipt(receipt, errors=DISCARD)
    eth = demands.world.anvil.w3.eth
    hashes = [eth.get_block(number)["hash"] for number in range(first, first + BLOCKS)]
    assert event.args.seed == int("".join(str(each[-1] & 1) for each in hashes), 2)
    receipt = demands.world.send(demands.place(evidence))
    (placed,) = demands.contract.events.Placed().process_receipt(receipt, errors=DISCARD)
    assert placed.args.lanes == demands.expected_lanes(event.args.seed, evidence)
    assert placed.args.deposit == PAID
    assert demands.draw_of(evidence.report.hash()).places == len(placed.args.lanes)


def test_the_contract_draws_as_the_formula_over_many_seeds_and_never_a_loser(demands: DemandsWorld) -> None:
    evidence = demands.accept()
    demands.draw_seed()
    random, seen = np.random.default_rng(1), set()
    for seed in random.integers(0, 2**63, 40).tolist():
        with demands.world.undone():
            demands.set_seed(evidence, seed)
            receipt = demands.world.send(demands.place(evidence))
            (event,) = demands.contract.events.Placed().process_receipt(receipt, errors=DISCARD)
            assert event.args.lanes == demands.expected_lanes(seed, evidence)
            seen |= set(event.args.lanes)
    assert seen == set(BOTH)


def test_an_overpaid_lane_of_ten_is_caught_as_often_as_its_payout_says() -> None:
    """Nine lanes are paid 1 each, and one is paid what makes a share of all payouts up."""
    for share in (0.1, 0.25, 0.5):
        payouts = [90] * 9 + [round(810 * share / (1 - share))]
        true = payouts[-1] / sum(payouts)
        for count in (1, 3, 8):
            missed = sum(9 not in drawn(seed, bytes(32), count, payouts) for seed in range(2000)) / 2000
            # Five standard deviations of 2,000 draws.
            expected = (1 - true) ** count
            assert abs(missed - expected) < 5 * (expected * (1 - expected) / 2000) ** 0.5


def test_a_draw_waits_for_a_report_its_evidence_and_the_blocks(demands: DemandsWorld) -> None:
    world, evidence = demands.world, demands.evidence()
    assert refusal(world.send, demands.draw()) == "NoReport"
    world.post(evidence, ABOVE)
    assert refusal(world.send, demands.draw()) == "NoReport"
    world.attest(evidence)
    assert refusal(world.send, demands.draw()) == "NoEvidence"
    world.post_steps(evidence)
    assert refusal(world.send, demands.place(evidence)) == "NotDrawn"
    world.send(demands.draw())
    assert refusal(world.send, demands.draw()) == "SeedNotThere"
    demands.mine(DELAY + BLOCKS)
    assert refusal(world.send, demands.draw()) == "SeedNotThere"
    demands.mine(1)
    world.send(demands.draw())
    assert refusal(world.send, demands.draw()) == "AlreadyDrawn"
    world.send(demands.place(evidence))
    assert refusal(world.send, demands.place(evidence)) == "AlreadyPlaced"


@pytest.mark.parametrize("history", [False, True])
def test_a_draw_whose_blocks_the_chain_has_forgotten_begins_anew(
    demands: DemandsWorld, *, history: bool
) -> None:
    """Where the chain keeps 8,191 hashes, it has not forgotten them so soon."""
    demands.accept()
    demands.world.send(demands.draw())
    fixed = demands.draw_of(demands.reported).fromBlock
    demands.request("anvil_setCode", HISTORY, ALL_ONES if history else "0x")
    demands.mine(DELAY + 256)
    with demands.world.undone():  # the first block of the seed is the oldest that is given
        demands.world.send(demands.draw())
        assert demands.draw_of(demands.reported).isDrawn
    demands.mine(1)
    receipt = demands.world.send(demands.draw())
    found = demands.draw_of(demands.reported)
    assert found.isDrawn == history
    assert found.fromBlock == (fixed if history else receipt["blockNumber"] + DELAY + 1)
    if not history:
        demands.mine(DELAY + BLOCKS + 1)
        demands.world.send(demands.draw())
        assert demands.draw_of(demands.reported).isDrawn


def test_nothing_is_drawn_where_a_report_needs_no_evidence_or_may_be_final_before(
    demands: DemandsWorld,
) -> None:
    """A round without terms has none posted, and a committee may wait for none."""
    world, liar = demands.world, pretender(demands.world, STRANGER)
    draw = demands.functions.draw(liar.address, 1)
    now, never = world.anvil.w3.eth.get_block("latest")["timestamp"], 2**256 - 1
    for posted, final in ((0, never), (never, never), (1, now), (now, now + CHALLENGE_WINDOW - 1)):
        world.send(liar.functions.sayWhen(posted, final))
        assert refusal(world.send, draw) == "NoEvidence"
    world.send(liar.functions.sayWhen(1, never))
    world.send(draw)


def test_times_count_from_acceptance_where_evidence_was_public_before(demands: DemandsWorld) -> None:
    """Else a quorum would post first, wait, and have its report final before anything can be demanded."""
    world, evidence = demands.world, demands.evidence()
    world.post(evidence, ABOVE)
    world.post_steps(evidence)
    world.anvil.advance_to(world.anvil.w3.eth.get_block("latest")["timestamp"] + THIRD)
    world.attest(evidence)
    accepted = world.anvil.w3.eth.get_block("latest")["timestamp"]
    world.send(demands.draw())
    assert demands.since == accepted


def test_a_report_disputed_before_its_evidence_is_public_is_drawn_during_the_dispute(
    demands: DemandsWorld,
) -> None:
    """Upheld late it would be final at once."""
    world, evidence = demands.world, demands.evidence()
    world.attest(evidence)
    world.send(world.suite.committee.functions.challenge(*demands.place_of_round), ADMIN)
    world.post(evidence, ABOVE)
    world.post_steps(evidence)
    posted = world.anvil.w3.eth.get_block("latest")["timestamp"]
    demands.draw_at(evidence, BOTH)
    assert demands.since == posted
    world.send(demands.demand(FIRST), PAYER)
    world.send(demands.answer(FIRST, PLAIN))


@pytest.mark.parametrize("call", ["draw", "place", "demand"])
def test_nothing_is_drawn_or_demanded_after_the_first_third(demands: DemandsWorld, call: str) -> None:
    evidence = demands.accept()
    demands.world.send(demands.draw())
    if call != "draw":
        demands.mine(DELAY + BLOCKS + 1)
        demands.world.send(demands.draw())
    if call == "demand":
        demands.world.send(demands.place(evidence))
    made = {"draw": demands.draw(), "place": demands.place(evidence), "demand": demands.demand(FIRST)}[call]
    last = demands.pass_until(THIRD - 1)
    assert refusal(made.call, {"from": demands.world.address(PAYER)}, last) in ("", "SeedNotThere")
    demands.pass_until(THIRD)
    assert refusal(demands.world.send, made, PAYER) == "TooLate"


def test_only_what_round_and_report_commit_to_is_drawn_from(demands: DemandsWorld) -> None:
    world, evidence = demands.world, demands.accept()
    demands.draw_seed()
    terms, chunks = world.terms.to_contract(), world.lanes(ABOVE).to_contract()
    others = world.lanes({**ABOVE, PLAIN: 19_999}).to_contract()
    report = evidence.report.to_contract()

    def refused(report: Any, terms: Any, chunks: Any) -> str:
        return refusal(world.send, demands.functions.place(world.tournament, report, terms, chunks))

    assert refused(report, (*terms[:3], 16, *terms[4:]), chunks) == "OtherTerms"
    for given in (others, chunks[:1], chunks[::-1], []):
        assert refused(report, terms, given) == "OtherHeads"
    other = demands.evidence(total_payout=1).report.to_contract()
    assert refused(other, terms, chunks) == "NotDrawn"


@pytest.mark.parametrize("change", [-1, 1])
def test_a_report_whose_payouts_do_not_add_up_is_not_drawn_from_but_ended(
    demands: DemandsWorld, change: int
) -> None:
    world = demands.world
    evidence = demands.accept(total_payout=sum(demands.payouts()) + change)
    demands.draw_seed()
    assert refusal(world.send, demands.place(evidence)) == "OtherPayout"
    chunks = world.lanes(ABOVE).to_contract()
    proof = world.court.functions.disproveTotals(world.tournament, evidence.report.to_contract(), chunks)
    world.prove(proof)
    assert refusal(world.send, demands.draw()) == "NoReport"


def test_a_report_that_pays_nobody_has_nothing_to_be_drawn(demands: DemandsWorld) -> None:
    scores = {PLAIN: -5_000, OPPOSITE: -10_000}
    evidence = demands.accept(scores)
    demands.draw_seed()
    assert refusal(demands.world.send, demands.place(evidence, scores)) == "OtherPayout"


def test_a_report_with_scores_for_fewer_lanes_than_there_are_is_not_drawn_from(demands: DemandsWorld) -> None:
    world, lanes = demands.world, demands.world.lanes(ABOVE)
    short = ScoredLanes(lanes.chunks, [lanes.packed[0][:12], lanes.packed[1]])
    head = bytes(32)
    for chunk, part in zip(short.chunks, short.packed, strict=True):
        head = push(head, chunk.from_slot, part)
    evidence = demands.evidence(scores_head=head)
    world.attest(evidence)
    world.send(world.court.functions.post(world.tournament, *evidence.posting(short.chunks, short.packed)))
    world.post_steps(evidence)
    demands.draw_seed()
    report, terms = evidence.report.to_contract(), world.terms.to_contract()
    call = demands.functions.place(world.tournament, report, terms, short.to_contract())
    assert refusal(world.send, call) == "WrongCount"


@pytest.mark.parametrize("count", [0, 17])
def test_terms_that_name_no_demands_or_too_many_give_nothing_to_demand(count: int) -> None:
    with running_demands(demands=count) as demands:
        evidence = demands.accept()
        demands.draw_seed()
        assert refusal(demands.world.send, demands.place(evidence)) == "NoDemands"
        assert refusal(demands.world.send, demands.demand(FIRST), PAYER) == "NoPlace"
        demands.settle(evidence)


# demanding and answering


def test_a_demand_costs_the_deposit_and_names_lane_model_and_payer(placed: DemandsWorld) -> None:
    before = placed.balance(PAYER)
    receipt = placed.world.send(placed.demand(SECOND), PAYER)
    (event,) = placed.contract.events.Demanded().process_receipt(receipt, errors=DISCARD)
    assert event.args.reportHash == placed.reported
    found = event.args.place, event.args.lane, event.args.modelId, event.args.payer
    assert found == (SECOND, LANES[TIED], TIED, placed.world.address(PAYER))
    assert (before - placed.balance(PAYER), placed.held) == (PAID, PAID)
    found = placed.functions.placeOf(placed.world.tournament, placed.reported, SECOND).call()
    assert tuple(found) == (LANES[TIED], placed.world.address(PAYER))


def test_a_place_is_demanded_once_and_there_are_no_others(placed: DemandsWorld) -> None:
    placed.world.send(placed.demand(FIRST), PAYER)
    assert refusal(placed.world.send, placed.demand(FIRST), PAYER) == "AlreadyDemanded"
    for place in (2, 16, 255, 256, 2**255):
        assert refusal(placed.world.send, placed.demand(place), PAYER) == "NoPlace"
    assert refusal(placed.world.send, placed.demand(SECOND), STRANGER) == "ERC20InsufficientAllowance"


def test_whoever_answers_gets_a_quarter_of_the_deposit_and_the_owner_the_rest(placed: DemandsWorld) -> None:
    world = placed.world
    world.send(placed.demand(FIRST), PAYER)
    owner, member = placed.balance(OWNER), placed.balance(MEMBERS[0])
    receipt = world.send(placed.answer(FIRST, PLAIN, to=MEMBERS[0]), STRANGER)
    (event,) = placed.contract.events.Answered().process_receipt(receipt, errors=DISCARD)
    assert (event.args.place, event.args.modelId) == (FIRST, PLAIN)
    assert event.args.predictions == prediction_bytes(world.predictions(PLAIN))
    assert placed.balance(MEMBERS[0]) - member == PAID // 4
    assert placed.balance(OWNER) - owner == PAID - PAID // 4
    assert placed.held == 0


def test_nobody_gets_two_answers_paid(placed: DemandsWorld) -> None:
    world, evidence = placed.world, placed.evidence()
    assert refusal(world.send, placed.answer(FIRST, PLAIN)) == "NothingOwed"
    world.send(placed.demand(FIRST), PAYER)
    world.send(placed.demand(SECOND), PAYER)
    world.send(placed.answer(FIRST, PLAIN))
    assert refusal(world.send, placed.answer(FIRST, PLAIN)) == "NothingOwed"
    assert refusal(world.send, placed.reclaim(evidence, FIRST)) == "NothingOwed"
    for place in (2, 16, 256):
        assert refusal(world.send, placed.answer(place, PLAIN)) == "NothingOwed"
        assert refusal(world.send, placed.reclaim(evidence, place)) == "NothingOwed"
    assert placed.held == PAID
    placed.pass_until(2 * THIRD)
    world.send(placed.reclaim(evidence, SECOND))
    assert refusal(world.send, placed.reclaim(evidence, SECOND)) == "NothingOwed"
    assert placed.held == 0


def test_only_a_models_own_predictions_behind_a_leaf_that_counts_are_an_answer(
    placed: DemandsWorld,
) -> None:
    world = placed.world
    world.send(placed.demand(FIRST), PAYER)
    call = placed.functions.answer
    content, leaf = prediction_bytes(world.predictions(PLAIN)), world.sealed.submission(PLAIN)
    to = world.address(STRANGER)
    start = *placed.place_of_round, FIRST
    other = prediction_bytes(world.predictions(TIED))
    assert refusal(world.send, call(*start, leaf, other, to)) == "OtherPredictions"
    assert refusal(world.send, call(*start, leaf, content[:-8], to)) == "OtherPredictions"
    for model in (TIED, REFUSED, UNSTAKED, OPPOSITE):
        assert refusal(world.send, placed.answer(FIRST, model)) == "OtherModel"
    refused = (*leaf[:4], 0, *leaf[5:])
    assert refusal(world.send, call(*start, refused, content, to)) == "NotInTree"
    elsewhere = (*leaf[:5], leaf[5] + 1, leaf[6])
    assert refusal(world.send, call(*start, elsewhere, content, to)) == "NotInTree"
    world.send(placed.answer(FIRST, PLAIN))


@pytest.mark.parametrize("model", [REFUSED, ABSENT])
def test_a_lane_that_is_paid_without_a_submission_that_counts_cannot_answer(
    demands: DemandsWorld, model: int
) -> None:
    scores = {model: 10_000}
    evidence = demands.accept(scores)
    demands.draw_at(evidence, [model - 1], scores)
    demands.world.send(demands.demand(FIRST), PAYER)
    if model == REFUSED:
        assert refusal(demands.world.send, demands.answer(FIRST, model)) == "WrongVerdict"
    demands.settle(evidence, scores)
    assert demands.idle()[model] == STAKE


def test_an_answer_after_the_second_third_is_refused_and_the_deposit_goes_back(placed: DemandsWorld) -> None:
    world, evidence, before = placed.world, placed.evidence(), placed.balance(PAYER)
    world.send(placed.demand(FIRST), PAYER)
    last, by = placed.pass_until(2 * THIRD - 1), {"from": world.address(STRANGER)}
    assert refusal(placed.reclaim(evidence, FIRST).call, by, last) == "TooEarly"
    assert not refusal(placed.answer(FIRST, PLAIN).call, by, last)
    placed.pass_until(2 * THIRD)
    assert refusal(world.send, placed.answer(FIRST, PLAIN)) == "TooLate"
    receipt = world.send(placed.reclaim(evidence, FIRST))
    (event,) = placed.contract.events.Reclaimed().process_receipt(receipt, errors=DISCARD)
    assert (event.args.place, event.args.payer) == (FIRST, world.address(PAYER))
    assert placed.balance(PAYER) == before


def test_demands_of_no_deposit_move_no_tokens() -> None:
    with running_demands(deposit=0) as demands:
        evidence = demands.accept()
        demands.draw_at(evidence, BOTH)
        for place in (FIRST, SECOND):
            demands.world.send(demands.demand(place), STRANGER)
        demands.world.send(demands.answer(FIRST, PLAIN))
        demands.pass_until(2 * THIRD)
        demands.world.send(demands.reclaim(evidence, SECOND))
        assert demands.held == 0


# reports that fall


def test_deposits_go_back_as_soon_as_the_report_is_proven_wrong(placed: DemandsWorld) -> None:
    """What is answered condemns the report; what is not is given back, and nobody is asked any more."""
    world, evidence = placed.world, placed.evidence()
    world.send(placed.demand(FIRST), PAYER)
    world.send(placed.demand(SECOND), PAYER)
    world.send(placed.answer(FIRST, PLAIN))
    arguments = world.score_arguments(evidence, ABOVE, PLAIN)
    world.prove(world.court.functions.disproveScore(*arguments))
    assert refusal(world.send, placed.answer(SECOND, TIED)) == "NoReport"
    world.send(placed.reclaim(evidence, SECOND))
    assert placed.held == 0
    world.send(world.suite.tournament.functions.voidRound(world.round_id))
    placed.settle_chunks(world.chunks, None)
    assert placed.idle() == dict.fromkeys(range(1, OPPOSITE + 1), STAKE)


def overturned(demands: DemandsWorld, scores: dict[int, int]) -> Any:
    """Let a second vote put another report in the place of the one that stands."""
    world, other = demands.world, demands.evidence(scores)
    world.send(world.suite.committee.functions.veto(*demands.place_of_round), GUARDIAN)
    for member in MEMBERS[:2]:
        vote = world.suite.committee.functions.attest(world.tournament, other.report.to_contract())
        world.send(vote, member)
    world.post(other, scores)
    world.post_steps(other)
    return other


def test_a_report_that_replaces_another_is_drawn_anew_and_owes_nothing_of_it(placed: DemandsWorld) -> None:
    world, evidence = placed.world, placed.evidence()
    world.send(placed.demand(FIRST), PAYER)
    world.send(placed.demand(SECOND), PAYER)
    world.send(placed.answer(SECOND, TIED))
    scores = {**ABOVE, PLAIN: 25_000}
    other = overturned(placed, scores)
    assert refusal(world.send, placed.answer(FIRST, PLAIN)) == "NothingOwed"
    world.send(placed.reclaim(evidence, FIRST))
    assert placed.held == 0
    assert placed.functions.silentLanes(*placed.place_of_round).call() == []
    placed.draw_at(other, BOTH, scores)
    world.send(placed.demand(SECOND), PAYER)
    placed.settle(other, scores)
    idle, payouts = placed.idle(), placed.payouts(scores)
    assert idle[TIED] == STAKE
    assert idle[PLAIN] == STAKE + payouts[PLAIN - 1]


def test_silence_under_a_report_that_was_replaced_silences_nobody(placed: DemandsWorld) -> None:
    placed.world.send(placed.demand(FIRST), PAYER)
    scores = {**ABOVE, PLAIN: 25_000}
    other = overturned(placed, scores)
    placed.settle(other, scores)
    assert placed.idle()[PLAIN] == STAKE + placed.payouts(scores)[PLAIN - 1]


def test_in_a_void_round_deposits_go_back_and_nobody_is_silenced(placed: DemandsWorld) -> None:
    world, evidence, before = placed.world, placed.evidence(), placed.balance(PAYER)
    world.send(placed.demand(FIRST), PAYER)
    world.send(world.suite.committee.functions.veto(*placed.place_of_round), GUARDIAN)
    proposal = world.suite.committee.functions.proposalOf(*placed.place_of_round).call()
    world.anvil.advance_to(proposal.disputeUntil)
    world.send(placed.reclaim(evidence, FIRST))
    world.send(world.suite.tournament.functions.voidRound(world.round_id))
    placed.settle_chunks(world.chunks, None)
    assert placed.balance(PAYER) == before
    assert placed.idle() == dict.fromkeys(range(1, OPPOSITE + 1), STAKE)


# settlement


def test_a_silent_winner_gets_its_position_back_and_nothing_else_changes(placed: DemandsWorld) -> None:
    world, evidence = placed.world, placed.evidence()
    tournament = world.suite.tournament
    pool = tournament.functions.pool().call()
    world.send(placed.demand(FIRST), PAYER)
    assert placed.functions.silentLanes(*placed.place_of_round).call() == []
    receipts = placed.settle(evidence)
    assert placed.functions.silentLanes(*placed.place_of_round).call() == [LANES[PLAIN]]
    idle, payouts = placed.idle(), placed.payouts()
    assert idle[PLAIN] == STAKE
    assert idle[TIED] == STAKE + payouts[TIED - 1]
    assert idle[OPPOSITE] == STAKE - placed.record.totalBurn
    record = placed.record
    assert (record.paid, record.burned) == (payouts[TIED - 1], record.totalBurn)
    assert tournament.functions.pool().call() == pool - payouts[TIED - 1]
    event_of = placed.contract.events.LanesSilenced()
    ((event,),) = [found for each in receipts if (found := event_of.process_receipt(each, errors=DISCARD))]
    assert (event.args.tournament, event.args.roundId) == placed.place_of_round
    assert event.args.lanes == [LANES[PLAIN]]
    event_of = tournament.events.ChunkSettled()
    settled = [event_of.process_receipt(each, errors=DISCARD)[0].args.scores for each in reversed(receipts)]
    assert settled == list(world.lanes(ABOVE).packed)


def test_answered_lanes_are_paid_as_reported(placed: DemandsWorld) -> None:
    for place, model in ((FIRST, PLAIN), (SECOND, TIED)):
        placed.world.send(placed.demand(place), PAYER)
        placed.world.send(placed.answer(place, model))
    placed.settle(placed.evidence())
    idle, payouts = placed.idle(), placed.payouts()
    assert [idle[model] - STAKE for model in (PLAIN, TIED)] == [payouts[PLAIN - 1], payouts[TIED - 1]]


def test_a_short_pool_is_shared_as_if_nobody_were_silent(demands: DemandsWorld) -> None:
    world, tournament = demands.world, demands.world.suite.tournament.functions
    pool = tournament.pool().call()
    # Of so many payouts the pool has a part.
    scores = {PLAIN: 50_000, TIED: 50_000, OPPOSITE: -50_000}
    evidence = demands.accept(scores)
    demands.draw_at(evidence, BOTH, scores)
    world.send(demands.demand(FIRST), PAYER)
    demands.make_final()
    payouts, left = demands.payouts(scores), 7_654_321_098
    demands.set_pool(pool, left)
    grace = tournament.windows().call()[3]
    world.anvil.advance_to(world.anvil.w3.eth.get_block("latest")["timestamp"] + grace)
    world.send(tournament.beginSettlement(evidence.report.to_contract()))
    demands.settle_chunks(world.chunks, scores)
    idle = demands.idle()
    assert demands.record.reserved == left < sum(payouts)
    assert idle[PLAIN] == STAKE
    assert idle[TIED] - STAKE == payouts[TIED - 1] * left // sum(payouts)
    assert demands.record.paid == idle[TIED] - STAKE
    assert tournament.pool().call() == left - demands.record.paid


@pytest.mark.parametrize("bitmaps", [((0, b"\x0f\x01"),), ((2, b"\x01"), (0, b"\x0f"))])
def test_chunk_boundaries_change_nothing_for_anybody(bitmaps: tuple[tuple[int, bytes], ...]) -> None:
    """The last slot in one chunk with the others, or in one of its own that was locked first."""
    scores = {**ABOVE, OPPOSITE: 25_000}
    with running_demands(bitmaps=bitmaps) as demands:
        evidence = demands.accept(scores)
        lanes = [LANES[TIED], OPPOSITE - 1]
        demands.draw_at(evidence, lanes if len(bitmaps) == 1 else lanes[::-1], scores)
        for place in (FIRST, SECOND):
            demands.world.send(demands.demand(place), PAYER)
        demands.settle(evidence, scores)
        idle = demands.idle()
        record, position = demands.record, STAKE
        assert {model: idle[model] - position for model in (PLAIN, TIED, REFUSED, ABSENT, OPPOSITE)} == {
            PLAIN: position * (20_000 * record.payoutFactor // 10**6) // 10**6,
            TIED: 0,
            REFUSED: 0,
            ABSENT: 0,
            OPPOSITE: 0,
        }


def test_what_a_proof_of_score_judges_is_what_was_reported(placed: DemandsWorld) -> None:
    """A silent lane's report is as false as before, and its totals are those of all scores."""
    world, evidence = placed.world, placed.evidence()
    world.send(placed.demand(FIRST), PAYER)
    placed.pass_until(2 * THIRD)
    chunks = world.lanes(ABOVE).to_contract()
    totals = world.court.functions.disproveTotals(world.tournament, evidence.report.to_contract(), chunks)
    assert refusal(world.prove, totals) == "NotWrong"
    arguments = world.score_arguments(evidence, ABOVE, PLAIN)
    world.prove(getattr(world.court.functions, ProofKind.SCORE.value)(*arguments))


def test_nobody_but_the_tournament_that_settles_is_told_of_silence(placed: DemandsWorld) -> None:
    placed.world.send(placed.demand(FIRST), PAYER)
    placed.pass_until(2 * THIRD)
    packed = placed.world.lanes(ABOVE).packed[0]
    ask = placed.functions.heard(placed.world.round_id, 0, packed)
    assert ask.call({"from": placed.world.address(STRANGER)}) == b""
    heard = ask.call({"from": placed.world.tournament})
    assert heard == placed.world.lanes({**ABOVE, PLAIN: 0}).packed[0]
    of_other_chunk = placed.functions.heard(placed.world.round_id, 2, placed.world.lanes(ABOVE).packed[1])
    assert of_other_chunk.call({"from": placed.world.tournament}) == b""


def test_the_window_after_the_answers_lasts_until_the_report_is_final(placed: DemandsWorld) -> None:
    final = placed.world.suite.committee.functions.finalFrom(*placed.place_of_round, placed.reported).call()
    assert final == placed.since + CHALLENGE_WINDOW
    assert placed.world.demands == DEMANDS


def test_a_tournament_that_pretends_takes_nothing_but_what_was_paid_for_its_own_rounds(
    placed: DemandsWorld,
) -> None:
    world, evidence = placed.world, placed.evidence()
    world.send(placed.demand(FIRST), PAYER)
    thief = STRANGER
    liar, functions = pretender(world, thief), placed.functions
    hash_, small, large = evidence.report.hash(), 1, 10**18
    paid = DEPOSIT * small
    world.send(world.suite.token.functions.transfer(world.address(thief), paid), ADMIN)
    world.send(world.suite.token.functions.approve(placed.contract.address, paid), thief)

    world.send(liar.functions.say(hash_, small, tuple(placed.record)), thief)
    world.send(functions.draw(liar.address, 1), thief)
    placed.mine(DELAY + BLOCKS + 1)
    world.send(functions.draw(liar.address, 1), thief)
    chunks, terms = world.lanes(ABOVE).to_contract(), world.terms.to_contract()
    place = functions.place(liar.address, evidence.report.to_contract(), terms, chunks)
    world.send(place, thief)
    world.send(functions.demand(liar.address, 1, FIRST), thief)
    assert placed.held == PAID + paid

    # What it says from now on is another deposit, another report, and another owner of the first one.
    world.send(liar.functions.say(hash_, large, tuple(placed.record)), thief)
    assert refusal(world.send, place, thief) == "AlreadyPlaced"
    before = placed.balance(thief)
    content, leaf = prediction_bytes(world.predictions(PLAIN)), world.sealed.submission(PLAIN)
    answer = functions.answer(liar.address, 1, FIRST, leaf, content, world.address(thief))
    world.send(answer, thief)
    assert placed.balance(thief) - before == paid
    for call in (answer, functions.reclaim(liar.address, hash_, FIRST)):
        assert refusal(world.send, call, thief) == "NothingOwed"
    assert placed.held == PAID
    world.send(placed.answer(FIRST, PLAIN))
    assert placed.held == 0


def test_a_deposit_that_went_back_is_not_paid_to_anybody_else(placed: DemandsWorld) -> None:
    """A tournament that pretends says that a report fell, and then that it stands again."""
    world, thief, functions = placed.world, STRANGER, placed.functions
    world.send(placed.demand(FIRST), PAYER)
    liar = pretender(world, thief)
    hash_, unit = placed.reported, 10**9
    world.send(world.suite.token.functions.transfer(world.address(thief), PAID), ADMIN)
    world.send(world.suite.token.functions.approve(placed.contract.address, PAID), thief)

    world.send(liar.functions.say(hash_, unit, tuple(placed.record)), thief)
    world.send(functions.draw(liar.address, 1), thief)
    placed.mine(DELAY + BLOCKS + 1)
    world.send(functions.draw(liar.address, 1), thief)
    chunks, terms = world.lanes(ABOVE).to_contract(), world.terms.to_contract()
    report = placed.evidence().report.to_contract()
    world.send(functions.place(liar.address, report, terms, chunks), thief)
    world.send(functions.demand(liar.address, 1, FIRST), thief)

    world.send(liar.functions.say(bytes(32), unit, tuple(placed.record)), thief)
    world.send(functions.reclaim(liar.address, hash_, FIRST), thief)
    assert placed.held == PAID
    world.send(liar.functions.say(hash_, unit, tuple(placed.record)), thief)
    content, leaf = prediction_bytes(world.predictions(PLAIN)), world.sealed.submission(PLAIN)
    answer = functions.answer(liar.address, 1, FIRST, leaf, content, world.address(thief))
    assert refusal(world.send, answer, thief) == "NothingOwed"
    assert placed.held == PAID
    world.send(placed.answer(FIRST, PLAIN))
    assert placed.held == 0


def test_predictions_that_pools_do_not_take_are_answered_from_pieces(placed: DemandsWorld) -> None:
    """The store sends the call: whom it pays is in it."""
    world = placed.world
    world.send(placed.demand(FIRST), PAYER)
    data = calldata(placed.answer(FIRST, PLAIN, to=MEMBERS[1]))
    halves = data[: len(data) // 2], data[len(data) // 2 :]
    for half in halves:
        world.send(world.store.functions.stage(half))
    pieces = [world.store.functions.addressOf(half).call() for half in halves]
    before = placed.balance(MEMBERS[1])
    receipt = world.send(world.store.functions.send(placed.contract.address, pieces))
    (event,) = placed.contract.events.Answered().process_receipt(receipt, errors=DISCARD)
    assert event.args.predictions == prediction_bytes(world.predictions(PLAIN))
    assert placed.balance(MEMBERS[1]) - before == PAID // 4
