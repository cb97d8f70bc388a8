"""Signatures of consensus documents: one member's, those of a quorum, and what is wrong with others."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from scorer.agents.document import Consensus, ascending_members, set_hash
from scorer.protocol.documents import address, check_fields, from_hex, to_hex
from scorer.protocol.typed_data import SIGNATURE_SIZE, signer_of


@dataclass(frozen=True)
class SignedConsensus:
    """A document as one member signed it."""

    consensus: Consensus
    member: str
    signature: bytes

    @property
    def is_signed(self) -> bool:
        """True where the member that it names signed it."""
        return signer_of(self.consensus.message, self.signature) == self.member

    def to_json(self) -> dict[str, Any]:
        """Return the document of a member's file."""
        return {
            "member": self.member,
            "signature": to_hex(self.signature),
            "consensus": self.consensus.to_json(),
        }

    @classmethod
    def from_json(cls, document: Any) -> "SignedConsensus":
        """Read what `to_json` returns; KeyError or ValueError for anything else."""
        check_fields(document, {"member": str, "signature": str, "consensus": dict})
        return cls(
            Consensus.from_json(document["consensus"]),
            address(document, "member"),
            from_hex(document["signature"], SIGNATURE_SIZE),
        )


@dataclass(frozen=True)
class QuorumConsensus:
    """A document with the signatures of a quorum, as contracts take them.

    Attributes
    ----------
    members
        The whole set, ascending.
    signers
        Bit i stands for member i.
    signatures
        One after the other, in that order, 65 bytes each.
    """

    consensus: Consensus
    members: tuple[str, ...]
    quorum: int
    signers: int
    signatures: bytes

    def to_json(self) -> dict[str, Any]:
        """Return the document that a quorum's file holds, and that agents are given."""
        return {
            "consensus": self.consensus.to_json(),
            "members": list(self.members),
            "quorum": self.quorum,
            "signers": [place for place in range(len(self.members)) if self.signers >> place & 1],
            "signatures": to_hex(self.signatures),
        }

    @classmethod
    def from_json(cls, document: Any) -> "QuorumConsensus":
        """Read what `to_json` returns; KeyError or ValueError for anything else."""
        kinds = {"consensus": dict, "members": list, "quorum": int, "signers": list, "signatures": str}
        check_fields(document, kinds)
        members = tuple(address({"members": member}, "members") for member in document["members"])
        places = document["signers"]
        if any(type(place) is not int or not 0 <= place < len(members) for place in places):
            raise ValueError(f"expected places of {len(members)} members as signers, found others")
        if sorted({*places}) != places:
            raise ValueError("expected signers ascending and each once, found others")
        signers = sum(1 << place for place in places)
        signatures = from_hex(document["signatures"], SIGNATURE_SIZE * len(places))
        return cls(
            Consensus.from_json(document["consensus"]), members, document["quorum"], signers, signatures
        )

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The arguments of `ConsensusVerifier.verify` and `ConsensusGate.admit`."""
        return self.consensus.struct, list(self.members), self.quorum, self.signers, self.signatures

    def signed_by(self) -> Iterator[tuple[str, str | None]]:
        """Yield each member that is to have signed, and who did."""
        places = [place for place in range(len(self.members)) if self.signers >> place & 1]
        for number, place in enumerate(places):
            start = SIGNATURE_SIZE * number
            signature = self.signatures[start : start + SIGNATURE_SIZE]
            yield self.members[place], signer_of(self.consensus.message, signature)


def with_quorum(
    found: Iterable[SignedConsensus], members: Sequence[str], quorum: int
) -> QuorumConsensus | None:
    """Return the document that a quorum of a set signed; None where no document has one.

    Parameters
    ----------
    found
        In whatever order, from whomever: what is not signed, or names another set, counts nothing.
    """
    expected = set_hash(members, quorum)
    signatures: dict[Consensus, dict[str, bytes]] = {}
    for signed in found:
        if signed.member in members and signed.consensus.member_set == expected and signed.is_signed:
            signatures.setdefault(signed.consensus, {})[signed.member] = signed.signature
    for consensus, by_member in signatures.items():
        if len(by_member) >= quorum:
            return _joined(consensus, by_member, members, quorum)
    return None


def _joined(
    consensus: Consensus, by_member: dict[str, bytes], members: Sequence[str], quorum: int
) -> QuorumConsensus:
    ascending = ascending_members(members)
    places = [place for place, member in enumerate(ascending) if member in by_member]
    return QuorumConsensus(
        consensus,
        tuple(ascending),
        quorum,
        sum(1 << place for place in places),
        b"".join(by_member[ascending[place]] for place in places),
    )


def equivocations(found: Iterable[SignedConsensus]) -> Iterator[tuple[SignedConsensus, SignedConsensus]]:
    """Yield two documents of one round that one member signed, once for each member and round."""
    first: dict[tuple[int, str, int, str], SignedConsensus | None] = {}
    for signed in found:
        if not signed.is_signed:
            continue
        document = signed.consensus
        key = document.chain_id, document.tournament, document.round_id, signed.member
        known = first.setdefault(key, signed)
        if known is not None and known.consensus != document:
            first[key] = None
            yield known, signed


def problems_with(found: QuorumConsensus, members: Sequence[str], quorum: int, now: int) -> Iterator[str]:
    """Yield what is wrong with a document and its signatures, as the verifying contract would refuse it.

    Parameters
    ----------
    members, quorum
        Of the set that the chain says the round has.
    now
        Unix seconds.
    """
    consensus, expected = found.consensus, set_hash(members, quorum)
    if consensus.member_set != expected:
        yield f"expected the member set {to_hex(expected)}, found {to_hex(consensus.member_set)}"
    if set_hash(found.members, found.quorum) != expected or list(found.members) != ascending_members(members):
        yield "expected the round's members, ascending, and their quorum, found others"
    signers = list(found.signed_by())
    if len(signers) < quorum:
        yield f"expected signatures of {quorum} members, found {len(signers)}"
    for member, signer in signers:
        if signer != member:
            yield f"expected a signature of {member}, found one of {signer or 'nobody'}"
    if now >= consensus.expires_at:
        yield f"expected a document that is in force, found one that expired at {consensus.expires_at}"
