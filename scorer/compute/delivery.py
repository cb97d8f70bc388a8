"""Hands in signed submissions, each once: into the operator's inbox, or to the tournament's server."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from eth_hash.auto import keccak

from scorer.compute.journal import SignedSubmission
from scorer.errors import CupelError
from scorer.protocol.documents import to_hex
from scorer.protocol.receipt import SubmissionReceipt
from scorer.server.known_servers import KnownServers
from scorer.server.receipt_folder import RECEIPTS, ReceiptFolder
from scorer.server.served_names import TOURNAMENT
from scorer.server.upstream import Upstream
from scorer.storage.bundle import round_folder
from scorer.storage.inbox import SIGNATURE_SUFFIX, deliver, signature_path

GRANT = (
    "query ($f: String!, $t: Int!, $m: String) "
    "{ submissionUploadAuth(filename: $f, tournament: $t, modelId: $m) { filename url } }"
)
SIGN = (
    "mutation ($f: String!, $r: Int!, $c: String!, $s: String!) "
    "{ signUpload(filename: $f, roundNumber: $r, contentHash: $c, signature: $s) }"
)
CREATE = (
    "mutation ($f: String!, $t: Int!, $m: String, $g: String) "
    "{ createSubmission(filename: $f, tournament: $t, modelId: $m, triggerId: $g) { id } }"
)


KNOWN_FOR = 60.0
"""Seconds for which a server is taken to be who it said it was; each receipt is checked all the same."""
EARLIER = "query ($m: String) { submissions(modelId: $m) { id state round { number } } }"
ACCEPTED = "accepted"


class NotDelivered(CupelError):
    """A submission could not be handed in; it is tried again, and the message says why."""


class SubmissionDelivery(Protocol):
    """A way for submissions."""

    def deliver(self, submission: SignedSubmission, trigger: str | None) -> Mapping[str, Any]:
        """Hand in a submission, or find it handed in; return what proves it.

        Parameters
        ----------
        trigger
            The id of the call that woke the node for it, if one did.

        Raises
        ------
        scorer.errors.CupelError, OSError
            When it is not handed in.
        """
        ...

    def find(self, tournament: str, round_id: int, model: int) -> Mapping[str, Any] | None:
        """Return what shows that a model is in a round already, by whomever; None where it is not.

        Raises
        ------
        scorer.errors.CupelError, OSError
            When it cannot be known now.
        """
        ...


@dataclass(frozen=True)
class InboxDelivery:
    """The operator's inbox, as a folder."""

    inbox: Path

    def deliver(self, submission: SignedSubmission, trigger: str | None) -> Mapping[str, Any]:  # noqa: ARG002
        """Write a submission; its name holds part of its hash, so that the same one is the same file."""
        if not self.inbox.is_dir():
            raise NotDelivered(f"{self.inbox}: expected the operator's inbox, a folder, found none")
        digest = submission.digest
        path = round_folder(self.inbox, digest.tournament, digest.round_id) / submission.file
        if not _is_there(path, submission):
            deliver(self.inbox, digest, submission.signature, submission.file, submission.content)
        return {"inbox": str(path)}

    def find(self, tournament: str, round_id: int, model: int) -> Mapping[str, Any] | None:
        """Look for a file of the model that has its signature beside it."""
        folder = round_folder(self.inbox, tournament, round_id)
        for path in sorted(folder.glob(f"{model}.*")) if folder.is_dir() else ():
            if not path.name.endswith(SIGNATURE_SUFFIX) and signature_path(path).is_file():
                return {"inbox": str(path), "found": True}
        return None


def _is_there(path: Path, submission: SignedSubmission) -> bool:
    """Return whether a submission is in the inbox whole: written again, it would arrive later."""
    if not path.is_file() or path.read_bytes() != submission.content:
        return False
    try:
        document = json.loads(signature_path(path).read_bytes())
        return bool(document["signature"] == to_hex(submission.signature))
    except (OSError, ValueError, KeyError, TypeError):
        return False


@dataclass
class ServerDelivery:
    """The server of a tournament.

    Attributes
    ----------
    api_key
        ``id$secret`` of a key that may upload.
    receipts
        The folder in which receipts are kept.
    tournament, chain_id
        Of the deployment: a server of another is refused.
    """

    upstream: Upstream
    api_key: str
    receipts: Path
    chain_id: int
    tournament: str
    _number: int | None = None
    _known: ReceiptFolder | None = None
    _known_at: float = 0.0

    def deliver(self, submission: SignedSubmission, trigger: str | None) -> Mapping[str, Any]:
        """Upload, sign and submit, unless there is a receipt; return the receipt."""
        folder = self._folder()
        found = self._receipt(folder, submission)
        if found is None:
            self._submit(submission, trigger)
            found = self._receipt(folder, submission)
        if found is None:
            raise NotDelivered(
                f"{self.upstream.url}: expected a receipt for model {submission.digest.model_id} in round "
                f"{submission.digest.round_id}, found none that the server signed"
            )
        return {"server": self.upstream.url, "received_at": found.received_at}

    def find(self, tournament: str, round_id: int, model: int) -> Mapping[str, Any] | None:  # noqa: ARG002
        """Look for an accepted submission of the model to the round."""
        self._folder()
        for row in self._ask(EARLIER, m=str(model)) or []:
            if row["state"] == ACCEPTED and int(row["round"]["number"]) == round_id:
                return {"server": self.upstream.url, "found": True}
        return None

    @property
    def _authorization(self) -> str:
        return f"Token {self.api_key}"

    def _folder(self) -> ReceiptFolder:
        """Return where receipts are kept; who the server is was asked at most a minute ago."""
        if self._known is None or time.monotonic() - self._known_at > KNOWN_FOR:
            self._known, self._known_at = self._identified(), time.monotonic()
        return self._known

    def _identified(self) -> ReceiptFolder:
        identity = self.upstream.identity()
        if (identity.chain_id, identity.tournament.lower()) != (self.chain_id, self.tournament.lower()):
            raise NotDelivered(
                f"{self.upstream.url}: expected the server of {self.tournament} on chain {self.chain_id}, "
                f"found that of {identity.tournament} on {identity.chain_id}"
            )
        KnownServers(self.receipts / "servers.json").require(self.upstream.url, identity, None)
        return ReceiptFolder(self.receipts, identity)

    def _submit(self, submission: SignedSubmission, trigger: str | None) -> None:
        digest, number = submission.digest, self._tournament_number()
        names: dict[str, Any] = {"t": number, "m": str(digest.model_id)}
        grant = self._ask(GRANT, f=submission.file, **names) or {}
        filename = str(grant.get("filename"))
        self.upstream.put(str(grant.get("url")), submission.content)
        signed = {"c": to_hex(digest.content_hash), "s": to_hex(submission.signature)}
        self._ask(SIGN, f=filename, r=digest.round_id, **signed)
        self._ask(CREATE, f=filename, g=trigger, **names)

    def _ask(self, query: str, **variables: Any) -> Any:
        return self.upstream.query(query, self._authorization, **variables)

    def _tournament_number(self) -> int:
        if self._number is None:
            self._number = int(json.loads(self.upstream.get(TOURNAMENT))["number"])
        return self._number

    def _receipt(self, folder: ReceiptFolder, submission: SignedSubmission) -> SubmissionReceipt | None:
        rows = self._ask(RECEIPTS, m=str(submission.digest.model_id)) or []
        kept: Iterable[SubmissionReceipt | None] = (folder.keep(row) for row in rows)
        return next((each for each in kept if each is not None and is_receipt_of(each, submission)), None)


def is_receipt_of(receipt: SubmissionReceipt, submission: SignedSubmission) -> bool:
    """Return whether a receipt is for this very submission."""
    digest = submission.digest
    found = (receipt.round_id, receipt.model_id, receipt.content_hash, receipt.ciphertext_hash)
    expected = (digest.round_id, digest.model_id, digest.content_hash, digest.ciphertext_hash)
    return found == expected and receipt.signature_hash == keccak(submission.signature)
