"""Server time of the pages of 10,000 models, cold and cached: the leaderboard in all its orders, and a model.

python benchmarks/web/bench.py [--models 10000] [--rounds 20]
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa
from starlette.types import ASGIApp, Message

from scorer.server.application import application
from scorer.server.read_model import insert
from scorer.server.tables import CURSOR, LANE, MODEL_PROFILE
from tests.chains import Chains
from tests.server.large_board import fill_board
from tests.server.site import Site, running_site
from tests.world import lent_world

OUT = Path("build/bench/web.json")
CACHED, COLD = 50.0, 200.0
"""Milliseconds that the page may take."""
SORTS = ("rank", "-reward", "-stake", "name", "-year", "-corr_target_20d2l")
PAGES = {
    **{f"by {sort.removeprefix('-')}": f"/leaderboard?sort={sort}" for sort in SORTS},
    "filtered": "/leaderboard?q=made_1009",
    "accounts": "/leaderboard/accounts?sort=-stake",
    "a model": "/models/1000000",
}


def name_and_fund(site: Site, models: int) -> None:
    """Give the models of the board names and stakes."""
    blank = dict.fromkeys(("bio", "link_url", "link_text"), "")
    ids = range(1_000_000, 1_000_000 + models)
    with site.services.database.writing() as connection:
        names = (
            {"model": model, "name": f"made_{model}", "name_key": f"made_{model}", **blank} for model in ids
        )
        insert(connection, MODEL_PROFILE, names)
        lanes = ({"number": model, "model": model, "idle": model} for model in ids)
        insert(connection, LANE, lanes)


def move_on(site: Site) -> None:
    """Change the block that the read model is of, so that no page in memory holds."""
    with site.services.database.writing() as connection:
        connection.execute(sa.update(CURSOR).values(block=CURSOR.c.block + 1))


async def get(app: ASGIApp, path: str) -> int:
    """Ask the application for a page, without a network; the status of its answer."""
    place, _, query = path.partition("?")
    headers = [(b"accept", b"text/html"), (b"accept-encoding", b"gzip")]
    scope = {"type": "http", "method": "GET", "path": place, "raw_path": place.encode(), "root_path": ""}
    scope |= {"query_string": query.encode(), "headers": headers, "http_version": "1.1", "scheme": "http"}
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app({**scope, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}, receive, send)
    return statuses[0]


def milliseconds(app: ASGIApp, path: str) -> float:
    """CPU time of all threads for one page: what else the machine does is not counted."""

    async def timed() -> float:
        began = time.process_time()
        assert await get(app, path) == 200
        return 1000 * (time.process_time() - began)

    return asyncio.run(timed())


def measure(app: ASGIApp, site: Site, path: str) -> tuple[float, float]:
    """Milliseconds for a page that is made anew, and for one in memory; the medians of some."""
    cold = []
    for _ in range(5):
        move_on(site)
        cold.append(milliseconds(app, path))
    cached = [milliseconds(app, path) for _ in range(20)]
    return round(statistics.median(cold), 1), round(statistics.median(cached), 1)


def main() -> None:
    """Measure, write build/bench/web.json, and fail where a page takes longer than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    cold, cached = {}, {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        world = stack.enter_context(lent_world(stack.enter_context(Chains()), folder / "world"))
        world.open()
        site = stack.enter_context(running_site(world, folder / "server"))
        fill_board(site, given.models, given.rounds)
        name_and_fund(site, given.models)
        now = world.now
        services = replace(site.services, clock=lambda: now)  # asking the chain would be measured too
        client = application(services)
        for name, path in PAGES.items():
            milliseconds(client, path)  # compiles the template
            cold[name], cached[name] = measure(client, site, path)
            print(f"{name}: {cold[name]} ms cold, {cached[name]} ms cached", flush=True)
    found = {"models": given.models, "rounds": given.rounds, "cold_ms": cold, "cached_ms": cached}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(found, indent=1) + "\n")
    if max(cold.values()) > COLD or max(cached.values()) > CACHED:
        raise SystemExit(f"expected at most {COLD} ms cold and {CACHED} ms cached, found more")


if __name__ == "__main__":
    main()
