"""Merkle-Patricia tries over a few items in memory, as blocks commit to their receipts; and proofs from them.

Appendix D of the Ethereum Yellow Paper. A node is a list of two items (leaf or extension) or of seventeen (a
branch); its parent holds it whole where its RLP is shorter than 32 bytes, else by its hash.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import rlp
from eth_hash.auto import keccak

BRANCH: Final = 16
HASH: Final = 32
Nibbles = tuple[int, ...]
RawNode = list[Any]


class NotInTrie(KeyError):
    """A trie has no value under a key."""


@dataclass(frozen=True)
class Trie:
    """A trie over all `items`: each key with its value, none of them empty."""

    items: Mapping[bytes, bytes]

    @property
    def root(self) -> bytes:
        """The hash of the root node, 32 bytes."""
        return _hash(rlp.encode(self._root_node()))

    def proof(self, key: bytes) -> list[bytes]:
        """Return the nodes from the root to the value of `key`, each in RLP, without those inside another.

        Raises
        ------
        NotInTrie
            When nothing is under the key.
        """
        if key not in self.items:
            raise NotInTrie(key.hex())
        found, items, path = [], _by_nibbles(self.items), nibbles(key)
        node, is_own = _node(items), True
        while True:
            encoded = rlp.encode(node)
            if is_own or len(encoded) >= HASH:
                found.append(encoded)
            step = _step(items, path)
            if step is None:
                return found
            items, path = step
            node, is_own = _node(items), False

    def _root_node(self) -> Any:
        return _node(_by_nibbles(self.items)) if self.items else b""


def nibbles(key: bytes) -> Nibbles:
    """Return the halves of every byte, high one first."""
    return tuple(half for byte in key for half in (byte >> 4, byte & 15))


def hex_prefix(path: Sequence[int], *, is_leaf: bool) -> bytes:
    """Pack a path of nibbles into bytes: the first nibble says what the node is, and whether it is odd."""
    is_odd = len(path) % 2
    flag = 2 * is_leaf + is_odd
    whole = [flag, *path] if is_odd else [flag, 0, *path]
    return bytes(16 * high + low for high, low in zip(whole[::2], whole[1::2], strict=True))


def _by_nibbles(items: Mapping[bytes, bytes]) -> dict[Nibbles, bytes]:
    return {nibbles(key): value for key, value in items.items()}


def _node(items: Mapping[Nibbles, bytes]) -> RawNode:
    if len(items) == 1:
        ((path, value),) = items.items()
        return [hex_prefix(path, is_leaf=True), value]
    if shared := _shared(items):
        return [hex_prefix(shared, is_leaf=False), _reference(_node(_below(items, shared)))]
    children = [_below(items, (digit,)) for digit in range(BRANCH)]
    references = [_reference(_node(child)) if child else b"" for child in children]
    return [*references, items.get((), b"")]


def _step(items: Mapping[Nibbles, bytes], path: Nibbles) -> tuple[dict[Nibbles, bytes], Nibbles] | None:
    """Go down one node on a path; None where the node holds the value."""
    if len(items) == 1 or not path:
        return None
    taken = _shared(items) or path[:1]
    return _below(items, taken), path[len(taken) :]


def _below(items: Mapping[Nibbles, bytes], prefix: Nibbles) -> dict[Nibbles, bytes]:
    size = len(prefix)
    return {path[size:]: value for path, value in items.items() if path[:size] == prefix}


def _shared(paths: Iterable[Nibbles]) -> Nibbles:
    """Return the longest beginning that all paths share."""
    first, last = min(paths), max(paths)
    for index, digit in enumerate(first):
        if index == len(last) or digit != last[index]:
            return first[:index]
    return first


def _reference(node: RawNode) -> Any:
    encoded = rlp.encode(node)
    return node if len(encoded) < HASH else _hash(encoded)


def _hash(content: bytes) -> bytes:
    return bytes(keccak(content))
