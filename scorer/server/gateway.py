"""A service on a data scientist's own machine that speaks the server's API, and encrypts what is submitted.

Everything is forwarded. An upload stays in memory here until it is submitted: then it is checked as the
operator would check it, encrypted to the members of the round, signed with the key of the keystore, which
never leaves this process, sent on as an envelope, and its receipt kept.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth_hash.auto import keccak
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    Undefined,
    parse,
    value_from_ast_untyped,
)

from scorer.client.keystore import Wallet
from scorer.errors import CupelError
from scorer.protocol.documents import to_hex
from scorer.protocol.receipt import SubmissionReceipt
from scorer.protocol.signature import SubmissionDigest
from scorer.redaction import clean
from scorer.server.engine import decoded_json
from scorer.server.errors import ApiError
from scorer.server.gateway_proof import GatewayIdentity
from scorer.server.known_servers import KnownServers
from scorer.server.names import camel_case
from scorer.server.receipt_folder import RECEIPTS, ReceiptFolder
from scorer.server.signing_rounds import OwnConfiguration, RoundReader
from scorer.server.upstream import GatewayError, Upstream

GRANTS: Final = ("submissionUploadAuth", "submissionUploadSignalsAuth")
CREATES: Final = ("createSubmission", "createSignalsSubmission")
MOST_TOKENS: Final = 1_000
"""Tokens of a document, as the server reads at most."""
MOST_KEPT: Final = 20
"""Uploads that are kept until they are submitted; older ones are forgotten."""
FILENAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
SIGN: Final = (
    "mutation ($f: String!, $r: Int!, $c: String!, $s: String!) "
    "{ signUpload(filename: $f, roundNumber: $r, contentHash: $c, signature: $s) }"
)


@dataclass
class _Upload:
    """An upload: where it goes, and what came."""

    url: str
    content: bytes | None = None


@dataclass(frozen=True)
class _Signed:
    """A submission that was signed, by the key of its answer, and what its receipt has to be for."""

    key: str
    digest: SubmissionDigest
    signature: bytes

    def is_for(self, receipt: SubmissionReceipt) -> bool:
        """Return whether a receipt is for this very submission."""
        digest = self.digest
        numbers, signature = (digest.round_id, digest.model_id), keccak(self.signature)
        hashes = (digest.content_hash, digest.ciphertext_hash, signature)
        found = (receipt.content_hash, receipt.ciphertext_hash, receipt.signature_hash)
        return (receipt.round_id, receipt.model_id) == numbers and found == hashes


class Gateway:
    """Signs submissions on their way to a server, for the tournament that its user means.

    Parameters
    ----------
    url
        Of the gateway itself.
    receipts
        The folder in which receipts are kept, and what is known of servers.
    own
        What the server is checked against.

    Raises
    ------
    scorer.server.known_servers.ServerChanged
        When the server is of another tournament.
    """

    def __init__(
        self,
        upstream: Upstream,
        wallet: Wallet,
        url: str,
        receipts: Path,
        own: OwnConfiguration | None = None,
    ) -> None:
        self._upstream, self._wallet, self._url = upstream, wallet, url
        own, self.identity = own or OwnConfiguration(), upstream.identity()
        self._in_the_clear, self._foreign_secrets = own.in_the_clear, own.foreign_secrets
        KnownServers(receipts / "servers.json").require(upstream.url, self.identity, own.addresses)
        self._rounds = RoundReader(upstream, self.identity, own, receipts / "rounds")
        self._receipts = ReceiptFolder(receipts, self.identity)
        self._own = GatewayIdentity(*self.identity.place, upstream.url, url, str(wallet.account.address))
        self._uploads: OrderedDict[str, _Upload] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, body: bytes, authorization: str | None) -> dict[str, Any]:
        """Answer a GraphQL request: as the server does, with submissions signed on the way."""
        try:
            self._require_own(authorization)
            fields = list(_root_fields(body))
            created = [(key, arguments) for name, key, arguments in fields if name in CREATES]
            signed = [self._sign(key, arguments, authorization) for key, arguments in created]
            answer = self._upstream.ask(body, authorization)
            data = answer.get("data") or {}
            for name, key, _ in fields:
                if name in GRANTS and data.get(key):
                    data[key] = self._granted(data[key])
            for submission in signed:
                if data.get(submission.key):
                    self._keep_receipt(submission, authorization)
        except CupelError as error:
            return {"errors": [{"message": clean(str(error))}]}
        return answer

    def prove(self, challenge: bytes) -> dict[str, Any]:
        """Return the answer to a challenge of 32 bytes, by which its user knows this gateway."""
        return self._own.prove(challenge, self._wallet)

    def take(self, filename: str, content: bytes) -> bool:
        """Keep an upload until it is submitted; whether it was expected."""
        with self._lock:
            upload = self._uploads.get(filename)
            if upload is not None:
                upload.content = content
        return upload is not None

    def _require_own(self, authorization: str | None) -> None:
        """Refuse an API key that is known to be another server's, which this one could use there."""
        if any(secret in (authorization or "") for secret in self._foreign_secrets):
            raise ApiError(
                "key: expected an API key for the server of this gateway, found one that is for another; it "
                "was not sent on"
            )

    def _granted(self, grant: dict[str, Any]) -> dict[str, Any]:
        """Return a grant whose URL is the gateway's."""
        filename = str(grant.get("filename"))
        if not FILENAME.fullmatch(filename):
            raise GatewayError("filename: expected a plain name from the server, found another text")
        with self._lock:
            self._uploads[filename] = _Upload(str(grant.get("url")))
            while len(self._uploads) > MOST_KEPT:
                self._uploads.popitem(last=False)
        return {**grant, "url": f"{self._url}/upload/{filename}"}

    def _sign(self, key: str, arguments: dict[str, Any], authorization: str | None) -> _Signed:
        """Check what was uploaded, encrypt and sign it, and send that on."""
        filename, model = str(arguments.get("filename")), arguments.get("modelId")
        with self._lock:
            upload = self._uploads.get(filename)
        if upload is None or upload.content is None:
            raise ApiError("filename: expected a file that was sent to this gateway by PUT, found none")
        if not isinstance(model, str) or not model.isdecimal():
            raise ApiError("modelId: expected the number of a model, which the signature names, found none")
        if arguments.get("sha256") is not None:
            raise ApiError(
                "sha256: expected none through a gateway, which sends an envelope and not the file, found one"
            )
        terms = self._rounds.current(int(model), self._wallet.address)
        wanted = arguments.get("roundNumber")
        if wanted is not None and wanted != terms.place.round_id:
            raise ApiError(
                f"roundNumber: expected {terms.place.round_id}, the round that takes submissions, found "
                "another; nothing was sent"
            )
        if terms.members is None and not self._in_the_clear:
            raise ApiError(
                f"round {terms.place.round_id}: expected a gateway that may send predictions in the clear, "
                "as the round's rules say, found one that may not; nothing was sent; start it with "
                "--in-the-clear"
            )
        made = terms.encode(int(model), upload.content, filename)
        signature = made.digest.sign(bytes(self._wallet.account.key))
        self._upstream.put(upload.url, made.content)
        signed = {"c": to_hex(made.digest.content_hash), "s": to_hex(signature)}
        self._upstream.query(SIGN, authorization, f=filename, r=made.digest.round_id, **signed)
        with self._lock:
            self._uploads.pop(filename, None)
        return _Signed(key, made.digest, signature)

    def _keep_receipt(self, submission: _Signed, authorization: str | None) -> None:
        """Keep the receipt of what was submitted, and every other one that is not kept yet."""
        try:
            rows = self._upstream.query(RECEIPTS, authorization, m=str(submission.digest.model_id)) or []
        except ApiError as error:
            raise ApiError(
                f"receipt: the submission was made, but its receipt could not be read: {error}"
            ) from None
        found = [self._receipts.keep(row) for row in rows]
        if not any(receipt is not None and submission.is_for(receipt) for receipt in found):
            raise GatewayError(
                f"receipt: expected the server's for the submission of model {submission.digest.model_id} to "
                f"round {submission.digest.round_id}, found none that it signed; the submission may not count"
            )


def _root_fields(body: bytes) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the root fields of a request: name, key in the answer, arguments.

    Raises
    ------
    ApiError
        When it cannot be read, or has a fragment there, behind which an upload could pass unseen.
    """
    document, variables = _parsed(body)
    for node in document.definitions:
        if not isinstance(node, OperationDefinitionNode):
            continue
        for part in node.selection_set.selections:
            if not isinstance(part, FieldNode):
                raise ApiError(
                    "query: expected fields alone at the root, found a fragment, which a gateway does not "
                    "follow; write its fields out"
                )
            values = {
                argument.name.value: value_from_ast_untyped(argument.value, variables)
                for argument in part.arguments or ()
            }
            given = {name: value for name, value in values.items() if value is not Undefined}
            key = part.alias.value if part.alias else part.name.value
            yield camel_case(part.name.value), key, given


def _parsed(body: bytes) -> tuple[DocumentNode, dict[str, Any]]:
    """Return a request's document and variables."""
    try:
        request = decoded_json(body)
        variables = request.get("variables") or {}
        if isinstance(variables, dict):
            return parse(request["query"], max_tokens=MOST_TOKENS), variables
    except (ValueError, KeyError, TypeError, AttributeError, GraphQLError, RecursionError):
        pass
    raise ApiError('request: expected {"query", "variables"} with a GraphQL document, found something else')
