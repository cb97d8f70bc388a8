"""The plaintext of a submission has one spelling, and no other bytes are read."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.encryption import plaintext
from scorer.encryption.errors import PlaintextRefused
from scorer.protocol.digest import content_hash

ONE_BITS = 0x3FF0_0000_0000_0000
UNIT = st.lists(st.floats(0, 1), min_size=1, max_size=50)


@given(UNIT)
def test_what_is_encoded_is_decoded_to_the_bit(numbers: list[float]) -> None:
    content = plaintext.encode(np.array(numbers))
    assert content == struct.pack(f"<{len(numbers)}d", *(abs(each) for each in numbers))
    found = plaintext.decode(content, len(numbers))
    assert found.tobytes() == np.abs(np.array(numbers)).tobytes()
    assert not found.flags.writeable


@given(st.integers(0, 2**64 - 1))
def test_bits_are_taken_exactly_where_they_are_a_number_from_0_to_1(bits: int) -> None:
    content = bits.to_bytes(8, "little")
    (number,) = struct.unpack("<d", content)
    is_fine = 0 <= number <= 1 and bits != 1 << 63
    assert is_fine == (bits <= ONE_BITS)
    if is_fine:
        assert plaintext.encode(plaintext.decode(content, 1)) == content
    else:
        with pytest.raises(PlaintextRefused):
            plaintext.decode(content, 1)


@pytest.mark.parametrize("bits", [ONE_BITS + 1, 1 << 63, 0x7FF << 52, 0x7FF8 << 48, (1 << 64) - 1])
def test_the_first_bits_that_are_no_prediction_are_refused(bits: int) -> None:
    content = plaintext.encode(np.zeros(3)) + bits.to_bytes(8, "little")
    with pytest.raises(PlaintextRefused, match="for 1 ids, first at place 3"):
        plaintext.decode(content, 4)


def test_a_zero_with_a_sign_is_encoded_without_and_refused_when_read() -> None:
    numbers = np.array([-0.0, 0.5])
    assert plaintext.encode(numbers) == struct.pack("<2d", 0.0, 0.5)
    assert content_hash(("a", "b"), numbers) == content_hash(("a", "b"), np.array([0.0, 0.5]))
    with pytest.raises(PlaintextRefused):
        plaintext.decode(struct.pack("<2d", -0.0, 0.5), 2)


@pytest.mark.parametrize("number", [-1e-300, 1 + 2**-52, np.nan, np.inf, -np.inf, -1.0, 2.0])
def test_predictions_outside_0_to_1_are_not_encoded(number: float) -> None:
    with pytest.raises(PlaintextRefused) as refused:
        plaintext.encode(np.array([0.5, number]))
    assert str(number) not in str(refused.value)


@pytest.mark.parametrize("size", [0, 7, 15, 17, 24])
def test_another_size_is_refused(size: int) -> None:
    with pytest.raises(PlaintextRefused, match="expected 16 bytes for 2 ids"):
        plaintext.decode(bytes(size), 2)


@pytest.mark.parametrize("ids", [0, -1, plaintext.MOST_IDS + 1])
def test_a_universe_of_no_or_too_many_ids_is_refused(ids: int) -> None:
    with pytest.raises(PlaintextRefused):
        plaintext.decode(b"", ids)


@pytest.mark.parametrize("array", [np.zeros(2, dtype=np.float32), np.zeros((2, 2)), np.zeros(2, dtype=int)])
def test_another_type_or_shape_is_not_encoded(array: np.ndarray) -> None:
    with pytest.raises(PlaintextRefused):
        plaintext.encode(array)


def test_big_endian_predictions_are_encoded_as_the_same_numbers() -> None:
    assert plaintext.encode(np.array([0.25], dtype=">f8")) == struct.pack("<d", 0.25)


def test_every_second_prediction_of_an_array_is_encoded() -> None:
    assert plaintext.encode(np.array([0.25, 0.5, 0.75, 1.0])[::2]) == struct.pack("<2d", 0.25, 0.75)
