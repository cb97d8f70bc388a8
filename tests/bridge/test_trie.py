"""Tries and proofs are those of py-trie, an implementation of others."""

import random

import pytest
import rlp
from eth_hash.auto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from trie import HexaryTrie

from scorer.bridge.trie import NotInTrie, Trie, hex_prefix, nibbles

KEYS = st.binary(min_size=1, max_size=3)
VALUES = st.binary(min_size=1, max_size=40)


def other(items: dict[bytes, bytes]) -> HexaryTrie:
    trie = HexaryTrie({})
    for key, value in items.items():
        trie[key] = value
    return trie


@settings(max_examples=60)
@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=12))
def test_root_and_proofs_are_those_of_another_implementation(items: dict[bytes, bytes]) -> None:
    ours, theirs = Trie(items), other(items)
    assert ours.root == theirs.root_hash
    for key in items:
        nodes = [rlp.encode(node) for node in theirs.get_proof(key)]
        assert ours.proof(key) == [nodes[0], *(node for node in nodes[1:] if len(node) >= 32)]


@pytest.mark.parametrize("size", [1, 2, 16, 17, 127, 128, 129, 256, 257])
def test_the_trie_of_a_block_of_any_size_is_theirs(size: int) -> None:
    """Indices in RLP: 0 is 0x80, to 127 one byte, then two."""
    rng = random.Random(size)
    items = {rlp.encode(index): rng.randbytes(rng.randrange(1, 300)) for index in range(size)}
    ours, theirs = Trie(items), other(items)
    assert ours.root == theirs.root_hash
    for index in {0, size // 2, size - 1}:
        nodes = [rlp.encode(node) for node in theirs.get_proof(rlp.encode(index))]
        assert ours.proof(rlp.encode(index)) == [nodes[0], *(node for node in nodes[1:] if len(node) >= 32)]


def test_an_empty_trie_has_the_root_that_empty_blocks_have() -> None:
    assert Trie({}).root == keccak(rlp.encode(b""))


def test_nothing_is_proved_of_a_key_that_is_not_there() -> None:
    with pytest.raises(NotInTrie):
        Trie({b"\1": b"one"}).proof(b"\2")


@pytest.mark.parametrize(
    ("path", "is_leaf", "packed"),
    [
        ((), False, "00"),
        ((), True, "20"),
        ((1,), False, "11"),
        ((1,), True, "31"),
        ((1, 2), False, "0012"),
        ((15, 1, 12, 11, 8), True, "3f1cb8"),
        ((0, 15, 1, 12, 11, 8), True, "200f1cb8"),
    ],
)
def test_paths_are_packed_as_the_yellow_paper_says(path: tuple[int, ...], is_leaf: bool, packed: str) -> None:
    assert hex_prefix(path, is_leaf=is_leaf).hex() == packed


def test_nibbles_are_the_halves_of_bytes() -> None:
    assert nibbles(b"\x0f\xa1") == (0, 15, 10, 1)
