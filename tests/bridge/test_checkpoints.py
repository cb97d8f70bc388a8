"""The tree over a checkpoint's blocks, and the search for the checkpoint of a block."""

import pytest
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from scorer.bridge.checkpoints import (
    BlockLeaf,
    Checkpoint,
    CheckpointDiffers,
    branch_of,
    checkpoint_of,
    newest_checkpoint,
    root_and_branch,
)


def climbed(leaf: bytes, index: int, siblings: list[bytes]) -> bytes:
    """The root from a leaf upwards, as the contract computes it."""
    for sibling in siblings:
        leaf = keccak(sibling + leaf) if index & 1 else keccak(leaf + sibling)
        index >>= 1
    return leaf


@given(st.integers(1, 40), st.data())
def test_a_branch_leads_from_every_leaf_to_the_root(count: int, data: st.DataObject) -> None:
    leaves = [keccak(bytes([number])) for number in range(count)]
    index = data.draw(st.integers(0, count - 1))
    root, siblings = root_and_branch(leaves, index)
    assert climbed(leaves[index], index, siblings) == root
    assert 2 ** len(siblings) >= count > 2 ** (len(siblings) - 1) // 1 or count == 1


def test_one_block_is_its_own_root() -> None:
    assert root_and_branch([b"\1" * 32], 0) == (b"\1" * 32, [])


def leaves(count: int, salt: bytes = b"") -> list[BlockLeaf]:
    return [
        BlockLeaf(10 + k, 1000 + k, keccak(salt + bytes([k])), keccak(bytes([k, 1]))) for k in range(count)
    ]


def test_blocks_of_another_chain_are_refused() -> None:
    blocks = leaves(5)
    root, siblings = root_and_branch([leaf.hash for leaf in blocks], 3)
    checkpoint = Checkpoint(1, root, 10, 14, 0)
    assert branch_of(checkpoint, blocks, 13) == siblings
    with pytest.raises(CheckpointDiffers, match="checkpoint 1: expected blocks 10 to 14"):
        branch_of(checkpoint, leaves(5, b"other"), 13)


@pytest.mark.parametrize("step", [1, 10_000])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 9, 100])
def test_the_checkpoint_of_every_block_is_found(count: int, step: int) -> None:
    known = {
        step * number: Checkpoint(step * number, b"\1" * 32, 10 * number, 10 * number + 9, number)
        for number in range(1, count + 1)
    }
    newest = newest_checkpoint(known.get, None, step)
    assert newest == known.get(step * count)
    assert newest_checkpoint(known.get, known.get(step * ((count + 1) // 2)), step) == newest
    for block in range(10, 10 * count + 10):
        found = checkpoint_of(known.get, newest, block, step)
        assert found is not None
        assert found.covers(block)
    for outside in (0, 9, 10 * count + 10):
        assert checkpoint_of(known.get, newest, outside, step) is None
