"""Looks for what an accepted report says wrongly, as anybody, and proves it: no membership is needed."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from web3.contract.contract import ContractFunction

from scorer.chain.bulk import read_view, read_views
from scorer.chain.calldata import calldata
from scorer.chain.contracts import Suite
from scorer.chain.court import Court
from scorer.chain.records import Addresses, ProposalRecord, ProposalStatus, RoundRecord
from scorer.client.actions import (
    ActionRefused,
    ClientAccount,
    PlannedTransaction,
    TransactionPlan,
    action_key,
)
from scorer.client.stakes import latest_block
from scorer.observation.court_case import CaseFiles, CourtCase, Disproof, read_case
from scorer.observation.observe import Block, read_sealed
from scorer.proofs.calls import SealedTree
from scorer.proofs.search import FalseClaim, ProofKind, cheapest
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
PATIENCE: Final = 120.0
"""Seconds to wait for the block after an announcement."""
PROOF_GAS_OF_BYTE: Final = 60
"""Gas for each byte of a proof that computes no score: its price as calldata, at most 40, and its hash."""


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
    record, proposal = _standing(suite, round_id, block)
    _require_own(record, files)
    positions = read_sealed(suite, record, block).positions
    case = read_case(suite, record, positions, files, proposal.report_hash, block)
    if case is None:
        return Examined(record, proposal, None)
    checked = [
        entry.model_id
        for entry in files.sealed.submissions.entries
        if entry.predictions is not None and entry.model_id not in files.sealed.refused
    ]
    faults = [fault for fault in case.faults() if case.is_provable(fault)]
    return Examined(record, proposal, case, tuple(faults), tuple(checked))


def _standing(suite: Suite, round_id: int, block: Block) -> tuple[RoundRecord, ProposalRecord]:
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


def _require_own(record: RoundRecord, files: CaseFiles) -> None:
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
    """

    gas: int
    liars: int
    reward: int


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
    call = case.disproof(fault, prover).call(case.court)
    return ProofTerms(_gas(case, fault, call, prover, len(members)), len(liars), lost // 2)


def _gas(case: CourtCase, fault: FalseClaim, call: ContractFunction, prover: str, members: int) -> int:
    if fault.kind is ProofKind.SCORE:
        # What it computes anybody may ask; the rest is what ends a report.
        scores = case.court.contract.functions.scoreOf(*(call.arguments or ()))
        computed = int(scores.estimate_gas({"from": case.court.contract.w3.to_checksum_address(prover)}))
    else:
        computed = PROOF_GAS_OF_BYTE * len(calldata(call))
    return computed + PROOF_GAS + PROOF_GAS_OF_MEMBER * members


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
        """Return the announcement, unless it was made, and the proof; see `ClientAction.plan`."""
        suite, until, case = account.suite, self.examined.until, _case_of(self.examined)
        found = case.disproof(self.fault, account.address)
        block = latest_block(suite).number
        (announced_at,) = case.court.committed_at([found.commitment], block)
        terms = proof_terms(suite, self.examined, self.fault, account.address)
        steps = [] if announced_at else [self._announcement(case, found, until)]
        prove = PlannedTransaction(
            f"prove the report of round {self.examined.record.round_id} wrong: {self.fault}",
            self.key(suite.addresses),
            found.call(case.court),
            # It cannot be tried before the block after its announcement.
            gas=None if 0 < announced_at < block else terms.gas,
            not_after=until,
            ready=partial(_await_later_block, suite, case.court, found.commitment),
        )
        taken = (
            f"{terms.liars} members who voted for it are slashed, and half of it is yours: "
            f"{coins_text(terms.reward)} NMR"
            if case.court.slashes
            else "this court takes no bonds: the report ends, and the proof brings nothing"
        )
        warning = f"{taken}; if somebody proves it before you, yours fails and costs its gas"
        return TransactionPlan((*steps, prove), (warning,))

    def _announcement(self, case: CourtCase, found: Disproof, until: int) -> PlannedTransaction:
        return PlannedTransaction(
            "announce the proof, so that nobody can take it from the mempool",
            action_key("announce", case.court.address, found.commitment.hex()),
            case.court.contract.functions.commit(found.commitment),
            not_after=until,
        )


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
