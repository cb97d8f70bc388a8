"""Member keys: age's spelling, files for their owner alone, and keys to which nothing can be encrypted."""

import os
from pathlib import Path

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.encryption import bech32
from scorer.encryption.errors import KeyRefused, NoIdentity
from scorer.encryption.keys import (
    MOST_IDENTITIES,
    NO_KEY,
    Identity,
    check_public,
    identity_for,
    is_usable,
    parse_identities,
    parse_public,
    read_identities,
    spell_public,
    write_identities,
)
from scorer.files import SecretExposed

SPECIFIED = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
SPECIFIED_PUBLIC = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
"""The example of the age specification (c2sp.org/age), the identity of 32 bytes 0x42."""
ONE, OTHER = Identity(b"\x01" * 32), Identity(b"\x02" * 32)
PRIME = 2**255 - 19
LOW_ORDER = [
    0,
    1,
    PRIME - 1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
]
"""The points of low order (RFC 7748, section 7; list of Bernstein, "Curve25519", cr.yp.to/ecdh.html)."""


def test_the_example_of_the_specification_is_spelled_as_there() -> None:
    identity = Identity(b"\x42" * 32)
    assert identity.spelled() == SPECIFIED
    assert spell_public(identity.public) == SPECIFIED_PUBLIC
    assert Identity.parse(SPECIFIED) == identity
    assert parse_public(SPECIFIED_PUBLIC) == identity.public


@given(st.binary(min_size=32, max_size=32))
def test_rage_spells_keys_alike(secret: bytes) -> None:
    identity = Identity(secret)
    theirs = pyrage.x25519.Identity.from_str(identity.spelled())
    assert str(theirs) == identity.spelled()
    assert str(theirs.to_public()) == spell_public(identity.public)


def test_a_new_identity_is_another_each_time() -> None:
    assert Identity.generate() != Identity.generate()


def test_an_identity_shows_nothing_of_itself() -> None:
    assert "1" not in repr(ONE)
    assert ONE.secret.hex() not in str(ONE)


@pytest.mark.parametrize("change", range(0, len(SPECIFIED), 3))
def test_a_mistyped_identity_is_refused_and_not_shown(change: int) -> None:
    other = "Q" if SPECIFIED[change] != "Q" else "P"
    mistyped = SPECIFIED[:change] + other + SPECIFIED[change + 1 :]
    with pytest.raises(KeyRefused) as refused:
        Identity.parse(mistyped)
    assert mistyped[20:40] not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        SPECIFIED.lower(),
        SPECIFIED.replace("AGE", "age"),
        SPECIFIED + "Q",
        SPECIFIED[:-1],
        SPECIFIED + " ",
        " " + SPECIFIED,
        SPECIFIED_PUBLIC,
        SPECIFIED_PUBLIC.upper(),
        "AGE-SECRET-KEY-1" + "\u0130" * 58,
        bech32.encode("age-secret-key-", bytes(31)).upper(),
        bech32.encode("age-secret-key-", bytes(33)).upper(),
        bech32.encode("age-secret-key-pq-", bytes(32)).upper(),
    ],
)
def test_another_text_is_no_identity(text: str) -> None:
    with pytest.raises(KeyRefused):
        Identity.parse(text)


@given(st.text(max_size=80))
def test_no_text_has_bech32_raise_anything_but_a_refusal(text: str) -> None:
    with pytest.raises(KeyRefused):
        parse_public(text)
    with pytest.raises(KeyRefused):
        Identity.parse("AGE-SECRET-KEY-1" + text)


def test_bits_that_pad_the_last_digit_must_be_zero() -> None:
    """Else one key would have several spellings, each with a checksum of its own."""
    digits = [*bech32._regrouped(ONE.public, 8, 5, is_padded=True)]
    digits[-1] |= 1
    rest = bech32._remainder([*bech32._expanded("age"), *digits, *[0] * 6]) ^ 1
    spelled = "age1" + "".join(bech32._DIGITS[each] for each in digits)
    spelled += "".join(bech32._DIGITS[rest >> 5 * (5 - place) & 31] for place in range(6))
    with pytest.raises(KeyRefused):
        parse_public(spelled)


@pytest.mark.parametrize("point", LOW_ORDER)
def test_points_of_low_order_are_no_keys(point: int) -> None:
    for number in (point, point + PRIME, point | 1 << 255):
        if number >= 2**256:
            continue
        public = number.to_bytes(32, "little")
        assert not is_usable(public)
        with pytest.raises(KeyRefused):
            check_public(public)


def test_a_key_with_a_second_spelling_is_none() -> None:
    """X25519 ignores the highest bit; the salt of age's stanza does not."""
    high = ONE.public[:31] + bytes([ONE.public[31] | 0x80])
    assert is_usable(ONE.public)
    assert not is_usable(high)
    assert not is_usable((PRIME + 9).to_bytes(32, "little"))


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(KeyRefused):
        check_public(bytes(size))
    with pytest.raises(KeyRefused):
        Identity(bytes(size))


def test_no_key_is_no_usable_key() -> None:
    assert not is_usable(NO_KEY)


def test_a_file_of_identities_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = write_identities(tmp_path / "member.key", [ONE, OTHER])
    assert read_identities(path) == (ONE, OTHER)
    assert path.stat().st_mode & 0o777 == 0o600


def test_comments_empty_lines_and_line_ends_of_windows_are_read() -> None:
    content = f"\ufeff# created by age-keygen\r\n\r\n  {ONE.spelled()}  \r\n#{OTHER.spelled()}\r\n".encode()
    assert parse_identities(content) == (ONE,)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = write_identities(tmp_path / "member.key", [ONE])
    path.chmod(0o640)
    with pytest.raises(SecretExposed):
        read_identities(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"# nothing\n",
        b"\xff\xfe",
        b"\xff",
        ONE.spelled().encode() + b" " + OTHER.spelled().encode(),
        ONE.secret.hex().encode(),
        f"{ONE.spelled()}\n".encode() * (MOST_IDENTITIES + 1),
    ],
)
def test_a_file_without_identities_or_with_something_else_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "member.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyRefused) as refused:
        read_identities(path)
    assert "member.key" in str(refused.value)
    assert ONE.spelled()[16:40] not in str(refused.value)
    assert ONE.secret.hex()[:16] not in str(refused.value)


def test_the_line_of_a_mistyped_identity_is_named() -> None:
    with pytest.raises(KeyRefused, match="line 3: "):
        parse_identities(f"# one\n{ONE.spelled()}\n{OTHER.spelled()[:-1]}Q\n".encode())


@given(st.binary(max_size=300))
def test_no_file_has_the_reader_raise_anything_but_a_refusal(content: bytes) -> None:
    with pytest.raises(KeyRefused):
        parse_identities(content)


def test_after_a_rotation_the_old_identity_is_found_by_the_key_of_an_old_round() -> None:
    assert identity_for(OTHER.public, (ONE, OTHER)) == OTHER
    assert identity_for(ONE.public, (ONE, OTHER)) == ONE


def test_a_lost_identity_is_named_by_its_public_key() -> None:
    with pytest.raises(NoIdentity, match=spell_public(ONE.public)):
        identity_for(ONE.public, (OTHER,))


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=os.strerror(2)):
        read_identities(tmp_path / "none")
