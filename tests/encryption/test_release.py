"""Releases of box keys: read by the members alone, bound to round and author, refused by name."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyrage
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from scorer.encryption import age
from scorer.encryption.decryption import EnvelopeState, decrypt_round
from scorer.encryption.envelope import Envelope
from scorer.encryption.errors import ReleaseFault, ReleaseRefused, ShareFault
from scorer.encryption.keys import NO_KEY, Identity, write_identities
from scorer.encryption.release import (
    MAGIC,
    ReleaseEntry,
    ShareRelease,
    _encoded,
    read_release,
    release_message,
    release_shares,
    statements,
    write_release,
)
from scorer.protocol.typed_data import DOMAIN_FIELDS, signer_of
from tests.encryption.small import (
    BROKEN_BOXES,
    IDENTITIES,
    KEYS,
    MEMBERS,
    OTHER_KEY,
    OTHER_ROUND,
    ROUND,
    THRESHOLD,
    UNIVERSE,
    good,
    parsed,
    submission,
    with_box,
)

MODELS = (1, 3, 2**63)
STRANGER = Identity(b"\x77" * 32)


def envelopes() -> list[Envelope]:
    made = [submission(model=model) for model in MODELS]
    return [parsed(each.content, each.context) for each in made]


def release(author: int = 0) -> ShareRelease:
    return release_shares(envelopes(), author, IDENTITIES[author])[0]


def read(content: bytes, *, author: int = 0, reader: int = 1) -> ShareRelease:
    return read_release(content, ROUND, KEYS, author, reader, IDENTITIES[reader])


def encrypted(content: bytes) -> bytes:
    return age.encrypt(content, KEYS.published, age.FileSecrets.generate(MEMBERS))


FILE = write_release(release())
PLAIN = _encoded(release())


# A round.


def test_members_that_exchange_releases_find_every_key() -> None:
    found = [write_release(release(author)) for author in range(THRESHOLD)]
    for reader in range(MEMBERS):
        releases = [read(content, author=author, reader=reader) for author, content in enumerate(found)]
        decided = decrypt_round(envelopes(), statements(envelopes(), releases), UNIVERSE)
        assert [each.state for each in decided] == [EnvelopeState.VALID] * len(MODELS)


def test_a_box_that_does_not_open_is_said_and_named_and_no_other_is_affected() -> None:
    box = BROKEN_BOXES["a box of another round"](0)
    first, second, third = envelopes()
    broken = parsed(with_box(second.content, 0, box), second.context)
    found, faults = release_shares([third, broken, first], 0, IDENTITIES[0])
    assert faults == {MODELS[1]: ShareFault.OTHER_CONTEXT}
    assert [each.model_id for each in found.entries] == list(MODELS)
    assert [each.box_key is None for each in found.entries] == [False, True, False]
    assert read(write_release(found)) == found


def test_a_member_that_lost_its_key_releases_no_share() -> None:
    found, faults = release_shares(envelopes(), 0, STRANGER)
    assert set(faults.values()) == {ShareFault.UNREADABLE}
    assert all(each.box_key is None for each in found.entries)


def test_an_entry_on_another_envelope_is_no_statement_on_this_one() -> None:
    """An operator that shows members different envelopes of a model is noticed by their hashes."""
    other = parsed(submission(OTHER_KEY).content)
    theirs = release_shares([other], 1, IDENTITIES[1])[0]
    ours = release_shares([parsed(good().content)], 0, IDENTITIES[0])[0]
    (said,) = statements([parsed(good().content)], [ours, theirs])
    assert set(said) == {0}
    assert theirs.other_envelopes([parsed(good().content), *envelopes()[:1]]) == (3, 1)
    assert ours.other_envelopes([parsed(good().content)]) == ()


def test_two_releases_of_one_member_are_refused() -> None:
    with pytest.raises(ValueError, match="one release a member"):
        list(statements(envelopes(), [release(), release()]))


# The file.


def test_a_release_is_read_as_it_was_written_by_every_member() -> None:
    for reader in range(MEMBERS):
        assert read(FILE, reader=reader) == release()


def test_a_release_of_nothing_is_read() -> None:
    nothing = ShareRelease(ROUND, KEYS, 2, ())
    assert read(write_release(nothing), author=2) == nothing


def test_a_release_of_more_than_a_chunk_is_read() -> None:
    entries = tuple(ReleaseEntry(model, b"\1" * 32, b"\2" * 16) for model in range(3_000))
    large = ShareRelease(ROUND, KEYS, 0, entries)
    assert read(write_release(large)) == large


def test_a_member_without_a_key_reads_nothing_and_holds_up_nobody() -> None:
    keys = replace(KEYS, published=(NO_KEY, *KEYS.published[1:]))
    content = write_release(ShareRelease(ROUND, keys, 1, ()))
    assert read_release(content, ROUND, keys, 1, 2, IDENTITIES[2]).entries == ()
    with pytest.raises(ReleaseRefused) as refused:
        read_release(content, ROUND, keys, 1, 0, IDENTITIES[0])
    assert refused.value.fault == ReleaseFault.NOT_FOR_US


def test_rage_decrypts_a_release_for_each_member_and_for_nobody_else() -> None:
    for identity in IDENTITIES:
        theirs = pyrage.x25519.Identity.from_str(identity.spelled())
        assert pyrage.decrypt(FILE, [theirs]) == PLAIN
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(FILE, [pyrage.x25519.Identity.from_str(STRANGER.spelled())])


def test_the_reference_tool_decrypts_a_release(tmp_path: Path) -> None:
    tool = shutil.which("age")
    if tool is None:
        pytest.skip("age is not installed (apt-get install age); pyrage is tried in any case")
    key = write_identities(tmp_path / "member.key", [IDENTITIES[2]])
    found = subprocess.run([tool, "-d", "-i", key], input=FILE, capture_output=True, check=True)
    assert found.stdout == PLAIN


def test_no_key_is_shown() -> None:
    key = release().entries[0].box_key
    assert key is not None
    assert repr(key) not in repr(release())


# What is signed.


def test_what_is_signed_is_the_eip_712_digest_of_the_file() -> None:
    fields = (
        ("roundId", "uint256"),
        ("membersDigest", "bytes32"),
        ("place", "uint256"),
        ("fileHash", "bytes32"),
    )
    document = {
        "types": {
            "EIP712Domain": [{"name": name, "type": kind} for name, kind in DOMAIN_FIELDS],
            "ShareRelease": [{"name": name, "type": kind} for name, kind in fields],
        },
        "primaryType": "ShareRelease",
        "domain": {
            "name": "Cupel",
            "version": "2",
            "chainId": ROUND.chain_id,
            "verifyingContract": ROUND.tournament,
        },
        "message": {"roundId": 7, "membersDigest": KEYS.digest, "place": 2, "fileHash": keccak(FILE)},
    }
    signed = Account.sign_message(encode_typed_data(full_message=document), b"\7" * 32)
    message = release_message(ROUND, KEYS, 2, FILE)
    assert signer_of(message, bytes(signed.signature)) == Account.from_key(b"\7" * 32).address


def test_every_part_of_what_is_signed_counts() -> None:
    made = {
        release_message(ROUND, KEYS, 2, FILE),
        release_message(OTHER_ROUND, KEYS, 2, FILE),
        release_message(ROUND, replace(KEYS, threshold=2), 2, FILE),
        release_message(ROUND, KEYS, 3, FILE),
        release_message(ROUND, KEYS, 2, FILE + b"\0"),
        release_message(replace(ROUND, chain_id=1), KEYS, 2, FILE),
    }
    assert len(made) == 6


# What is refused.


def spoiled(at: int, byte: bytes) -> bytes:
    return encrypted(PLAIN[:at] + byte + PLAIN[at + 1 :])


ENTRIES = len(MAGIC) + 4 * 32 + 1 + 4
REFUSED: dict[str, tuple[ReleaseFault, Callable[[], bytes]]] = {
    "empty": (ReleaseFault.SIZE, lambda: b""),
    "truncated": (ReleaseFault.SIZE, lambda: FILE[:-1]),
    "extended": (ReleaseFault.SIZE, lambda: FILE + b"\0"),
    "truncated by an entry": (ReleaseFault.NOT_FOR_US, lambda: FILE[:-57]),
    "extended by an entry": (ReleaseFault.NOT_FOR_US, lambda: FILE + bytes(57)),
    "with too many entries": (ReleaseFault.SIZE, lambda: bytes(1 << 27)),
    "changed": (ReleaseFault.NOT_FOR_US, lambda: FILE[:-1] + bytes([FILE[-1] ^ 1])),
    "for fewer members": (
        ReleaseFault.SIZE,
        lambda: age.encrypt(PLAIN, KEYS.published[:4], age.FileSecrets.generate(4)),
    ),
    "for strangers": (
        ReleaseFault.NOT_FOR_US,
        lambda: age.encrypt(PLAIN, [STRANGER.public] * MEMBERS, age.FileSecrets.generate(MEMBERS)),
    ),
    "of zeros": (ReleaseFault.NOT_FOR_US, lambda: bytes(len(FILE))),
    "with zeros in it": (ReleaseFault.NO_RELEASE, lambda: encrypted(bytes(len(PLAIN)))),
    "of another chain": (
        ReleaseFault.OTHER_CHAIN,
        lambda: write_release(replace(release(), round=replace(ROUND, chain_id=1))),
    ),
    "of another tournament": (
        ReleaseFault.OTHER_TOURNAMENT,
        lambda: write_release(replace(release(), round=replace(ROUND, tournament="0x" + "1" * 40))),
    ),
    "of another round": (
        ReleaseFault.OTHER_ROUND,
        lambda: write_release(replace(release(), round=OTHER_ROUND)),
    ),
    "of another member set": (
        ReleaseFault.OTHER_MEMBERS,
        lambda: write_release(replace(release(), members=replace(KEYS, threshold=3))),
    ),
    "of another member": (ReleaseFault.OTHER_MEMBER, lambda: write_release(replace(release(), place=1))),
    "that counts wrongly": (ReleaseFault.SIZE, lambda: spoiled(ENTRIES - 1, b"\4")),
    "with a model twice": (
        ReleaseFault.ORDER,
        lambda: write_release(replace(release(), entries=release().entries[:1] * 2)),
    ),
    "in another order": (
        ReleaseFault.ORDER,
        lambda: write_release(replace(release(), entries=release().entries[::-1])),
    ),
    "with another mark of a key": (ReleaseFault.ENTRY, lambda: spoiled(ENTRIES + 40, b"\2")),
    "with a key that it says is none": (ReleaseFault.ENTRY, lambda: spoiled(ENTRIES + 40, b"\0")),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_release_that_is_none_is_refused_by_name(what: str) -> None:
    fault, make = REFUSED[what]
    with pytest.raises(ReleaseRefused) as refused:
        read(make())
    assert refused.value.fault == fault


@given(st.binary(max_size=300), st.integers(0, len(PLAIN)))
def test_no_bytes_have_the_reader_raise_anything_but_a_refusal(some: bytes, at: int) -> None:
    for content in (some, some.ljust(len(FILE), b"A"), FILE[:at] + b"?" + some + FILE[at:]):
        with pytest.raises(ReleaseRefused):
            read(content)


@given(st.binary(max_size=120), st.integers(0, len(PLAIN)))
def test_what_a_member_encrypts_is_read_or_refused(some: bytes, at: int) -> None:
    content = PLAIN[:at] + some + PLAIN[at + len(some) :]
    try:
        found = read(encrypted(content))
    except ReleaseRefused:
        return
    assert _encoded(found) == content
