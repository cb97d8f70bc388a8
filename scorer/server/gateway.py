"""A service on a data scientist's own machine that speaks the server's API, and signs what is submitted.

Everything is forwarded. An upload stays here until it is submitted: then it is checked as the server will
check it, signed with the key of the keystore, which never leaves this process, sent on, and its receipt kept.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from graphql import FieldNode, GraphQLError, OperationDefinitionNode, parse, value_from_ast_untyped
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from scorer.client.keystore import Wallet
from scorer.errors import CupelError
from scorer.files import write_whole
from scorer.protocol.digest import content_hash
from scorer.protocol.documents import from_hex, to_hex
from scorer.protocol.receipt import SubmissionReceipt
from scorer.protocol.signature import SubmissionDigest
from scorer.redaction import clean
from scorer.server.engine import camel_case
from scorer.server.errors import ApiError
from scorer.server.graphql_route import bounded_body
from scorer.server.upstream import Upstream
from scorer.storage.bundle import NAMES, RULES, UNIVERSE, Bundle
from scorer.submission.reader import check_submission

GRANTS: Final = ("submissionUploadAuth", "submissionUploadSignalsAuth")
CREATES: Final = ("createSubmission", "createSignalsSubmission")
MOST_BODY: Final = 65_536
MOST_UPLOAD: Final = 64 * 2**20
MOST_KEPT: Final = 20
"""Uploads that are kept until they are submitted; older ones are forgotten."""
LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
ROUND: Final = "query { rounds(number: 0) { number } }"
SIGN: Final = (
    "mutation ($f: String!, $r: Int!, $c: String!, $s: String!) "
    "{ signUpload(filename: $f, roundNumber: $r, contentHash: $c, signature: $s) }"
)
RECEIPTS: Final = (
    "query ($m: String) { submissions(modelId: $m) { id receipt { chainId tournament roundId modelId "
    "contentHash signatureHash receivedAt signer signature } } }"
)


@dataclass
class _Upload:
    """An upload: where it goes, and what came."""

    url: str
    content: bytes | None = None


class Gateway:
    """Signs submissions on their way to a server.

    Parameters
    ----------
    url
        Of the gateway itself.
    receipts
        The folder in which receipts are kept.
    """

    def __init__(self, upstream: Upstream, wallet: Wallet, url: str, receipts: Path) -> None:
        self._upstream, self._wallet, self._url, self._receipts = upstream, wallet, url, receipts
        self.tournament = upstream.tournament()
        self._uploads: OrderedDict[str, _Upload] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, body: bytes, authorization: str | None) -> dict[str, Any]:
        """Answer a GraphQL request: as the server does, with submissions signed on the way."""
        try:
            fields = list(_root_fields(body))
            created = [arguments for name, _, arguments in fields if name in CREATES]
            for arguments in created:
                self._sign(arguments, authorization)
            answer = self._upstream.ask(body, authorization)
        except CupelError as error:
            return {"errors": [{"message": clean(str(error))}]}
        data = answer.get("data") or {}
        for name, key, _ in fields:
            if name in GRANTS and data.get(key):
                data[key]["url"] = self._keep_url(data[key]["filename"], data[key]["url"])
        if created and not answer.get("errors"):
            self._keep_receipts(created, authorization)
        return answer

    def take(self, filename: str, content: bytes) -> bool:
        """Keep an upload until it is submitted; whether it was expected."""
        with self._lock:
            upload = self._uploads.get(filename)
            if upload is not None:
                upload.content = content
        return upload is not None

    def _keep_url(self, filename: str, url: str) -> str:
        with self._lock:
            self._uploads[filename] = _Upload(url)
            while len(self._uploads) > MOST_KEPT:
                self._uploads.popitem(last=False)
        return f"{self._url}/upload/{filename}"

    def _sign(self, arguments: dict[str, Any], authorization: str | None) -> None:
        """Check what was uploaded, send it on, and sign it."""
        filename, model = str(arguments.get("filename")), arguments.get("modelId")
        with self._lock:
            upload = self._uploads.get(filename)
        if upload is None or upload.content is None:
            raise ApiError("filename: expected a file that was sent to this gateway by PUT, found none")
        if not isinstance(model, str) or not model.isdecimal():
            raise ApiError("modelId: expected the number of a model, which the signature names, found none")
        current = self._upstream.query(ROUND, None)
        if not current or current[0] is None:
            raise ApiError("round: expected one that takes submissions, found none")
        number = int(current[0]["number"])
        content = self._content_hash(number, upload.content, filename)
        place = (int(self.tournament["chain_id"]), str(self.tournament["tournament"]))
        digest = SubmissionDigest(*place, number, int(model), content)
        signature = digest.sign(bytes(self._wallet.account.key))
        self._upstream.put(upload.url, upload.content)
        signed = {"c": to_hex(content), "s": to_hex(signature)}
        self._upstream.query(SIGN, authorization, f=filename, r=number, **signed)
        with self._lock:
            self._uploads.pop(filename, None)

    def _content_hash(self, number: int, content: bytes, filename: str) -> bytes:
        """Return the hash of a file's predictions, read as the server will read them."""
        folder = self._receipts / "rounds" / str(number)
        for file in (RULES, UNIVERSE):
            if not (folder / file).is_file():
                write_whole(_made(folder) / file, self._upstream.get(f"rounds/{number}/{file}"))
        bundle = Bundle(folder, strict=True)
        rules = bundle.rules()
        if rules.submissions in ("signals", "crypto") and not (folder / NAMES).is_file():
            write_whole(folder / NAMES, self._upstream.get(f"rounds/{number}/{NAMES}"))
        universe = bundle.named_universe()
        checked = check_submission(rules.submissions, content, universe, filename)
        return content_hash(universe.ids, checked.values)

    def _keep_receipts(self, created: list[dict[str, Any]], authorization: str | None) -> None:
        """Keep the receipt of each model's newest submission; one that the server did not sign is none."""
        for model in {str(arguments.get("modelId")) for arguments in created}:
            rows = self._upstream.query(RECEIPTS, authorization, m=model) or []
            for row in rows[:1]:
                receipt = row.get("receipt")
                if receipt and _is_signed(receipt, str(self.tournament["server"])):
                    path = _made(self._receipts) / f"{row['id']}.receipt.json"
                    write_whole(path, json.dumps(receipt, indent=1).encode())


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _is_signed(receipt: dict[str, Any], server: str) -> bool:
    try:
        numbers = (int(receipt["roundId"]), int(receipt["modelId"]))
        hashes = (from_hex(receipt["contentHash"], 32), from_hex(receipt["signatureHash"], 32))
        place = (int(receipt["chainId"]), str(receipt["tournament"]))
        stated = SubmissionReceipt(*place, *numbers, *hashes, int(receipt["receivedAt"]))
        return stated.signer(from_hex(receipt["signature"], 65)) == server
    except (KeyError, ValueError, TypeError):
        return False


def _root_fields(body: bytes) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the root fields of a request, none of what is no request: name, key in the answer, arguments."""
    try:
        request = json.loads(body)
        document, variables = parse(request["query"], max_tokens=1_000), request.get("variables") or {}
    except (ValueError, KeyError, TypeError, GraphQLError, RecursionError):
        return
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            for part in node.selection_set.selections:
                if isinstance(part, FieldNode):
                    given = {
                        argument.name.value: value_from_ast_untyped(argument.value, variables)
                        for argument in part.arguments or ()
                    }
                    key = part.alias.value if part.alias else part.name.value
                    yield camel_case(part.name.value), key, given


def gateway_application(gateway: Gateway) -> ASGIApp:
    """Return the application of a gateway, which answers only by a name of this machine."""

    def is_local(request: Request) -> bool:
        return request.headers.get("host", "").rpartition(":")[0] in LOOPBACK

    async def graphql(request: Request) -> Response:
        body = await bounded_body(request, MOST_BODY)
        if not is_local(request) or len(body) > MOST_BODY:
            return JSONResponse(
                {"errors": [{"message": "gateway: expected a small request from this machine"}]}
            )
        header = request.headers.get("authorization")
        return JSONResponse(await run_in_threadpool(gateway.answer, body, header))

    async def upload(request: Request) -> Response:
        content = await bounded_body(request, MOST_UPLOAD)
        if not is_local(request) or len(content) > MOST_UPLOAD:
            return PlainTextResponse("upload: expected a file from this machine, found another\n", 413)
        found = gateway.take(request.path_params["filename"], content)
        return Response(status_code=200 if found else 404)

    routes = [
        Route("/", graphql, methods=["POST"]),
        Route("/upload/{filename}", upload, methods=["PUT"]),
    ]
    return Starlette(routes=routes)
