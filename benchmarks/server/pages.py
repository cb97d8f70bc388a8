"""Reads on many models: leaderboards and profiles at a fixed rate, and pages over a year of rounds."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests

from benchmarks.server.load import at_rate, percentile, shuffled
from benchmarks.server.running import BenchServer, Process
from tests.server.large_board import FIRST_MODEL, FIRST_ROUND

BOARD = (
    "query ($o: Int!) { v2Leaderboard(limit: 50, offset: $o) { rank username nmrStaked corr20Rep mmcRep } }"
)
PROFILE = (
    "query ($n: String) "
    "{ v3UserProfile(modelName: $n) { nmrStaked dailyModelPerformances { date corrRep } } }"
)
RATE = 200.0
REPEATED = 15


class Reader:
    """Asks with a connection that is kept in each thread, as browsers and proxies do."""

    def __init__(self, url: str) -> None:
        self._url, self._local = url, threading.local()

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
        session: requests.Session = self._local.session
        return session

    def ask(self, query: str, variables: Mapping[str, Any]) -> None:
        answer = self._session().post(self._url, json={"query": query, "variables": variables}, timeout=60)
        if "errors" in answer.json():
            raise RuntimeError(answer.text[:500])

    def page(self, path: str) -> None:
        headers = {"Accept": "text/html", "Accept-Encoding": "identity"}
        answer = self._session().get(self._url + path, headers=headers, timeout=60)
        if answer.status_code != 200:
            raise RuntimeError(f"{path}: {answer.status_code}")


def reads(server: BenchServer, models: int, count: int) -> dict[str, float]:
    """Read leaderboards and profiles, in turn, 200 a second: percentiles of one, milliseconds."""
    reader = Reader(server.url)

    def board(number: int) -> Callable[[], None]:
        return lambda: reader.ask(BOARD, {"o": number * 50 % models})

    def profile(number: int) -> Callable[[], None]:
        return lambda: reader.ask(PROFILE, {"n": f"model_{FIRST_MODEL + number * 37 % models}"})

    pieces = [(board if number % 2 else profile)(number) for number in range(count)]
    at_rate(pieces[:200], RATE)  # connections, plans of statements
    taken = at_rate(shuffled(pieces), RATE)
    return {"read_p50_ms": 1000 * percentile(taken, 50), "read_p99_ms": 1000 * percentile(taken, 99)}


def page_times(server: BenchServer, process: Process, rounds: int) -> dict[str, float]:
    """The CPU milliseconds of each kind of page and answer, with so many rounds."""
    reader, last = Reader(server.url), FIRST_ROUND + rounds - 1
    model = FIRST_MODEL + 5
    kinds: dict[str, Callable[[int], None]] = {
        "leaderboard": lambda each: reader.page(f"/leaderboard?page={each + 1}"),
        "rounds": lambda each: reader.page(f"/rounds?page={each % 7 + 1}"),
        "round": lambda each: reader.page(f"/rounds/{last - each}"),
        "model": lambda each: reader.page(f"/models/{model + each}"),
        "payout": lambda each: reader.page(f"/models/{model + each}/rounds/{last}"),
        "v2Leaderboard": lambda each: reader.ask(BOARD, {"o": 50 * each}),
        "v3UserProfile": lambda each: reader.ask(PROFILE, {"n": f"model_{model + each}"}),
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
