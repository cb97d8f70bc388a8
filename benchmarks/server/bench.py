"""Load on a server over loopback: submissions a second, reads at a fixed rate, pages over a year, a gateway.

python benchmarks/server/bench.py [--models 10000] [--ids 6000] [--board 10000] [--year 365] [--reads 4000]

The server runs in processes of its own, on SQLite and a folder, as `cupel server init` and `run` make it; the
clients, which open a connection for each request as numerapi does, share its two processors.
"""

import argparse
import json
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.server.load import AUTH, CREATE, Client, add_models, seal, submissions, timed
from benchmarks.server.pages import page_times, reads, settle_down
from benchmarks.server.running import BenchServer, Process, free_port, set_up_server, started
from scorer.client.keystore import write_keystore
from scorer.files import write_secret
from tests.chains import Chains
from tests.server.large_board import add_board, add_rounds
from tests.world import lent_world

OUT = Path("build/bench/server.json")
FEW = 60
"""Rounds with which a year is compared: pages are full with them, since none lists more than 50."""
LIMITS = {
    "submission_p99_s": 2.0,
    "read_p99_ms": 100.0,
    "peak_rss_mib": 512.0,
    "year_over_few": 1.5,
}
"""The most that a figure may be."""
LEAST = {"submissions_per_second": 40.0}
PASSWORD = "bench"
GATEWAY_FILES = 20
GROWS = "v3UserProfile"
"""The answer that has a row for every day of a model, and so takes longer for more of them."""


def gateway(server: BenchServer, folder: Path) -> dict[str, float]:
    """Submit through a gateway, one file after the other: seconds of one, and CPU of the gateway alone."""
    owner = server.world.participants[0].account
    write_keystore(folder / "owner.json", bytes(owner.key), PASSWORD)
    write_secret(folder / "owner.password", PASSWORD + "\n")
    with server.services() as services:
        account = services.accounts.by_wallet(owner.address) or services.accounts.join(
            "owner", wallet=owner.address
        )
        key = services.keys.create(account, "gateway")
    port, options = free_port(), []
    for name, value in (
        *(("keystore", folder / "owner.json"), ("password-file", folder / "owner.password")),
        *(("port", port), ("receipts", folder / "receipts")),
        *(("deployment", folder / "deployment.json"), ("endpoint", server.world.anvil.url)),
    ):
        options += [f"--{name}", str(value)]
    values = np.random.default_rng(3).random(len(server.universe))
    lines = (f"{name},{value}\n" for name, value in zip(server.universe, values, strict=True))
    content = ("id,prediction\n" + "".join(lines)).encode()
    url = f"http://127.0.0.1:{port}"
    with started(["gateway", server.url, *options], f"{url}/upload/none", folder / "gateway") as process:
        client = Client(url, f"Token {key.public_id}${key.secret}")

        def send() -> None:
            granted = client.ask(AUTH, m="1")
            client.put(granted["url"], content)
            client.ask(CREATE, f=granted["filename"], m="1")

        send()
        before = process.cpu()
        taken = [timed(send) for _ in range(GATEWAY_FILES)]
        cpu = (process.cpu() - before) / len(taken)
    return {"gateway_submission_s": float(np.median(taken)), "gateway_cpu_ms": 1000 * cpu}


def year(server: BenchServer, process: Process, models: int, rounds: int) -> dict[str, Any]:
    """Fill the read model with two months and then a year of rounds, and compare what pages take."""
    database = server.config.open_database()
    add_board(database, models)
    add_rounds(database, models, 0, FEW)
    settle_down(process)
    few = page_times(server, process, FEW)
    refreshed = timed(lambda: add_rounds(database, models, FEW, rounds - FEW))
    database.close()
    settle_down(process)
    whole = page_times(server, process, rounds)
    worst = max(whole[name] / max(few[name], 1.0) for name in few if name != GROWS)
    return {
        "page_cpu_ms_few": few,
        "page_cpu_ms_year": whole,
        "year_over_few": worst,
        "year_filled_in_s": refreshed,
        "database_mib": (server.folder / "server.sqlite").stat().st_size / 2**20,
    }


def main() -> None:
    """Measure, write build/bench/server.json, and fail where a figure is worse than it may be."""
    parser = argparse.ArgumentParser(description=__doc__)
    defaults = (("models", 10_000), ("ids", 6_000), ("board", 10_000), ("year", 365), ("reads", 4_000))
    for name, default in defaults:
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    found: dict[str, Any] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cupel-bench-")))
        world = stack.enter_context(lent_world(stack.enter_context(Chains()), folder / "world"))
        server = set_up_server(world, folder, given.ids)
        sealed = seal(server, add_models(server, given.models))
        process = stack.enter_context(server.running())
        before, began = process.cpu(), time.perf_counter()
        rate, slowest = submissions(server, sealed)
        found |= {"submissions_per_second": rate, "submission_p99_s": slowest}
        found["submission_cpu_ms"] = 1000 * (process.cpu() - before) / len(sealed)
        found["submissions_lasted_s"] = time.perf_counter() - began
        found |= gateway(server, folder)
        found |= year(server, process, given.board, given.year)
        found |= reads(server, process, given.board, given.reads)
        found["peak_rss_mib"] = process.peak_mib()
    found = {name: round(value, 3) if isinstance(value, float) else value for name, value in found.items()}
    found |= vars(given)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))
    missed = [f"{name} {found[name]} > {most}" for name, most in LIMITS.items() if found[name] > most]
    missed += [f"{name} {found[name]} < {least}" for name, least in LEAST.items() if found[name] < least]
    if missed:
        raise SystemExit(f"expected less, found {', '.join(missed)}")


if __name__ == "__main__":
    main()
