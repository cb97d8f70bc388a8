"""What a seal says before VerdictCourt: whatever counts and provably must not ends every report over it."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np
import pytest
from eth_hash.auto import keccak

from scorer.chain.contracts import Suite
from scorer.evaluation.commitments import refusals_of
from scorer.lab.anvil import Anvil, run_anvil
from scorer.proofs.evidence import Evidence, Operands
from scorer.proofs.search import FalseClaim, ProofKind
from scorer.proofs.vectors import score_vectors
from scorer.protocol.digest import prediction_bytes, universe_digest
from scorer.protocol.rules import Rules, preset
from scorer.protocol.submissions import IN_THE_CLEAR, Submission, Submissions
from scorer.units import wei_from_nano
from tests.proofs.attacks import altered
from tests.proofs.court_world import BONDS, IDS, MODELS, OWNER, STRANGER, CourtWorld, build, send, signed
from tests.proofs.many_calls import succeeding
from tests.proofs.test_score_court import refusal

DISPROVEN: Final = 6
OTHER: Final = 7
"""An account that owns no model."""
HONEST, LIMITS, CHANGED_BACK = 1, 2, 3
STRANGER_S, BEFORE_CLOSE, AFTER_CLOSE, OTHER_ROUND, HIGH_S, REGISTERED_LATE = 4, 5, 6, 7, 8, 17
ABOVE, NEGATIVE, NAN, SHORT, MINUS_ZERO, IN_CLEAR = 9, 10, 11, 12, 13, 14
REFUSED, REFUSED_RIGHTLY = 15, 16
"""Models, by what is right or wrong with what they submitted."""
RIGHT: Final = {HONEST, LIMITS, CHANGED_BACK}
KINDS: Final = {
    **dict.fromkeys(
        (STRANGER_S, BEFORE_CLOSE, AFTER_CLOSE, OTHER_ROUND, HIGH_S, REGISTERED_LATE), ProofKind.SIGNER
    ),
    **dict.fromkeys((ABOVE, NEGATIVE, NAN, SHORT, MINUS_ZERO), ProofKind.PREDICTIONS),
    IN_CLEAR: ProofKind.FORM,
}
ORDER: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141


def content_of(raw: bytes) -> bytes:
    return keccak(universe_digest(IDS) + keccak(raw))


def row(*first: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([*first, *np.linspace(0.1, 0.9, len(IDS) - len(first))])


def rows() -> dict[int, np.ndarray[Any, np.dtype[np.float64]]]:
    """Return what each model predicts."""
    odd = {
        LIMITS: row(0.0, 1.0, 5e-324),
        ABOVE: row(np.nextafter(1.0, 2.0)),
        NEGATIVE: row(-5e-324),
        NAN: row(np.nan),
        SHORT: row()[:-1],
        MINUS_ZERO: row(-0.0),
        REFUSED_RIGHTLY: row(2.0),
    }
    return {model: odd.get(model, row(model / 100)) for model in range(1, REGISTERED_LATE + 1)}


def entry_of(anvil: Anvil, suite: Suite, model: int, predictions: Any) -> Submission:
    raw = predictions.astype(">f8").tobytes() if model == MINUS_ZERO else prediction_bytes(predictions)
    content = content_of(raw)
    sent = IN_THE_CLEAR if model == IN_CLEAR else keccak(content)
    entry = Submission(model, predictions, content, "", b"", sent)
    signers = {STRANGER_S: STRANGER, AFTER_CLOSE: OTHER, CHANGED_BACK: OTHER}
    found = signed(anvil, suite, entry, signers.get(model, OWNER))
    if model == OTHER_ROUND:
        other = signed(anvil, suite, replace(entry, content_hash=keccak(b"other")))
        return replace(found, signature=other.signature)
    if model == HIGH_S:
        high = ORDER - int.from_bytes(found.signature[32:64], "big")
        flipped = bytes([55 - found.signature[64]])
        return replace(found, signature=found.signature[:32] + high.to_bytes(32, "big") + flipped)
    return found


def before_the_close(anvil: Anvil, suite: Suite) -> None:
    registry, account = suite.registry.functions, str(anvil.account(OTHER).address)
    for _ in range(len(MODELS) + 1, REGISTERED_LATE):
        send(anvil, registry.register(str(anvil.account(OWNER).address)), OWNER)
    for model in (BEFORE_CLOSE, CHANGED_BACK):
        send(anvil, registry.setSubmitter(model, account), OWNER)


def after_the_close(anvil: Anvil, suite: Suite) -> tuple[Submissions, frozenset[int]]:
    """A quorum counts everything, but for two."""
    # A change in the second of the close counts.
    anvil.advance_to(int(anvil.w3.eth.get_block("latest")["timestamp"]) + 1)
    registry, owner = suite.registry.functions, str(anvil.account(OWNER).address)
    for model, submitter in ((AFTER_CLOSE, str(anvil.account(OTHER).address)), (CHANGED_BACK, owner)):
        send(anvil, registry.setSubmitter(model, submitter), OWNER)
    send(anvil, registry.register(owner), OWNER)
    entries = tuple(entry_of(anvil, suite, *each) for each in rows().items())
    return Submissions(IDS, entries, is_encrypted=True), frozenset({REFUSED, REFUSED_RIGHTLY})


@pytest.fixture(scope="module")
def built() -> Iterator[CourtWorld]:
    with run_anvil(accounts=12) as anvil:
        yield build(anvil, before=before_the_close, submits=after_the_close)


@pytest.fixture
def world(built: CourtWorld) -> Iterator[CourtWorld]:
    with built.undone():
        built.attest(report_of(built))
        yield built


def report_of(world: CourtWorld, **changes: Any) -> Evidence:
    """Return a report over the seal; what it says of scores does not matter here."""
    given = Operands((score_vectors(world.target, None),), bytes(32))
    return world.evidence({}, operands=given, **changes)


def call_of(world: CourtWorld, model: int, kind: ProofKind) -> Any:
    case, evidence = world.verdicts, report_of(world)
    arguments = case.arguments(FalseClaim(kind, -1, model, 1, 0), evidence)
    if model == MINUS_ZERO and kind is ProofKind.PREDICTIONS:
        arguments = (*arguments[:-1], rows()[model].astype(">f8").tobytes())
    return getattr(world.verdict_court.functions, kind.value)(*arguments)


def is_disproven(world: CourtWorld) -> bool:
    proposal = world.suite.committee.functions.proposalOf(world.tournament, world.round_id).call()
    return bool(proposal.status == DISPROVEN)


@pytest.mark.parametrize("model", KINDS)
def test_what_counts_and_must_not_ends_the_report_and_slashes_who_voted_for_it(
    world: CourtWorld, model: int
) -> None:
    committee, prover = world.suite.committee.functions, world.address(STRANGER)
    world.prove(call_of(world, model, KINDS[model]))
    assert is_disproven(world)
    assert committee.creditOf(prover).call() == wei_from_nano(BONDS.slash)
    world.send(world.suite.tournament.functions.voidRound(world.round_id))


def test_the_search_finds_each_of_them_that_files_can_show_and_nothing_else(world: CourtWorld) -> None:
    found = {fault.model: fault.kind for fault in world.verdicts.faults()}
    # A file has one zero: of another one, which was signed, it shows other predictions.
    assert found == {model: kind for model, kind in KINDS.items() if model != MINUS_ZERO}


def test_honest_members_refuse_all_that_is_proven_and_count_what_is_not(world: CourtWorld) -> None:
    case = world.verdicts
    refused = refusals_of(world.submissions, case.submitters, *case.place)
    assert set(refused) == {*KINDS, REFUSED_RIGHTLY}
    assert set(world.submissions.model_ids) == {*RIGHT, *refused, REFUSED}


@pytest.mark.parametrize("model", sorted(RIGHT))
@pytest.mark.parametrize("kind", [ProofKind.SIGNER, ProofKind.FORM, ProofKind.PREDICTIONS])
def test_what_counts_rightly_is_never_proven_wrong(world: CourtWorld, model: int, kind: ProofKind) -> None:
    assert refusal(world.prove, call_of(world, model, kind)) == "SealRight"


@pytest.mark.parametrize("kind", [ProofKind.SIGNER, ProofKind.FORM, ProofKind.PREDICTIONS])
def test_a_refusal_is_never_proven_wrong_for_members_may_have_been_shown_other_files(
    world: CourtWorld, kind: ProofKind
) -> None:
    """What was signed is in form. Whoever published other predictions had every honest member refuse it."""
    for model in (REFUSED, REFUSED_RIGHTLY):
        assert refusal(world.prove, call_of(world, model, kind)) == "WrongVerdict"


def test_each_fault_is_proven_by_its_own_function_alone(world: CourtWorld) -> None:
    for model, right in KINDS.items():
        for kind in {ProofKind.SIGNER, ProofKind.FORM, ProofKind.PREDICTIONS} - {right}:
            assert refusal(world.prove, call_of(world, model, kind)) == "SealRight", (model, kind)


def test_nothing_of_another_submission_proves_what_counts_rightly_wrong(world: CourtWorld) -> None:
    case, report = world.verdicts, report_of(world)
    functions, terms = world.verdict_court.functions, world.terms.to_contract()
    start = world.tournament, report.report.to_contract()
    calls = []
    for model in RIGHT:
        leaf = case.sealed.submission(model)
        for other in world.submissions.entries:
            if other.model_id == model:
                continue
            calls.append(partial(functions.disproveSigner, *start, leaf, other.signature))
            content = prediction_bytes(np.asarray(other.predictions))
            calls.append(partial(functions.disprovePredictions, *start, terms, leaf, content))
            mixed = (other.model_id, *leaf[1:])
            calls.append(partial(functions.disproveSigner, *start, mixed, other.signature))
    texts = (b"", b"{}", preset("cupel").canonical_json()[:-1])
    calls += [partial(functions.disproveForm, *start, leaf, text) for text in texts]
    tried, succeeded = succeeding(world, calls)
    assert tried == len(calls)
    assert succeeded == 0


def test_no_altered_argument_proves_what_counts_rightly_wrong(world: CourtWorld) -> None:
    functions, calls = world.verdict_court.functions, []
    for kind in (ProofKind.SIGNER, ProofKind.FORM, ProofKind.PREDICTIONS):
        honest = call_of(world, HONEST, kind).arguments
        others = [(world.tournament, *arguments) for _, _, arguments in altered(honest[1:])]
        calls += [partial(getattr(functions, kind.value), *arguments) for arguments in others]
    leaves = [world.sealed.submission(model) for model in world.submissions.model_ids]
    report = report_of(world).report.to_contract()
    for left in leaves:
        for right in leaves:
            if left[0] < right[0]:
                calls.append(partial(functions.disproveOrder, world.tournament, report, left, right))
    for left, right in ((leaves[0], leaves[1]), (world.sealed.leaf(31), world.sealed.leaf(20))):
        for _, _, pair in altered((left, right)):
            calls.append(partial(functions.disproveOrder, world.tournament, report, *pair))
    tried, succeeded = succeeding(world, calls)
    assert tried > 300
    assert succeeded == 0


def test_a_proof_that_was_not_announced_or_is_of_another_report_ends_nothing(world: CourtWorld) -> None:
    call = call_of(world, STRANGER_S, ProofKind.SIGNER)
    assert refusal(world.send, call) == "NotCommitted"
    world.commit(call)
    assert refusal(world.send, call, OTHER) == "NotCommitted"
    other = report_of(world, total_burn=1).report.to_contract()
    of_other = world.verdict_court.functions.disproveSigner(world.tournament, other, *call.arguments[2:])
    assert refusal(world.prove, of_other) == "OtherReport"
    assert not is_disproven(world)


def test_on_a_chain_that_split_off_nobody_is_condemned_for_signatures_of_before(world: CourtWorld) -> None:
    call = call_of(world, STRANGER_S, ProofKind.SIGNER)
    world.commit(call)
    world.anvil.finalise()
    sender, chain_id = {"from": world.address(STRANGER)}, world.anvil.w3.eth.chain_id
    request: Any = world.anvil.w3.provider.make_request
    call.call(sender)
    request("anvil_setChainId", [chain_id + 1])
    try:
        assert refusal(call.call, sender) == "OtherChain"
    finally:
        request("anvil_setChainId", [chain_id])


def test_rules_are_read_as_the_scorer_reads_them() -> None:
    """The court looks for a few bytes in the document: no text in it can pass for them."""
    for name in ("cupel", "classic", "crypto", "signals"):
        rules = preset(name)
        assert rules.is_encrypted == (b'"submissions":"encrypted"' in rules.canonical_json())
        document = rules.model_dump(mode="json", exclude_none=True)
        document["secrecy"] = {"submissions": "in the clear"}
        clear = Rules.model_validate(document)
        assert not clear.is_encrypted
        assert b'"submissions":"encrypted"' not in clear.canonical_json()
