"""A member's release: the box keys of all envelopes of a round, in one file that only members read.

The file is an age file for all members of the round that hold a key, its author among them, so that
``age -d`` opens it too. It holds magic, four words (chain, tournament, round, digest of the members' keys),
the author's place and the number of entries; then an entry for each envelope, ascending by model:

======  ==================================================================================
bytes   what
======  ==================================================================================
8       the model's number, most significant byte first
32      the envelope's hash: a member may have been given another one
1       1 where the box opens, or 0
16      the file key of the box, or zeros
======  ==================================================================================

A release is made once the last lock of the round is final: before, it would give shares away that protect
predictions. The author signs `release_message`, so that readers check who wrote a file before they decrypt
it.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

import numpy as np
from eth_hash.auto import keccak

from scorer.encryption import age
from scorer.encryption.context import WORD, MemberKeys, RoundContext
from scorer.encryption.envelope import Envelope
from scorer.encryption.errors import AgeRefused, ReleaseFault, ReleaseRefused, ShareFault, ShareRefused
from scorer.encryption.keys import Identity
from scorer.encryption.shares import BOX_KEY_SIZE, open_box
from scorer.protocol.typed_data import typed_message, word

MAGIC: Final = b"cupel-release-01"
MOST_ENTRIES: Final = 1 << 20
_TYPE: Final = keccak(b"ShareRelease(uint256 roundId,bytes32 membersDigest,uint256 place,bytes32 fileHash)")
_COUNT_SIZE: Final = 4
_HEADER_SIZE: Final = len(MAGIC) + 4 * WORD + 1 + _COUNT_SIZE
# V for plain bytes: of numpy's S, zeros at the end are cut off.
_ENTRY: Final = np.dtype([("model", ">u8"), ("hash", "V32"), ("has_key", "u1"), ("key", f"V{BOX_KEY_SIZE}")])
_WORDS: Final = (
    (ReleaseFault.OTHER_CHAIN, "chain"),
    (ReleaseFault.OTHER_TOURNAMENT, "tournament"),
    (ReleaseFault.OTHER_ROUND, "round"),
    (ReleaseFault.OTHER_MEMBERS, "digest of the members' keys"),
)


@dataclass(frozen=True)
class ReleaseEntry:
    """A member's statement on one envelope.

    Attributes
    ----------
    box_key
        The file key of its box, 16 bytes; None where the box does not open.
    """

    model_id: int
    envelope_hash: bytes
    box_key: bytes | None = field(repr=False)


@dataclass(frozen=True)
class ShareRelease:
    """A member's statements on the envelopes of a round.

    Attributes
    ----------
    place
        The author's, in the member set.
    entries
        Ascending by model, one each.
    """

    round: RoundContext
    members: MemberKeys
    place: int
    entries: tuple[ReleaseEntry, ...]

    @cached_property
    def by_model(self) -> Mapping[int, ReleaseEntry]:
        """The entries by model."""
        return {entry.model_id: entry for entry in self.entries}

    def on(self, envelope: Envelope) -> ReleaseEntry | None:
        """Return the entry on exactly this envelope."""
        entry = self.by_model.get(envelope.context.model_id)
        return entry if entry is not None and entry.envelope_hash == envelope.hash else None

    def about(self, envelopes: Sequence[Envelope]) -> "ShareRelease":
        """Return the same release without entries on any other envelope than these."""
        ours = {each.context.model_id: each.hash for each in envelopes}
        kept = (entry for entry in self.entries if ours.get(entry.model_id) == entry.envelope_hash)
        return replace(self, entries=tuple(kept))

    def other_envelopes(self, envelopes: Sequence[Envelope]) -> tuple[int, ...]:
        """Return the models of which the author was given another envelope than these, or none."""
        return tuple(each.context.model_id for each in envelopes if self.on(each) is None)


def release_shares(
    envelopes: Sequence[Envelope],
    place: int,
    identity: Identity,
    *,
    threads: int | None = None,
) -> tuple[ShareRelease, Mapping[int, ShareFault]]:
    """Open a member's boxes of a round.

    The caller makes sure that the last lock of the round is final: what is released protects predictions
    until then. A box of another envelope or member is opened, and neither kept nor released.

    Parameters
    ----------
    envelopes
        Of one round, at least one, one a model.
    place
        The member's, in the member set.
    threads
        As many as the process has cores if None.

    Returns
    -------
    tuple
        The release, and by model why a box gives no share.
    """
    ordered = sorted(envelopes, key=lambda each: each.context.model_id)

    def entry(envelope: Envelope) -> tuple[ReleaseEntry, ShareFault | None]:
        model = envelope.context.model_id
        try:
            return ReleaseEntry(model, envelope.hash, open_box(envelope, place, identity).box_key), None
        except ShareRefused as refused:
            return ReleaseEntry(model, envelope.hash, None), refused.fault

    with ThreadPoolExecutor(threads or len(os.sched_getaffinity(0))) as pool:
        found = list(pool.map(entry, ordered))
    context = ordered[0].context
    faults = {entry.model_id: fault for entry, fault in found if fault is not None}
    return ShareRelease(context.round, context.members, place, tuple(each for each, _ in found)), faults


def statements(
    envelopes: Sequence[Envelope], releases: Sequence[ShareRelease]
) -> Iterator[dict[int, bytes | None]]:
    """Collect what members said of each envelope, for `scorer.encryption.decryption.decrypt_round`.

    Raises
    ------
    ValueError
        When there are two releases of one member.
    """
    places = [each.place for each in releases]
    if len(set(places)) != len(places):
        raise ValueError(f"expected one release a member, found those of the places {sorted(places)}")
    for envelope in envelopes:
        entries = ((each.place, each.on(envelope)) for each in releases)
        yield {place: entry.box_key for place, entry in entries if entry is not None}


def write_release(release: ShareRelease) -> bytes:
    """Encrypt a release to all members that hold a key."""
    members = release.members
    recipients = [members.published[place] for place in members.holders]
    return age.encrypt(_encoded(release), recipients, age.FileSecrets.generate(len(recipients)))


def release_size(envelopes: int, members: int) -> int:
    """Return the bytes of the age file of a release on so many envelopes for so many members."""
    return age.file_size(_HEADER_SIZE + envelopes * _ENTRY.itemsize, members)


def release_message(place: RoundContext, members: MemberKeys, author: int, content: bytes) -> bytes:
    """Return the 66 bytes whose Keccak-256 the author of a release signs (EIP-712), over the file's bytes."""
    words = word(place.round_id) + members.digest + word(author) + keccak(content)
    return typed_message(place.chain_id, place.tournament, keccak(_TYPE + words))


def read_release(
    content: bytes, place: RoundContext, members: MemberKeys, author: int, reader: int, identity: Identity
) -> ShareRelease:
    """Decrypt another member's release.

    Parameters
    ----------
    author, reader
        Places in the member set.
    identity
        The reader's.

    Raises
    ------
    ReleaseRefused
        Names the fault: another size, not for this reader or changed, of another round or member, or entries
        that are not ascending or have two spellings.
    """
    if reader not in members.holders:
        raise ReleaseRefused(ReleaseFault.NOT_FOR_US, "a reader with a usable key", f"the one at {reader}")
    plain = _decrypted(content, members, members.holders.index(reader), identity)
    expected = _beginning(place, members, author)
    _check_beginning(plain[: len(expected)], expected)
    return ShareRelease(place, members, author, tuple(_entries(plain[len(expected) :])))


def _beginning(place: RoundContext, members: MemberKeys, author: int) -> bytes:
    return MAGIC + place.words() + members.digest + bytes([author])


def _encoded(release: ShareRelease) -> bytes:
    table = np.zeros(len(release.entries), dtype=_ENTRY)
    for row, entry in zip(table, release.entries, strict=True):
        row["model"], row["hash"] = entry.model_id, np.void(entry.envelope_hash)
        if entry.box_key is not None:
            row["has_key"], row["key"] = 1, np.void(entry.box_key)
    beginning = _beginning(release.round, release.members, release.place)
    return beginning + len(table).to_bytes(_COUNT_SIZE, "big") + table.tobytes()


def _decrypted(content: bytes, members: MemberKeys, stanza: int, identity: Identity) -> bytes:
    recipients = len(members.holders)
    size = age.content_size(len(content), recipients)
    most = _HEADER_SIZE + MOST_ENTRIES * _ENTRY.itemsize
    if size is None or not _HEADER_SIZE <= size <= most or (size - _HEADER_SIZE) % _ENTRY.itemsize:
        raise ReleaseRefused(
            ReleaseFault.SIZE,
            f"an age file of whole entries, at most {MOST_ENTRIES}",
            f"{len(content)} bytes",
        )
    try:
        return age.decrypt(age.parse(content, size, recipients), identity, stanza)[1]
    except AgeRefused as refused:
        raise ReleaseRefused(ReleaseFault.NOT_FOR_US, "an age file for this member", str(refused)) from None


def _check_beginning(found: bytes, expected: bytes) -> None:
    if not found.startswith(MAGIC):
        raise ReleaseRefused(ReleaseFault.NO_RELEASE, MAGIC.decode(), "another beginning")
    for number, (fault, name) in enumerate(_WORDS):
        start = len(MAGIC) + WORD * number
        one, other = expected[start : start + WORD], found[start : start + WORD]
        if one != other:
            raise ReleaseRefused(fault, f"the {name} 0x{one.hex()}", f"0x{other.hex()}")
    if found != expected:
        raise ReleaseRefused(ReleaseFault.OTHER_MEMBER, f"the member at {expected[-1]}", f"{found[-1]}")


def _entries(content: bytes) -> Iterator[ReleaseEntry]:
    table = np.frombuffer(content, dtype=_ENTRY, offset=_COUNT_SIZE)
    if int.from_bytes(content[:_COUNT_SIZE], "big") != len(table):
        raise ReleaseRefused(ReleaseFault.SIZE, "as many entries as it says", f"{len(table)}")
    models = table["model"]
    if (models[1:] <= models[:-1]).any():
        raise ReleaseRefused(ReleaseFault.ORDER, "each model once, ascending", "another order")
    for model, envelope_hash, has_key, box_key in table.tolist():
        if has_key > 1 or (not has_key and box_key != bytes(BOX_KEY_SIZE)):
            raise ReleaseRefused(ReleaseFault.ENTRY, "a key behind 1 or zeros behind 0", "something else")
        yield ReleaseEntry(model, envelope_hash, box_key if has_key else None)
