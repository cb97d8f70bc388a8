"""Gives members turns in sending what anybody may send, so that they do not race each other for gas."""

from collections.abc import Sequence

from eth_hash.auto import keccak


def turn_of(address: str, members: Sequence[str], round_id: int) -> int:
    """Return our place in the order of a round's senders, from 0; the last for one who is no member.

    The order is another one every round and the same for every member: by the hash of round and address.
    """
    ours = address.lower()
    order = sorted({member.lower() for member in members}, key=lambda member: _draw(member, round_id))
    return order.index(ours) if ours in order else len(order)


def _draw(member: str, round_id: int) -> bytes:
    return keccak(round_id.to_bytes(32, "big") + bytes.fromhex(member.removeprefix("0x")))
