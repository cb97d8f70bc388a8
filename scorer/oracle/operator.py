"""The operator at work: opens rounds, collects submissions and locks stakes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from web3.contract.contract import ContractFunction

from scorer.chain.contracts import RoundRecord, Suite
from scorer.chain.errors import EndpointsDisagree
from scorer.chain.sender import Sender
from scorer.oracle.gatekeeper import Gatekeeper, check_gate_tables
from scorer.oracle.intake import LARGEST, Collection, Intake, read_collection, write_collection
from scorer.oracle.intake import SIGNATURE_SUFFIX as SIGNATURE_SUFFIX
from scorer.oracle.intake import submit as submit
from scorer.oracle.observe import Block
from scorer.oracle.witnesses import Witnesses
from scorer.rounds.chunks import LANES
from scorer.rounds.digest import universe_digest
from scorer.rounds.rules import NO_TERMS, Rules, RulesError
from scorer.rounds.selection import select
from scorer.rounds.tables import NEUTRAL_CHURN, Table
from scorer.store.bundle import COLLECTED, LOCKED, Bundle, round_folder

SLOTS_PER_CHUNK: Final = 256
"""Small enough to settle within any RPC's fee cap; a chunk of a lock begins on an even slot of its bitmap."""


@dataclass(frozen=True)
class LockChunk:
    """Lock a run of slots; `bitmap` as ``Tournament.lock`` takes it."""

    from_slot: int
    bitmap: bytes


def plan_locks(
    lanes: Sequence[int], *, next_slot: int = 0, slots_per_chunk: int = SLOTS_PER_CHUNK
) -> tuple[LockChunk, ...]:
    """Cut the lanes that take part into chunks.

    Parameters
    ----------
    lanes
        Lanes of models with a valid submission, in any order.
    next_slot
        The first slot that was not locked yet.
    slots_per_chunk
        An even number. Chunks begin at its multiples, whatever was locked before: cut again after a restart,
        they are the same.

    Returns
    -------
    tuple[LockChunk, ...]
        Ascending; a chunk in which nobody takes part is left out.
    """
    return tuple(_locks(_ascending(lanes), next_slot, slots_per_chunk))


def _ascending(lanes: Iterable[int]) -> NDArray[np.int64]:
    return np.array(sorted(lanes), dtype=np.int64)


def _locks(wanted: NDArray[np.int64], next_slot: int, slots_per_chunk: int) -> Iterator[LockChunk]:
    """As `plan_locks`, of ascending lanes, one chunk at a time: each costs what is in it."""
    last = int(wanted[-1]) // LANES if len(wanted) else -1
    for from_slot, end in _cuts(next_slot, last + 1, slots_per_chunk):
        first, stop = np.searchsorted(wanted, (from_slot * LANES, end * LANES)).tolist()
        if first < stop:
            bits = np.zeros(slots_per_chunk * LANES, dtype=np.uint8)
            bits[wanted[first:stop] - from_slot * LANES] = 1
            yield LockChunk(from_slot, np.packbits(bits, bitorder="little").tobytes().rstrip(b"\0"))


def _cuts(next_slot: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    """Where chunks begin and end; a bitmap covers an even number of slots."""
    start = next_slot
    while start < end:
        stop = start - start % size + size
        if (stop - start) % 2:
            stop = start + size
        yield start, stop
        start = stop


@dataclass(frozen=True)
class Lanes:
    """Which model has which lane: never changed, only added to, and so read once for many rounds.

    Attributes
    ----------
    block
        They are read as of this one, once they are needed.
    """

    suite: Suite
    block: int
    witnesses: Witnesses = field(default_factory=Witnesses)

    @cached_property
    def models(self) -> list[int]:
        """The model of every lane, by lane, as all that must confirm it say."""
        return self.witnesses.confirmed(
            self.suite, "the models of the lanes", lambda suite: suite.models_by_lane(self.block)
        )

    def of(self, models: Set[int]) -> list[int]:
        """The lanes of `models`."""
        return [lane for lane, model in enumerate(self.models) if model in models]

    def newest_of(self, models: Set[int], block: int) -> list[int]:
        """The lanes of `models`, with those that were added up to a later block."""
        added = self.suite.models_by_lane(block, len(self.models))
        later = enumerate(added, start=len(self.models))
        return [*self.of(models), *(lane for lane, model in later if model in models)]


@dataclass(frozen=True)
class Collector:
    """Takes the submissions of a tournament's rounds.

    Attributes
    ----------
    inbox
        Where submissions arrive: ``<inbox>/<tournament>/<round>/<model>.csv`` or ``.parquet``, and
        ``<model>.signature.json`` beside it. When a file was modified last is when it arrived, so whatever
        fills the inbox must not keep the senders' times. ``<model>.<any>.csv`` with
        ``<model>.<any>.signature.json`` leaves the model's other files in place.
    published
        Where members of the committee find rules, universe and submissions.
    largest
        Bytes of a file that is taken.
    witnesses
        Other endpoints, which must confirm what cannot be undone: whose signature counts, and what is locked.
    """

    suite: Suite
    inbox: Path
    published: Path
    largest: int = field(default=LARGEST, kw_only=True)
    witnesses: Witnesses = field(default_factory=Witnesses, kw_only=True)

    def lock_calls(
        self, record: RoundRecord, collection: Collection, slots_per_chunk: int, lanes: "Lanes"
    ) -> Iterator[tuple[int, ContractFunction | None]]:
        """What is left to be sent to lock a round, in order, each with the first slot that it locks.

        Which model has which lane is read once. Where to go on, the chain says before each. Models that got a
        lane meanwhile are looked for at the end. Once the chain says that every staked lane is locked,
        whatever an earlier process had begun, the last one is None: nothing more is to be sent.
        """
        functions, locked = self.suite.tournament.functions, -1
        staked, is_newest = _ascending(lanes.of(collection.staked)), False
        while True:
            block = self.suite.w3.eth.block_number
            next_slot = self.suite.round(record.round_id, block).next_slot
            chunk = next(_locks(staked, next_slot, slots_per_chunk), None)
            if chunk is None and is_newest:
                next_slot = self._confirmed_slot(record, next_slot)
                chunk = next(_locks(staked, next_slot, slots_per_chunk), None)
                if chunk is None:
                    yield next_slot, None
                    return
            if chunk is None:
                staked, is_newest = _ascending(lanes.newest_of(collection.staked, block)), True
            elif chunk.from_slot <= locked:
                return  # the endpoint does not show yet what was locked
            else:
                locked, is_newest = chunk.from_slot, False
                yield locked, functions.lock(record.round_id, locked, chunk.bitmap)

    def publish_locked(self, round_id: int) -> None:
        """Publish that nothing more is to be locked, and up to which positions head: members then sign."""
        head = self.suite.round(round_id, self.suite.w3.eth.block_number).positions_head
        bundle = self.published_bundle(round_id)
        if not bundle.has(LOCKED) or bundle.locked() != head:
            bundle.write_locked(head)

    def _confirmed_slot(self, record: RoundRecord, claimed: int) -> int:
        """The first slot that was not locked yet, as all say that must confirm it: the lowest of theirs.

        Once members have sealed a round nothing can be locked any more. One that is a block behind is no
        harm: a slot that is locked already is not locked again.

        Raises
        ------
        scorer.chain.errors.EndpointsDisagree
            When too few answer.
        """

        def newest(suite: Suite) -> int:
            return suite.round(record.round_id, suite.w3.eth.block_number).next_slot

        said = [next_slot for _, next_slot in self.witnesses.say(newest)]
        if len(said) < self.witnesses.needed:
            raise EndpointsDisagree(
                f"round {record.round_id}: expected {self.witnesses.needed} more endpoints to say what is "
                f"locked before that is published, found {len(said)}"
            )
        return min([claimed, *said])

    def collect(self, record: RoundRecord, block: Block | None = None) -> Collection:
        """Read the inbox of a round as its rules say: what counts, what of it stakes, and what is refused.

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
        scorer.store.bundle.BundleError
            When what is published of the round is incomplete.
        scorer.rounds.rules.RulesError
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
        return Collection(selection.submissions, refusals, selection.staked)

    def _submitters(self, record: RoundRecord, number: int) -> dict[int, str]:
        """Who could sign for each model when submissions closed, as all that must confirm it say."""
        return self.witnesses.confirmed(
            self.suite,
            f"round {record.round_id}, who could sign",
            lambda suite: suite.submitters(record.close_at, number),
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
            submitters=self._submitters(record, number),
            open_at=record.open_at,
            until=max(latest["timestamp"], time),  # the first is one endpoint's word
            spool=self.published_bundle(record.round_id).folder,
            largest=self.largest,
        )

    def has_published(self, round_id: int) -> bool:
        """Whether a round's submissions were published, and what was decided about them stands."""
        return self.published_bundle(round_id).has(*COLLECTED)

    def publish(self, round_id: int, collection: Collection) -> None:
        """Publish what was collected, once; before it the models' churn, where the rules ask for it."""
        if self.has_published(round_id):
            return
        bundle = self.published_bundle(round_id)
        if bundle.rules().adjusters.neutral_churn is not None:
            record = self.suite.round(round_id, self.suite.w3.eth.block_number)
            gatekeeper = Gatekeeper(self.suite, self.published_bundle)
            churns = gatekeeper.neutral_churn(record, collection.submissions)
            bundle.write_table(NEUTRAL_CHURN, collection.submissions.universe, churns)
        write_collection(bundle, collection)

    def published_bundle(self, round_id: int) -> Bundle:
        """What is published of a round."""
        return Bundle(round_folder(self.published, str(self.suite.tournament.address), round_id))

    def _inbox(self, round_id: int) -> Path:
        return round_folder(self.inbox, str(self.suite.tournament.address), round_id)


@dataclass(frozen=True)
class Operator(Collector):
    """Runs the rounds of one tournament, one call after the other."""

    sender: Sender
    slots_per_chunk: int = SLOTS_PER_CHUNK

    def open_round(
        self,
        rules: Rules,
        universe: tuple[str, ...],
        *,
        open_at: int,
        close_at: int,
        resolve_at: int,
        deadline: int,
        names: Mapping[str, Sequence[str | None]] | None = None,
        tables: Mapping[str, Table] | None = None,
    ) -> int:
        """Publish a round's rules and universe, and open it. Times in Unix seconds.

        Parameters
        ----------
        names
            What else the ids are called, by column, such as bloomberg_ticker, in the order of the universe;
            None for an id without such a name. Files may then name ids so.
        tables
            Tables that are published with the universe: with gates or neutral churn in the rules,
            neutralizers and sample_weights. Later rounds with these need them of earlier ones.

        Returns
        -------
        int
            The round's id.

        Raises
        ------
        scorer.store.bundle.BundleError
            When names or tables do not fit the universe, or gates lack a table: nothing is sent.
        """
        round_id = self.suite.round_count(self.suite.w3.eth.block_number) + 1
        bundle = self.published_bundle(round_id)
        bundle.write_rules(rules)
        bundle.write_universe(universe)
        for name, table in (tables or {}).items():
            bundle.write_table(name, universe, table)
        if names:
            bundle.write_names(universe, names)
        bundle.named_universe()
        check_gate_tables(rules, bundle)
        commitments = rules.hash(), NO_TERMS, universe_digest(universe)
        opening = self.suite.tournament.functions.openRound(
            open_at, close_at, resolve_at, deadline, commitments
        )
        self.sender.send(opening)
        return round_id

    def lock_round(self, record: RoundRecord) -> Collection:
        """Collect a round's submissions, publish them, and lock their stakes."""
        collection = self.collect(record)
        self.publish(record.round_id, collection)
        lanes = Lanes(self.suite, self.suite.w3.eth.block_number)
        for _, call in self.lock_calls(record, collection, self.slots_per_chunk, lanes):
            if call is None:
                self.publish_locked(record.round_id)
            else:
                self.sender.send(call)
        return collection
