"""Deciding on the envelopes of a round from the box keys that members released.

See the text of `scorer.encryption` for why all members decide alike.
"""

import os
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice
from typing import Final

import numpy as np

from scorer.encryption import age, plaintext, shamir
from scorer.encryption.derivation import ENVELOPE_KEY_SIZE, EnvelopeKey, EnvelopeSecrets, derive
from scorer.encryption.envelope import Envelope, number, write_with
from scorer.encryption.errors import (
    AgeRefused,
    EnvelopeFault,
    EnvelopeRefused,
    PlaintextRefused,
    ShareFault,
    ShareRefused,
)
from scorer.encryption.plaintext import Floats
from scorer.encryption.shares import open_box_with
from scorer.protocol.digest import content_hashes

BLOCK: Final = 128
"""Envelopes that are decided together, by one thread; the universe is hashed once for each block."""

Statements = Mapping[int, bytes | None]
"""The members' statements on one envelope, by place: the key of the box, or None if it does not open."""


class EnvelopeState(Enum):
    """The states of an envelope, as far as members' statements decide it."""

    VALID = "valid"
    BROKEN = "broken"
    UNDECIDED = "undecided"
    """Fewer box keys than the threshold open their boxes. It does not count unless more are released."""


@dataclass(frozen=True, eq=False)
class Decryption:
    """The decision on one envelope, from what members said of it.

    Attributes
    ----------
    key
        Of a valid envelope: it proves to everyone that the envelope is valid.
    predictions
        Of a valid envelope, shape (ids,).
    fault
        Of a broken envelope.
    decided_by
        The places of the members whose box keys decide: whoever has those keys comes to the same state.
    accused
        The places of members whose statement is proved wrong, and how.
    """

    envelope: Envelope
    state: EnvelopeState
    key: EnvelopeKey | None = None
    predictions: Floats | None = field(default=None, repr=False)
    fault: EnvelopeFault | None = None
    decided_by: tuple[int, ...] = ()
    accused: Mapping[int, ShareFault] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Opened:
    """The shares of one envelope that decide on it, as many as the threshold unless there are too few."""

    envelope: Envelope
    statements: Statements = field(repr=False)
    shares: Mapping[int, bytes] = field(repr=False)
    accused: Mapping[int, ShareFault]

    @property
    def is_enough(self) -> bool:
        return len(self.shares) >= self.envelope.context.members.threshold


@dataclass(eq=False)
class _Trial:
    """An envelope under a key that may be its own, and why it is not, once that is found.

    Attributes
    ----------
    predictions
        Set once the payload decrypts to a plaintext.
    """

    envelope: Envelope
    key: EnvelopeKey
    secrets: EnvelopeSecrets
    predictions: Floats | None = field(default=None, repr=False)
    refused: EnvelopeRefused | None = None


def decrypt(envelope: Envelope, key: EnvelopeKey, universe: Sequence[str]) -> Floats:
    """Decrypt an envelope with its key, and check that it is valid; its predictions.

    Parameters
    ----------
    universe
        The round's ids, sorted.

    Returns
    -------
    ndarray
        Shape (ids,) float64, each in [0, 1]; read-only.

    Raises
    ------
    EnvelopeRefused
        When it does not decrypt, the plaintext is not canonical or has another content hash, or the key makes
        another envelope.
    """
    trial = _trial(envelope, key)
    _check_contents([trial], universe)
    if trial.predictions is None or trial.refused is not None:
        raise trial.refused or AssertionError("a trial ends with predictions or a refusal")
    return trial.predictions


def decrypt_round(
    envelopes: Iterable[Envelope],
    statements: Iterable[Statements],
    universe: Sequence[str],
    *,
    threads: int | None = None,
) -> Iterator[Decryption]:
    """Decide on each of many envelopes, in their order; a few blocks are in memory at a time.

    Parameters
    ----------
    statements
        For each envelope what members said of it, the deciding member's own statement among them; see
        `scorer.encryption.release.statements`.
    universe
        The round's ids, sorted.
    threads
        As many as the process has cores if None.
    """
    pairs = zip(envelopes, statements, strict=True)
    workers = threads or len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(workers) as pool:
        running: deque[Future[list[Decryption]]] = deque()
        while block := list(islice(pairs, BLOCK)):
            running.append(pool.submit(decrypt_block, block, universe))
            # One block more than threads: none of them waits, and no more envelopes are in memory.
            if len(running) > workers:
                yield from running.popleft().result()
        while running:
            yield from running.popleft().result()


def decrypt_block(block: Sequence[tuple[Envelope, Statements]], universe: Sequence[str]) -> list[Decryption]:
    """Decide on some envelopes in this thread; see `decrypt_round`."""
    opened = [_open(envelope, statements) for envelope, statements in block]
    enough = [each for each in opened if each.is_enough]
    trials = [_trial(each.envelope, key) for each, key in zip(enough, _combined(enough), strict=True)]
    _check_contents(trials, universe)
    decided = iter(trials)
    return [_decided(each, next(decided)) if each.is_enough else _undecided(each) for each in opened]


def _open(envelope: Envelope, statements: Statements) -> _Opened:
    """Open boxes until there are as many shares as the threshold; the lowest places first."""
    shares: dict[int, bytes] = {}
    accused: dict[int, ShareFault] = {}
    # In one order everywhere: members with the same statements name the same shares as those that decide.
    for place, box_key in sorted(statements.items()):
        if box_key is None or len(shares) == envelope.context.members.threshold:
            continue
        try:
            shares[place] = open_box_with(envelope, place, box_key)
        except ShareRefused as refused:
            accused[place] = refused.fault
    return _Opened(envelope, statements, shares, accused)


def _combined(opened: Sequence[_Opened]) -> list[EnvelopeKey]:
    """Return the key that each envelope's shares give; those of the same members are combined at once."""
    rows = defaultdict[tuple[int, ...], list[int]](list)
    for row, each in enumerate(opened):
        rows[tuple(each.shares)].append(row)
    keys = np.zeros((len(opened), ENVELOPE_KEY_SIZE), dtype=np.uint8)
    for places, chosen in rows.items():
        shares = b"".join(opened[row].shares[place] for place in places for row in chosen)
        table = np.frombuffer(shares, dtype=np.uint8).reshape(len(places), len(chosen), ENVELOPE_KEY_SIZE)
        keys[chosen] = shamir.combine(table, [number(place) for place in places])
    found = [EnvelopeKey(key.data) for key in keys]
    # Each key was copied.
    keys.fill(0)
    return found


def _trial(envelope: Envelope, key: EnvelopeKey) -> _Trial:
    """Decrypt the payload as the key says that it was encrypted."""
    trial = _Trial(envelope, key, derive(key, envelope.context))
    try:
        content = age.decrypt_with(envelope.payload, trial.secrets.payload.file_key)
        trial.predictions = plaintext.decode(content, envelope.context.ids)
    except AgeRefused:
        trial.refused = EnvelopeRefused(EnvelopeFault.UNREADABLE, "a payload under its key", "another")
    except PlaintextRefused as refused:
        trial.refused = EnvelopeRefused(EnvelopeFault.NOT_CANONICAL, "a plaintext", str(refused))
    return trial


def _check_contents(trials: Sequence[_Trial], universe: Sequence[str]) -> None:
    """Refuse the trials whose content is not what was signed, or whose key makes another envelope."""
    readable = [(trial, trial.predictions) for trial in trials if trial.predictions is not None]
    hashes = content_hashes(universe, (predictions for _, predictions in readable))
    for (trial, predictions), content_hash in zip(readable, hashes, strict=True):
        context = trial.envelope.context
        if content_hash != context.content_hash:
            trial.refused = EnvelopeRefused(EnvelopeFault.WRONG_CONTENT, "what was signed", "another content")
            continue
        # Last, because it costs as much as an encryption.
        content = plaintext.encode(predictions)
        if write_with(content, bytes(trial.key), trial.secrets, context) != trial.envelope.content:
            trial.refused = EnvelopeRefused(
                EnvelopeFault.NOT_REPRODUCIBLE, "the envelope that its key makes", "another one"
            )


def _undecided(opened: _Opened) -> Decryption:
    return Decryption(opened.envelope, EnvelopeState.UNDECIDED, accused=opened.accused)


def _decided(opened: _Opened, trial: _Trial) -> Decryption:
    places = tuple(opened.shares)
    if trial.refused is not None:
        trial.key.wipe()
        return Decryption(
            opened.envelope,
            EnvelopeState.BROKEN,
            fault=trial.refused.fault,
            decided_by=places,
            accused=opened.accused,
        )
    return Decryption(
        opened.envelope,
        EnvelopeState.VALID,
        trial.key,
        trial.predictions,
        decided_by=places,
        # The fault that was found in a box itself says more than that its key is another.
        accused={**_refuted(opened, trial.secrets), **opened.accused},
    )


def _refuted(opened: _Opened, secrets: EnvelopeSecrets) -> dict[int, ShareFault]:
    """Return the statements on a valid envelope that are wrong: its key shows what each box holds."""
    holders = opened.envelope.context.members.holders
    box_keys = {place: box.file_key for place, box in zip(holders, secrets.boxes, strict=True)}
    return {
        place: ShareFault.DENIED if said is None else ShareFault.WRONG_KEY
        for place, said in opened.statements.items()
        if place in box_keys and said != box_keys[place]
    }
