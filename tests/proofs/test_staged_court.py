"""Proofs in several transactions: anybody stages and walks, only who announced a proof in time sends it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from eth_hash.auto import keccak

from scorer.chain.calldata import calldata
from scorer.proofs.pieces import ENVELOPE_BYTES, MAX_PIECE, POOL_BYTES, fits_pools, piece_address
from scorer.proofs.search import FalseClaim, ProofKind
from scorer.proofs.staged import COMMITMENT_AGE, Stage, staged_ranks, staged_step
from tests.proofs.attacks import altered, replaced
from tests.proofs.court_world import (
    MEMBERS,
    OPPOSITE,
    PLAIN,
    STRANGER,
    TIED,
    CourtWorld,
    other_operands,
    running_world,
)
from tests.proofs.many_calls import NOT_ENCODED, answers
from tests.proofs.staged_world import (
    announce,
    let_age,
    prepare,
    prove_staged,
    score_call,
    stage,
    staged_of,
)
from tests.proofs.test_meta_court import accepted, case_of, other_steps
from tests.proofs.test_score_court import DISPROVEN, SCORED, accept, refusal
from tests.waiting import mined

THIEF = 7
OTHER_BYTES = b"something else"


@pytest.fixture(scope="module")
def built() -> Iterator[CourtWorld]:
    with running_world() as world:
        yield world


@pytest.fixture
def world(built: CourtWorld) -> Iterator[CourtWorld]:
    with built.undone():
        yield built


def status_of(world: CourtWorld) -> int:
    return int(world.suite.committee.functions.proposalOf(world.tournament, world.round_id).call().status)


# scores


@pytest.mark.parametrize("model", SCORED)
@pytest.mark.parametrize("range_ids", [1_000, 20])
def test_a_false_score_falls_and_a_right_one_does_not(world: CourtWorld, model: int, range_ids: int) -> None:
    true = world.honest[model]
    for claimed in (true, true + 2, true - 2, -true):
        scores = world.honest | {model: claimed}
        with world.undone():
            evidence = accept(world, scores)
            found = staged_of(world, evidence, model, range_ids)
            call = score_call(world, evidence, scores, model, found.walked)
            right = abs(claimed - true) < 2
            assert refusal(prove_staged, world, call, found.staging) == ("NotWrong" if right else "")
            assert right or status_of(world) == DISPROVEN


@pytest.mark.parametrize("model", SCORED)
def test_both_courts_compute_the_same_score(world: CourtWorld, model: int) -> None:
    evidence = world.evidence(world.honest)
    direct = world.court.functions.scoreOf(*world.score_arguments(evidence, world.honest, model)).call()
    found = staged_of(world, evidence, model)
    prepare(world, found.staging)
    arguments = world.score_arguments(evidence, world.honest, model)[:4]
    assert world.staged_court.functions.scoreOf(*arguments, found.walked).call() == direct


def lying(world: CourtWorld, model: int = PLAIN) -> tuple[Any, Any, Any]:
    """Accept a report that lies about a model; returns its evidence, what is staged, and the last call."""
    scores = world.honest | {model: world.honest[model] + 9}
    evidence = accept(world, scores)
    found = staged_of(world, evidence, model)
    return evidence, found, score_call(world, evidence, scores, model, found.walked)


# who is first


def test_whoever_sees_the_pieces_cannot_prove_it_before_who_staged_them(world: CourtWorld) -> None:
    """The thief takes everything from the mempool, announces it at once, and pays any price to be first."""
    _, found, call = lying(world)
    announce(world, call)
    assert refusal(world.send, call) == "CommittedTooLate"
    # Nothing is shown before the announcement is final.
    let_age(world, 60)
    stage(world, found.staging.pieces)
    announce(world, call, THIEF)
    announce(world, call, THIEF)
    for walk in found.staging.walks:
        world.send(world.staged_court.functions.walk(*walk.arguments), THIEF)
    let_age(world, COMMITMENT_AGE - 30)
    assert refusal(world.send, call, THIEF) == "CommittedTooLate"
    world.send(call)
    assert status_of(world) == DISPROVEN
    assert world.suite.committee.functions.creditOf(world.address(STRANGER)).call() > 0
    assert world.suite.committee.functions.creditOf(world.address(THIEF)).call() == 0


def whole_calls(world: CourtWorld) -> dict[str, tuple[Any, tuple[Any, ...]]]:
    """Return what courts take in one call of all that can be staged, by the name of the function."""
    lanes, case = world.lanes(world.honest), case_of(world, world.steps)
    evidence = world.evidence(world.honest)
    step = FalseClaim(ProofKind.STEP, TIED - 1, TIED, 1, 0, 1)
    ranks = FalseClaim(ProofKind.RANKS, -1, -1, 1, 0, 0)
    score = world.score_arguments(evidence, world.honest, PLAIN)
    return {
        "score": (world.court.functions.disproveScore, score),
        "step": (world.meta_court.functions.disproveStep, case.arguments(step, evidence, lanes)),
        "ranks": (world.meta_court.functions.disproveRanks, case.arguments(ranks, evidence, lanes)),
    }


def swollen(struct: Sequence[Any], more: int) -> tuple[Any, ...]:
    """Return a struct with so many bytes more in the first of its members that is bytes."""
    place = next(at for at, each in enumerate(struct) if isinstance(each, bytes) and len(each) != 32)
    return replaced(tuple(struct), place, struct[place] + bytes(more))


@pytest.mark.parametrize("kind", ["score", "step", "ranks"])
def test_what_is_staged_cannot_be_read_back_and_proven_at_once_elsewhere(
    world: CourtWorld, kind: str
) -> None:
    """The other courts wait for a block alone: a thief's contract would hand them all pieces in one call."""
    function, arguments = whole_calls(world)[kind]
    size = len(calldata(function(*arguments)))
    room = (POOL_BYTES - ENVELOPE_BYTES - size) // 32 * 32
    largest = function(*arguments[:-1], swollen(arguments[-1], room))
    assert fits_pools(calldata(largest))
    assert refusal(attempt, world, largest) == "NotCommitted"
    larger = function(*arguments[:-1], swollen(arguments[-1], room + 64))
    assert not fits_pools(calldata(larger))
    assert refusal(attempt, world, larger) == "ProofTooLarge"


def test_the_last_call_is_its_senders_alone_and_must_be_announced(world: CourtWorld) -> None:
    _, found, call = lying(world)
    prepare(world, found.staging)
    let_age(world)
    assert refusal(world.send, call) == "NotCommitted"
    announce(world, call)
    let_age(world)
    assert refusal(world.send, call, THIEF) == "NotCommitted"
    # Of another commitment, made before anything was known, nothing follows.
    other = score_call(world, world.evidence(world.honest), world.honest, PLAIN, found.walked)
    announce(world, other, THIEF)
    let_age(world)
    assert refusal(world.send, call, THIEF) == "NotCommitted"
    world.send(call)


def test_an_announcement_that_is_made_again_keeps_its_age(world: CourtWorld) -> None:
    _, found, call = lying(world)
    announce(world, call)
    let_age(world, COMMITMENT_AGE - 100)
    announce(world, call)
    prepare(world, found.staging)
    let_age(world, 100)
    world.send(call)


def test_liars_who_stage_and_walk_everything_before_hinder_nobody(world: CourtWorld) -> None:
    _, found, call = lying(world)
    liar = MEMBERS[0]
    prepare(world, found.staging, liar)
    # Half a walk, and one over an order that leads nowhere, stand where nobody else's do.
    (inputs, _, part), *_ = [walk.arguments for walk in found.staging.walks]
    world.send(world.staged_court.functions.walk(inputs, bytes(32), part[:6]), liar)
    world.send(world.staged_court.functions.walk(inputs, bytes(32), part[:2] + part[4:40]), liar)
    prove_staged(world, call, found.staging)
    assert status_of(world) == DISPROVEN


# pieces


def test_a_piece_stands_where_its_content_says_and_stays_as_it_is(world: CourtWorld) -> None:
    store = world.store.functions
    for content in (b"\0", OTHER_BYTES, bytes(31) + b"\1", b"\xef" + bytes(40), b"\xff" * MAX_PIECE):
        address = world.anvil.w3.to_checksum_address(piece_address(str(world.store.address), content))
        assert store.addressOf(content).call() == address == store.stage(content).call()
        assert world.anvil.w3.eth.get_code(address) == b""
        for account in (STRANGER, THIEF):
            stage(world, [content], account)
            assert world.anvil.w3.eth.get_code(address) == b"\0" + content
        # Whoever calls it changes nothing.
        w3 = world.anvil.w3
        sent = w3.eth.send_transaction({"from": world.address(THIEF), "to": address, "data": b"\xff"})
        assert mined(w3, sent)["status"] == 1
        assert w3.eth.get_code(address) == b"\0" + content
    for content in (b"", bytes(MAX_PIECE + 1)):
        assert refusal(world.send, store.stage(content)) == "WrongPiece"


def other_pieces(world: CourtWorld, staging: Any) -> list[tuple[str, list[str]]]:
    """Return what stands for the predictions of a walk where something is wrong with them."""
    (_, secret, records, *_), *_ = staging.walks[0].arguments
    content = world.anvil.w3.eth.get_code(secret[0])[1:]
    halves = [content[:240], content[240:]]
    stage(world, [*halves, content[:-8], content + bytes(8), content[8:] + content[:8], OTHER_BYTES])
    at = [piece_address(str(world.store.address), each) for each in (*halves, content[:-8])]
    more = [piece_address(str(world.store.address), each) for each in (content + bytes(8),)]
    turned = piece_address(str(world.store.address), content[8:] + content[:8])
    return [
        ("another's", records),
        ("swapped", [at[1], at[0]]),
        ("one of two", at[:1]),
        ("twice", [secret[0], secret[0]]),
        ("shorter", at[2:]),
        ("longer", more),
        ("turned", [turned]),
        ("none", []),
        ("not there", [piece_address(str(world.store.address), b"never staged")]),
        ("an account", [world.address(THIEF)]),
        ("a contract", [str(world.court.address)]),
    ]


def test_no_other_pieces_take_the_place_of_those_that_were_committed_to(world: CourtWorld) -> None:
    _, found, call = lying(world)
    prepare(world, found.staging)
    walk = world.staged_court.functions.walk
    inputs, _, first = found.staging.walks[0].arguments
    for about, pieces in other_pieces(world, found.staging):
        other = replaced(inputs, 1, pieces)
        before = bytes(32)
        error = ""
        for each in found.staging.walks:
            error = refusal(world.send, walk(other, before, each.arguments[2]))
            if error:
                break
            before = walk(other, before, each.arguments[2]).call()
        # Bytes of the right length are walked, as far as the order goes; but they are others.
        assert error in {"WrongLength", "NotAscending", "NoPiece", "NotOrdered"}, about
    # The same bytes in other pieces are the same bytes.
    content = world.anvil.w3.eth.get_code(inputs[1][0])[1:]
    stage(world, [content[:240], content[240:]])
    parts = [piece_address(str(world.store.address), each) for each in (content[:240], content[240:])]
    assert walk(replaced(inputs, 1, parts), bytes(32), first).call() == found.staging.walks[0].id
    announce(world, call)
    let_age(world)
    world.send(call)


def test_a_walk_goes_on_from_one_over_the_same_bytes_alone(world: CourtWorld) -> None:
    evidence, found, _ = lying(world)
    prepare(world, found.staging)
    others = staged_of(world, evidence, OPPOSITE)
    prepare(world, others.staging)
    walk = world.staged_court.functions.walk
    inputs, _, part = others.staging.walks[0].arguments
    second = others.staging.walks[1].arguments
    # Another's partial sums, a hash of nothing, the hash of the inputs themselves.
    for before in (found.staging.walks[0].id, keccak(b"nothing"), second[1][::-1]):
        assert refusal(world.send, walk(inputs, before, second[2])) == "OtherWalk"
    # Ranges that overlap, and the first one once more.
    assert refusal(world.send, walk(inputs, second[1], part)) == "NotAscending"
    assert refusal(world.send, walk(inputs, second[1], part[-2:] + second[2])) == "NotAscending"
    # One that leaves ids out is taken, and never comes to its end.
    short = second[2][2:]
    id_ = walk(inputs, second[1], short).call()
    world.send(walk(inputs, second[1], short))
    third = others.staging.walks[2].arguments[2]
    other = walk(inputs, id_, third).call()
    world.send(walk(inputs, id_, third))
    left = len(world.predictions(OPPOSITE)) - world.staged_court.functions.placeOf(other).call()
    rest = others.staging.walks[3].arguments[2] if len(others.staging.walks) > 3 else third[-2:]
    assert left >= 1
    assert refusal(world.send, walk(inputs, other, rest + rest[-2:])) in {"NotAscending", "WalkTooLong"}


def test_walks_of_another_model_report_or_range_prove_nothing(world: CourtWorld) -> None:
    scores = world.honest | {PLAIN: world.honest[PLAIN] + 9}
    evidence = world.evidence(scores)
    found = {model: staged_of(world, evidence, model) for model in SCORED}
    target = replace(world, target=world.target[::-1].copy())
    elsewhere = staged_of(world, replace(evidence, operands=target.operands), PLAIN)
    for each in (*found.values(), elsewhere):
        prepare(world, each.staging)
    arguments = world.score_arguments(evidence, scores, PLAIN)[:4]
    walked, ask = found[PLAIN].walked, world.staged_court.functions.scoreOf
    first = found[PLAIN].staging.walks[0].id
    for walks in ([first], found[TIED].walked[0], elsewhere.walked[0], [bytes(32)], [], walked[0] * 2):
        error = refusal(ask(*arguments, replaced(walked, 0, walks)).call)
        assert error in {"OtherWalk", "WalkNotEnded", "WrongCount"}, walks
    assert refusal(ask(*arguments, found[TIED].walked).call) == "OtherPredictions"
    assert refusal(ask(*arguments, walked).call) == ""


@pytest.mark.parametrize("model", SCORED)
def test_no_altered_argument_condemns_an_honest_score_by_walks(world: CourtWorld, model: int) -> None:
    evidence = world.evidence(world.honest)
    found = {each: staged_of(world, evidence, each) for each in SCORED}
    for each in found.values():
        prepare(world, each.staging)
    honest = (*world.score_arguments(evidence, world.honest, model)[:4], found[model].walked)
    others = [arguments for _, _, arguments in altered(honest[1:])]
    others += [(*honest[1:4], found[other].walked) for other in SCORED if other != model]
    assert len(others) > 150
    given = [honest, *((world.tournament, *each) for each in others)]
    condemned = []
    for place, answer in enumerate(answers(world, world.staged_court.functions.scoreOf, given)):
        if answer is not None and all(abs((answer[0] << 64) - each) > 1 << 64 for each in answer[1:]):
            condemned.append(place)
    assert condemned == []


# the meta model


def test_a_wrong_step_falls_and_a_right_one_does_not(world: CourtWorld) -> None:
    for index, model in ((0, PLAIN), (1, TIED), (4, OPPOSITE)):
        for steps in (world.steps, other_steps(world, index)):
            with world.undone():
                case, evidence = case_of(world, steps), accepted(world, steps)
                fault = FalseClaim(ProofKind.STEP, model - 1, model, 1, 0, index)
                call, staging = step_call(world, case, fault, evidence)
                expected = "StepRight" if steps == world.steps else ""
                assert refusal(prove_staged, world, call, staging) == expected
                assert bool(expected) or status_of(world) == DISPROVEN


def test_a_tie_of_the_largest_predictions_costs_no_second_walk_along_all(world: CourtWorld) -> None:
    """Nobody lets a step be computed twice by a prediction."""
    ids, hash_after, gas = 3_000, world.staged_court.functions.hashAfter, []
    order = b"".join(place.to_bytes(2, "big") for place in range(ids))
    for tied in (0, ids - 2):
        values = [place + (place == tied) for place in range(ids)]
        content = b"".join((1 + value).to_bytes(8, "big") for value in values)
        call = hash_after(ids, 1, content, order, bytes(10 * ids))
        gas.append(world.send(call)["gasUsed"])
    assert gas[1] < 1.02 * gas[0]


def test_what_stands_behind_the_records_says_nothing_of_ranks(world: CourtWorld) -> None:
    """They are read eight at a time, and of the last word a sender fills up what is not theirs."""
    case = case_of(world, world.steps)
    fault = FalseClaim(ProofKind.RANKS, -1, -1, 1, 0, 0)
    *_, last = case.arguments(fault, world.evidence(world.honest), world.lanes(world.honest))
    records, w3 = world.operands.vectors[0].records, world.anvil.w3
    filler = -len(records) % 32
    assert filler
    ids, to = len(records) // 4, world.staged_court.address
    for given, expected in ((records, 1), (records[:-1] + bytes([records[-1] ^ 1]), 0)):
        data = calldata(world.staged_court.functions.isRankedBy(ids, *last[:2], given))
        for behind in (bytes(filler), b"\xff" * filler):
            found = w3.eth.call({"to": to, "data": data[:-filler] + behind})
            assert int.from_bytes(found, "big") == expected


def step_call(world: CourtWorld, case: Any, fault: FalseClaim, evidence: Any) -> tuple[Any, Any]:
    stage_ = Stage(str(world.store.address))
    arguments = staged_step(case.arguments(fault, evidence, world.lanes(world.honest)), stage_)
    return world.staged_court.functions.disproveStep(*arguments), stage_.staging


def test_wrong_ranks_fall_and_right_ones_do_not(world: CourtWorld) -> None:
    records = world.operands.vectors[0].records
    ranks = [records[at + 2 : at + 4] for at in range(0, len(records), 4)]
    other = next(place for place, rank in enumerate(ranks) if rank != ranks[0])
    swapped = bytearray(records)
    swapped[2:4], swapped[4 * other + 2 : 4 * other + 4] = ranks[other], ranks[0]
    lie = other_operands(world.operands, records=bytes(swapped))
    for operands in (world.operands, lie):
        with world.undone():
            case, evidence = case_of(world, world.steps), accepted(world, world.steps, operands=operands)
            fault = FalseClaim(ProofKind.RANKS, -1, -1, 1, 0, 0)
            stage_ = Stage(str(world.store.address))
            arguments = staged_ranks(case.arguments(fault, evidence, world.lanes(world.honest)), stage_)
            call = world.staged_court.functions.disproveRanks(*arguments)
            expected = "" if operands is lie else "StepRight"
            assert refusal(prove_staged, world, call, stage_.staging) == expected


def test_no_altered_argument_proves_an_honest_step_or_rank_wrong(world: CourtWorld) -> None:
    case, evidence = case_of(world, world.steps), accepted(world, world.steps)
    lanes, functions = world.lanes(world.honest), world.staged_court.functions
    stage_ = Stage(str(world.store.address))
    step = FalseClaim(ProofKind.STEP, TIED - 1, TIED, 1, 0, 1)
    ranks = FalseClaim(ProofKind.RANKS, -1, -1, 1, 0, 0)
    calls = [
        (functions.disproveStep, staged_step(case.arguments(step, evidence, lanes), stage_)),
        (functions.disproveRanks, staged_ranks(case.arguments(ranks, evidence, lanes), stage_)),
    ]
    stage(world, stage_.pieces)
    made = [
        partial_call(of, world.tournament, each) for of, whole in calls for _, _, each in altered(whole[1:])
    ]
    ready = [call for call in made if call is not None]
    assert len(ready) > 200
    for call in ready:
        world.anvil.w3.provider.make_request("anvil_setStorageAt", [  # type: ignore[arg-type]
            world.staged_court.address, committed_slot(world, call), "0x" + (1).to_bytes(32, "big").hex(),
        ])  # fmt: skip
    assert [call.fn_name for call in ready if not refusal(attempt, world, call)] == []


def partial_call(of: Any, tournament: str, arguments: Any) -> Any:
    """Return a call; None where nobody could send such arguments."""
    try:
        call = of(tournament, *arguments)
        calldata(call)
    except NOT_ENCODED:
        return None
    return call


def committed_slot(world: CourtWorld, call: Any) -> str:
    """Return where a commitment's time is stored: of the first variable that is no constant."""
    sender = bytes.fromhex(world.address(STRANGER)[2:]).rjust(32, b"\0")
    return "0x" + keccak(keccak(sender + keccak(calldata(call))) + bytes(32)).hex()


def attempt(world: CourtWorld, call: Any) -> None:
    call.call({"from": world.address(STRANGER), "gas": 25_000_000})


# the store


def test_evidence_is_posted_from_pieces_by_anybody(world: CourtWorld) -> None:
    evidence, lanes = world.evidence(world.honest), world.lanes(world.honest)
    posting = world.court.functions.post(world.tournament, *evidence.posting(lanes.chunks, lanes.packed))
    data = calldata(posting)
    pieces = [data[at : at + 300] for at in range(0, len(data), 300)]
    # Of what fills the last word up, nothing is missed where it is left out.
    assert any(pieces[-1][:-31])
    stage(world, pieces)
    at = [piece_address(str(world.store.address), piece) for piece in pieces]
    send, court = world.store.functions.send, str(world.court.address)
    # Of the last piece nobody misses what fills up the last argument.
    for other in (at[1:], [*at[1:], at[0]], []):
        with pytest.raises(Exception, match=r".*"):
            world.send(send(court, other))
    assert refusal(world.send, send(world.address(THIEF), at)) == "NoPiece"
    world.send(send(court, at), THIEF)
    assert world.court.functions.postedAt(world.tournament, evidence.report.hash()).call() > 0
    assert refusal(world.send, send(court, at)) == "AlreadyPosted"


def test_the_store_has_no_power_at_the_court(world: CourtWorld) -> None:
    evidence = accept(world, world.honest)
    report = evidence.report.to_contract()
    condemn = world.court.functions.condemn(world.tournament, report, world.address(THIEF))
    data = calldata(condemn)
    stage(world, [data])
    at = [piece_address(str(world.store.address), data)]
    assert refusal(world.send, world.store.functions.send(str(world.court.address), at)) == "NotSibling"


def test_the_age_that_clients_wait_for_is_the_contracts(world: CourtWorld) -> None:
    assert world.staged_court.functions.COMMITMENT_AGE().call() == COMMITMENT_AGE
    assert world.staged_court.functions.store().call() == world.store.address
