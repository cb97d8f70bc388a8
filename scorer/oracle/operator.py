"""The operator at work: opens rounds, collects submissions, locks and seals."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from web3.contract.contract import ContractFunction

from scorer.chain.contracts import RoundRecord, RoundState, Suite
from scorer.chain.sender import Sender
from scorer.oracle.observe import Block, finalised_block, unfinished_rounds
from scorer.rounds.chunks import LANES
from scorer.rounds.digest import content_hash
from scorer.rounds.rules import Rules
from scorer.rounds.signature import SubmissionDigest
from scorer.rounds.submissions import Submission, SubmissionRefused, Submissions, read_submission
from scorer.store.bundle import SUBMISSIONS, Bundle, round_folder

SLOTS_PER_CHUNK: Final = 256
"""Small enough to settle within any RPC's fee cap; a chunk of a lock begins on an even slot of its bitmap."""
SIGNATURE_SUFFIX: Final = ".signature.json"


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
    wanted = np.array(sorted(lane for lane in lanes if lane >= next_slot * LANES), dtype=np.int64)
    chunks = []
    last = int(wanted[-1]) // LANES if len(wanted) else -1
    for from_slot, end in _cuts(next_slot, last + 1, slots_per_chunk):
        bits = np.zeros(slots_per_chunk * LANES, dtype=np.uint8)
        inside = (wanted >= from_slot * LANES) & (wanted < end * LANES)
        bits[wanted[inside] - from_slot * LANES] = 1
        if bits.any():
            bitmap = np.packbits(bits, bitorder="little").tobytes().rstrip(b"\0")
            chunks.append(LockChunk(from_slot, bitmap))
    return tuple(chunks)


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
class Refusal:
    """A submission that was not taken, and why."""

    model_id: int
    file: str
    reason: str


@dataclass(frozen=True)
class Collection:
    """What the inbox of a round held."""

    submissions: Submissions
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True)
class Collector:
    """Takes the submissions of a tournament's rounds.

    Attributes
    ----------
    inbox
        Where submissions arrive: ``<inbox>/<tournament>/<round>/<model>.csv`` or ``.parquet``, and
        ``<model>.signature.json`` beside it.
    published
        Where members of the committee find rules, universe and submissions.
    """

    suite: Suite
    inbox: Path
    published: Path

    def seal_calls(
        self, record: RoundRecord, collection: Collection, slots_per_chunk: int
    ) -> Iterator[tuple[str, ContractFunction]]:
        """What is left to be sent to lock and seal a round, in order, each with its meaning."""
        block = self.suite.w3.eth.block_number
        valid = set(collection.submissions.model_ids)
        lanes = [lane for lane, model in enumerate(self.suite.models_by_lane(block)) if model in valid]
        next_slot = self.suite.round(record.round_id, block).next_slot
        functions = self.suite.tournament.functions
        for chunk in plan_locks(lanes, next_slot=next_slot, slots_per_chunk=slots_per_chunk):
            yield f"lock:{chunk.from_slot}", functions.lock(record.round_id, chunk.from_slot, chunk.bitmap)
        yield "seal", functions.seal(record.round_id, collection.submissions.root)

    def collect(self, record: RoundRecord) -> Collection:
        """Read the inbox of a round: valid, signed submissions, and why others are refused.

        A round whose submissions were published already keeps them: what is locked must be what is sealed.
        """
        published = self.published_bundle(record.round_id)
        if published.has(SUBMISSIONS):
            return Collection(published.submissions(), ())
        universe = published.universe()
        submitters = self.suite.submitters(record.close_at, self.suite.w3.eth.block_number)
        entries: dict[int, Submission] = {}
        refusals = []
        for file in _submission_files(self._inbox(record.round_id)):
            model_id = int(file.stem)
            try:
                entries[model_id] = self._read(file, record.round_id, universe, submitters.get(model_id))
            except SubmissionRefused as refused:
                refusals.append(Refusal(model_id, file.name, str(refused)))
        ascending = tuple(entries[model] for model in sorted(entries))
        return Collection(Submissions(universe, ascending), tuple(refusals))

    def _read(self, file: Path, round_id: int, universe: tuple[str, ...], allowed: str | None) -> Submission:
        predictions = read_submission(file.read_bytes(), universe, file.name)
        if allowed is None:
            raise SubmissionRefused(file.name, "the number of a registered model", file.stem)
        signature = _read_signature(file)
        content = content_hash(universe, predictions)
        submission = Submission(int(file.stem), predictions, content, allowed, signature)
        chain_id, tournament = self.suite.addresses.chain_id, str(self.suite.tournament.address)
        signer = submission.signer(chain_id, tournament, round_id)
        if signer != allowed:
            raise SubmissionRefused(file.name, f"the signature of {allowed}", f"that of {signer}")
        return submission

    def publish(self, round_id: int, collection: Collection) -> None:
        """Publish what was collected, once."""
        if not self.published_bundle(round_id).has(SUBMISSIONS):
            self.published_bundle(round_id).write_submissions(collection.submissions)

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
    ) -> int:
        """Publish a round's rules and universe, and open it. Times in Unix seconds.

        Returns
        -------
        int
            The round's id.
        """
        round_id = self.suite.round_count(self.suite.w3.eth.block_number) + 1
        bundle = self.published_bundle(round_id)
        bundle.write_rules(rules)
        bundle.write_universe(universe)
        opening = self.suite.tournament.functions.openRound(
            open_at, close_at, resolve_at, deadline, rules.hash()
        )
        self.sender.send(opening)
        return round_id

    def due(self) -> list[RoundRecord]:
        """The rounds whose submissions have closed and that can still be sealed."""
        block = finalised_block(self.suite)
        return [record for record in unfinished_rounds(self.suite, block) if awaits_seal(record, block)]

    def cycle(self) -> list[int]:
        """Lock and seal every round that is due; which ones."""
        due = self.due()
        for record in due:
            self.seal_round(record)
        return [record.round_id for record in due]

    def seal_round(self, record: RoundRecord) -> Collection:
        """Collect a round's submissions, publish the valid ones, lock their stakes, and seal the round."""
        collection = self.collect(record)
        self.publish(record.round_id, collection)
        for _, call in self.seal_calls(record, collection, self.slots_per_chunk):
            self.sender.send(call)
        return collection


def submit(inbox: Path, digest: SubmissionDigest, private_key: bytes, file: str, content: bytes) -> None:
    """Sign a submission and lay it into an operator's inbox, the file last.

    Parameters
    ----------
    file
        Its name: ``<model>.csv`` or ``<model>.parquet``.
    """
    folder = round_folder(inbox, digest.tournament, digest.round_id)
    folder.mkdir(parents=True, exist_ok=True)
    signature = {"signature": "0x" + digest.sign(private_key).hex()}
    (folder / (Path(file).stem + SIGNATURE_SUFFIX)).write_text(json.dumps(signature))
    (folder / file).write_bytes(content)


def _submission_files(folder: Path) -> Iterator[Path]:
    """The files of models, ascending; a model's later file replaces an earlier one in `Operator.collect`."""
    files = [f for f in folder.glob("*") if f.suffix in (".csv", ".parquet") and f.stem.isdecimal()]
    yield from sorted(files, key=lambda file: (int(file.stem), file.stat().st_mtime_ns))


def _read_signature(file: Path) -> bytes:
    path = file.with_name(file.stem + SIGNATURE_SUFFIX)
    try:
        return bytes.fromhex(json.loads(path.read_bytes())["signature"].removeprefix("0x"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise SubmissionRefused(file.name, f"a signature in {path.name}", "none that can be read") from None


def awaits_seal(record: RoundRecord, block: Block) -> bool:
    """Whether a round's submissions have closed, and it can still be sealed."""
    unsealed = record.state in (RoundState.OPEN, RoundState.LOCKING)
    return unsealed and record.close_at <= block.timestamp < record.lock_until
