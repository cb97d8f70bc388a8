"""Envelopes: what they are bound to, that all in them follows from the key, and what is refused by name."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.encryption.context import (
    BOX_SIZE,
    HEADER_SIZE,
    EnvelopeContext,
    MemberKeys,
    RoundContext,
)
from scorer.encryption.decryption import decrypt
from scorer.encryption.derivation import EnvelopeKey, derive
from scorer.encryption.envelope import (
    encrypt_predictions,
    envelope_hash,
    parse_envelope,
    write_envelope,
)
from scorer.encryption.errors import EnvelopeFault, EnvelopeRefused, KeyRefused, PlaintextRefused
from scorer.encryption.keys import NO_KEY, Identity
from scorer.encryption.plaintext import encode
from scorer.encryption.shamir import Bytes
from scorer.protocol.digest import content_hash
from tests.encryption.small import (
    IDENTITIES,
    KEY,
    KEYS,
    MEMBERS,
    MODEL,
    OTHER_KEY,
    PREDICTIONS,
    ROUND,
    THRESHOLD,
    UNIVERSE,
    box_at,
    good,
    parsed,
    submission,
    with_box,
)

ELSEWHERE = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"
OTHER_CONTEXTS: dict[EnvelopeFault, Callable[[EnvelopeContext], EnvelopeContext]] = {
    EnvelopeFault.OTHER_CHAIN: lambda each: replace(each, round=replace(ROUND, chain_id=1)),
    EnvelopeFault.OTHER_TOURNAMENT: lambda each: replace(each, round=replace(ROUND, tournament=ELSEWHERE)),
    EnvelopeFault.OTHER_ROUND: lambda each: replace(each, round=replace(ROUND, round_id=8)),
    EnvelopeFault.OTHER_MODEL: lambda each: replace(each, model_id=MODEL + 1),
    EnvelopeFault.OTHER_CONTENT: lambda each: replace(each, content_hash=b"\1" * 32),
    EnvelopeFault.OTHER_MEMBERS: lambda each: replace(each, members=replace(KEYS, threshold=THRESHOLD - 1)),
}


def test_an_envelope_decrypts_with_its_key_to_the_same_bits() -> None:
    assert decrypt(parsed(good().content), good().key, UNIVERSE).tobytes() == PREDICTIONS.tobytes()


def test_the_same_key_writes_the_same_envelope() -> None:
    assert submission().content == good().content
    assert write_envelope(encode(PREDICTIONS), EnvelopeKey(KEY), good().context) == good().content


def test_a_new_key_makes_another_envelope_of_the_same_size_with_nothing_in_common() -> None:
    one, other = (encrypt_predictions(UNIVERSE, PREDICTIONS, ROUND, MODEL, KEYS) for _ in range(2))
    assert one.key != other.key
    assert one.content[:HEADER_SIZE] == other.content[:HEADER_SIZE] == one.context.header
    for place in range(MEMBERS):
        assert box_at(one.content, place)[60:] != box_at(other.content, place)[60:]
    assert one.content[-40:] != other.content[-40:]


def byte_difference(one: bytes, other: bytes) -> Bytes:
    return np.frombuffer(one, np.uint8) ^ np.frombuffer(other, np.uint8)


def test_one_key_for_other_predictions_reveals_nothing_of_their_difference() -> None:
    """A stream cipher that is used twice gives the difference of the plaintexts."""
    one, other = submission(), submission(predictions=PREDICTIONS[::-1].copy())
    size = 8 * len(UNIVERSE) + 16
    difference = byte_difference(one.content[-size:-16], other.content[-size:-16])
    assert (difference != byte_difference(encode(PREDICTIONS), encode(PREDICTIONS[::-1]))).mean() > 0.9
    for part in ("coefficients", "boxes", "payload", "identity"):
        made, again = (getattr(derive(EnvelopeKey(KEY), each.context), part) for each in (one, other))
        assert np.any(made != again)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_size_is_a_function_of_ids_and_members_alone(numbers: list[float]) -> None:
    ids = tuple(f"{place:04}" for place in range(len(numbers)))
    one = encrypt_predictions(ids, np.array(numbers), ROUND, MODEL, KEYS)
    other = encrypt_predictions(ids, np.full(len(ids), 0.5), ROUND, 10**9, KEYS)
    assert len(one.content) == len(other.content) == one.context.size


@pytest.mark.parametrize("ids", [1, 8_191, 8_192, 8_193, 20_000])
def test_universes_of_more_than_a_chunk_are_encrypted(ids: int) -> None:
    universe = tuple(f"{place:05}" for place in range(ids))
    made = encrypt_predictions(universe, np.linspace(0, 1, ids), ROUND, MODEL, KEYS)
    found = decrypt(parse_envelope(made.content, made.context), made.key, universe)
    assert found.tobytes() == np.linspace(0, 1, ids).tobytes()


def test_the_hash_is_that_of_all_bytes() -> None:
    assert parsed(good().content).hash == good().hash == envelope_hash(good().content)
    assert envelope_hash(good().content + b"\0") != good().hash


def test_rage_opens_boxes_and_payload_of_an_envelope() -> None:
    content = good().content
    for place, identity in enumerate(IDENTITIES):
        theirs = pyrage.x25519.Identity.from_str(identity.spelled())
        box = pyrage.decrypt(box_at(content, place), [theirs])
        assert box[:33] == good().context.digest + bytes([place])
    payload_identity = derive(good().key, good().context).identity
    theirs = pyrage.x25519.Identity.from_str(payload_identity.spelled())
    assert pyrage.decrypt(content[HEADER_SIZE + MEMBERS * BOX_SIZE :], [theirs]) == encode(PREDICTIONS)


@pytest.mark.parametrize("fault", OTHER_CONTEXTS)
def test_an_envelope_of_another_context_is_refused_by_name(fault: EnvelopeFault) -> None:
    with pytest.raises(EnvelopeRefused) as refused:
        parsed(good().content, OTHER_CONTEXTS[fault](good().context))
    assert refused.value.fault == fault


def test_an_envelope_of_a_universe_of_another_size_has_another_size() -> None:
    with pytest.raises(EnvelopeRefused) as refused:
        parsed(good().content, replace(good().context, ids=len(UNIVERSE) + 1))
    assert refused.value.fault == EnvelopeFault.TRUNCATED


@pytest.mark.parametrize("fault", OTHER_CONTEXTS)
def test_an_envelope_whose_words_were_overwritten_is_broken(fault: EnvelopeFault) -> None:
    """A thief that copies an envelope and names itself gets none that counts."""
    other = OTHER_CONTEXTS[fault](good().context)
    stolen = parsed(other.header + good().content[HEADER_SIZE:], other)
    with pytest.raises(EnvelopeRefused) as refused:
        decrypt(stolen, good().key, UNIVERSE)
    assert refused.value.fault == EnvelopeFault.UNREADABLE


@pytest.mark.parametrize("size", [0, 1, HEADER_SIZE - 1, HEADER_SIZE, HEADER_SIZE + BOX_SIZE])
def test_a_truncated_envelope_is_refused(size: int) -> None:
    for content in (good().content[:size], good().content[:-1]):
        with pytest.raises(EnvelopeRefused) as refused:
            parsed(content)
        assert refused.value.fault == EnvelopeFault.TRUNCATED


@pytest.mark.parametrize("more", [1, 16, BOX_SIZE])
def test_an_extended_envelope_is_refused(more: int) -> None:
    with pytest.raises(EnvelopeRefused) as refused:
        parsed(good().content + bytes(more))
    assert refused.value.fault == EnvelopeFault.EXTENDED


def test_something_else_of_the_right_size_is_refused_by_name() -> None:
    size = len(good().content)
    header, without_payload = good().context.header, good().content[: HEADER_SIZE + MEMBERS * BOX_SIZE]
    for content, fault in (
        (bytes(size), EnvelopeFault.NO_ENVELOPE),
        (header.ljust(size, b"\0"), EnvelopeFault.MALFORMED_BOX),
        (without_payload.ljust(size, b"A"), EnvelopeFault.MALFORMED_PAYLOAD),
        (with_box(good().content, 2, bytes(BOX_SIZE)), EnvelopeFault.MALFORMED_BOX),
    ):
        with pytest.raises(EnvelopeRefused) as refused:
            parsed(content)
        assert refused.value.fault == fault


def test_no_changed_byte_gives_an_envelope_that_decrypts() -> None:
    content = good().content
    for at in range(0, len(content), 7):
        spoiled = content[:at] + bytes([content[at] ^ 0x20]) + content[at + 1 :]
        with pytest.raises(EnvelopeRefused):
            decrypt(parsed(spoiled), good().key, UNIVERSE)


def test_another_key_decrypts_nothing() -> None:
    with pytest.raises(EnvelopeRefused) as refused:
        decrypt(parsed(good().content), EnvelopeKey(OTHER_KEY), UNIVERSE)
    assert refused.value.fault == EnvelopeFault.UNREADABLE


@given(st.binary(max_size=200), st.integers(0, 3_000))
def test_no_bytes_have_the_reader_raise_anything_but_a_refusal(some: bytes, at: int) -> None:
    content = good().content
    for each in (some.ljust(len(content), b"\0"), content[:at] + some + content[at + len(some) :]):
        spoiled = each[: len(content)]
        if spoiled != content:
            with pytest.raises(EnvelopeRefused):
                decrypt(parsed(spoiled), good().key, UNIVERSE)
    with pytest.raises(EnvelopeRefused):
        parsed(some)


@pytest.mark.parametrize(("number", "count"), [(0.5, 1), (np.nan, len(UNIVERSE)), (-0.5, len(UNIVERSE))])
def test_predictions_that_are_none_are_not_encrypted(number: float, count: int) -> None:
    with pytest.raises(PlaintextRefused):
        encrypt_predictions(UNIVERSE, np.full(count, number), ROUND, MODEL, KEYS)


def test_the_content_hash_is_what_the_submitter_signs() -> None:
    assert good().context.content_hash == content_hash(UNIVERSE, PREDICTIONS)


def test_how_the_tournament_is_spelled_does_not_matter() -> None:
    lower = replace(ROUND, tournament=ROUND.tournament.lower())
    assert submission(place=lower).content == good().content


@pytest.mark.parametrize("address", ["", "0x12", "12" * 20, "0x" + "12" * 21, "0x" + "g" * 40])
def test_a_context_without_an_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="address of a tournament"):
        RoundContext(1, address, 1)


def test_a_context_of_no_ids_or_another_hash_is_refused() -> None:
    with pytest.raises(ValueError, match="ids"):
        replace(good().context, ids=0)
    with pytest.raises(ValueError, match="content hash"):
        replace(good().context, content_hash=b"\1" * 31)


# Members' keys.


def test_a_member_without_a_usable_key_holds_up_nobody() -> None:
    """One that published none, one with a point of low order: the others have their shares."""
    low_order = b"\1" + bytes(31)
    keys = replace(KEYS, published=(NO_KEY, *KEYS.published[1:], low_order))
    assert keys.holders == (1, 2, 3, 4)
    made = encrypt_predictions(UNIVERSE, PREDICTIONS, ROUND, MODEL, keys)
    assert len(made.content) == made.context.size == good().context.size - BOX_SIZE
    found = decrypt(parse_envelope(made.content, made.context), made.key, UNIVERSE)
    assert found.tobytes() == PREDICTIONS.tobytes()


def test_with_fewer_usable_keys_than_the_threshold_nothing_is_encrypted() -> None:
    with pytest.raises(KeyRefused, match="at least 4 members, found 3"):
        MemberKeys((*KEYS.published[:3], NO_KEY, NO_KEY), 4)


@pytest.mark.parametrize(("published", "threshold"), [((), 1), (KEYS.published * 13, 4), ((b"\1",), 1)])
def test_a_member_set_of_no_or_too_many_members_or_short_keys_is_refused(
    published: tuple[bytes, ...], threshold: int
) -> None:
    with pytest.raises(KeyRefused):
        MemberKeys(published, threshold)


def test_a_threshold_of_none_is_refused() -> None:
    with pytest.raises(KeyRefused):
        replace(KEYS, threshold=0)


def test_the_largest_member_set_is_served() -> None:
    identities = [Identity(bytes([place, 1]) * 16) for place in range(64)]
    keys = MemberKeys(tuple(each.public for each in identities), 43)
    made = encrypt_predictions(UNIVERSE, PREDICTIONS, ROUND, MODEL, keys)
    assert len(made.content) == made.context.size


@pytest.mark.parametrize("threshold", [1, 5])
def test_the_smallest_and_largest_threshold_are_served(threshold: int) -> None:
    made = encrypt_predictions(UNIVERSE, PREDICTIONS, ROUND, MODEL, replace(KEYS, threshold=threshold))
    found = decrypt(parse_envelope(made.content, made.context), made.key, UNIVERSE)
    assert found.tobytes() == PREDICTIONS.tobytes()


# The key.


def test_a_key_shows_nothing_of_itself_and_is_wiped() -> None:
    with EnvelopeKey(KEY) as key:
        assert repr(key) == "EnvelopeKey(hidden)"
        assert bytes(key) == KEY
        assert key == EnvelopeKey(KEY) != EnvelopeKey(OTHER_KEY)
        assert key != KEY
    assert bytes(key) == bytes(32)


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(KeyRefused):
        EnvelopeKey(bytes(size))


def test_what_is_derived_for_members_is_all_different() -> None:
    secrets = derive(EnvelopeKey(KEY), good().context)
    made = [*(row.tobytes() for row in secrets.coefficients), secrets.identity.secret]
    for each in (*secrets.boxes, secrets.payload):
        made += [each.file_key, each.nonce, *each.ephemerals]
    assert len({*made}) == len(made)
    assert secrets.coefficients.shape == (THRESHOLD - 1, 32)
    assert KEY.hex() not in repr(secrets)


def test_messages_hold_no_key_and_say_what_to_do() -> None:
    with pytest.raises(EnvelopeRefused) as refused:
        decrypt(parsed(good().content), EnvelopeKey(OTHER_KEY), UNIVERSE)
    assert OTHER_KEY.hex() not in str(refused.value)
    assert "encrypt the predictions again" in str(refused.value)
