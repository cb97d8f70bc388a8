"""Demands for hidden predictions, as anybody: who is drawn, what a demand costs, and what answers it."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Final

from eth_hash.auto import keccak

from scorer.chain.bulk import read_view
from scorer.chain.calldata import calldata
from scorer.chain.contracts import Suite
from scorer.chain.demands import Demands, DrawRecord
from scorer.chain.logs import event_logs, first_block_at
from scorer.chain.records import NEVER, Addresses, ProposalRecord, RoundRecord
from scorer.client.actions import (
    ActionRefused,
    ClientAccount,
    PlannedTransaction,
    TransactionPlan,
    action_key,
    require_tokens,
    with_approval,
)
from scorer.client.court_actions import require_own, standing
from scorer.client.stakes import latest_block
from scorer.observation.answers import answer_call, answer_pieces, sent_answer, staged_court
from scorer.observation.court_case import CaseFiles, CourtCase, read_case
from scorer.observation.observe import read_sealed
from scorer.proofs.demands import LanePayouts, drawn_lanes
from scorer.proofs.pieces import staging_gas
from scorer.units import coins_text

SEED_GAS: Final = 450_000
"""Gas limit of the seed: where a chain gives old hashes by a contract (EIP-2935), each takes some 4,000."""
PLACE_GAS: Final = 500_000
"""Gas limit of placing the draws, besides what its bytes and slots take: sixteen places are written."""
PLACE_GAS_OF_BYTE: Final = 40
PLACE_GAS_OF_SLOT: Final = 2_500
DEMAND_GAS: Final = 200_000
"""Gas limit of a demand that waits for its approval."""
ANSWER_GAS: Final = 400_000
"""Gas limit of an answer that waits for its pieces, besides what its bytes take."""
ANSWER_GAS_OF_BYTE: Final = 60


@dataclass(frozen=True)
class DrawnModel:
    """A model that is drawn; the amount in nano-NMR.

    Attributes
    ----------
    place
        In the draw, from 0.
    payer
        Who paid for its predictions; None where nobody did, or the deposit was given to somebody.
    """

    place: int
    lane: int
    model: int
    payout: int
    is_demanded: bool
    is_answered: bool
    payer: str | None


@dataclass(frozen=True)
class Drawing:
    """An accepted report with public evidence, and the draw of who may have to show predictions.

    Attributes
    ----------
    until
        When nothing can be drawn or demanded any more, and when nothing can be answered, Unix seconds.
    """

    suite: Suite
    record: RoundRecord
    proposal: ProposalRecord
    case: CourtCase
    demands: Demands
    draw: DrawRecord
    until: tuple[int, int]

    @property
    def count(self) -> int:
        """The number of draws that the rules name."""
        return self.case.posted.evidence.terms.demands

    @cached_property
    def payouts(self) -> LanePayouts:
        """The report's payouts.

        Raises
        ------
        ActionRefused
            When they are not those of its totals.
        """
        round_id, report = self.record.round_id, self.case.posted.evidence.report
        lanes = self.case.lanes
        found = LanePayouts.of(lanes, self.record.payout_factor, self.record.cap) if lanes.is_whole else None
        if found is None or found.total != report.total_payout:
            raise ActionRefused(
                f"round {round_id}: expected a report whose payouts are those of its scores, found one that "
                "can be proven wrong: cupel prove"
            )
        return found

    @cached_property
    def models(self) -> tuple[DrawnModel, ...]:
        """The models that are drawn, by place; none while there is no seed, or where nobody is paid."""
        payouts, draw = self.payouts, self.draw
        if draw.seed is None:
            return ()
        lanes = draw.lanes or drawn_lanes(draw.seed, self.proposal.report_hash, self.count, payouts)
        all_lanes = payouts.lanes.tolist()
        model_of = dict(zip(all_lanes, self.case.facts.models, strict=True))
        paid = dict(zip(all_lanes, payouts.payouts.tolist(), strict=True))
        return tuple(
            DrawnModel(
                place,
                lane,
                model_of[lane],
                paid[lane],
                place in draw.demanded,
                place in draw.answered,
                draw.payers[place] if draw.payers else None,
            )
            for place, lane in enumerate(lanes)
        )

    @property
    def deposit(self) -> int:
        """The deposit of each demand, wei."""
        unit = int(read_view(self.suite.tournament.functions.unit()))
        return self.case.posted.evidence.terms.deposit * unit

    @property
    def last_seed_block(self) -> int | None:
        """The last block whose hash the seed is made of; None while no draw began."""
        draw = self.draw
        return draw.from_block + self.demands.seed_blocks - 1 if draw.from_block else None


def read_drawing(suite: Suite, round_id: int, files: CaseFiles) -> Drawing:
    """Read the draw of the accepted report of a round, at the latest block.

    Raises
    ------
    ActionRefused
        When nothing can be demanded in the round, or nothing yet; the message says why.
    """
    block = latest_block(suite)
    demands = _demands_of(suite)
    record, proposal = standing(suite, round_id, block)
    require_own(record, files)
    if not files.rules.demands:
        raise ActionRefused(
            f"round {round_id}: expected rules under which predictions may be demanded, found none"
        )
    positions = read_sealed(suite, record, block).positions
    case = read_case(suite, record, positions, files, proposal.report_hash, block)
    since = _since(suite, record, proposal, block.number)
    if case is None or since is None:
        raise ActionRefused(
            f"round {round_id}: expected a report whose evidence is public, found one whose evidence is not: "
            "it cannot become final before"
        )
    draw = demands.draw_of(str(suite.tournament.address), proposal.report_hash, block.number)
    third = int(read_view(suite.committee.functions.challengeWindow())) // 3
    until = since + third, since + 2 * third
    return Drawing(suite, record, proposal, case, demands, draw, until)


def _since(suite: Suite, record: RoundRecord, proposal: ProposalRecord, block: int) -> int | None:
    """Return from when the thirds are counted, Unix seconds; None while the evidence is not public."""
    if suite.court is None:
        return None
    tournament = str(suite.tournament.address)
    posted = suite.court.evidence_since(tournament, record.round_id, proposal.report_hash, block)
    window = int(read_view(suite.committee.functions.challengeWindow()))
    return None if posted in (0, NEVER) else max(posted, proposal.challenge_until - window)


def _demands_of(suite: Suite) -> Demands:
    if suite.demands is None:
        raise ActionRefused(
            "expected a tournament in which predictions can be demanded, found one in which none can"
        )
    return suite.demands


@dataclass(frozen=True)
class DrawModels:
    """Draws the models of a report that may have to show their predictions."""

    drawing: Drawing

    def key(self, addresses: Addresses) -> str:
        """Return the business meaning; see `ClientAction.key`."""
        return self._key("place", addresses)

    def _key(self, verb: str, addresses: Addresses) -> str:
        drawing = self.drawing
        parts = drawing.record.round_id, drawing.proposal.report_hash.hex(), drawing.draw.from_block
        return action_key(verb, addresses.tournament, *parts)

    def plan(self, account: ClientAccount) -> TransactionPlan:
        """Return whatever of draw, seed and places is left to do; see `ClientAction.plan`."""
        drawing, suite = self.drawing, account.suite
        _require_before(drawing, drawing.until[0], latest_block(suite).timestamp, "drawn")
        steps = list(self._seed_steps(suite))
        if not drawing.draw.lanes:
            steps.append(self._place_step(suite, is_first=not steps))
        return TransactionPlan(tuple(steps), self._warnings(suite))

    def _seed_steps(self, suite: Suite) -> Iterator[PlannedTransaction]:
        drawing, where = self.drawing, (str(suite.tournament.address), self.drawing.record.round_id)
        if drawing.draw.seed is not None:
            return
        call, last = drawing.demands.contract.functions.draw(*where), drawing.last_seed_block
        if last is None:
            yield PlannedTransaction(
                "begin to draw", self._key("draw", suite.addresses), call, not_after=drawing.until[0]
            )
        is_there = last is not None and latest_block(suite).number > last
        yield PlannedTransaction(
            f"keep the seed, which is made of {drawing.demands.seed_blocks} blocks to come",
            self._key("seed", suite.addresses),
            call,
            gas=None if is_there else SEED_GAS,
            not_after=drawing.until[0],
            ready=partial(_await_seed, suite, drawing),
        )

    def _place_step(self, suite: Suite, *, is_first: bool) -> PlannedTransaction:
        drawing, evidence = self.drawing, self.drawing.case.posted.evidence
        if not drawing.payouts.total:
            raise ActionRefused(
                f"round {drawing.record.round_id}: expected a report that pays somebody, found one that pays "
                "nobody: there is nobody to draw"
            )
        chunks = drawing.case.lanes.to_contract()
        call = drawing.demands.contract.functions.place(
            suite.tournament.address, evidence.report.to_contract(), evidence.terms.to_contract(), chunks
        )
        slots = sum(len(words) for _, words, _ in chunks)
        gas = PLACE_GAS + PLACE_GAS_OF_BYTE * len(calldata(call)) + PLACE_GAS_OF_SLOT * slots
        return PlannedTransaction(
            f"say on whom the {drawing.count} draws fell",
            self._key("place", suite.addresses),
            call,
            gas=None if is_first else gas,
            not_after=drawing.until[0],
        )

    def _warnings(self, suite: Suite) -> tuple[str, ...]:
        drawing = self.drawing
        if drawing.draw.seed is not None:
            return ()
        blocks = drawing.demands.seed_delay + 1 + drawing.demands.seed_blocks
        last = drawing.last_seed_block
        left = blocks if last is None else max(0, last + 1 - latest_block(suite).number)
        return (
            f"the seed is there after {left} blocks more: leave the command running, or run it again then",
        )


@dataclass(frozen=True)
class DemandPredictions:
    """Demands the predictions of models that were drawn, for a deposit each."""

    drawing: Drawing
    models: Sequence[DrawnModel]

    def key(self, addresses: Addresses) -> str:
        """Return the business meaning; see `ClientAction.key`."""
        return self._key(self.models[-1], addresses)

    def _key(self, drawn: DrawnModel, addresses: Addresses) -> str:
        drawing = self.drawing
        report = drawing.proposal.report_hash.hex()
        return action_key("demand", addresses.tournament, drawing.record.round_id, report, drawn.place)

    def plan(self, account: ClientAccount) -> TransactionPlan:
        """Check time and tokens; return the demands; see `ClientAction.plan`."""
        drawing, suite = self.drawing, account.suite
        now = latest_block(suite).timestamp
        _require_before(drawing, drawing.until[0], now, "demanded")
        whole = drawing.deposit * len(self.models)
        require_tokens(account, whole, "demand", " for the deposit")
        steps = [self._step(suite, drawn) for drawn in self.models]
        first = with_approval(account, drawing.demands.contract, whole, steps[0], DEMAND_GAS)
        if len(first) > 1:
            steps = [replace(step, gas=DEMAND_GAS) for step in steps]
        back = (
            f"the deposit comes back to you if nobody shows the predictions until {drawing.until[1]} (Unix "
            "time): cupel demand --reclaim; whoever shows them, and the model's owner, get it otherwise"
        )
        return TransactionPlan((*first, *steps[1:]), (back,))

    def _step(self, suite: Suite, drawn: DrawnModel) -> PlannedTransaction:
        drawing = self.drawing
        where = suite.tournament.address, drawing.record.round_id, drawn.place
        return PlannedTransaction(
            f"demand the predictions of model {drawn.model} for {coins_text(drawing.deposit)} NMR",
            self._key(drawn, suite.addresses),
            drawing.demands.contract.functions.demand(*where),
            not_after=drawing.until[0],
        )


@dataclass(frozen=True)
class Owed:
    """The predictions of a model that somebody demanded and that can still be shown.

    Attributes
    ----------
    until
        When they cannot be shown any more, Unix seconds.
    deposit
        wei.
    """

    record: RoundRecord
    report_hash: bytes
    place: int
    model: int
    until: int
    deposit: int
    sender_part: int

    @property
    def owner_part(self) -> int:
        """The part of the deposit for the model's owner, wei."""
        return self.deposit - self.sender_part


def read_owed(suite: Suite, round_id: int, files: CaseFiles, model: int) -> Owed | None:
    """Return what is demanded of a model under the accepted report of a round; None where nothing is.

    Raises
    ------
    ActionRefused
        When no report stands, or the files are not those of the round.
    """
    block, demands = latest_block(suite), _demands_of(suite)
    record, proposal = standing(suite, round_id, block)
    require_own(record, files)
    draw = demands.draw_of(str(suite.tournament.address), proposal.report_hash, block.number)
    by_lane = suite.models_by_lane(block.number)
    place = next((place for place in draw.owed if by_lane[draw.lanes[place]] == model), None)
    if place is None or block.timestamp >= draw.answers_until:
        return None
    part = draw.deposit // int(read_view(demands.contract.functions.ANSWER_DIVISOR()))
    return Owed(record, proposal.report_hash, place, model, draw.answers_until, draw.deposit, part)


@dataclass(frozen=True)
class ShowPredictions:
    """Shows the predictions of a model that were demanded."""

    owed: Owed
    files: CaseFiles

    def key(self, addresses: Addresses) -> str:
        """Return the business meaning; see `ClientAction.key`."""
        owed = self.owed
        parts = owed.record.round_id, owed.report_hash.hex(), owed.place
        return action_key("answer", addresses.tournament, *parts)

    def plan(self, account: ClientAccount) -> TransactionPlan:
        """Return the answer, after what is staged for it; see `ClientAction.plan`."""
        owed, suite = self.owed, account.suite
        number, at = owed.record.round_id, latest_block(suite).number
        whole = answer_call(suite, number, owed.place, self.files.sealed, owed.model, account.address)
        pieces, staged = answer_pieces(whole), staged_court(suite)
        if pieces and staged is None:
            raise ActionRefused(
                f"round {number}: expected predictions that one transaction carries, or a court with a store "
                "of pieces, found neither"
            )
        missing = staged.missing_pieces(pieces, at) if staged is not None else ()
        staging = [
            PlannedTransaction(
                f"stage {len(piece):,} bytes of the predictions ({count} of {len(missing)})",
                action_key("stage", str(staged.store.address), keccak(piece).hex()),
                staged.store.functions.stage(piece),
                gas=staging_gas(piece),
                not_after=owed.until,
            )
            for count, piece in enumerate(missing, 1)
            if staged is not None
        ]
        gas = ANSWER_GAS + ANSWER_GAS_OF_BYTE * len(calldata(whole))
        answer = PlannedTransaction(
            f"show the predictions of model {owed.model}",
            self.key(suite.addresses),
            sent_answer(suite, whole),
            gas=gas if staging else None,
            not_after=owed.until,
        )
        warning = f"the predictions of model {owed.model} in round {number} are public from then on, for ever"
        return TransactionPlan((*staging, answer), (warning,))


@dataclass(frozen=True)
class ReclaimDeposits:
    """Takes back the deposits of demands in a round that nobody answered in time."""

    round_id: int
    payer: str

    def key(self, addresses: Addresses) -> str:
        """Return the business meaning; see `ClientAction.key`."""
        return action_key("reclaim", addresses.tournament, self.round_id, self.payer)

    def plan(self, account: ClientAccount) -> TransactionPlan:
        """Return a call for each deposit; see `ClientAction.plan`."""
        suite, demands = account.suite, _demands_of(account.suite)
        tournament = str(suite.tournament.address)
        steps = tuple(
            PlannedTransaction(
                f"take back {coins_text(draw.deposit)} NMR, as nobody showed what was demanded ({place})",
                action_key("reclaim", tournament, self.round_id, report_hash.hex(), place),
                demands.contract.functions.reclaim(tournament, report_hash, place),
            )
            for report_hash, draw, place in self._deposits(suite, demands)
        )
        if not steps:
            raise ActionRefused(
                f"round {self.round_id}: expected a deposit of {self.payer} that was not given to anybody, "
                "found none"
            )
        return TransactionPlan(steps)

    def _deposits(self, suite: Suite, demands: Demands) -> Iterator[tuple[bytes, DrawRecord, int]]:
        """Yield the report, its draw and the place of each demand whose deposit is still the payer's."""
        block, tournament = latest_block(suite).number, str(suite.tournament.address)
        filters = {"tournament": tournament, "roundId": self.round_id}
        resolved = suite.round(self.round_id, block).resolve_at
        first = first_block_at(suite.w3, resolved, suite.addresses.block, block)
        for log in event_logs(demands.contract.events.Demanded(), filters, first, block):
            report_hash, place = bytes(log["args"]["reportHash"]), int(log["args"]["place"])
            draw = demands.draw_of(tournament, report_hash, block)
            if draw.payers[place] == self.payer:
                yield report_hash, draw, place


def _require_before(drawing: Drawing, until: int, now: int, what: str) -> None:
    if now >= until:
        raise ActionRefused(
            f"round {drawing.record.round_id}: expected a time before {until} (Unix time), until which "
            f"models can be {what}, found {now}"
        )


def _await_seed(suite: Suite, drawing: Drawing) -> None:
    """Wait until the blocks are there of which a seed is made.

    Raises
    ------
    ActionRefused
        When they are not before it is too late to draw.
    """
    tournament = str(suite.tournament.address)
    while True:
        block = latest_block(suite)
        draw = drawing.demands.draw_of(tournament, drawing.proposal.report_hash, block.number)
        if draw.from_block and block.number >= draw.from_block + drawing.demands.seed_blocks:
            return
        _require_before(drawing, drawing.until[0], block.timestamp, "drawn")
        time.sleep(1.0)
