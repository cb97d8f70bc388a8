"""A member's part in demands for predictions: it finds those that are owed, and whether it can show them."""

from dataclasses import dataclass

from web3 import Web3

from scorer.chain.demands import Demands
from scorer.chain.records import ProposalRecord, RoundRecord
from scorer.observation.answers import answer_call, answer_pieces, are_signed, staged_court
from scorer.observation.observe import Sealed
from scorer.oracle.alarm_reasons import RaiseAlarm
from scorer.oracle.context import CycleContext
from scorer.oracle.failures import apart
from scorer.oracle.paths import MemberPaths
from scorer.oracle.view import OwedPlace, OwedPredictions
from scorer.proofs.calls import SealedTree

NOT_HELD = "we do not hold them"
TOO_LARGE = "one transaction does not carry them, and the committee's court has no store of pieces"


@dataclass
class Answering:
    """Looks for predictions that were demanded, as one member of one tournament for one cycle.

    Attributes
    ----------
    address
        Our own, which gets the part of a deposit for sending an answer.
    """

    context: CycleContext
    paths: MemberPaths
    address: str
    raise_alarm: RaiseAlarm

    def owed(self, record: RoundRecord, sealed: Sealed, proposal: ProposalRecord) -> OwedPredictions | None:
        """Return what is owed under the accepted report and can still be shown; None where nothing is.

        A failure is reported, and keeps nothing else from being done.
        """
        demands = self.context.suite.demands
        if demands is None or not proposal.stands:
            return None
        with apart(f"round {record.round_id}, predictions that were demanded", self.raise_alarm) as failures:
            found = self._owed(demands, record, sealed, proposal.report_hash)
        return None if failures else found

    def _owed(
        self, demands: Demands, record: RoundRecord, sealed: Sealed, report_hash: bytes
    ) -> OwedPredictions | None:
        suite, block = self.context.suite, self.context.block
        draw = demands.draw_of(str(suite.tournament.address), report_hash, block.number)
        if not draw.owed or block.timestamp >= draw.answers_until:
            return None
        tree = self._tree(record.round_id)
        lanes = [lane for chunk in sealed.positions.chunks for lane in chunk.lanes.tolist()]
        model_of = dict(zip(lanes, sealed.positions.models, strict=True))
        drawn = ((place, model_of[draw.lanes[place]]) for place in draw.owed)
        places = tuple(
            self._place(record.round_id, place, model, tree)
            for place, model in drawn
            # Whoever did not submit, or is refused, has nothing that an answer could show.
            if tree is None or _counts(tree, model)
        )
        return OwedPredictions(places, draw.demands_until, draw.answers_until)

    def _tree(self, round_id: int) -> SealedTree | None:
        """Return the round's submissions; None where we did not take them over."""
        bundle = self.paths.own_bundle(round_id)
        return SealedTree(bundle.submissions(), bundle.refused()) if bundle.has_collected else None

    def _place(self, round_id: int, place: int, model: int, tree: SealedTree | None) -> OwedPlace:
        if tree is None or not _is_held(tree, model):
            return OwedPlace(place, model, NOT_HELD)
        suite, to = self.context.suite, Web3.to_checksum_address(self.address)
        pieces, staged = (
            answer_pieces(answer_call(suite, round_id, place, tree, model, to)),
            staged_court(suite),
        )
        if not pieces:
            return OwedPlace(place, model)
        if staged is None:
            return OwedPlace(place, model, TOO_LARGE)
        return OwedPlace(place, model, unstaged=staged.missing_pieces(pieces, self.context.block.number))


def _counts(tree: SealedTree, model: int) -> bool:
    return model in tree.submissions.model_ids and model not in tree.refused


def _is_held(tree: SealedTree, model: int) -> bool:
    (entry,) = (entry for entry in tree.submissions.entries if entry.model_id == model)
    # Where too few shares came, the predictions of an envelope are none: NaN.
    return entry.predictions is not None and are_signed(entry, tree.submissions.universe)
