"""Receipts that a gateway keeps: proofs of submissions, which a server may deny later."""

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scorer.files import write_whole
from scorer.protocol.documents import from_hex
from scorer.protocol.receipt import SubmissionReceipt
from scorer.server.known_servers import ServerIdentity

RECEIPTS: Final = (
    "query ($m: String) { submissions(modelId: $m) { id receipt { chainId tournament roundId modelId "
    "contentHash ciphertextHash signatureHash receivedAt signer signature } } }"
)


@dataclass(frozen=True)
class ReceiptFolder:
    """A folder with a file for each receipt, named by its submission's id."""

    path: Path
    identity: ServerIdentity

    def keep(self, row: dict[str, Any]) -> SubmissionReceipt | None:
        """Keep the receipt of a submission that the server lists; None where it has none that is right."""
        name, document = _identifier(row), row.get("receipt")
        receipt = None if name is None or not document else self._signed(document)
        if receipt is not None:
            file = self.path / f"{name}.receipt.json"
            if not file.exists():
                self.path.mkdir(parents=True, exist_ok=True)
                write_whole(file, json.dumps(document, indent=1).encode())
        return receipt

    def _signed(self, document: dict[str, Any]) -> SubmissionReceipt | None:
        """Return a receipt for this tournament that the server signed."""
        try:
            numbers = (int(document["roundId"]), int(document["modelId"]))
            content, ciphertext, signature = (
                from_hex(document[name], 32) for name in ("contentHash", "ciphertextHash", "signatureHash")
            )
            place = self.identity.place
            if (int(document["chainId"]), document["tournament"]) != place:
                return None
            receipt = SubmissionReceipt(
                *(*place, *numbers, content, ciphertext, signature, int(document["receivedAt"]))
            )
            signer = receipt.signer(from_hex(document["signature"], 65))
        except (KeyError, ValueError, TypeError):
            return None
        return receipt if signer == self.identity.server else None


def _identifier(row: dict[str, Any]) -> str | None:
    """Return a submission's id, where it is one: a server may send a path in its place."""
    try:
        return str(uuid.UUID(row["id"]))
    except (KeyError, ValueError, TypeError, AttributeError):
        return None
