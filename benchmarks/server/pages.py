"""Reads on many models: leaderboards and profiles at a fixed rate, and pages over a year of rounds."""

import http.client
import json
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from benchmarks.server.load import at_rate, percentile, shuffled
from benchmarks.server.running import BenchServer, Process
from scorer.server import public_version
from tests.server.large_board import FIRST_MODEL, FIRST_ROUND

BOARD = (
    "query ($o: Int!) { v2Leaderboard(limit: 50, offset: $o) { rank username nmrStaked corr20Rep mmcRep } }"
)
PROFILE = (
    "query ($n: String) "
    "{ v3UserProfile(modelName: $n) { nmrStaked dailyModelPerformances { date corrRep } } }"
)
RATE = 200.0
PAGE = 50
WARMING = 200
"""Reads before the first that counts: connections are opened, and plans of statements made."""
REPEATED = 25
Asking = Callable[[int], None]
Question = tuple[str, str, int | str]
"""A document, its variable, and the variable's value."""


class Reader:
    """Asks with a connection that is kept in each thread, as browsers and proxies do."""

    def __init__(self, url: str) -> None:
        self._host, self._local = urlsplit(url).netloc, threading.local()

    def ask(self, question: Question) -> None:
        query, name, value = question
        body = json.dumps({"query": query, "variables": {name: value}}).encode()
        answer = self._answer("POST", "/", body, {"Content-Type": "application/json"})
        if b'"errors"' in answer:
            raise RuntimeError(answer[:500].decode())

    def page(self, path: str) -> None:
        self._answer("GET", path, b"", {"Accept": "text/html", "Accept-Encoding": "identity"})

    def _answer(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPConnection(self._host, timeout=60)
        connection: http.client.HTTPConnection = self._local.connection
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status}")
        return content


def board_at(offset: int) -> Question:
    return BOARD, "o", offset


def profile_of(place: int) -> Question:
    return PROFILE, "n", f"model_{FIRST_MODEL + place}"


def popular(models: int, count: int) -> list[Question]:
    """Leaderboards and profiles, in turn, as people ask: the nth page or model once for n times the first."""
    chance = np.random.default_rng(1)
    pages = zipf_places(chance, max(1, models // PAGE), count // 2)
    order = chance.permutation(models)  # a model's number says nothing of how many look at it
    profiles = order[zipf_places(chance, models, count - count // 2)]
    found = [board_at(PAGE * int(page)) for page in pages] + [profile_of(int(place)) for place in profiles]
    return shuffled(found)


def zipf_places(chance: np.random.Generator, places: int, count: int) -> Any:
    """Draw places from 0 on, shape (count,): each as likely as one by its number."""
    weights = 1 / np.arange(1, places + 1)
    return chance.choice(places, count, p=weights / weights.sum())


def unlike(models: int, count: int) -> list[Question]:
    """Leaderboards and profiles of which none comes twice, at most as many as there are models."""
    places = shuffled(list(range(models)))[: count // 2]
    return shuffled([*map(board_at, places), *map(profile_of, places)])


def forget_answers(server: BenchServer) -> None:
    """Let the server keep no answer that it made before, as whoever changes a public row does."""
    with server.services() as services, services.database.writing() as connection:
        public_version.renew(connection)


def reads(server: BenchServer, process: Process, models: int, count: int) -> dict[str, float]:
    """Read leaderboards and profiles, 200 a second: as people ask, and then with no answer that is kept.

    Returns
    -------
    dict
        Percentiles of a read in milliseconds, CPU of the server for one, and the share that was asked first.
    """
    reader, asked = Reader(server.url), popular(models, count)
    found = {"read_first_share": len(set(asked)) / len(asked)}
    new = unlike(models, WARMING + count // 2)
    at_rate([partial(reader.ask, question) for question in new[:WARMING]], RATE)
    for name, questions in (("read", asked), ("unkept_read", new[WARMING:])):
        forget_answers(server)
        before = process.cpu()
        taken = at_rate([partial(reader.ask, question) for question in questions], RATE)
        found[f"{name}_cpu_ms"] = 1000 * (process.cpu() - before) / len(questions)
        for which in (50, 99):
            found[f"{name}_p{which}_ms"] = 1000 * percentile(taken, which)
    return found


def page_times(server: BenchServer, process: Process, rounds: int) -> dict[str, float]:
    """The CPU milliseconds of each kind of page and answer, with so many rounds."""
    reader, last = Reader(server.url), FIRST_ROUND + rounds - 1
    model = FIRST_MODEL + 5
    kinds: dict[str, Asking] = {
        "leaderboard": lambda each: reader.page(f"/leaderboard?page={each + 1}"),
        "rounds": lambda each: reader.page(f"/rounds?page={each % 7 + 1}"),
        "round": lambda each: reader.page(f"/rounds/{last - each}"),
        "model": lambda each: reader.page(f"/models/{model + each}"),
        "payout": lambda each: reader.page(f"/models/{model + each}/rounds/{last}"),
        "v2Leaderboard": lambda each: reader.ask(board_at(PAGE * each)),
        "v3UserProfile": lambda each: reader.ask(profile_of(5 + each)),
    }
    found = {}
    for name, ask in kinds.items():
        ask(0)
        before = process.cpu()
        for each in range(1, REPEATED + 1):
            ask(each)
        found[name] = round(1000 * (process.cpu() - before) / REPEATED, 1)
    return found


def settle_down(process: Process) -> None:
    """Wait until a server does nothing but what it does while nobody asks."""
    for _ in range(60):
        before = process.cpu()
        time.sleep(1)
        if process.cpu() - before < 0.05:
            return
