"""Load on a server: encrypted submissions as a gateway sends them, and reads at a fixed rate."""

import http.client
import json
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import sqlalchemy as sa
from eth_account import Account as EthAccount

from benchmarks.server.running import BenchServer
from scorer.observation.encryption import encrypt_submission, round_context
from scorer.protocol.documents import to_hex
from scorer.server.gateway import SIGN
from scorer.server.read_model import insert
from scorer.server.served_names import ENCRYPTS
from scorer.server.submission_records import ACCEPTED
from scorer.server.tables import MODEL, SUBMISSION

AUTH = (
    "query ($m: String) "
    '{ submission_upload_auth(filename: "p.csv", tournament: 8, modelId: $m) { filename url } }'
)
CREATE = (
    "mutation ($f: String!, $m: String) "
    "{ create_submission(filename: $f, tournament: 8, modelId: $m) { id } }"
)
FIRST = 2_000_000
"""The number of the first model of the load; none is on the chain."""
MODELS_OF_ACCOUNT = 100
CLIENTS = 8
"""Data scientists who submit at once."""


@dataclass(frozen=True)
class Sealed:
    """A submission that waits to be sent: encrypted and signed beforehand."""

    model: int
    header: str
    content: bytes
    hashes: tuple[str, str]


def add_models(server: BenchServer, count: int) -> list[tuple[int, str, bytes]]:
    """Write models into the read model, a hundred of each account: number, header of the key, wallet."""
    found = []
    with server.services() as services:
        for start in range(0, count, MODELS_OF_ACCOUNT):
            wallet = EthAccount.create()
            ids = range(FIRST + start, FIRST + min(start + MODELS_OF_ACCOUNT, count))
            named = {"owner": wallet.address, "submitter": wallet.address, "registered_at": 1}
            with services.database.writing() as connection:
                insert(connection, MODEL, ({"id": model, **named} for model in ids))
            account = services.accounts.join(f"load{start}", wallet=wallet.address)
            key = services.keys.create(account, "load")
            header = f"Token {key.public_id}${key.secret}"
            found += [(model, header, bytes(wallet.key)) for model in ids]
    return found


def seal(server: BenchServer, models: Sequence[tuple[int, str, bytes]]) -> list[Sealed]:
    """Encrypt and sign predictions of every model, as its gateway would."""
    place, generator = round_context(server.world.suite, 1), np.random.default_rng(1)
    members = server.world.tournament.keys_of(1)
    sealed = []
    for model, header, key in models:
        values = generator.random(len(server.universe))
        digest, envelope = encrypt_submission(place, server.universe, values, model, members)
        hashes = (to_hex(digest.content_hash), to_hex(digest.sign(key)))
        sealed.append(Sealed(model, header, envelope, hashes))
    return sealed


class Client:
    """Sends requests as numerapi does: each by a connection of its own."""

    def __init__(self, url: str, header: str | None = None) -> None:
        self._host, self._headers = urlsplit(url).netloc, {ENCRYPTS: "1", "Content-Type": "application/json"}
        if header is not None:
            self._headers["Authorization"] = header

    def ask(self, query: str, **variables: object) -> Any:
        """The data of an answer; fails where it has an error."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        answer = json.loads(self._send("POST", "/", body, self._headers))
        if "errors" in answer:
            raise RuntimeError(str(answer["errors"]))
        return next(iter(answer["data"].values()))

    def put(self, url: str, content: bytes) -> None:
        parts = urlsplit(url)
        self._send("PUT", f"{parts.path}?{parts.query}", content, {})

    def _send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        connection = http.client.HTTPConnection(self._host, timeout=120)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{method} {path}: {answer.status} {content[:200]!r}")
            return content
        finally:
            connection.close()


def submit(server: BenchServer, sealed: Sealed) -> None:
    """Send one submission, and wait until it is accepted."""
    client, model = Client(server.url, sealed.header), str(sealed.model)
    granted = client.ask(AUTH, m=model)
    client.put(granted["url"], sealed.content)
    client.ask(SIGN, f=granted["filename"], r=1, c=sealed.hashes[0], s=sealed.hashes[1])
    client.ask(CREATE, f=granted["filename"], m=model)


def submissions(server: BenchServer, sealed: Sequence[Sealed]) -> tuple[float, float]:
    """Send all submissions: accepted ones a second, and the 99th percentile of one, seconds."""
    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        taken = list(pool.map(lambda each: timed(lambda: submit(server, each)), sealed))
    lasted = time.perf_counter() - began
    with server.services() as services, services.database.reading() as connection:
        count = sa.select(sa.func.count()).where(SUBMISSION.c.state == ACCEPTED, SUBMISSION.c.receipt != "")
        accepted = connection.scalar(count)
    if accepted != len(sealed):
        raise RuntimeError(f"expected {len(sealed)} accepted with a receipt, found {accepted}")
    return len(sealed) / lasted, percentile(taken, 99)


def timed(work: Callable[[], object]) -> float:
    """The seconds that a piece of work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def percentile(values: Sequence[float], which: float) -> float:
    return float(np.percentile(values, which))


def at_rate(pieces: Sequence[Callable[[], object]], rate: float, threads: int = 16) -> list[float]:
    """Do pieces of work at moments that do not wait for one another: seconds of each, from its own moment.

    So a server that falls behind is seen to: a client that waits for it would ask less.
    """
    began = time.perf_counter() + 0.1

    def one(item: tuple[int, Callable[[], object]]) -> float:
        due = began + item[0] / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        item[1]()
        return time.perf_counter() - due

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, enumerate(pieces)))


def shuffled(pieces: list[Any]) -> list[Any]:
    random.Random(1).shuffle(pieces)
    return pieces
