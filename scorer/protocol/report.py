"""The report that a committee attests, and its hash as OracleCommittee.hashReport computes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from eth_hash.auto import keccak

from scorer.protocol.digest import json_digest
from scorer.protocol.documents import address, amount, from_hex, to_hex, whole

REPORT_VERSION: Final = 2
NO_OPERANDS: Final = bytes(32)
"""The operands hash of a report for which no operands are posted."""
NO_STEPS: Final = bytes(32)
"""The steps of a report that commits to no sums of its meta model, as nobody submitted."""
_TYPE: Final = (
    b"Report(uint256 chainId,address tournament,uint256 roundId,uint256 version,bytes32 scoresHead,"
    b"uint64 totalPayout,uint64 totalBurn,bytes32 evidenceHash)"
)


def evidence_hash(manifest: Mapping[str, Any]) -> bytes:
    """Return a report's commitment to its evidence, 32 bytes.

    It is keccak256(abi.encode(digest of the manifest, operands hash)): a contract knows the operands by it.

    Parameters
    ----------
    manifest
        The document of manifest.json, from which anybody can recompute the rest.
    """
    return keccak(json_digest(manifest) + stated_operands(manifest))


def stated_operands(manifest: Mapping[str, Any]) -> bytes:
    """Return the hash of the operands that a manifest names, 32 bytes; zeros where it names none.

    What is no hash is none: whoever wrote it has a manifest that no honest member computes.
    """
    return _stated(manifest, "operands")


def stated_steps(manifest: Mapping[str, Any]) -> bytes:
    """Return the root over the meta model's sums that a manifest names, 32 bytes; as `stated_operands`."""
    return _stated(manifest, "steps")


def _stated(manifest: Mapping[str, Any], name: str) -> bytes:
    try:
        return from_hex(manifest[name], 32)
    except (KeyError, ValueError):
        return bytes(32)


@dataclass(frozen=True)
class Report:
    """A committee member's statement on the outcome of a round.

    Attributes
    ----------
    version
        Of the report's meaning; `REPORT_VERSION`.
    scores_head
        The head of the hash stack of packed scores, 32 bytes.
    total_payout, total_burn
        nano-NMR, before the scaling of a short pool.
    evidence_hash
        See `evidence_hash`, 32 bytes.
    """

    chain_id: int
    tournament: str
    round_id: int
    version: int
    scores_head: bytes
    total_payout: int
    total_burn: int
    evidence_hash: bytes

    def hash(self) -> bytes:
        """Return the report's hash: bound to its chain, tournament and round."""
        words = (
            self.chain_id.to_bytes(32, "big"),
            bytes.fromhex(self.tournament.removeprefix("0x")).rjust(32, b"\0"),
            self.round_id.to_bytes(32, "big"),
            self.version.to_bytes(32, "big"),
            self.scores_head,
            self.total_payout.to_bytes(32, "big"),
            self.total_burn.to_bytes(32, "big"),
            self.evidence_hash,
        )
        return keccak(keccak(_TYPE) + b"".join(words))

    def to_contract(self) -> tuple[int, int, bytes, int, int, bytes]:
        """Return the struct ``Report`` of the contracts."""
        return (
            self.round_id,
            self.version,
            self.scores_head,
            self.total_payout,
            self.total_burn,
            self.evidence_hash,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the document of report.json."""
        return {
            "chain_id": self.chain_id,
            "tournament": self.tournament,
            "round_id": self.round_id,
            "version": self.version,
            "scores_head": to_hex(self.scores_head),
            "total_payout": str(self.total_payout),
            "total_burn": str(self.total_burn),
            "evidence_hash": to_hex(self.evidence_hash),
            "report_hash": to_hex(self.hash()),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Report":
        """Read report.json; ``report_hash`` is recomputed, never read.

        Raises
        ------
        KeyError, ValueError
            When a field is missing or is not what `to_json` writes.
        """
        return cls(
            chain_id=whole(document, "chain_id"),
            tournament=address(document, "tournament"),
            round_id=whole(document, "round_id"),
            version=whole(document, "version"),
            scores_head=from_hex(document["scores_head"], 32),
            total_payout=amount(document, "total_payout"),
            total_burn=amount(document, "total_burn"),
            evidence_hash=from_hex(document["evidence_hash"], 32),
        )
