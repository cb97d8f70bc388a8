"""Packed lanes and hash stacks, against words and hashes written out by hand."""

import numpy as np
import pytest
from eth_abi.abi import encode
from eth_abi.packed import encode_packed
from eth_hash.auto import keccak
from hypothesis import example, given
from hypothesis import strategies as st

from scorer.protocol.chunks import (
    EMPTY_HEAD,
    Chunk,
    chunk_from_words,
    pack_scores,
    positions_heads,
    push,
    scores_heads,
    unpack_scores,
)

MAX_UINT64 = 2**64 - 1
INT24 = (-(2**23), 2**23 - 1)
slots_of = st.integers(1, 5)
uint64 = st.one_of(st.integers(0, MAX_UINT64), st.sampled_from([0, 1, MAX_UINT64]))
int24 = st.one_of(st.integers(*INT24), st.sampled_from([*INT24, -1, 0, 1]))


def lanes_of(values: st.SearchStrategy[int]) -> st.SearchStrategy[list[int]]:
    return slots_of.flatmap(lambda slots: st.lists(values, min_size=4 * slots, max_size=4 * slots))


def chunk_of(from_slot: int, positions: list[int]) -> Chunk:
    return Chunk(from_slot, np.array(positions, dtype=np.uint64))


def plain_words(positions: list[int]) -> list[int]:
    return [
        sum(position << 64 * lane for lane, position in enumerate(positions[at : at + 4]))
        for at in range(0, len(positions), 4)
    ]


def plain_scores(scores: list[int]) -> bytes:
    words = [
        sum((score % 2**24) << 24 * lane for lane, score in enumerate(scores[at : at + 4]))
        for at in range(0, len(scores), 4)
    ]
    return b"".join(word.to_bytes(12, "big") for word in words)


def plain_head(head: bytes, from_slot: int, content: bytes) -> bytes:
    """HashStack.push: keccak256(abi.encode(head, fromSlot, digest))."""
    return keccak(encode(["bytes32", "uint256", "bytes32"], [head, from_slot, keccak(content)]))


@given(lanes_of(uint64), st.integers(0, 2**40))
@example([MAX_UINT64] * 4, 0)
def test_positions_pack_into_words_with_lane_i_at_bit_64_i_and_unpack_again(
    positions: list[int], from_slot: int
) -> None:
    chunk = chunk_of(from_slot, positions)
    assert list(chunk.words) == plain_words(positions)
    again = chunk_from_words(from_slot, chunk.words)
    assert (again.from_slot, again.positions.tolist()) == (from_slot, positions)
    assert again.positions.dtype == np.uint64


@given(lanes_of(int24))
@example([INT24[0], INT24[1], -1, 0])
def test_scores_pack_into_big_endian_words_of_96_bits_and_unpack_again(scores: list[int]) -> None:
    packed = pack_scores(np.array(scores, dtype=np.int64))
    assert packed == plain_scores(scores)
    assert unpack_scores(packed).tolist() == scores


@pytest.mark.parametrize("score", [INT24[0] - 1, INT24[1] + 1, 2**40])
def test_a_score_that_would_be_cut_to_another_one_is_refused(score: int) -> None:
    with pytest.raises(ValueError, match="expected reward scores of 24 bits"):
        pack_scores(np.array([0, score, 0, 0], dtype=np.int64))


def test_lanes_are_counted_over_the_whole_tournament() -> None:
    assert chunk_of(3, [5] * 8).lanes.tolist() == list(range(12, 20))


@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_a_chunk_is_of_whole_slots(count: int) -> None:
    with pytest.raises(ValueError, match=f"expected positions of whole slots of 4, found {count}"):
        chunk_of(0, [1] * count)


def test_a_chunk_begins_at_a_slot() -> None:
    with pytest.raises(ValueError, match="expected a slot from 0 on, found -1"):
        chunk_of(-1, [1] * 4)


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**256 - 1), st.binary(max_size=100))
def test_a_push_hashes_as_the_contract_encodes_it(head: bytes, from_slot: int, content: bytes) -> None:
    assert push(head, from_slot, content) == plain_head(head, from_slot, content)


@given(st.lists(lanes_of(uint64), max_size=4))
def test_the_heads_of_positions_chain_up_from_the_empty_stack(contents: list[list[int]]) -> None:
    chunks = [chunk_of(10 * number, positions) for number, positions in enumerate(contents)]
    heads = [EMPTY_HEAD]
    for chunk, positions in zip(chunks, contents, strict=True):
        packed = encode_packed(["uint256[]"], [plain_words(positions)])
        heads.append(plain_head(heads[-1], chunk.from_slot, packed))
    assert positions_heads(chunks) == tuple(heads)


@given(st.lists(lanes_of(int24), max_size=4))
def test_the_heads_of_scores_chain_up_from_the_empty_stack(contents: list[list[int]]) -> None:
    chunks = [chunk_of(10 * number, [1] * len(scores)) for number, scores in enumerate(contents)]
    heads = [EMPTY_HEAD]
    for chunk, scores in zip(chunks, contents, strict=True):
        heads.append(plain_head(heads[-1], chunk.from_slot, plain_scores(scores)))
    arrays = [np.array(scores, dtype=np.int64) for scores in contents]
    assert scores_heads(chunks, arrays) == tuple(heads)


def test_scores_for_fewer_chunks_than_there_are_is_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        scores_heads([chunk_of(0, [1] * 4), chunk_of(1, [1] * 4)], [np.zeros(4, dtype=np.int64)])


def test_another_boundary_between_chunks_gives_another_head() -> None:
    whole = positions_heads([chunk_of(0, [1] * 8)])
    split = positions_heads([chunk_of(0, [1] * 4), chunk_of(1, [1] * 4)])
    assert whole[-1] != split[-1]
