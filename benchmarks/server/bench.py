"""Load on a server over loopback: submissions a second, and reads of leaderboards and profiles.

python benchmarks/server/bench.py [--models 300] [--ids 6000] [--board 10000] [--reads 2000]
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import requests

from scorer.lab.anvil import Anvil
from scorer.lab.rounds import open_round
from tests.chains import Chains
from tests.server.large_board import fill_board
from tests.server.site import Site, running_site, send
from tests.world import HOUR, World, lent_world

OUT = Path("build/bench/server.json")
AUTH = (
    "query ($m: String) "
    '{ submission_upload_auth(filename: "p.csv", tournament: 8, modelId: $m) { filename url } }'
)
CREATE = (
    "mutation ($f: String!, $m: String) "
    "{ create_submission(filename: $f, tournament: 8, modelId: $m) { id } }"
)
BOARD = (
    "query ($o: Int!) { v2Leaderboard(limit: 50, offset: $o) { rank username nmrStaked corr20Rep mmcRep } }"
)
PROFILE = (
    "query ($n: String) "
    "{ v3UserProfile(modelName: $n) { nmrStaked dailyModelPerformances { date corrRep } } }"
)


def open_large_round(world: World, ids: int) -> tuple[str, ...]:
    """Open a round of so many ids; its universe."""
    universe = tuple(f"id{number:06}" for number in range(ids))
    now = world.now
    times = (now, now + 24 * HOUR, now + 25 * HOUR, now + 90 * HOUR)
    open_round(world.suite, world.operator_sender, world.operator.published, world.rules, universe, times)
    return universe


def name_server(site: Site, anvil: Anvil) -> None:
    """Let every model name the server's key as its submitter."""
    registry, signer = site.world.suite.registry.functions, site.services.submissions.signer.address
    for participant in site.world.participants:
        send(site.world, registry.setSubmitter(participant.model_id, signer), participant.account.address)
    anvil.finalise()


def timed(work: Iterable[Callable[[], object]], threads: int) -> tuple[float, float]:
    """Do pieces of work in some threads: pieces a second, and the 99th percentile of one, seconds."""

    def one(piece: Callable[[], object]) -> float:
        began = time.perf_counter()
        piece()
        return time.perf_counter() - began

    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        taken = list(pool.map(one, work))
    return len(taken) / (time.perf_counter() - began), float(np.percentile(taken, 99))


def submissions(site: Site, universe: tuple[str, ...]) -> tuple[float, float]:
    """Upload and submit for every model, two files at once."""
    keys: dict[str, dict[str, str]] = {}
    for number, participant in enumerate(site.world.participants, start=1):
        if participant.account.address not in keys:
            key = site.key(site.account_of(number, f"owner{number}"))
            keys[participant.account.address] = {"Authorization": f"Token {key.public_id}${key.secret}"}
    body = np.random.default_rng(1).random(len(universe))
    content = "id,prediction\n" + "".join(
        f"{name},{value}\n" for name, value in zip(universe, body, strict=True)
    )

    def submit(model: int, headers: dict[str, str]) -> None:
        def ask(query: str, **variables: str) -> dict[str, dict[str, str]]:
            request = {"query": query, "variables": variables}
            answer = requests.post(site.url, json=request, headers=headers, timeout=120).json()
            assert "errors" not in answer, answer
            data: dict[str, dict[str, str]] = answer["data"]
            return data

        granted = ask(AUTH, m=str(model))["submission_upload_auth"]
        assert requests.put(granted["url"], data=content, timeout=120).status_code == 200
        ask(CREATE, f=granted["filename"], m=str(model))

    participants = site.world.participants
    return timed([lambda p=p: submit(p.model_id, keys[p.account.address]) for p in participants], 2)


def reads(site: Site, count: int, models: int) -> tuple[float, float]:
    """Read pages of the leaderboard and profiles, in turn, four at once."""
    session = requests.Session()

    def ask(number: int) -> None:
        page = number * 50 % models
        variables = {"o": page} if number % 2 else {"n": f"model_{1_000_000 + page}"}
        request = {"query": BOARD if number % 2 else PROFILE, "variables": variables}
        answer = session.post(site.url, json=request, timeout=60).json()
        assert "errors" not in answer, answer

    return timed([lambda number=number: ask(number) for number in range(count)], 4)


def main() -> None:
    """Measure, and write build/bench/server.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("models", 300), ("ids", 6_000), ("board", 10_000), ("reads", 2_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        chains = stack.enter_context(Chains())
        world = stack.enter_context(lent_world(chains, folder / "world", given.models))
        ahead = world.now - time.time()
        clock = {"clock": lambda: int(time.time() + ahead)}  # asking the chain would be measured too
        site = stack.enter_context(running_site(world, folder / "server", **clock))
        name_server(site, world.anvil)
        universe = open_large_round(world, given.ids)
        site.step()
        rate, slowest = submissions(site, universe)
        fill_board(site, given.board)
        read_rate, read_slowest = reads(site, given.reads, given.board)
    found = {
        "submissions_per_second": round(rate, 1),
        "submission_p99_s": round(slowest, 3),
        "reads_per_second": round(read_rate, 1),
        "read_p99_ms": round(1000 * read_slowest, 1),
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        **{name: getattr(given, name) for name in ("models", "ids", "board", "reads")},
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
