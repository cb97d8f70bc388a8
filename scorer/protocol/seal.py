"""The seal of a round by its members, before its outcome: which submissions count, and the valid stake.

Each member judges every submission and publishes its verdicts. A submission counts when a quorum's verdicts
say so; one that dissents follows the others, so that it blocks nothing. A quorum of signatures over a `Seal`
is what ``Tournament.seal`` takes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from eth_hash.auto import keccak

from scorer.protocol.documents import address, amount, check_fields, from_hex, to_hex, whole
from scorer.protocol.merkle import merkle_root, submission_leaf
from scorer.protocol.submissions import Submissions
from scorer.protocol.typed_data import SIGNATURE_SIZE, signer_of, typed_message, word

_SEAL: Final = keccak(
    b"Seal(uint256 roundId,bytes32 positionsHead,bytes32 submissionsRoot,uint64 validAtRisk)"
)
_FIELDS: Final = {
    "member": str,
    "chain_id": int,
    "tournament": str,
    "round_id": int,
    "verdicts": list,
    "verdicts_signature": str,
    "positions_head": str,
    "submissions_root": str,
    "valid_at_risk": str,
    "refused": list,
    "seal_signature": str,
}
_VERDICTS: Final = keccak(b"Verdicts(uint256 roundId,bytes32 verdictsRoot)")


def two_thirds(members: int) -> int:
    """Return the smallest quorum that a committee of so many members may have."""
    return -(-2 * members // 3)


@dataclass(frozen=True)
class Seal:
    """The statement about a round that a quorum of members signs.

    Attributes
    ----------
    positions_head
        Of all positions that the round locked, 32 bytes.
    submissions_root
        See `Submissions.root`.
    valid_at_risk
        The positions of all models whose submission counts, nano-NMR: the payout factor is made of it.
    """

    chain_id: int
    tournament: str
    round_id: int
    positions_head: bytes
    submissions_root: bytes
    valid_at_risk: int

    @property
    def message(self) -> bytes:
        """The bytes whose Keccak-256 is signed."""
        words = word(self.round_id) + self.positions_head + self.submissions_root + word(self.valid_at_risk)
        return typed_message(self.chain_id, self.tournament, keccak(_SEAL + words))


@dataclass(frozen=True)
class Verdict:
    """One member's verdict on one submission: on which one, and whether it counts."""

    content_hash: bytes
    ciphertext_hash: bytes
    signature_hash: bytes
    is_valid: bool

    def leaf(self, model_id: int) -> bytes:
        """Return the leaf of the tree of verdicts, as `Submission.leaf` makes that of submissions."""
        hashes = self.content_hash, self.ciphertext_hash, self.signature_hash
        return submission_leaf(model_id, *hashes, is_valid=self.is_valid)

    def same_submission(self, other: "Verdict") -> bool:
        """Return whether two verdicts are on the same submission."""
        return replace(self, is_valid=other.is_valid) == other


@dataclass(frozen=True)
class Verdicts:
    """One member's verdicts on all submissions of a round, by model."""

    chain_id: int
    tournament: str
    round_id: int
    by_model: Mapping[int, Verdict]

    @classmethod
    def on(
        cls, submissions: Submissions, refused: Iterable[int], chain_id: int, tournament: str, round_id: int
    ) -> "Verdicts":
        """Return the verdicts of a member that refuses these models' submissions and no others."""
        against = frozenset(refused)
        by_model = {
            entry.model_id: Verdict(
                entry.content_hash,
                entry.ciphertext_hash,
                entry.signature_hash,
                entry.model_id not in against,
            )
            for entry in submissions.entries
        }
        return cls(chain_id, tournament, round_id, by_model)

    @cached_property
    def message(self) -> bytes:
        """The bytes whose Keccak-256 is signed."""
        leaves = [verdict.leaf(model) for model, verdict in sorted(self.by_model.items())]
        struct = keccak(_VERDICTS + word(self.round_id) + merkle_root(leaves))
        return typed_message(self.chain_id, self.tournament, struct)

    def to_json(self) -> list[list[Any]]:
        """Return the ``verdicts`` of a vote: model, three hashes as in its leaf, and 1 where it counts."""
        return [
            [
                model,
                to_hex(verdict.content_hash),
                to_hex(verdict.ciphertext_hash),
                to_hex(verdict.signature_hash),
                int(verdict.is_valid),
            ]
            for model, verdict in sorted(self.by_model.items())
        ]


def agreed_refusals(
    own: Verdicts, others: Sequence[Verdicts], *, members: int, quorum: int
) -> frozenset[int]:
    """Return the models whose submission does not count, as one member sees it.

    A submission counts when a quorum's verdicts say so, and does not when so many say the contrary that no
    quorum can be reached. While neither is known, the member's own verdict stands; once all members'
    verdicts are, everybody sees the same.

    Parameters
    ----------
    others
        The verdicts of other members, one each. Whoever says nothing of a submission refuses it.
    members, quorum
        Of the round's member set.
    """

    def counts(model: int, ours: Verdict) -> bool:
        theirs = [verdicts.by_model.get(model) for verdicts in others]
        valid = ours.is_valid + sum(
            verdict is not None and verdict.is_valid and verdict.same_submission(ours) for verdict in theirs
        )
        if valid >= quorum:
            return True
        # So few are known to refuse that a quorum can still be reached: until then our own verdict stands.
        return ours.is_valid and 1 + len(theirs) - valid <= members - quorum

    return frozenset(model for model, ours in own.by_model.items() if not counts(model, ours))


def seal_of(
    verdicts: Verdicts,
    submissions: Submissions,
    refused: frozenset[int],
    positions_head: bytes,
    positions: Mapping[int, int],
) -> Seal:
    """Return the statement that these submissions count, but for those of the refused models.

    Parameters
    ----------
    positions
        nano-NMR by model, of all models that have a position.
    """
    valid = [model for model in submissions.model_ids if model not in refused]
    return Seal(
        verdicts.chain_id,
        verdicts.tournament,
        verdicts.round_id,
        positions_head,
        submissions.root(refused),
        sum(positions.get(model, 0) for model in valid),
    )


@dataclass(frozen=True)
class SealVote:
    """One member's part in a seal: its verdicts, and the statement that it signs.

    Attributes
    ----------
    refused
        The models whose submission does not count by the statement; its root says whether that is so.
    """

    member: str
    verdicts: Verdicts
    verdicts_signature: bytes
    seal: Seal
    seal_signature: bytes
    refused: frozenset[int]

    @property
    def is_signed(self) -> bool:
        """True where verdicts and statement are signed by the member that the vote names."""
        pairs = (self.verdicts.message, self.verdicts_signature), (self.seal.message, self.seal_signature)
        return all(signer_of(message, signature) == self.member for message, signature in pairs)

    def to_json(self) -> dict[str, Any]:
        """Return the document of vote.json."""
        return {
            "member": self.member,
            "chain_id": self.seal.chain_id,
            "tournament": self.seal.tournament,
            "round_id": self.seal.round_id,
            "verdicts": self.verdicts.to_json(),
            "verdicts_signature": to_hex(self.verdicts_signature),
            "positions_head": to_hex(self.seal.positions_head),
            "submissions_root": to_hex(self.seal.submissions_root),
            "valid_at_risk": str(self.seal.valid_at_risk),
            "refused": sorted(self.refused),
            "seal_signature": to_hex(self.seal_signature),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "SealVote":
        """Read what `to_json` returns; KeyError, TypeError or ValueError for anything else."""
        check_fields(document, _FIELDS)
        where = whole(document, "chain_id"), address(document, "tournament"), whole(document, "round_id")
        verdicts = Verdicts(*where, dict(map(_verdict, document["verdicts"])))
        seal = Seal(
            *where,
            from_hex(document["positions_head"], 32),
            from_hex(document["submissions_root"], 32),
            amount(document, "valid_at_risk"),
        )
        refused = frozenset(whole({"refused": model}, "refused") for model in document["refused"])
        found = cls(
            address(document, "member"),
            verdicts,
            from_hex(document["verdicts_signature"], SIGNATURE_SIZE),
            seal,
            from_hex(document["seal_signature"], SIGNATURE_SIZE),
            refused,
        )
        # Written again and compared: a vote has one spelling, in which models ascend.
        if found.to_json() != document or not refused <= verdicts.by_model.keys():
            raise ValueError("expected models that submitted, ascending and each once, found others")
        return found


def _verdict(found: Any) -> tuple[int, Verdict]:
    model, content, ciphertext, signature, is_valid = found
    if type(model) is not int or model < 1 or type(is_valid) is not int or is_valid not in (0, 1):
        raise ValueError("expected a model's number and 0 or 1 as a verdict, found others")
    hashes = from_hex(content, 32), from_hex(ciphertext, 32), from_hex(signature, 32)
    return model, Verdict(*hashes, bool(is_valid))


def quorum_signatures(
    seal: Seal, votes: Iterable[SealVote], members: Sequence[str], quorum: int
) -> tuple[int, bytes] | None:
    """Return the signatures of a statement as ``Tournament.seal`` takes them; None where they are too few.

    Returns
    -------
    tuple[int, bytes]
        Bit i stands for member i of the set; the signatures follow one another in this order.
    """
    # The contract checks every signature and refuses all for one that is wrong, so ours are checked first.
    by_member = {vote.member: vote.seal_signature for vote in votes if vote.seal == seal and vote.is_signed}
    there = [index for index, member in enumerate(members) if member in by_member]
    if len(there) < quorum:
        return None
    signers = sum(1 << index for index in there)
    return signers, b"".join(by_member[members[index]] for index in there)
