"""A member's part in demands for predictions: it finds those that are owed, and whether it can show them."""

from dataclasses import dataclass

from web3 import Web3

from scorer.chain.bulk import read_views
from scorer.chain.contracts import Suite
from scorer.chain.demands import DrawRecord
from scorer.chain.errors import EndpointsDisagree
from scorer.chain.records import ProposalRecord, RoundRecord
from scorer.observation.answers import answer_call, answer_pieces, are_signed, staged_court
from scorer.observation.observe import Block
from scorer.oracle.agreement import host_of
from scorer.oracle.alarm_reasons import RaiseAlarm
from scorer.oracle.context import CycleContext
from scorer.oracle.failures import apart
from scorer.oracle.paths import MemberPaths
from scorer.oracle.view import OwedPlace, OwedPredictions
from scorer.proofs.calls import SealedTree

NOT_HELD = "we do not hold them"
TOO_LARGE = "one transaction does not carry them, and the committee's court has no store of pieces"


@dataclass(frozen=True)
class _Demanded:
    """The draw of a report that stands, under which predictions are owed.

    Attributes
    ----------
    contract
        The address of Demands.
    models
        Of the places that are owed, in their order.
    """

    contract: str
    draw: DrawRecord
    models: tuple[int, ...]


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

    def owed(self, record: RoundRecord, proposal: ProposalRecord) -> OwedPredictions | None:
        """Return what is owed under the accepted report and can still be shown; None where nothing is.

        A failure is reported, and keeps nothing else from being done.
        """
        if self.context.suite.demands is None or not proposal.stands:
            return None
        with apart(f"round {record.round_id}, predictions that were demanded", self.raise_alarm) as failures:
            found = self._owed(record, proposal.report_hash)
        return None if failures else found

    def _owed(self, record: RoundRecord, report_hash: bytes) -> OwedPredictions | None:
        bundle = self.paths.own_bundle(record.round_id)
        if bundle.has_collected and not bundle.rules().demands:
            return None
        found = self._demanded(record.round_id, report_hash)
        if found is None:
            return None
        tree = self._tree(record.round_id)
        places = tuple(
            self._place(record.round_id, place, model, tree)
            for place, model in zip(found.draw.owed, found.models, strict=True)
            # Whoever did not submit, or is refused, has nothing that an answer could show.
            if tree is None or _counts(tree, model)
        )
        return OwedPredictions(places, found.draw.demands_until, found.draw.answers_until)

    def _demanded(self, round_id: int, report_hash: bytes) -> _Demanded | None:
        """Return what is owed, where other endpoints say so too: what was shown, nobody takes back.

        Raises
        ------
        scorer.chain.errors.EndpointsDisagree
            When one says something else, or too few answer while ours says that something is owed.
        """
        context = self.context
        what = f"round {round_id}, whose predictions are demanded"

        def read(suite: Suite) -> _Demanded | None:
            return _demanded_at(suite, round_id, report_hash, context.block)

        ours = read(context.suite)
        if ours is not None:
            return context.quorum_check.confirmed(context.suite, what, read)
        for host, theirs in context.quorum_check.answers(read):
            # An endpoint that hides a demand would have us keep silent.
            if theirs is not None:
                here = host_of(context.suite)
                raise EndpointsDisagree(f"{what}: endpoint {host} says otherwise than {here}")
        return None

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


def _demanded_at(suite: Suite, round_id: int, report_hash: bytes, at: Block) -> _Demanded | None:
    """Read what is owed under a report that stands and can still be shown; None where nothing is."""
    demands, proposal = suite.demands, suite.proposal(round_id, at.number)
    if demands is None or proposal is None or not proposal.stands or proposal.report_hash != report_hash:
        return None
    draw = demands.draw_of(str(suite.tournament.address), report_hash, at.number)
    if not draw.owed or at.timestamp >= draw.answers_until:
        return None
    lanes = [suite.tournament.functions.modelAt(draw.lanes[place]) for place in draw.owed]
    models = tuple(map(int, read_views(suite.w3, lanes, at.number)))
    return _Demanded(str(demands.contract.address), draw, models)


def _counts(tree: SealedTree, model: int) -> bool:
    return model in tree.submissions.model_ids and model not in tree.refused


def _is_held(tree: SealedTree, model: int) -> bool:
    (entry,) = (entry for entry in tree.submissions.entries if entry.model_id == model)
    # Where too few shares came, the predictions of an envelope are none: NaN.
    return entry.predictions is not None and are_signed(entry, tree.submissions.universe)
