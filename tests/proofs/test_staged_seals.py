"""False seals, and steps with ties, in a round of the most ids: predictions come from pieces."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pytest
from eth_hash.auto import keccak

from scorer.chain.calldata import calldata
from scorer.chain.contracts import Suite
from scorer.chain.court import read_court
from scorer.client.court_actions import Examined, ProofTerms, proof_terms
from scorer.lab.anvil import Anvil, run_anvil
from scorer.observation.court_case import CourtCase, Disproof
from scorer.observation.posted import PostedReport
from scorer.proofs.evidence import Evidence, Operands
from scorer.proofs.meta_faults import MetaCase
from scorer.proofs.meta_steps import MetaSums, StepTree
from scorer.proofs.pieces import ENVELOPE_BYTES, POOL_BYTES, fits_pools, piece_address, pieces_of
from scorer.proofs.search import FalseClaim, ProofKind, SealedFacts
from scorer.proofs.staged import COMMITMENT_AGE, Stage, Staging, staged_ranks, staged_step
from scorer.proofs.tables import MOST_IDS
from scorer.proofs.vectors import score_vectors
from scorer.protocol.digest import prediction_bytes, universe_digest
from scorer.protocol.submissions import Submission, Submissions
from scorer.units import ONE, wei_from_nano
from tests.proofs.attacks import altered, replaced
from tests.proofs.court_world import BONDS, STRANGER, CourtWorld, build, signed
from tests.proofs.staged_world import announce, let_age, prove_staged, stage
from tests.proofs.test_score_court import DISPROVEN, refusal
from tests.proofs.test_staged_court import attempt, committed_slot, partial_call, status_of

Row = np.ndarray[Any, np.dtype[np.float64]]

THIEF: Final = 7
UNIVERSE: Final = tuple(f"id{place:05}" for place in range(MOST_IDS))
HONEST, PAIRS, ABOVE, NAN, SHORT, LONG, REFUSED = range(1, 8)
"""Models, by what is right or wrong with what they submitted: PAIRS has two ids of each value."""
OUT_OF_FORM: Final = (ABOVE, NAN, SHORT, LONG)
TRANSACTION_GAS: Final = 1 << 24
"""Gas of a transaction at most, since Fusaka."""
ANY_NUMBER: Final = 2**256 - 1
"""The ids of a round without terms, as SealReader has them."""


def rows() -> dict[int, Row]:
    """Return what each model predicts."""
    order = np.random.default_rng(MOST_IDS).permutation(MOST_IDS)
    right = order / (MOST_IDS - 1)
    right[order == 1] = 5e-324
    above, no_number = right.copy(), right.copy()
    above[-1], no_number[MOST_IDS // 2] = np.nextafter(1.0, 2.0), np.nan
    pairs = (order // 2) / MOST_IDS
    return {
        HONEST: right,
        PAIRS: pairs,
        ABOVE: above,
        NAN: no_number,
        SHORT: right[:-1],
        LONG: np.append(right, 0.5),
        REFUSED: above,
    }


def submits(anvil: Anvil, suite: Suite) -> tuple[Submissions, frozenset[int]]:
    """A quorum counts everything but one."""
    digest, entries = universe_digest(UNIVERSE), []
    for model, row in rows().items():
        content = keccak(digest + keccak(prediction_bytes(row)))
        entry = Submission(model, row, content, "", b"", keccak(content))
        entries.append(signed(anvil, suite, entry))
    return Submissions(UNIVERSE, tuple(entries), is_encrypted=True), frozenset({REFUSED})


@pytest.fixture(scope="module")
def built() -> Iterator[CourtWorld]:
    with run_anvil(accounts=12) as anvil:
        yield build(anvil, submits=submits, ids=UNIVERSE)


@pytest.fixture
def unreported(built: CourtWorld) -> Iterator[CourtWorld]:
    with built.undone():
        yield built


@pytest.fixture
def world(unreported: CourtWorld) -> CourtWorld:
    unreported.attest(report_of(unreported))
    return unreported


def report_of(world: CourtWorld, steps: bytes = bytes(32)) -> Evidence:
    """Return a report over the seal; what it says of scores does not matter here."""
    return world.evidence({}, operands=Operands((score_vectors(world.target, None),), steps))


def facts_of(world: CourtWorld) -> SealedFacts:
    models = [int(lane) + 1 for chunk in world.chunks for lane in chunk.lanes]
    return SealedFacts(models, world.sealed, ONE, ONE)


def case_of(world: CourtWorld) -> CourtCase:
    """Return the case as a daemon and `cupel prove` have it."""
    court = read_court(world.anvil.w3, world.suite.committee)
    assert court is not None
    lanes = world.lanes({})
    posted = PostedReport(report_of(world), tuple(lanes.packed))
    return CourtCase(court, posted, lanes, facts_of(world), world.verdicts)


def found_of(world: CourtWorld, model: int, prover: int = STRANGER) -> tuple[Disproof, Any, Staging]:
    """Return the proof that a client makes of a model's predictions, its last call, and what is staged."""
    case = case_of(world)
    fault = FalseClaim(ProofKind.PREDICTIONS, -1, model, 1, 0)
    found = case.disproof(fault, world.address(prover))
    assert found.staging is not None
    return found, found.call(case.court), found.staging


def terms_of(world: CourtWorld, found: Disproof) -> ProofTerms:
    """Return what `cupel prove` says that a proof costs."""
    suite, block = world.suite, world.anvil.w3.eth.block_number
    proposal = suite.proposal(world.round_id, block)
    assert proposal is not None
    examined = Examined(suite.round(world.round_id, block), proposal, case_of(world))
    return proof_terms(suite, examined, found.fault, world.address(STRANGER))


def whole_call(world: CourtWorld, model: int) -> Any:
    """Return the proof in one transaction, which no pool takes."""
    fault = FalseClaim(ProofKind.PREDICTIONS, -1, model, 1, 0)
    arguments = case_of(world).verdicts.arguments(fault, report_of(world))
    return world.verdict_court.functions.disprovePredictions(*arguments)


# false seals


@pytest.mark.parametrize("model", OUT_OF_FORM)
def test_what_counts_and_must_not_ends_the_report_of_the_most_ids(world: CourtWorld, model: int) -> None:
    found, call, staging = found_of(world, model)
    assert len(staging.pieces) == 11
    terms = terms_of(world, found)
    assert terms.transactions == 13
    receipt = prove_staged(world, call, staging)
    assert status_of(world) == DISPROVEN
    assert receipt["gasUsed"] < terms.gas < TRANSACTION_GAS
    credit = world.suite.committee.functions.creditOf(world.address(STRANGER)).call()
    assert credit == wei_from_nano(BONDS.slash)


def test_the_search_finds_each_of_them_and_nothing_else(world: CourtWorld) -> None:
    found = {fault.model: fault.kind for fault in case_of(world).verdicts.faults()}
    assert found == dict.fromkeys(OUT_OF_FORM, ProofKind.PREDICTIONS)


@pytest.mark.parametrize("model", [HONEST, PAIRS])
def test_predictions_in_form_are_never_proven_wrong(world: CourtWorld, model: int) -> None:
    _, call, staging = found_of(world, model)
    assert refusal(prove_staged, world, call, staging) == "SealRight"


def test_a_refusal_is_never_proven_wrong(world: CourtWorld) -> None:
    _, call, staging = found_of(world, REFUSED)
    assert refusal(prove_staged, world, call, staging) == "WrongVerdict"


def test_clients_and_the_small_way_part_at_the_same_size(world: CourtWorld) -> None:
    call = whole_call(world, ABOVE)
    assert not fits_pools(calldata(call))
    assert refusal(attempt, world, call) == "ProofTooLarge"
    *start, content = call.arguments
    empty = world.verdict_court.functions.disprovePredictions(*start, b"")
    largest = (POOL_BYTES - ENVELOPE_BYTES - len(calldata(empty))) // 32 * 32
    for size, error in ((largest, "NotCommitted"), (largest + 32, "ProofTooLarge")):
        other = world.verdict_court.functions.disprovePredictions(*start, content[:size])
        assert fits_pools(calldata(other)) == (error == "NotCommitted")
        assert refusal(attempt, world, other) == error


# who is first


def test_whoever_sees_the_pieces_cannot_prove_it_before_who_staged_them(world: CourtWorld) -> None:
    """The thief reads the pieces back, announces the proof everywhere at once, and is refused everywhere."""
    found, call, staging = found_of(world, ABOVE)
    announce(world, call)
    assert refusal(world.send, call) == "CommittedTooLate"
    let_age(world, 60)
    stage(world, staging.pieces)
    of_thief, stolen, _ = found_of(world, ABOVE, THIEF)
    assert of_thief.commitment != found.commitment
    announce(world, stolen, THIEF)
    whole = whole_call(world, ABOVE)
    world.commit(whole, THIEF)
    world.anvil.finalise()
    sender = {"from": world.address(THIEF), "gas": 25_000_000}
    assert refusal(whole.call, sender) == "ProofTooLarge"
    let_age(world, COMMITMENT_AGE - 100)
    assert refusal(stolen.call, sender) == "CommittedTooLate"
    let_age(world, 60)
    assert refusal(stolen.call, sender) == "CommittedTooLate"
    world.send(call)
    assert status_of(world) == DISPROVEN
    assert world.suite.committee.functions.creditOf(world.address(STRANGER)).call() > 0
    assert world.suite.committee.functions.creditOf(world.address(THIEF)).call() == 0


def test_it_is_its_senders_alone_and_must_be_announced_two_hours_before(world: CourtWorld) -> None:
    _, call, staging = found_of(world, NAN)
    stage(world, staging.pieces)
    let_age(world)
    assert refusal(world.send, call) == "NotCommitted"
    # At the court, where the small way is announced, it counts for nothing.
    world.commit(call)
    world.anvil.finalise()
    assert refusal(world.send, call) == "NotCommitted"
    announce(world, call)
    let_age(world, COMMITMENT_AGE - 10)
    assert refusal(world.send, call) == "CommittedTooLate"
    let_age(world, 10)
    assert refusal(world.send, call, THIEF) == "NotCommitted"
    world.send(call)
    assert status_of(world) == DISPROVEN


# pieces


def test_no_other_pieces_stand_for_what_was_signed_and_any_cut_of_the_same_bytes_does(
    world: CourtWorld,
) -> None:
    _, call, staging = found_of(world, ABOVE)
    *start, at = call.arguments
    stage(world, staging.pieces)
    stage(world, pieces_of(prediction_bytes(rows()[LONG])))
    of_long = Stage(str(world.store.address)).addresses(prediction_bytes(rows()[LONG]))
    others = {
        "without the last": at[:-1],
        "out of order": [at[1], at[0], *at[2:]],
        "one twice": [*at, at[-1]],
        "none": [],
        "of another": of_long,
        "partly of another": [*at[:-1], of_long[-1]],
    }
    prove = world.staged_court.functions.disprovePredictions
    for about, pieces in others.items():
        assert refusal(prove_aged, world, prove(*start, pieces)) == "OtherPredictions", about
    nothing = [*at[:-1], world.address(THIEF)]
    assert refusal(prove_aged, world, prove(*start, nothing)) == "NoPiece"
    content = prediction_bytes(rows()[ABOVE])
    cut = [content[:100], *pieces_of(content[100:])]
    same = [piece_address(str(world.store.address), piece) for piece in cut]
    prove_staged(world, prove(*start, same), Staging(tuple(cut)))
    assert status_of(world) == DISPROVEN


def prove_aged(world: CourtWorld, call: Any) -> None:
    """Announce, wait, and prove."""
    announce(world, call)
    let_age(world)
    world.send(call)


def test_no_altered_argument_proves_predictions_in_form_wrong(world: CourtWorld) -> None:
    _, call, staging = found_of(world, HONEST)
    _, right, of_others = found_of(world, ABOVE)
    stage(world, (*staging.pieces, *of_others.pieces))
    make, (tournament, *honest) = world.staged_court.functions.disprovePredictions, call.arguments
    leaves = [world.sealed.submission(model) for model in (PAIRS, *OUT_OF_FORM, REFUSED)]
    arguments = [other for _, _, other in altered(tuple(honest))]
    arguments += [replaced(honest, 2, leaf) for leaf in leaves]
    arguments.append(replaced(honest, 3, right.arguments[-1]))
    calls = [partial_call(make, tournament, other) for other in arguments]
    ready = [each for each in calls if each is not None]
    assert len(ready) > 60
    for each in (*ready, right):
        world.anvil.w3.provider.make_request("anvil_setStorageAt", [  # type: ignore[arg-type]
            world.staged_court.address, committed_slot(world, each), "0x" + (1).to_bytes(32, "big").hex(),
        ])  # fmt: skip
    assert [each.arguments for each in ready if not refusal(attempt, world, each)] == []
    assert refusal(attempt, world, right) == ""


def test_the_court_takes_for_in_form_what_the_search_does(world: CourtWorld) -> None:
    """Any 64 bits, and the numbers next to 0 and 1; the scorer's comparison of numbers is the reference."""
    random = np.random.default_rng(1)
    edges = np.array([0.0, 1.0, 5e-324, np.nextafter(1.0, 0), np.nextafter(1.0, 2), -5e-324, np.inf, -np.inf])
    ask = world.staged_court.functions.areInForm
    answers = []
    for _ in range(200):
        ids = int(random.integers(1, 9))
        row = random.choice(edges[:4], ids)
        at = int(random.integers(ids))
        strange = np.frombuffer(random.bytes(8), dtype=">f8")[0], *edges, np.nan, -1.0, 0.3
        row[at] = strange[int(random.integers(len(strange)))]
        expected = bool(((row >= 0) & (row <= 1)).all())
        content = row.astype(">f8").tobytes()
        assert ask(ids, content).call() == ask(ANY_NUMBER, content).call() == expected, row
        assert not ask(ids + 1, content).call()
        assert not ask(ids, content[:-1]).call()
        assert not ask(ANY_NUMBER, content[:-1]).call()
        answers.append(expected)
    assert 40 < sum(answers) < 160
    # Where a minus before a zero was signed, a file has no minus, and other bytes than were signed.
    assert not ask(1, np.array([-0.0], dtype=">f8").tobytes()).call()


# steps


@pytest.mark.parametrize("found", ["", "StepRight"])
def test_a_step_of_ties_in_pairs_fits_a_transaction_at_the_most_ids(
    unreported: CourtWorld, found: str
) -> None:
    """Of all ties those in pairs cost most: every second id ends a group, and each id is read twice."""
    world = unreported
    entries, positions = world.submissions.entries, world.positions
    first = MetaSums.zeros(MOST_IDS).plus_submission(positions[HONEST], entries[0])
    second = first.plus_submission(positions[PAIRS], entries[1]).hash if found else bytes(32)
    steps = StepTree([first.hash, second, *(keccak(bytes([place])) for place in range(len(entries) - 2))])
    evidence, lanes = report_of(world, steps.root), world.lanes({})
    world.attest(evidence)
    fault = FalseClaim(ProofKind.STEP, PAIRS - 1, PAIRS, 1, 0, 1)
    of_whole = MetaCase.of(steps, facts_of(world), lanes).arguments(fault, evidence, lanes)
    stage_ = Stage(str(world.store.address))
    call = world.staged_court.functions.disproveStep(*staged_step(of_whole, stage_))
    if found:
        assert refusal(prove_staged, world, call, stage_.staging) == found
        return
    receipt = prove_staged(world, call, stage_.staging)
    assert status_of(world) == DISPROVEN
    assert receipt["gasUsed"] < 15_000_000 < TRANSACTION_GAS


@pytest.mark.parametrize("found", ["", "StepRight"])
def test_ranks_of_sums_that_tie_in_pairs_fit_a_transaction_at_the_most_ids(
    unreported: CourtWorld, found: str
) -> None:
    """Sums tie so where all that counts was staked by models that do."""
    world = unreported
    last = MetaSums.zeros(MOST_IDS).plus_submission(world.positions[PAIRS], world.submissions.entries[1])
    steps, meta_model = StepTree([last.hash] * 8), last.ranks / (2 * MOST_IDS)
    vectors = score_vectors(world.target, meta_model if found else meta_model[::-1])
    evidence = world.evidence({}, operands=Operands((vectors,), steps.root))
    world.attest(evidence)
    stage_ = Stage(str(world.store.address))
    whole = vectors.records, (last.content, last.order, steps.siblings(7))
    arguments = staged_ranks((world.tournament, evidence.to_contract(), 0, *whole), stage_)
    call = world.staged_court.functions.disproveRanks(*arguments)
    if found:
        assert refusal(prove_staged, world, call, stage_.staging) == found
        return
    receipt = prove_staged(world, call, stage_.staging)
    assert status_of(world) == DISPROVEN
    assert receipt["gasUsed"] < 14_000_000 < TRANSACTION_GAS
