"""Consensus documents that tests sign, and their members."""

from dataclasses import replace
from typing import Any

from eth_account import Account
from eth_hash.auto import keccak
from eth_keys.datatypes import PrivateKey

from scorer.agents.document import Consensus, set_hash
from scorer.agents.leaves import Body
from scorer.agents.signing import SignedConsensus

KEYS = tuple(keccak(b"member %d" % number) for number in range(4))
MEMBERS = tuple(str(Account.from_key(key).address) for key in KEYS)
STRANGER = keccak(b"stranger")
QUORUM = 3
NOW = 1_800_000_000
UNIVERSE = tuple(f"id{number}" for number in range(5))
BODY = Body(keccak(b"seed"), UNIVERSE, (2, 4, 6, 8, 10))


def document(**changes: Any) -> Consensus:
    """A round's document, with fields replaced as asked."""
    known = Consensus(
        137,
        str(Account.from_key(keccak(b"tournament")).address),
        7,
        set_hash(MEMBERS, QUORUM),
        keccak(b"seal"),
        keccak(b"meta model"),
        BODY.root,
        len(UNIVERSE),
        NOW - 100,
        NOW + 100,
    )
    return replace(known, **changes)


def sign(key: bytes, consensus: Consensus, member: str | None = None) -> SignedConsensus:
    """A document signed with a key, in the name of whoever is given, else of the key's account."""
    signature = PrivateKey(key).sign_msg_hash(consensus.digest)
    packed = signature.to_bytes()[:64] + bytes([signature.v + 27])
    return SignedConsensus(consensus, member or str(Account.from_key(key).address), packed)
