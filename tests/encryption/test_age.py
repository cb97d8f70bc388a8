"""Age files: what the tools read of ours, and everything that is not the one form is refused by name."""

import base64
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.encryption import age
from scorer.encryption.age import CHUNK, FileSecrets
from scorer.encryption.errors import AgeFault, AgeRefused
from scorer.encryption.keys import Identity, spell_public, write_identities

IDENTITIES = tuple(Identity(bytes([place + 1]) * 32) for place in range(3))
STRANGER = Identity(b"\x09" * 32)
SIZES = [0, 1, 65, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 17]
CONTENT = b"some content"
SECRETS = FileSecrets(b"k" * 16, b"n" * 16, (b"e" * 32,))


def encrypted(content: bytes = CONTENT, recipients: int = 1) -> bytes:
    publics = [each.public for each in IDENTITIES[:recipients]]
    return age.encrypt(content, publics, FileSecrets.generate(recipients))


def theirs(identity: Identity) -> pyrage.x25519.Identity:
    return pyrage.x25519.Identity.from_str(identity.spelled())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("recipients", [1, 3])
def test_rage_decrypts_what_we_encrypt(size: int, recipients: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    file = encrypted(content[:size], recipients)
    for identity in IDENTITIES[:recipients]:
        assert pyrage.decrypt(file, [theirs(identity)]) == content[:size]
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(file, [theirs(STRANGER)])


@pytest.mark.parametrize("size", SIZES)
def test_the_reference_tool_decrypts_what_we_encrypt(size: int, tmp_path: Path) -> None:
    tool = shutil.which("age")
    if tool is None:
        pytest.skip("age is not installed (apt-get install age); pyrage is tried in any case")
    content = bytes(range(256)) * (size // 256 + 1)
    (tmp_path / "file.age").write_bytes(encrypted(content[:size], 3))
    for place, identity in enumerate(IDENTITIES):
        key = write_identities(tmp_path / f"{place}.key", [STRANGER, identity])
        command = [tool, "-d", "-i", str(key), str(tmp_path / "file.age")]
        found = subprocess.run(command, capture_output=True, check=True)
        assert found.stdout == content[:size]


def test_we_decrypt_what_the_reference_tool_encrypts(tmp_path: Path) -> None:
    tool = shutil.which("age")
    if tool is None:
        pytest.skip("age is not installed (apt-get install age)")
    recipients = [text for each in IDENTITIES for text in ("-r", spell_public(each.public))]
    found = subprocess.run([tool, *recipients], input=CONTENT, capture_output=True, check=True).stdout
    file = age.parse(found, len(CONTENT), 3)
    for place, identity in enumerate(IDENTITIES):
        assert age.decrypt(file, identity, place)[1] == CONTENT


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("recipients", [1, 3])
def test_we_decrypt_what_we_encrypt_and_its_size_is_known_beforehand(size: int, recipients: int) -> None:
    content = bytes(size)
    written = encrypted(content, recipients)
    assert len(written) == age.file_size(size, recipients)
    assert age.content_size(len(written), recipients) == size
    file = age.parse(written, size, recipients)
    for place in range(recipients):
        file_key, found = age.decrypt(file, IDENTITIES[place], place)
        assert found == content
        assert age.decrypt_with(file, file_key) == content


@given(st.integers(0, 300_000), st.integers(1, 5))
def test_a_size_is_of_one_content_or_none(size: int, recipients: int) -> None:
    content = age.content_size(size, recipients)
    assert content is None or age.file_size(content, recipients) == size


def test_the_same_secrets_write_the_same_bytes() -> None:
    one, other = (age.encrypt(CONTENT, [IDENTITIES[0].public], SECRETS) for _ in range(2))
    assert one == other
    assert one != age.encrypt(CONTENT + b"!", [IDENTITIES[0].public], SECRETS)


def test_new_secrets_are_others_each_time() -> None:
    assert FileSecrets.generate(2) != FileSecrets.generate(2)
    assert len({*FileSecrets.generate(5).ephemerals}) == 5


def test_secrets_show_nothing_of_themselves() -> None:
    assert repr(SECRETS) == "FileSecrets()"


def _encoded_anew(file: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The ephemeral share in another spelling of the same bytes."""
    start = file.index(b"X25519 ") + 7
    return file[:start] + change(file[start : start + 43]) + file[start + 43 :]


def _other_last_bits(text: bytes) -> bytes:
    digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return text[:-1] + digits[digits.index(text[-1:]) + 1 :][:1]


MALFORMED: dict[str, tuple[AgeFault, Callable[[bytes], bytes]]] = {
    "empty": (AgeFault.SIZE, lambda _: b""),
    "truncated": (AgeFault.SIZE, lambda file: file[:-1]),
    "extended": (AgeFault.SIZE, lambda file: file + b"\0"),
    "with another version": (AgeFault.HEADER, lambda file: file.replace(b"/v1\n", b"/v2\n")),
    "with another recipient type": (AgeFault.HEADER, lambda file: file.replace(b"X25519", b"x25519")),
    "with line ends of Windows": (AgeFault.SIZE, lambda file: file.replace(b"\n", b"\r\n", 4)),
    "with a space for a line end": (AgeFault.HEADER, lambda file: file.replace(b"\n", b" ", 1)),
    "with a second argument": (AgeFault.SIZE, lambda file: file.replace(b"X25519 ", b"X25519 a ")),
    "with base64 that is padded": (AgeFault.SIZE, lambda file: _encoded_anew(file, lambda text: text + b"=")),
    "with base64 whose last bits are not zero": (
        AgeFault.HEADER,
        lambda file: _encoded_anew(file, _other_last_bits),
    ),
    "with a space in base64": (
        AgeFault.ENCODING,
        lambda file: _encoded_anew(file, lambda text: b" " + text[1:]),
    ),
    "with base64 for URLs": (
        AgeFault.ENCODING,
        lambda file: _encoded_anew(file, lambda text: b"-_" + text[2:]),
    ),
    "with no ASCII": (AgeFault.ENCODING, lambda file: _encoded_anew(file, lambda text: b"\xff" + text[1:])),
    "with another mark": (AgeFault.HEADER, lambda file: file.replace(b"\n--- ", b"\n--+ ")),
    "of zeros": (AgeFault.ENCODING, lambda file: bytes(len(file))),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_file_is_refused_by_name(what: str) -> None:
    fault, spoil = MALFORMED[what]
    with pytest.raises(AgeRefused) as refused:
        age.parse(spoil(encrypted()), len(CONTENT))
    assert refused.value.fault == fault


def test_armor_another_number_of_stanzas_and_grease_are_refused() -> None:
    armored = pyrage.encrypt(CONTENT, [theirs(IDENTITIES[0]).to_public()], armored=True)
    for file in (armored, encrypted(recipients=3), encrypted(recipients=2)):
        with pytest.raises(AgeRefused) as refused:
            age.parse(file, len(CONTENT))
        assert refused.value.fault == AgeFault.SIZE


def test_every_changed_byte_is_refused() -> None:
    file = encrypted()
    for at in range(len(file)):
        spoiled = file[:at] + bytes([file[at] ^ 1]) + file[at + 1 :]
        with pytest.raises(AgeRefused):
            age.decrypt(age.parse(spoiled, len(CONTENT)), IDENTITIES[0])


@pytest.mark.parametrize("size", [CHUNK, 2 * CHUNK, 2 * CHUNK + 5])
def test_chunks_in_another_order_are_refused(size: int) -> None:
    written = encrypted(bytes(size) + bytes(CHUNK))
    start, step = age.header_size(1) + 16, CHUNK + 16
    swapped = (
        written[:start]
        + written[start + step : start + 2 * step]
        + written[start : start + step]
        + written[start + 2 * step :]
    )
    with pytest.raises(AgeRefused) as refused:
        age.decrypt(age.parse(swapped, size + CHUNK), IDENTITIES[0])
    assert refused.value.fault == AgeFault.PAYLOAD


def test_a_file_without_its_last_chunk_is_refused() -> None:
    written = encrypted(bytes(2 * CHUNK))
    with pytest.raises(AgeRefused) as refused:
        age.decrypt(age.parse(written[: -CHUNK - 16], CHUNK), IDENTITIES[0])
    assert refused.value.fault == AgeFault.PAYLOAD


def test_a_file_for_somebody_else_is_refused() -> None:
    with pytest.raises(AgeRefused) as refused:
        age.decrypt(age.parse(encrypted(), len(CONTENT)), STRANGER)
    assert refused.value.fault == AgeFault.RECIPIENT


def test_an_ephemeral_share_of_low_order_is_refused() -> None:
    zeros = base64.b64encode(bytes(32))[:43]
    file = _encoded_anew(encrypted(), lambda _: zeros)
    with pytest.raises(AgeRefused) as refused:
        age.decrypt(age.parse(file, len(CONTENT)), IDENTITIES[0])
    assert refused.value.fault == AgeFault.RECIPIENT


@pytest.mark.parametrize("file_key", [b"", b"k" * 15, b"k" * 17, b"K" * 16, bytes(16)])
def test_a_file_key_that_is_not_the_files_is_refused(file_key: bytes) -> None:
    file = age.parse(age.encrypt(CONTENT, [IDENTITIES[0].public], SECRETS), len(CONTENT))
    assert age.decrypt_with(file, b"k" * 16) == CONTENT
    with pytest.raises(AgeRefused) as refused:
        age.decrypt_with(file, file_key)
    assert refused.value.fault == AgeFault.AUTHENTICATION


@given(st.binary(max_size=400), st.integers(0, 100), st.integers(1, 3))
def test_no_bytes_have_the_reader_raise_anything_but_a_refusal(
    content: bytes, size: int, recipients: int
) -> None:
    padded = content.ljust(age.file_size(size, recipients), b"A")
    for each in (content, padded[: age.file_size(size, recipients)]):
        with pytest.raises(AgeRefused):
            age.decrypt(age.parse(each, size, recipients), IDENTITIES[0])


@given(st.data())
def test_a_file_with_some_spoiled_bytes_is_refused(data: st.DataObject) -> None:
    file = bytearray(encrypted())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(file) - 1))
        file[at] ^= data.draw(st.integers(1, 255))
    try:
        found = age.decrypt(age.parse(bytes(file), len(CONTENT)), IDENTITIES[0])[1]
    except AgeRefused:
        return
    assert found == CONTENT  # the changes took each other back
