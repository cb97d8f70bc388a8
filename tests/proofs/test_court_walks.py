"""Random walks over a court: an honest report is never disproven, and a proven lie never settles.

The two invariants hold after every step of any order of votes, postings, announcements, proofs and waiting.
Over a false seal every report is a lie.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pytest
from eth_hash.auto import keccak
from web3.exceptions import ContractLogicError

from scorer.chain.contracts import Suite
from scorer.chain.records import ProposalStatus, RoundState
from scorer.lab.anvil import Anvil, run_anvil
from scorer.proofs.evidence import Evidence
from scorer.proofs.meta_faults import MetaCase
from scorer.proofs.meta_steps import StepTree
from scorer.proofs.search import FalseClaim, ProofKind, SealedFacts, proof, report_faults
from scorer.protocol.submissions import Submissions
from tests.proofs.court_world import (
    ABSENT,
    CHALLENGE_WINDOW,
    IDS,
    MEMBERS,
    OPPOSITE,
    PLAIN,
    REFUSED,
    STRANGER,
    TIED,
    UNSTAKED,
    CourtWorld,
    build,
    predicted,
    running_world,
    signed,
    submitted,
)

WALKS: Final = 60
STEPS: Final = 16
HOUR: Final = 3_600


@pytest.fixture(scope="module")
def built() -> Iterator[CourtWorld]:
    with running_world() as world:
        yield world


@pytest.fixture(scope="module")
def false() -> Iterator[CourtWorld]:
    """A quorum counts what a stranger signed."""

    def submits(anvil: Anvil, suite: Suite) -> tuple[Submissions, frozenset[int]]:
        right = submitted(IDS, predicted(np.random.default_rng(3)), anvil, suite)
        entries = [
            signed(anvil, suite, entry, STRANGER) if entry.model_id == TIED else entry
            for entry in right.entries
        ]
        return replace(right, entries=tuple(entries)), frozenset({REFUSED})

    with run_anvil(accounts=12) as anvil:
        yield build(anvil, submits=submits)


@dataclass
class Candidate:
    """A report that somebody may vote for, and every proof that fits it, right or wrong."""

    evidence: Evidence
    scores: dict[int, int]
    steps: StepTree
    is_honest: bool
    proofs: list[Any] = field(default_factory=list)


def reports(world: CourtWorld) -> list[Candidate]:
    """Return the report with the right scores, and one that lies in each way."""
    honest, is_true = world.honest, not world.verdicts.faults()
    broken = StepTree([*world.steps.hashes[:1], *(keccak(each) for each in world.steps.hashes[1:])])
    lies: list[tuple[dict[int, int], StepTree, dict[str, Any]]] = [
        (honest | {PLAIN: honest[PLAIN] + 2}, world.steps, {}),
        (honest | {OPPOSITE: -honest[OPPOSITE] + 5}, world.steps, {}),
        (honest | {REFUSED: 7}, world.steps, {}),
        (honest | {ABSENT: 7}, world.steps, {}),
        (honest | {UNSTAKED: 7}, world.steps, {}),
        (honest, world.steps, {"total_burn": 1}),
        (honest, broken, {}),
    ]
    candidates = [Candidate(world.evidence(honest), honest, world.steps, is_honest=is_true)]
    for scores, steps, changes in lies:
        operands = replace(world.operands, steps=steps.root)
        evidence = world.evidence(scores, operands=operands, **changes)
        candidates.append(Candidate(evidence, scores, steps, is_honest=False))
    for each in candidates:
        each.proofs = proofs_of(world, each, candidates)
    return candidates


def proofs_of_seal(world: CourtWorld, candidate: Candidate) -> list[Any]:
    """Return the proofs that the seal is false; of a true one those that would be, of a model that counts."""
    case = world.verdicts
    kinds = (ProofKind.SIGNER, ProofKind.FORM, ProofKind.PREDICTIONS)
    faults = case.faults() or [FalseClaim(kind, -1, PLAIN, 1, 0) for kind in kinds]
    calls = [
        getattr(world.verdict_court.functions, fault.kind.value)(*case.arguments(fault, candidate.evidence))
        for fault in faults
    ]
    report = candidate.evidence.report.to_contract()
    leaves = case.sealed.submission(PLAIN), case.sealed.submission(OPPOSITE)
    return [*calls, world.verdict_court.functions.disproveOrder(world.tournament, report, *leaves)]


def proofs_of(world: CourtWorld, candidate: Candidate, others: list[Candidate]) -> list[Any]:
    """Return the proofs that end a lie; against the honest report those that would end others."""
    lanes = world.lanes(candidate.scores)
    record = world.suite.tournament.functions.round(world.round_id).call()
    models = [int(lane) + 1 for chunk in world.chunks for lane in chunk.lanes]
    facts = SealedFacts(models, world.sealed, record.payoutFactor, record.cap)
    calls = proofs_of_seal(world, candidate)
    for other in others if candidate.is_honest else [candidate]:
        case = MetaCase.of(other.steps, facts, world.lanes(other.scores))
        faults = report_faults(other.evidence, world.lanes(other.scores), facts)
        for fault in faults:
            arguments = proof(fault, candidate.evidence, lanes, world.sealed, world.tree)
            calls.append(getattr(world.court.functions, fault.kind.value)(*arguments))
        for fault in case.faults(other.evidence):
            own = MetaCase.of(candidate.steps, facts, lanes)
            arguments = own.arguments(fault, candidate.evidence, lanes)
            calls.append(getattr(world.meta_court.functions, fault.kind.value)(*arguments))
    return calls


class Walk:
    """One walk: does what chance says, whatever the contracts refuse."""

    def __init__(self, world: CourtWorld, candidates: list[Candidate], seed: int) -> None:
        self.world, self.candidates, self.random = world, candidates, np.random.default_rng(seed)
        self.proven: set[bytes] = set()
        self.favoured = self._any()

    def _any(self) -> Candidate:
        """Return the honest report, often enough that it settles, or any of all."""
        honest = self.random.random() < 0.4
        return self.candidates[0 if honest else int(self.random.integers(len(self.candidates)))]

    def step(self) -> None:
        """Take one step of any kind, mostly about one report: its votes, evidence and proof have to meet."""
        if self.random.random() < 0.2:
            self.favoured = self._any()
        candidate = self.favoured if self.random.random() < 0.8 else self._any()
        kinds: list[Callable[[Candidate], None]] = [self._vote, self._vote, self._post, self._prove]
        kinds += [self._prove, self._wait, self._settle]
        kinds[int(self.random.integers(len(kinds)))](candidate)

    def _try(self, call: Any, account: int = STRANGER) -> bool:
        try:
            self.world.send(call, account)
        except ContractLogicError:
            return False
        return True

    def _vote(self, candidate: Candidate) -> None:
        votes = self.world.suite.committee.functions.attest
        for member in MEMBERS[: int(self.random.integers(1, 4))]:
            self._try(votes(self.world.tournament, candidate.evidence.report.to_contract()), member)

    def _post(self, candidate: Candidate) -> None:
        lanes = self.world.lanes(candidate.scores)
        posting = candidate.evidence.posting(lanes.chunks, lanes.packed)
        self._try(self.world.court.functions.post(self.world.tournament, *posting))
        part = self.world.tournament, candidate.evidence.to_contract(), 0, *candidate.steps.part(0)
        self._try(self.world.meta_court.functions.post(*part))

    def _prove(self, candidate: Candidate) -> None:
        for call in candidate.proofs:
            self.world.commit(call)
            self.world.anvil.finalise()
            if self._try(call):
                assert not candidate.is_honest, call.fn_name
                self.proven.add(candidate.evidence.report.hash())

    def _wait(self, _: Candidate) -> None:
        # A few hours, or as long as a report can be challenged: else none would be final before the deadline.
        hours = int(self.random.choice([1, 3, CHALLENGE_WINDOW // HOUR + 1]))
        now = int(self.world.anvil.w3.eth.get_block("latest")["timestamp"])
        self.world.anvil.advance_to(now + hours * HOUR)

    def _settle(self, candidate: Candidate) -> None:
        begin = self.world.suite.tournament.functions.beginSettlement(candidate.evidence.report.to_contract())
        if self._try(begin):
            assert candidate.evidence.report.hash() not in self.proven

    def check(self) -> None:
        """Hold the invariants against the chain."""
        committee, tournament = self.world.suite.committee.functions, self.world.tournament
        proposal = committee.proposalOf(tournament, self.world.round_id).call()
        honest = {each.evidence.report.hash() for each in self.candidates if each.is_honest}
        if proposal.status == ProposalStatus.DISPROVEN:
            assert proposal.reportHash not in honest
            assert proposal.reportHash in self.proven
        for report_hash in self.proven:
            final = committee.finalFrom(tournament, self.world.round_id, report_hash).call()
            assert final == 2**256 - 1
        record = self.world.suite.tournament.functions.round(self.world.round_id).call()
        assert not (self.proven and record.state >= RoundState.SETTLING and record.state != RoundState.VOIDED)


@pytest.mark.long
def test_no_walk_disproves_an_honest_report_or_settles_a_proven_lie(built: CourtWorld) -> None:
    candidates = reports(built)
    assert [each.is_honest for each in candidates].count(True) == 1
    walk_all(built, candidates)


@pytest.mark.long
def test_no_walk_settles_a_report_over_a_seal_that_was_proven_false(false: CourtWorld) -> None:
    candidates = reports(false)
    assert not any(each.is_honest for each in candidates)
    walk_all(false, candidates)


def walk_all(built: CourtWorld, candidates: list[Candidate]) -> None:
    ended, settled = 0, 0
    for seed in range(WALKS):
        with built.undone():
            walk = Walk(built, candidates, seed)
            for _ in range(STEPS):
                walk.step()
                walk.check()
            ended += bool(walk.proven)
            state = built.suite.tournament.functions.round(built.round_id).call().state
            settled += state == RoundState.SETTLING
    # Both ends are reached, or nothing was tried.
    assert ended > 0
    assert settled > 0
