"""The consensus document of a round, and what members sign of it.

contracts/agents/lib/ConsensusDocument.sol hashes the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Final

from eth_hash.auto import keccak

from scorer.protocol.documents import address, check_fields, from_hex, to_hex, whole
from scorer.protocol.typed_data import word

DOMAIN_NAME: Final = "Cupel Consensus"
DOMAIN_VERSION: Final = "1"
LONGEST_LIFETIME: Final = 180 * 24 * 3600
"""Seconds from a document's publication to its expiry at most; the verifying contract takes no more."""
MOST_ASSETS: Final = 2**32 - 1
_LARGEST_TIME: Final = 2**53 - 1
_CONSENSUS: Final = keccak(
    b"Consensus(uint256 chainId,address tournament,uint256 roundId,bytes32 memberSet,bytes32 seal,"
    b"bytes32 metaModel,bytes32 root,uint32 assets,uint64 publishedAt,uint64 expiresAt)"
)
_ROTATION: Final = keccak(
    b"Rotation(uint256 chainId,address tournament,uint64 setId,uint64 firstRound,"
    b"bytes32 previous,bytes32 next)"
)
# Neither chain nor contract: one signature serves every chain, and the document says whose round it is.
_DOMAIN: Final = keccak(
    keccak(b"EIP712Domain(string name,string version)")
    + keccak(DOMAIN_NAME.encode())
    + keccak(DOMAIN_VERSION.encode())
)
_PREFIX: Final = b"\x19\x01" + _DOMAIN


@dataclass(frozen=True)
class Consensus:
    """The meta model of a sealed round, as a quorum signs it.

    Attributes
    ----------
    chain_id, tournament, round_id
        Where the tournament is, its checksummed address, and its round.
    member_set
        `set_hash` of the members whom the round was opened with.
    seal
        The digest of the seal that the committee recorded for the round.
    meta_model
        The digest of the meta model, as the round's manifest holds it later.
    root
        Of the tree of leaves, see `scorer.agents.leaves`.
    assets
        The number of leaves, one for each id of the universe.
    published_at, expires_at
        When the round was sealed, and when it resolves, Unix seconds.
    """

    chain_id: int
    tournament: str
    round_id: int
    member_set: bytes
    seal: bytes
    meta_model: bytes
    root: bytes
    assets: int
    published_at: int
    expires_at: int

    def to_json(self) -> dict[str, Any]:
        """Return the document as JSON: numbers as numbers, digests in hex."""
        return {
            field.name: to_hex(value) if isinstance(value := getattr(self, field.name), bytes) else value
            for field in fields(self)
        }

    @classmethod
    def from_json(cls, document: Any) -> "Consensus":
        """Read what `to_json` returns; KeyError or ValueError for anything else."""
        check_fields(document, _FIELDS)
        found = cls(
            whole(document, "chain_id"),
            address(document, "tournament"),
            whole(document, "round_id"),
            from_hex(document["member_set"], 32),
            from_hex(document["seal"], 32),
            from_hex(document["meta_model"], 32),
            from_hex(document["root"], 32),
            whole(document, "assets"),
            whole(document, "published_at"),
            whole(document, "expires_at"),
        )
        if not 0 < found.assets <= MOST_ASSETS:
            raise ValueError(f"expected from 1 to {MOST_ASSETS} assets, found {found.assets}")
        if not 0 <= found.lifetime <= LONGEST_LIFETIME or found.expires_at > _LARGEST_TIME:
            raise ValueError(
                f"expected an expiry within {LONGEST_LIFETIME} s of the publication, found {found.lifetime} s"
            )
        return found

    @property
    def lifetime(self) -> int:
        """Seconds from publication to expiry."""
        return self.expires_at - self.published_at

    @property
    def struct(self) -> tuple[Any, ...]:
        """The fields as contracts take them."""
        return tuple(getattr(self, field.name) for field in fields(self))

    @cached_property
    def message(self) -> bytes:
        """The 66 bytes whose Keccak-256 is signed."""
        numbers = word(self.assets) + word(self.published_at) + word(self.expires_at)
        digests = self.member_set + self.seal + self.meta_model + self.root
        return _PREFIX + keccak(_CONSENSUS + self._round + digests + numbers)

    @cached_property
    def digest(self) -> bytes:
        """The Keccak-256 of `message`, by which contracts name the document."""
        return keccak(self.message)

    @property
    def _round(self) -> bytes:
        return word(self.chain_id) + _address_word(self.tournament) + word(self.round_id)


_FIELDS: Final[Mapping[str, type]] = {
    "chain_id": int,
    "tournament": str,
    "round_id": int,
    "member_set": str,
    "seal": str,
    "meta_model": str,
    "root": str,
    "assets": int,
    "published_at": int,
    "expires_at": int,
}


def set_hash(members: Sequence[str], quorum: int) -> bytes:
    """Return the hash of a set of members, in whatever order they are given, and of its quorum."""
    ascending = b"".join(map(_address_word, ascending_members(members)))
    # As abi.encode(address[], uint256) orders it: the array's place, the quorum, the length, the members.
    return keccak(word(64) + word(quorum) + word(len(members)) + ascending)


def ascending_members(members: Sequence[str]) -> list[str]:
    """Return members as contracts on other chains order them: by the number that an address is."""
    return sorted(members, key=lambda member: int(member, 16))


def rotation_message(
    chain_id: int, tournament: str, set_id: int, first_round: int, previous: bytes, following: bytes
) -> bytes:
    """Return the 66 bytes whose Keccak-256 members sign to name their successors.

    Parameters
    ----------
    set_id
        The number of the new set, as the home committee counts.
    first_round
        The first round that is the new set's.
    previous, following
        The hashes of the current set and of the new one.
    """
    words = (
        word(chain_id) + _address_word(tournament) + word(set_id) + word(first_round) + previous + following
    )
    return _PREFIX + keccak(_ROTATION + words)


def _address_word(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x")).rjust(32, b"\0")
