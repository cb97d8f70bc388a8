"""Collects the submissions of a round, publishes them, and plans the calls that lock their stakes."""

from collections.abc import Iterator, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from scorer.chain.contracts import Suite
from scorer.chain.errors import EndpointsDisagree
from scorer.chain.records import RoundRecord
from scorer.encryption import MemberKeys
from scorer.observation.encryption import usable_keys
from scorer.observation.observe import Block
from scorer.operator.collection import Collection, read_collection, write_collection
from scorer.operator.intake import LARGEST, Intake
from scorer.operator.locking import Hull, LockStep, ascending, lock_steps
from scorer.operator.rolling import LockCall, Settling, lock_call
from scorer.oracle.gatekeeper import Gatekeeper
from scorer.oracle.quorum_check import QuorumCheck
from scorer.protocol.rules import Rules, RulesError
from scorer.protocol.selection import select
from scorer.protocol.tables import NEUTRAL_CHURN
from scorer.storage.bundle import Bundle, round_folder


@dataclass(frozen=True)
class Lanes:
    """The model of each lane: lanes are only ever added, and so are read once for many rounds.

    Attributes
    ----------
    block
        The lanes are read as of this block, once they are needed.
    """

    suite: Suite
    block: int
    quorum_check: QuorumCheck = field(default_factory=QuorumCheck)

    @cached_property
    def models(self) -> list[int]:
        """The model of every lane, by lane, as all endpoints that must confirm it say."""
        return self.quorum_check.confirmed(
            self.suite, "the models of the lanes", lambda suite: suite.models_by_lane(self.block)
        )

    def of(self, models: Set[int], count: int | None = None) -> list[int]:
        """Return the lanes of `models`, of the first `count` or of all."""
        return [lane for lane, model in enumerate(self.models[:count]) if model in models]


@dataclass(frozen=True)
class Collector:
    """Collects and publishes the submissions of a tournament's rounds, and plans their locks.

    Attributes
    ----------
    inbox
        The folder in which submissions arrive: ``<inbox>/<tournament>/<round>/<model>.csv`` or
        ``.parquet`` or, encrypted, ``.envelope``, and ``<model>.signature.json`` beside it. When a file was
        modified last is when it arrived, so whatever fills the inbox must not keep the senders' times.
        ``<model>.<any>.csv`` with ``<model>.<any>.signature.json`` leaves the model's other files in place.
    published
        The folder in which members of the committee find rules, universe and submissions.
    largest
        Most bytes of a file that is taken.
    quorum_check
        Other endpoints, which must confirm what cannot be undone: whose signature counts, and what is locked.
    """

    suite: Suite
    inbox: Path
    published: Path
    largest: int = field(default=LARGEST, kw_only=True)
    quorum_check: QuorumCheck = field(default_factory=QuorumCheck, kw_only=True)

    def lock_calls(
        self,
        record: RoundRecord,
        collection: Collection,
        slots_per_chunk: int,
        lanes: "Lanes",
        settling: Settling | None = None,
    ) -> Iterator[LockCall | None]:
        """Yield what is left to be sent to lock a round, in order.

        The lanes of models are read once; before each call the chain says where to go on. Once a final block
        says that every staked lane is locked, whatever an earlier process had begun, None is yielded last:
        nothing more is to be locked.

        Parameters
        ----------
        record
            The round at a final block: a lock that is not final may be undone, and its end is for ever.
        settling
            A round that is being settled, whose chunks are settled on the way.
        """
        staked, final = ascending(lanes.of(collection.staked, collection.lanes)), Hull.of(record)
        taken = set[LockStep]()
        while True:
            block = self.suite.w3.eth.block_number
            hull = Hull.of(self.suite.round(record.round_id, block)).with_final(final)
            left = () if settling is None else settling.left(self.suite, block)
            step = next(lock_steps(staked, hull, slots_per_chunk, left), None)
            if step is None:
                # By this endpoint nothing is left. The end is for ever: the other endpoints and a
                # final block must say so too, before the lock is ended.
                hulls = (*self._confirmed_hulls(record, hull), final)
                steps = [next(lock_steps(staked, hull, slots_per_chunk), None) for hull in hulls]
                step = next((step for step in steps[:-1] if step is not None), None)
                if step is None and steps[-1] is None:
                    yield None
            if step is None or step in taken:
                return  # the endpoint does not show yet what was locked, or it is not final
            taken.add(step)
            yield lock_call(self.suite, record.round_id, step, settling)

    def _confirmed_hulls(self, record: RoundRecord, claimed: Hull) -> list[Hull]:
        """Return what is locked already, as each endpoint says that must confirm it.

        Once we have ended the lock nothing can be locked any more. One that is a block behind is no harm: a
        slot that is locked already is not locked again.

        Raises
        ------
        scorer.chain.errors.EndpointsDisagree
            When too few answer.
        """

        def newest(suite: Suite) -> Hull:
            return Hull.of(suite.round(record.round_id, suite.w3.eth.block_number))

        others = [hull for _, hull in self.quorum_check.answers(newest)]
        if len(others) < self.quorum_check.needed:
            raise EndpointsDisagree(
                f"round {record.round_id}: expected {self.quorum_check.needed} more endpoints to say what is "
                f"locked before that is ended, found {len(others)}"
            )
        return [claimed, *others]

    def collect(self, record: RoundRecord, block: Block | None = None) -> Collection:
        """Read the inbox of a round by its rules: what counts, which of it stakes, and what is refused.

        A round whose submissions were published already keeps them, and what was decided about them: what is
        locked must be what is sealed, whatever arrived since.

        Parameters
        ----------
        block
            A final one, in which submissions have closed; None: the newest.

        Raises
        ------
        scorer.chain.errors.EndpointsDisagree
            When endpoints do not say the same of who could sign.
        scorer.storage.bundle.BundleError
            When what is published of the round is incomplete.
        scorer.protocol.rules.RulesError
            When the published rules are not those that the chain froze.
        """
        published = self.published_bundle(record.round_id)
        return read_collection(published) or self._collect_anew(record, self._rules(record), block)

    def _rules(self, record: RoundRecord) -> Rules:
        bundle = self.published_bundle(record.round_id)
        rules = bundle.rules()
        if rules.hash() != record.rules_hash:
            raise RulesError(
                f"{bundle.folder}: expected rules of the hash 0x{record.rules_hash.hex()}, "
                f"found those of 0x{rules.hash().hex()}; publish the document that the round was opened with"
            )
        return rules

    def _collect_anew(self, record: RoundRecord, rules: Rules, block: Block | None) -> Collection:
        intake = self._intake(record, rules, block)
        arrivals, refusals = intake.take(self._inbox(record.round_id))
        window = {"open_at": record.open_at, "close_at": record.close_at, "until": intake.until}
        selection = select(intake.universe.ids, arrivals, **window)
        submissions = replace(selection.submissions, is_encrypted=rules.is_encrypted)
        return Collection(submissions, refusals, selection.staked, self._lane_count(record, block))

    def _lane_count(self, record: RoundRecord, block: Block | None) -> int:
        """Return how many lanes there are, as all endpoints say that must."""
        number = self.suite.w3.eth.block_number if block is None else block.number
        return self.quorum_check.confirmed(
            self.suite, f"round {record.round_id}, the lanes", lambda suite: suite.lane_count(number)
        )

    def submitters(self, record: RoundRecord, number: int) -> dict[int, str]:
        """Return who could sign for each model when submissions closed, as all endpoints say that must."""
        return self.quorum_check.confirmed(
            self.suite,
            f"round {record.round_id}, who could sign",
            lambda suite: suite.submitters_before(record.close_at, number),
        )

    def _intake(self, record: RoundRecord, rules: Rules, block: Block | None) -> Intake:
        latest = self.suite.w3.eth.get_block("latest")
        number, time = (block.number, block.timestamp) if block else (latest["number"], 0)
        return Intake(
            chain_id=self.suite.addresses.chain_id,
            tournament=str(self.suite.tournament.address),
            round_id=record.round_id,
            kind=rules.submissions,
            universe=self.published_bundle(record.round_id).named_universe(),
            submitters=self.submitters(record, number),
            open_at=record.open_at,
            until=max(latest["timestamp"], time),  # the first is one endpoint's word
            spool=self.published_bundle(record.round_id).folder,
            largest=self.largest,
            is_encrypted=rules.is_encrypted,
            members=self._members(record, number) if rules.is_encrypted else None,
        )

    def _members(self, record: RoundRecord, number: int) -> MemberKeys | None:
        """Return the keys that a round's submissions are encrypted to, as all endpoints say that must."""
        members = self.quorum_check.confirmed(
            self.suite,
            f"round {record.round_id}, its members' keys",
            lambda suite: suite.member_set(record.member_set_id, number),
        )
        return usable_keys(members)

    def has_published(self, round_id: int) -> bool:
        """Say whether a round's submissions were published, so that what was decided about them stands."""
        return self.published_bundle(round_id).has_collected

    def publish(self, round_id: int, collection: Collection) -> None:
        """Publish what was collected, once; before it the models' churn, where the rules ask for it.

        Of submissions that are encrypted members compute the churn: nobody else can.
        """
        if self.has_published(round_id):
            return
        bundle, is_encrypted = self.published_bundle(round_id), collection.submissions.is_encrypted
        if bundle.rules().adjusters.neutral_churn is not None and not is_encrypted:
            record = self.suite.round(round_id, self.suite.w3.eth.block_number)
            gatekeeper = Gatekeeper(self.suite, self.published_bundle)
            churns = gatekeeper.neutral_churn(record, collection.submissions)
            bundle.write_table(NEUTRAL_CHURN, collection.submissions.universe, churns)
        write_collection(bundle, collection)

    def published_bundle(self, round_id: int) -> Bundle:
        """Return what is published of a round."""
        return Bundle(round_folder(self.published, str(self.suite.tournament.address), round_id))

    def _inbox(self, round_id: int) -> Path:
        return round_folder(self.inbox, str(self.suite.tournament.address), round_id)
