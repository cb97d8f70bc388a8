"""``make chaos-compute``: models of six kinds on one node take part while node, server and chain are killed.

A devnet with a server; a node with the submitter's key in a process of its own. Every few seconds one of the
three is ended by SIGKILL and started again. At the end one line counts rounds that a model missed, and models
that submitted twice to a round; the operator's inbox and the chain say so, not the node.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq
import tomli_w
from web3.exceptions import Web3Exception

from scorer.chain.contracts import Suite
from scorer.chain.endpoint import LOCAL_CHAIN_ID, EndpointError, connect
from scorer.chain.records import RoundRecord, RoundState
from scorer.client.keystore import write_keystore
from scorer.compute.configuration import load_compute_config
from scorer.compute.inputs import FEATURES
from scorer.compute.journal import RunJournal
from scorer.daemon.deployment_file import read_deployment
from scorer.files import write_secret
from scorer.lab.anvil import free_port
from scorer.lab.devnet.layout import CHAIN, POPULATION, DevnetLayout, Settings, account_of
from scorer.lab.devnet.network import down, save_chain, start_chain, stop_ticking, tick, up
from scorer.lab.devnet.serving import SERVER, api_key, serve
from scorer.lab.devnet.setup import FILE
from scorer.lab.processes import cupel
from scorer.server.configuration import load_server_config
from scorer.server.setup import CONFIG
from scorer.storage.bundle import round_folder
from scorer.storage.inbox import SIGNATURE_SUFFIX
from tests.chaos.compute_models import write_models
from tests.waiting import eventually

NODE: Final = "node"
POSITION: Final = 5 * 10**9
"""nano-NMR that every model of a devnet puts at risk."""
PAUSES: Final = (15.0, 50.0)
"""Seconds between two kills, at least and at most."""
AWAY: Final = (0.0, 6.0)
"""Seconds that what was killed stays away."""
SHORTEST: Final = 240
"""Seconds of a round at least."""
KILLED: Final = (NODE, NODE, SERVER, CHAIN)
"""What is killed: all of it once in some order, then all of it again."""


@dataclass
class Chaos:
    """A devnet, its node, and what is done to them.

    Attributes
    ----------
    kills
        How often each was ended.
    left
        What is killed next, the last first.
    """

    layout: DevnetLayout
    settings: Settings
    home: Path
    dice: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    left: list[str] = field(default_factory=list)

    @property
    def suite(self) -> Suite:
        """The contracts at the chain as it runs now."""
        w3 = connect(self.settings.endpoint, LOCAL_CHAIN_ID)
        return Suite.at(w3, read_deployment(self.layout.manifest))

    def set_up(self, models: int, port: int) -> None:
        """Start the devnet and its server, and write the node's folder."""
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        document = FILE.read_text().replace('lock_window = "1 minute"', 'lock_window = "10 minutes"')
        (self.home / "devnet.toml").write_text(document)
        up(self.layout, self.settings, file=self.home / "devnet.toml")
        serve(self.layout, port, free_port())
        config = load_server_config(self.layout.root / SERVER / CONFIG)
        owner = account_of(POPULATION)
        key = api_key(config, POPULATION, str(owner.address))
        write_secret(self.home / "api.key", f"{key.public_id}${key.secret}\n")
        write_keystore(self.home / "submitter.json", bytes(owner.key), "chaos")
        write_secret(self.home / "submitter.password", "chaos\n")
        url = f"http://127.0.0.1:{port}"
        sections = {
            "chain": {
                "endpoint": self.settings.endpoint,
                "chain_id": LOCAL_CHAIN_ID,
                "deployment": str(self.layout.manifest.resolve()),
            },
            "submitter": {"keystore": "submitter.json", "password_file": "submitter.password"},
            "rounds": {"published": str(self.layout.rounds.resolve())},
            "submit": {"server": url, "api_key_file": "api.key"},
            "run": {"interval": 2.0, "concurrent": 4, "margin": 3, "pause": 1, "port": free_port()},
            "models": write_models(self.home / "models", models, sys.executable, self.features()),
        }
        (self.home / "compute.toml").write_text(tomli_w.dumps(sections))

    def features(self) -> int:
        """Count the features of the devnet's data set."""
        eventually(lambda: list(self.layout.rounds.glob(f"[0-9]*/{FEATURES}")), "live data", 60)
        path = next(self.layout.rounds.glob(f"[0-9]*/{FEATURES}"))
        return sum(name.startswith("feature") for name in pq.read_schema(path).names)

    def start_node(self) -> None:
        """Start the node."""
        command = [cupel(), "compute", "run", "--config", str(self.home / "compute.toml")]
        self.layout.processes.start(NODE, command)

    def strike(self) -> None:
        """End one of the three at once, and start it again a little later."""
        self.left = self.left or self.dice.sample(KILLED, len(KILLED))
        name = self.left.pop()
        group = self.layout.processes
        if name == CHAIN:
            # Anvil keeps no state of its own: it is saved while no block is mined, as a node's disk has it.
            stop_ticking(connect(self.settings.endpoint, LOCAL_CHAIN_ID))
            save_chain(self.layout, self.settings)
        pid = group.pid(name)
        if pid is not None:
            os.killpg(pid, signal.SIGKILL)
        self.kills[name] += 1
        time.sleep(self.dice.uniform(*AWAY))
        self._start(name)
        sys.stdout.write(f"{time.strftime('%H:%M:%S')} killed and started {name}\n")

    def _start(self, name: str) -> None:
        group = self.layout.processes
        group.stop(name)
        if name == NODE:
            self.start_node()
        elif name == SERVER:
            config = str(self.layout.root / SERVER / CONFIG)
            group.start(SERVER, [cupel(), "server", "run", "--config", config])
        else:
            tick(start_chain(self.layout, self.settings, group).w3)

    def rounds(self) -> list[RoundRecord]:
        """All rounds, at the latest block."""
        suite = self.suite
        block = suite.w3.eth.block_number
        return suite.rounds(range(1, suite.round_count(block) + 1), block)

    def now(self) -> int:
        """The chain's time."""
        return int(self.suite.w3.eth.get_block("latest")["timestamp"])


def submissions(chaos: Chaos, round_id: int) -> Counter[int]:
    """Count the files of each model in the operator's inbox."""
    tournament = read_deployment(chaos.layout.manifest).tournament
    folder = round_folder(chaos.layout.inbox, tournament, round_id)
    names = (path.name for path in folder.iterdir()) if folder.is_dir() else ()
    return Counter(
        int(name.partition(".")[0])
        for name in names
        if not name.endswith(SIGNATURE_SUFFIX) and name[0] != "."
    )


def play(chaos: Chaos, rounds: int, first: int) -> None:
    """Strike until so many rounds have closed, the first of them given."""
    until = first + rounds
    next_strike = time.monotonic() + PAUSES[0]
    closed = first - 1
    while closed < until - 1:
        time.sleep(0.5)
        try:
            now, records = chaos.now(), chaos.rounds()
            done = max((each.round_id for each in records if each.close_at <= now), default=0)
            if done > closed:
                closed = done
                found = submissions(chaos, closed)
                sys.stdout.write(f"round {closed}: {len(found)} models, {dict(chaos.kills)}\n")
                sys.stdout.flush()
            if time.monotonic() >= next_strike:
                chaos.strike()
                next_strike = time.monotonic() + chaos.dice.uniform(*PAUSES)
        except (EndpointError, Web3Exception, OSError) as error:
            sys.stdout.write(f"again: {type(error).__name__}: {error}\n")


def await_settled(chaos: Chaos, wanted: range, seconds: float) -> list[RoundRecord]:
    """Wait until rounds are over; the records."""
    until = time.monotonic() + seconds
    while True:
        records = [each for each in chaos.rounds() if each.round_id in wanted]
        if all(each.is_over for each in records) or time.monotonic() > until:
            return records
        time.sleep(2)


def every_of(models: int) -> int:
    """Return the seconds of a round that suit this machine, with whatever else it does now.

    A model's longest part is the start of its interpreter with scikit-learn; two for each leave time for what
    is killed and run again.
    """
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import sklearn.linear_model"], check=True)
    return max(SHORTEST, round(2 * models * (time.monotonic() - began)))


def main() -> int:
    """Play, count, and print one line; the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--every", type=int, help="Seconds of a round; by default what this machine needs.")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6)
    parser.add_argument("--out", type=Path, default=Path("build/chaos-compute"))
    given = parser.parse_args()
    every = given.every or every_of(given.models)
    settings = Settings(free_port(), every, given.models, submits=False)
    chaos = Chaos(
        DevnetLayout(given.out / "devnet"),
        settings,
        (given.out / "node").resolve(),
        random.Random(given.seed),
    )
    sys.stdout.write(f"chaos-compute: seed {given.seed}, rounds of {every} s\n")
    # Whoever ends this ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("chaos-compute: ended by a signal"))
    try:
        chaos.set_up(given.models, free_port())
        # Rounds that opened while all of this started are not the node's to miss.
        first = max(each.round_id for each in chaos.rounds()) + 1
        chaos.start_node()
        play(chaos, given.rounds, first)
        return report(chaos, range(first, first + given.rounds), given.models)
    finally:
        down(chaos.layout)


def report(chaos: Chaos, wanted: range, models: int) -> int:
    """Count what the inbox and the chain say, and print it."""
    found = {number: submissions(chaos, number) for number in wanted}
    missed = sum(models - len(counts) for counts in found.values())
    twice = sum(count > 1 for counts in found.values() for count in counts.values())
    records = await_settled(chaos, wanted, 12.0 * chaos.settings.every)
    whole = sum(each.at_risk == each.valid_at_risk == models * POSITION for each in records)
    settled = [each for each in records if each.state is RoundState.SETTLED]
    paid = sum(each.paid for each in settled) / 10**9
    sys.stdout.write(
        f"{len(settled)} rounds settled, {whole} with the stake of every model at risk and valid, "
        f"{paid:.3f} NMR paid; killed: {dict(chaos.kills)}; stale or repeated: {stale(chaos, wanted)}\n"
        f"chaos-compute: {models} models, {len(wanted)} rounds, {missed} missed, {twice} twice\n"
    )
    return 0 if not missed + twice and whole == len(settled) == len(wanted) else 1


def stale(chaos: Chaos, wanted: range) -> int:
    """Count the node's submissions that were not of the model as it is."""
    config = load_compute_config(chaos.home / "compute.toml")
    journal, tournament = RunJournal(config.root / "runs"), config.addresses().tournament
    folders = (journal.of(tournament, number, each.model) for number in wanted for each in config.models)
    return sum(folder.submission().stale for folder in folders if folder.progress().is_signed)


if __name__ == "__main__":
    sys.exit(main())
