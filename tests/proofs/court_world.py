"""A sealed round with a court on a local chain, its honest report, and reports that lie."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from eth_hash.auto import keccak
from numpy.typing import NDArray
from web3.contract import Contract

from scorer.chain.artifacts import artifact
from scorer.chain.calldata import calldata
from scorer.chain.contracts import Suite
from scorer.deployment.fields import NEW
from scorer.lab.anvil import Anvil, run_anvil
from scorer.lab.suite import Bonds, deploy_suite, local_deployment
from scorer.proofs.calls import ScoredLanes, SealedTree, commitment, score_inputs
from scorer.proofs.evidence import Evidence, Operands, operands
from scorer.proofs.meta_steps import StepTree
from scorer.proofs.terms import ScoreTerms, score_terms
from scorer.proofs.tree import TableTree, compute_tree
from scorer.proofs.verdict_faults import VerdictCase
from scorer.protocol.chunks import Chunk, chunk_from_words, scores_heads
from scorer.protocol.digest import content_hashes, universe_digest
from scorer.protocol.report import REPORT_VERSION, Report
from scorer.protocol.rules import Rules, preset
from scorer.protocol.seal import Seal
from scorer.protocol.signature import SubmissionDigest
from scorer.protocol.submissions import Submission, Submissions
from scorer.rewards import originality_factors, reward_scores, settle
from scorer.scoring.engine import score_submissions
from scorer.scoring.meta_model import stake_weighted_meta_model
from scorer.transactions.signers import KeySigner
from scorer.units import ONE, nano_from_nmr, wei_from_nano
from tests.waiting import mined

IDS: Final = tuple(f"id{row:03}" for row in range(61))
TREE_OF: Final = 64
"""The most ids of the court's tables here: all are computed within a second."""
ADMIN, OPERATOR, GUARDIAN, STRANGER, OWNER = 0, 1, 2, 8, 9
MEMBERS: Final = (3, 4, 5)
CHALLENGE_WINDOW: Final = 86_400
POSTING_PERIOD: Final = 15 * 86_400
BONDS: Final = Bonds(member=nano_from_nmr(500), challenge=nano_from_nmr(50), slash=nano_from_nmr(200))
STAKE: Final = nano_from_nmr(100)
TARGET: Final = "target_20d2l"
MANIFEST: Final = keccak(b"manifest")

PLAIN, TIED, REFUSED, ABSENT, UNSTAKED, OPPOSITE = 1, 2, 3, 4, 6, 9
"""Models: without ties, with ties, one whose submission does not count, one that did not submit, one
without a position, and the opposite of the first. Each has the lane below its number."""
MODELS: Final = range(1, OPPOSITE + 1)
CHUNKS: Final = ((0, b"\x0f"), (2, b"\x01"))
"""First slot and bitmap of each chunk: models from 5 to 8 are not locked."""

Floats = NDArray[np.float64]
Step = Callable[[Anvil, Suite], None]
Submits = Callable[[Anvil, Suite], tuple[Submissions, frozenset[int]]]


@dataclass(frozen=True)
class CourtWorld:
    """A sealed round whose outcome is known, and everything that an honest member knows of it."""

    anvil: Anvil
    suite: Suite
    court: Any
    meta_court: Any
    verdict_court: Any
    rules: Rules
    round_id: int
    chunks: tuple[Chunk, ...]
    submissions: Submissions
    target: Floats
    tree: TableTree
    refused: frozenset[int] = frozenset({REFUSED})
    benchmark: Floats | None = None
    store: Any = None
    staged_court: Any = None
    demands: int = 0
    deposit: int = 0

    @property
    def tournament(self) -> str:
        """The tournament's address."""
        return str(self.suite.tournament.address)

    @property
    def sealed(self) -> SealedTree:
        """The tree whose root was sealed."""
        return SealedTree(self.submissions, self.refused)

    @property
    def verdicts(self) -> VerdictCase:
        """The seal, and what the chain and the rules say of it now."""
        block, where = self.anvil.w3.eth.block_number, (self.tournament, self.round_id)
        closed = self.suite.round(self.round_id, block).close_at
        submitters = self.suite.submitters_before(closed, block)
        return VerdictCase(self.sealed, self.rules, submitters, (self.anvil.w3.eth.chain_id, *where))

    @cached_property
    def positions(self) -> dict[int, int]:
        """nano-NMR by model."""
        lanes = np.concatenate([chunk.positions for chunk in self.chunks])
        return {lane + 1: amount for lane, amount in enumerate(lanes.tolist()) if amount}

    @cached_property
    def terms(self) -> ScoreTerms:
        """The round's terms."""
        return asking(score_terms(self.rules, len(self.submissions.universe)), self.demands, self.deposit)

    @cached_property
    def meta_model(self) -> Floats:
        """The meta model of what counts."""
        counting = [entry for entry in self.submissions.entries if entry.model_id not in self.refused]
        stakes = np.array([self.positions.get(entry.model_id, 0) for entry in counting], dtype=np.uint64)
        return stake_weighted_meta_model(np.array([entry.predictions for entry in counting]), stakes)

    @cached_property
    def steps(self) -> StepTree:
        """The steps of an honest report's meta model."""
        return StepTree.of(self.submissions, self.refused, self.positions)

    @cached_property
    def operands(self) -> Operands:
        """The operands of an honest report."""
        targets = {TARGET: self.target}
        return operands(self.terms, targets, self.meta_model, self.benchmark, self.steps.root)

    def reward(self, model: int) -> int:
        """Return a model's reward score, ppm, as the scorer computes it."""
        scores = score_submissions(self.predictions(model)[np.newaxis], self.target, self.meta_model)
        adjusters, correlations = self.rules.adjusters, scores.gaussian_rank_correlation
        own = None
        if adjusters.originality is not None:
            assert correlations is not None
            own = originality_factors(correlations, exponent=adjusters.originality.exponent)
        burn = ONE if adjusters.burn is None else adjusters.burn.multiplier
        found = {f"corr_{TARGET}": scores.corr, f"mmc_{TARGET}": scores.mmc}
        if self.benchmark is not None:
            of_benchmark = score_submissions(self.predictions(model)[np.newaxis], self.target, self.benchmark)
            found[f"bmc_{TARGET}"] = of_benchmark.mmc
        return int(reward_scores(found, self.rules.multipliers, originality=own, burn=burn)[0])

    def predictions(self, model: int) -> Floats:
        """Return what a model predicts, shape (ids,)."""
        (entry,) = (entry for entry in self.submissions.entries if entry.model_id == model)
        return np.asarray(entry.predictions)

    @cached_property
    def honest(self) -> dict[int, int]:
        """Reward scores by model, ppm; what an honest report says."""
        return self.honest_of((PLAIN, TIED, OPPOSITE))

    def honest_of(self, models: Sequence[int]) -> dict[int, int]:
        """Return the reward scores of some models, ppm."""
        return {model: self.reward(model) for model in models}

    def lanes(self, scores: Mapping[int, int]) -> ScoredLanes:
        """Return the chunks with the scores of these models, by lane, and zero for all others."""
        parts = [
            np.array([scores.get(int(lane) + 1, 0) for lane in chunk.lanes], dtype=np.int64)
            for chunk in self.chunks
        ]
        return ScoredLanes.of(self.chunks, parts)

    def evidence(self, scores: Mapping[int, int], **changes: Any) -> Evidence:
        """Return a report with these scores by model, fields replaced as asked, and its evidence."""
        lanes, given = self.lanes(scores), changes.pop("operands", None) or self.operands
        record = self.suite.tournament.functions.round(self.round_id).call()
        settlement = settle(
            np.concatenate([chunk.positions for chunk in self.chunks]),
            np.concatenate(list(lanes.scores)),
            factor=record.payoutFactor,
            cap=record.cap,
        )
        fields: dict[str, Any] = {
            "chain_id": self.anvil.w3.eth.chain_id,
            "tournament": self.tournament,
            "round_id": self.round_id,
            "version": REPORT_VERSION,
            "scores_head": scores_heads(lanes.chunks, lanes.scores)[-1],
            "total_payout": settlement.total_payout,
            "total_burn": settlement.total_burn,
            "evidence_hash": keccak(MANIFEST + given.hash()),
        }
        return Evidence(Report(**(fields | changes)), MANIFEST, self.terms, given)

    def score_arguments(self, evidence: Evidence, scores: Mapping[int, int], model: int) -> tuple[Any, ...]:
        """Return the arguments of `disproveScore` and `scoreOf` for a model."""
        return (
            self.tournament,
            evidence.to_contract(),
            self.lanes(scores).place(model - 1),
            self.sealed.submission(model),
            score_inputs(self.predictions(model), evidence.operands, self.tree),
        )

    # sending

    def address(self, account: int) -> str:
        """Return the address of one of the chain's accounts."""
        return str(self.anvil.account(account).address)

    def send(self, call: Any, account: int = STRANGER) -> Any:
        """Send a call and return its receipt; raises as the contract refuses."""
        return send(self.anvil, call, account)

    def attest(self, evidence: Evidence, members: Sequence[int] = MEMBERS) -> None:
        """Let members vote for a report until it is accepted."""
        votes = self.suite.committee.functions.attest(self.tournament, evidence.report.to_contract())
        for member in members[:2]:
            self.send(votes, member)

    def post(self, evidence: Evidence, scores: Mapping[int, int]) -> Any:
        """Post a report's evidence."""
        lanes = self.lanes(scores)
        arguments = evidence.posting(lanes.chunks, lanes.packed)
        return self.send(self.court.functions.post(self.tournament, *arguments))

    def post_steps(self, evidence: Evidence, steps: StepTree | None = None) -> None:
        """Post the steps that a report commits to: honest ones unless given."""
        tree = self.steps if steps is None else steps
        for part in range(tree.parts):
            posting = self.tournament, evidence.to_contract(), part, *tree.part(part)
            self.send(self.meta_court.functions.post(*posting))

    def commit(self, call: Any, account: int = STRANGER, court: Any = None) -> None:
        """Announce a proof, at a court of its own if any."""
        data, court = calldata(call), court or self.court
        self.send(court.functions.commit(commitment(self.address(account), data)), account)

    def prove(self, call: Any, account: int = STRANGER) -> Any:
        """Announce a proof, and send it in a later block."""
        self.commit(call, account)
        self.anvil.finalise()
        return self.send(call, account)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Undo what is sent meanwhile."""
        request: Callable[..., Any] = self.anvil.w3.provider.make_request
        snapshot = request("evm_snapshot", [])["result"]
        try:
            yield
        finally:
            request("evm_revert", [snapshot])


def send(anvil: Anvil, call: Any, account: int) -> Any:
    """Send a call, or a constructor, from one of the chain's accounts, and return its receipt."""
    sender = str(anvil.account(account).address)
    call.call({"from": sender, "gas": 25_000_000}) if hasattr(call, "call") else None
    hash_ = call.transact({"from": sender, "gas": 25_000_000})
    receipt = mined(anvil.w3, hash_)
    assert receipt["status"] == 1
    return receipt


def asking(terms: ScoreTerms, demands: int, deposit: int) -> ScoreTerms:
    """Return terms by which so many models are drawn, at so much for each demand, nano-NMR."""
    return replace(terms, demands=demands, deposit=deposit)


def predicted(random: np.random.Generator) -> dict[int, Floats]:
    """Return what each model predicts."""
    plain = (np.argsort(np.argsort(random.random(len(IDS)))) + 0.5) / len(IDS)
    return {
        PLAIN: plain,
        TIED: np.round(random.random(len(IDS)) * 12) / 12,
        REFUSED: random.random(len(IDS)),
        OPPOSITE: np.clip(1 - plain + 0.3 * random.random(len(IDS)), 0, 1),
        UNSTAKED: random.random(len(IDS)),
    }


def submitted(
    ids: tuple[str, ...], predictions: Mapping[int, Floats], anvil: Anvil, suite: Suite
) -> Submissions:
    """Return the encrypted submissions of models to the first round, ascending, all signed by one owner."""
    models = sorted(predictions)
    hashes = content_hashes(ids, (predictions[model] for model in models))
    entries = [
        signed(anvil, suite, Submission(model, predictions[model], content, "", b"", keccak(content)))
        for model, content in zip(models, hashes, strict=True)
    ]
    return Submissions(ids, tuple(entries), is_encrypted=True)


def signed(anvil: Anvil, suite: Suite, entry: Submission, signer: int = OWNER) -> Submission:
    """Return a submission to the first round with the signature of one of the chain's accounts."""
    account, tournament = anvil.account(signer), str(suite.tournament.address)
    hashes = entry.content_hash, entry.ciphertext_hash
    digest = SubmissionDigest(anvil.w3.eth.chain_id, tournament, 1, entry.model_id, *hashes)
    return replace(entry, submitter=str(account.address), signature=digest.sign(account.key))


def build(
    anvil: Anvil,
    other_court: Contract | None = None,
    rules: Rules | None = None,
    *,
    benchmark: bool = False,
    root: bytes | None = None,
    slashes: bool = True,
    before: Step | None = None,
    submits: Submits | None = None,
    demands: int = 0,
    deposit: int = 0,
    bitmaps: Sequence[tuple[int, bytes]] = CHUNKS,
    ids: tuple[str, ...] = IDS,
) -> CourtWorld:
    """Deploy everything, and run a round until its outcome is known.

    Under another court, other rules, or sealed with another tree of submissions than the members' own if any.
    `before` is done before the round opens; `submits` says after its close what was submitted, and refused.
    Of so many models predictions may be demanded, at a deposit in nano-NMR; `bitmaps` lock the chunks. Where
    ids are others, `submits` says what was submitted.
    """
    rules, tree = rules or preset("cupel"), compute_tree(TREE_OF)
    meta, verdict = created(anvil, "MetaCourt"), created(anvil, "VerdictCourt")
    store = created(anvil, "PieceStore")
    staged = created(anvil, "StagedCourt", store.address)
    arguments = tree.root, meta.address, [verdict.address, staged.address], slashes
    court = other_court or created(anvil, "ScoreCourt", *arguments)
    suite = deployed(anvil, rules, court)
    _stake(anvil, suite)
    terms = asking(score_terms(rules, len(ids)), demands, deposit)
    random = np.random.default_rng(21)
    if before is not None:
        before(anvil, suite)
    round_id, chunks = locked(anvil, suite, (rules.hash(), terms.hash(), universe_digest(ids)), bitmaps)
    submissions, refused = submitted(IDS, predicted(random), anvil, suite), frozenset({REFUSED})
    if submits is not None:
        submissions, refused = submits(anvil, suite)
    sealed = submissions.root(refused) if root is None else root
    seal_root(anvil, suite, round_id, sealed, 3 * STAKE)
    target = random.choice([0, 0.25, 0.5, 0.75, 1], len(ids))
    courts = court, meta, verdict
    world = CourtWorld(anvil, suite, *courts, rules, round_id, chunks, submissions, target, tree, refused)
    world = replace(world, store=store, staged_court=staged, demands=demands, deposit=deposit)
    return replace(world, benchmark=random.random(len(ids))) if benchmark else world


def created(anvil: Anvil, name: str, *arguments: Any) -> Contract:
    """Deploy a contract."""
    code = artifact(name)
    constructor = anvil.w3.eth.contract(abi=code["abi"], bytecode=code["bytecode"]).constructor(*arguments)
    address = str(send(anvil, constructor, ADMIN)["contractAddress"])
    return anvil.w3.eth.contract(anvil.w3.to_checksum_address(address), abi=code["abi"])


def deployed(anvil: Anvil, rules: Rules, court: Contract) -> Suite:
    """Deploy a suite whose committee obeys a court."""
    accounts = {number: str(anvil.account(number).address) for number in range(10)}
    document = local_deployment(
        members=[accounts[member] for member in MEMBERS],
        operator=accounts[OPERATOR],
        guardian=accounts[GUARDIAN],
        stake=rules.stake,
        challenge_window=CHALLENGE_WINDOW,
        bonds=BONDS,
        court=str(court.address),
        demands=NEW,
    )
    return deploy_suite(anvil, anvil.account(ADMIN), document)


def _stake(anvil: Anvil, suite: Suite) -> None:
    tournament, token, committee = suite.tournament, suite.token, suite.committee
    owner = str(anvil.account(OWNER).address)
    for spender in (tournament, committee):
        send(anvil, token.functions.approve(spender.address, 2**256 - 1), ADMIN)
    send(anvil, tournament.functions.fundPool(wei_from_nano(nano_from_nmr(10_000))), ADMIN)
    for member in MEMBERS:
        address = str(anvil.account(member).address)
        send(anvil, committee.functions.postBond(address, wei_from_nano(BONDS.member)), ADMIN)
    for model in MODELS:
        send(anvil, suite.registry.functions.register(owner), OWNER)
        send(anvil, tournament.functions.deposit(model, wei_from_nano(STAKE)), ADMIN)
        send(anvil, tournament.functions.setAllocation(model, (1 << 63) | 1_000_000), OWNER)


def locked(
    anvil: Anvil, suite: Suite, commitments: tuple[bytes, bytes, bytes], bitmaps: Sequence[tuple[int, bytes]]
) -> tuple[int, tuple[Chunk, ...]]:
    """Open a round with these commitments, and lock a chunk for each first slot and bitmap."""
    now = int(anvil.w3.eth.get_block("latest")["timestamp"])
    start, day = now + 100, 86_400
    times = (start, start + day, start + 21 * day, start + 28 * day)
    functions = suite.tournament.functions
    send(anvil, functions.openRound(*times, commitments), OPERATOR)
    anvil.advance_to(times[1])
    chunks = []
    for slot, bitmap in bitmaps:
        receipt = send(anvil, functions.lock(1, slot, bitmap), OPERATOR)
        (event,) = suite.tournament.events.PositionsLocked().process_receipt(receipt)
        chunks.append(chunk_from_words(event.args.fromSlot, event.args.positions))
    send(anvil, functions.endLock(1), OPERATOR)
    return 1, tuple(chunks)


def seal(
    anvil: Anvil, suite: Suite, round_id: int, submissions: Submissions, refused: frozenset[int], valid: int
) -> None:
    """Seal a round by all members, with so much of it valid, nano-NMR, and let its outcome be known."""
    seal_root(anvil, suite, round_id, submissions.root(refused), valid)


def seal_root(anvil: Anvil, suite: Suite, round_id: int, root: bytes, valid: int) -> None:
    """Seal whatever tree of submissions all members sign, as `seal` does."""
    record = suite.tournament.functions.round(round_id).call()
    statement = Seal(
        anvil.w3.eth.chain_id, str(suite.tournament.address), round_id, record.positionsHead, root, valid
    )
    signers = [KeySigner(anvil.account(member)) for member in MEMBERS]
    signatures = b"".join(signer.sign_message(statement.message) for signer in signers)
    send(anvil, suite.tournament.functions.seal(round_id, root, valid, 7, signatures), STRANGER)
    anvil.advance_to(record.resolveAt)


@contextmanager
def running_world() -> Iterator[CourtWorld]:
    """The world on a fresh chain."""
    with run_anvil(accounts=12) as anvil:
        yield build(anvil)


def other_operands(given: Operands, **changes: Any) -> Operands:
    """Return operands whose first vector has fields replaced."""
    return replace(given, vectors=(replace(given.vectors[0], **changes), *given.vectors[1:]))
