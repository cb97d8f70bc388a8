"""Looks for what an accepted report says wrongly, as anybody, and proves it: no membership is needed."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from eth_hash.auto import keccak

from scorer.chain.bulk import read_view, read_views
from scorer.chain.calldata import calldata
from scorer.chain.contracts import Suite
from scorer.chain.court import Court, StagedCourt
from scorer.chain.records import Addresses, ProposalRecord, ProposalStatus, RoundRecord
from scorer.client.actions import (
    ActionRefused,
    ClientAccount,
    PlannedTransaction,
    TransactionPlan,
    action_key,
)
from scorer.client.stakes import latest_block
from scorer.observation.court_case import CaseFiles, CourtCase, Disproof, TooLargeToProve, read_case
from scorer.observation.observe import Block, read_sealed
from scorer.proofs.calls import SealedTree
from scorer.proofs.pieces import staging_gas
from scorer.proofs.search import FalseClaim, ProofKind, cheapest
from scorer.proofs.staged import Staging
from scorer.protocol.digest import content_hash, universe_digest
from scorer.protocol.documents import to_hex
from scorer.protocol.predictions import Predictions, float_array
from scorer.protocol.submissions import Submissions
from scorer.storage.bundle import RULES, SIGNATURES, SUBMISSIONS, UNIVERSE, VERDICTS, Bundle
from scorer.units import coins_text

PUBLIC_FILES: Final = (RULES, UNIVERSE, SIGNATURES, VERDICTS, SUBMISSIONS)
"""Files of a round that a proof may need, besides one's own predictions."""
PROOF_GAS: Final = 450_000
"""Gas of a proof besides its calldata and the scores' arithmetic: places in trees, and the report's end."""
PROOF_GAS_OF_MEMBER: Final = 30_000
"""Gas for each member that may be slashed."""
MOST_GAS: Final = 1 << 24
"""Gas of a transaction at most, since Fusaka: what is staged fits it at every size."""
PATIENCE: Final = 120.0
"""Seconds to wait for the block after an announcement."""
PROOF_GAS_OF_BYTE: Final = 60
"""Gas for each byte of a proof that computes no score: its price as calldata, at most 40, and its hash."""


STEP_GAS_OF_ID: Final = 380
"""Gas for each id of a step of the meta model or of its ranks that is proven from pieces."""
SEAL_GAS_OF_PIECE: Final = 300_000
"""Gas for each piece of the predictions that a false seal is proven from: up to 3,072 ids each."""


@dataclass(frozen=True)
class Examined:
    """An accepted report, and what was found wrong with it.

    Attributes
    ----------
    case
        None while its evidence is not public, or where the round was opened without terms.
    checked
        The models whose scores were computed.
    """

    record: RoundRecord
    proposal: ProposalRecord
    case: CourtCase | None
    faults: tuple[FalseClaim, ...] = ()
    checked: tuple[int, ...] = ()

    @property
    def until(self) -> int:
        """The time before which a proof is taken, seconds since the epoch."""
        disputed = self.proposal.status == ProposalStatus.DISPUTED
        return self.proposal.dispute_until if disputed else self.proposal.final_from

    def fault_of(self, model: int | None) -> FalseClaim | None:
        """Return what to prove: what concerns a model, or else the cheapest; None where all is right."""
        own = next((fault for fault in self.faults if fault.model == model), None)
        if own is not None or self.case is None:
            return own
        return cheapest(self.faults, self.case.facts.sealed)


def round_files(folder: Path, own: Mapping[int, Predictions], *, skip_others: bool = False) -> CaseFiles:
    """Read a round's public files, with one's own predictions by model, each in the universe's order.

    Parameters
    ----------
    skip_others
        Whether predictions of another round are passed over.

    Raises
    ------
    ActionRefused
        When predictions are not those that were signed.
    scorer.storage.bundle.BundleError
        When a file is missing or cannot be read.
    """
    bundle = Bundle(folder, strict=True)
    signed = bundle.submissions() if bundle.has(SUBMISSIONS) else bundle.signed_submissions()
    known = dict(own)
    for model, predictions in own.items():
        problem = _problem_with(signed, model, predictions)
        if problem is not None and not skip_others:
            raise ActionRefused(problem)
        if problem is not None:
            del known[model]
    return CaseFiles(bundle.rules(), SealedTree(_with_own(signed, known), bundle.refused()))


def _problem_with(signed: Submissions, model: int, predictions: Predictions) -> str | None:
    """Say why predictions are not those that a model signed; None where they are."""
    entry = next((entry for entry in signed.entries if entry.model_id == model), None)
    if entry is None:
        return f"model {model}: expected a model that submitted, found one that did not"
    found = content_hash(signed.universe, float_array(predictions))
    if found == entry.content_hash:
        return None
    return (
        f"model {model}: expected the predictions with the content hash {to_hex(entry.content_hash)}, found "
        f"those with {to_hex(found)}; name the file that you submitted last"
    )


def _with_own(signed: Submissions, own: Mapping[int, Predictions]) -> Submissions:
    entries = tuple(
        replace(entry, predictions=own.get(entry.model_id, entry.predictions)) for entry in signed.entries
    )
    return replace(signed, entries=entries)


def examine(suite: Suite, round_id: int, files: CaseFiles) -> Examined:
    """Compute whatever of the accepted report of a round can be computed from files, at the latest block.

    Raises
    ------
    ActionRefused
        When there is no report that can be proven wrong, or the files are not those of the round.
    """
    block = latest_block(suite)
    record, proposal = standing(suite, round_id, block)
    require_own(record, files)
    positions = read_sealed(suite, record, block).positions
    case = read_case(suite, record, positions, files, proposal.report_hash, block)
    if case is None:
        return Examined(record, proposal, None)
    checked = [
        entry.model_id
        for entry in case.facts.sealed.submissions.entries
        if entry.predictions is not None and entry.model_id not in case.facts.sealed.refused
    ]
    faults = [fault for fault in case.faults() if case.is_provable(fault)]
    return Examined(record, proposal, case, tuple(faults), tuple(checked))


def standing(suite: Suite, round_id: int, block: Block) -> tuple[RoundRecord, ProposalRecord]:
    """Return a round and its accepted report, refused unless it can be proven wrong now."""
    count = suite.round_count(block.number)
    if not 1 <= round_id <= count:
        raise ActionRefused(f"round: expected one of {count} rounds, found {round_id}")
    if suite.court is None:
        raise ActionRefused("expected a committee with a court, found one that nobody can prove wrong")
    record, proposal = suite.round(round_id, block.number), suite.proposal(round_id, block.number)
    if proposal is None:
        raise ActionRefused(f"round {round_id}: expected an accepted report, found none")
    if not proposal.stands:
        ended = proposal.status.name.lower()
        raise ActionRefused(f"round {round_id}: expected a report that stands, found one that is {ended}")
    if proposal.is_final(block.timestamp):
        raise ActionRefused(f"round {round_id}: expected a report that is not final, found one that is")
    return record, proposal


def require_own(record: RoundRecord, files: CaseFiles) -> None:
    """Refuse files that the chain did not commit to: no proof would stand with them."""
    submissions, refused = files.sealed.submissions, files.sealed.refused
    pairs = (
        ("rules", record.rules_hash, files.rules.hash()),
        ("universe", record.universe, universe_digest(submissions.universe)),
        ("submissions and verdicts", record.submissions_root, submissions.root(frozenset(refused))),
    )
    for what, expected, found in pairs:
        if expected != found:
            raise ActionRefused(
                f"round {record.round_id}: expected the {what} that the chain committed to, "
                f"{to_hex(expected)}, found {to_hex(found)}"
            )


@dataclass(frozen=True)
class ProofTerms:
    """The costs of a proof, and what it brings.

    Attributes
    ----------
    gas
        Of the proof, at most; its announcement takes some 50,000 more.
    liars
        How many members voted for the report.
    reward
        Half of what they lose, wei; 0 where the court takes no bonds.
    staging
        Gas of what is staged and walked before it, at most.
    transactions
        How many there are in all, with the announcement.
    """

    gas: int
    liars: int
    reward: int
    staging: int = 0
    transactions: int = 2

    @property
    def whole_gas(self) -> int:
        """Gas of the proof and of what is staged for it."""
        return self.gas + self.staging


def proof_terms(suite: Suite, examined: Examined, fault: FalseClaim, prover: str) -> ProofTerms:
    """Return what the proof of a fault costs and brings, were `prover` to send it."""
    case = _case_of(examined)
    block, functions = latest_block(suite).number, suite.committee.functions
    members = suite.member_set(examined.record.member_set_id, block).members
    asked = [functions.voteOf(suite.tournament.address, examined.record.round_id, each) for each in members]
    votes = read_views(suite.w3, asked, block)
    liars = [
        member
        for member, vote in zip(members, votes, strict=True)
        if bytes(vote) == examined.proposal.report_hash
    ]
    slash = int(read_view(functions.slash(), block))
    bonds = [int(bond) for bond in read_views(suite.w3, [functions.bondOf(each) for each in liars], block)]
    lost = sum(min(slash, bond) for bond in bonds) if case.court.slashes else 0
    found = _disproof(case, fault, prover).observed(case.court, block)
    staging = Staging() if found.staging is None else found.staging
    transactions = 2 + len(staging.pieces) + len(staging.walks)
    gas = _gas(case, found, prover, len(members))
    return ProofTerms(gas, len(liars), lost // 2, staging.gas, transactions)


def _disproof(case: CourtCase, fault: FalseClaim, prover: str) -> Disproof:
    try:
        return case.disproof(fault, prover)
    except TooLargeToProve as error:
        raise ActionRefused(f"{fault}: {error}") from error


def _gas(case: CourtCase, found: Disproof, prover: str, members: int) -> int:
    call, fault = found.call(case.court), found.fault
    if found.staging is not None:
        computed = PROOF_GAS_OF_BYTE * len(calldata(call)) + _gas_from_pieces(case, found)
    elif fault.kind is ProofKind.SCORE:
        # What it computes anybody may ask; the rest is what ends a report.
        scores = case.court.contract.functions.scoreOf(*(call.arguments or ()))
        computed = int(scores.estimate_gas({"from": case.court.contract.w3.to_checksum_address(prover)}))
    else:
        computed = PROOF_GAS_OF_BYTE * len(calldata(call))
    needed = computed + PROOF_GAS + PROOF_GAS_OF_MEMBER * members
    return needed if found.staging is None else min(needed, MOST_GAS)


def _gas_from_pieces(case: CourtCase, found: Disproof) -> int:
    """Return the gas of what the last call of a staged proof computes, at most."""
    match found.fault.kind:
        case ProofKind.SCORE:
            return 0
        case ProofKind.PREDICTIONS:
            return SEAL_GAS_OF_PIECE * len(found.arguments[-1])
        case _:
            return STEP_GAS_OF_ID * case.posted.evidence.terms.ids


def _case_of(examined: Examined) -> CourtCase:
    if examined.case is None:
        raise ActionRefused(
            f"round {examined.record.round_id}: expected a report whose evidence is public, found one whose "
            "evidence is not: it cannot become final before"
        )
    return examined.case


@dataclass(frozen=True)
class ProveReport:
    """Announces a proof that an accepted report is wrong, and sends it in a later block."""

    examined: Examined
    fault: FalseClaim

    def key(self, addresses: Addresses) -> str:
        """Return the business meaning; see `ClientAction.key`."""
        record, report = self.examined.record, self.examined.proposal.report_hash
        what = f"{self.fault.kind.name.lower()}-{self.fault.lane}"
        if self.fault.kind.is_of_meta_model:
            what += f"-{self.fault.index}"
        if self.fault.kind.is_of_seal:
            what += f"-{self.fault.model}"
        return action_key("prove", addresses.tournament, record.round_id, report.hex(), what)

    def plan(self, account: ClientAccount) -> TransactionPlan:
        """Return whatever of announcement, staging and proof is left to do; see `ClientAction.plan`."""
        suite, until, case = account.suite, self.examined.until, _case_of(self.examined)
        block = latest_block(suite).number
        found = _disproof(case, self.fault, account.address).observed(case.court, block)
        _require_time(found, case, self.examined, latest_block(suite).timestamp)
        terms = proof_terms(suite, self.examined, self.fault, account.address)
        steps = [] if found.is_announced else [_announcement(case, found, until)]
        steps += _preparations(suite, case, found, until)
        is_ready = not steps and latest_block(suite).timestamp >= found.provable_from
        prove = PlannedTransaction(
            f"prove the report of round {self.examined.record.round_id} wrong: {self.fault}",
            self.key(suite.addresses),
            found.call(case.court),
            # It cannot be tried before the block after its announcement.
            gas=None if is_ready and _is_later(case, found, block) else terms.gas,
            not_after=until,
            ready=partial(_await_announcement, suite, case.court, found),
        )
        taken = (
            f"{terms.liars} members who voted for it are slashed, and half of it is yours: "
            f"{coins_text(terms.reward)} NMR"
            if case.court.slashes
            else "this court takes no bonds: the report ends, and the proof brings nothing"
        )
        warning = f"{taken}; if somebody proves it before you, yours fails and costs its gas"
        return TransactionPlan((*steps, prove), (warning, *_patience(found, case)))


def _patience(found: Disproof, case: CourtCase) -> tuple[str, ...]:
    """Say how long a staged proof takes."""
    if found.staging is None or case.court.staged is None:
        return ()
    return (
        f"the last transaction is taken {case.court.staged.age // 60} minutes after the announcement: leave "
        "the command running, or run it again then: it goes on where it was",
    )


def _require_time(found: Disproof, case: CourtCase, examined: Examined, now: int) -> None:
    """Refuse a proof that nobody can finish before the report is final."""
    if found.staging is None or case.court.staged is None:
        return
    earliest = found.provable_from or now + case.court.staged.age
    if earliest >= examined.until:
        raise ActionRefused(
            f"round {examined.record.round_id}: expected a report that a proof announced now can end: it is "
            f"taken from {earliest} on (Unix time), found one that can be proven wrong until {examined.until}"
        )


def _announcement(case: CourtCase, found: Disproof, until: int) -> PlannedTransaction:
    judge = found.announcement(case.court)
    return PlannedTransaction(
        "announce the proof, so that nobody can take it from the mempool",
        action_key("announce", str(judge.address), found.commitment.hex()),
        judge,
        not_after=until,
    )


def _preparations(suite: Suite, case: CourtCase, found: Disproof, until: int) -> list[PlannedTransaction]:
    """Return what must be on the chain before the last transaction of a staged proof."""
    if found.staging is None or case.court.staged is None:
        return []
    store, court = case.court.staged.store, case.court.staged.contract
    pieces, walks = found.staging.pieces, found.staging.walks
    announced = partial(_await_announced, suite, case.court.staged, found.commitment)
    staging = [
        PlannedTransaction(
            f"stage {len(piece):,} bytes of the proof ({number} of {len(pieces)})",
            action_key("stage", str(store.address), keccak(piece).hex()),
            store.functions.stage(piece),
            gas=staging_gas(piece),
            not_after=until,
            # Whoever sees it before could have announced it earlier than we.
            ready=announced,
        )
        for number, piece in enumerate(pieces, 1)
    ]
    walking = [
        PlannedTransaction(
            f"add up the scores' sums ({number} of {len(walks)})",
            action_key("walk", str(court.address), walk.id.hex()),
            court.functions.walk(*walk.arguments),
            gas=walk.gas,
            not_after=until,
        )
        for number, walk in enumerate(walks, 1)
    ]
    return [*staging, *walking]


def _is_later(case: CourtCase, found: Disproof, block: int) -> bool:
    """Say whether a proof can be tried now, as far as its announcement goes."""
    if found.staging is not None:
        return True
    (at,) = case.court.committed_at([found.commitment], block)
    return 0 < at < block


def _await_announced(suite: Suite, staged: StagedCourt, commitment: bytes) -> None:
    """Wait until an announcement is on the chain.

    Raises
    ------
    ActionRefused
        When it is not for long.
    """
    until = time.monotonic() + PATIENCE
    while not staged.announced_at(commitment, latest_block(suite).number):
        if time.monotonic() > until:
            raise ActionRefused(
                f"expected the announcement on the chain, found none in {PATIENCE:.0f} seconds; run the "
                "command again: it goes on, and announces nothing twice"
            )
        time.sleep(0.5)


def _await_announcement(suite: Suite, court: Court, found: Disproof) -> None:
    """Wait until the court takes a proof that was announced."""
    if found.staging is None or court.staged is None:
        _await_later_block(suite, court, found.commitment)
        return
    _await_announced(suite, court.staged, found.commitment)
    earliest = court.staged.announced_at(found.commitment, latest_block(suite).number) + court.staged.age
    while latest_block(suite).timestamp < earliest:
        time.sleep(1.0)


def _await_later_block(suite: Suite, court: Court, commitment: bytes) -> None:
    """Wait for a block after the one that holds an announcement: before, the court takes no proof.

    Raises
    ------
    ActionRefused
        When none comes for long.
    """
    until = time.monotonic() + PATIENCE
    while True:
        block = latest_block(suite).number
        (at,) = court.committed_at([commitment], block)
        if 0 < at < block:
            return
        if time.monotonic() > until:
            raise ActionRefused(
                f"expected a block after the announcement's, {at}, found none in {PATIENCE:.0f} seconds; run "
                "the command again: it goes on, and announces nothing twice"
            )
        time.sleep(0.5)
