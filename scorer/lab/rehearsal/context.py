"""The chain, accounts and daemons of a rehearsal, commands as people type them, and waiting."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from scorer.chain.contracts import Suite
from scorer.chain.endpoint import connect
from scorer.chain.fees import GWEI, FeePolicy
from scorer.chain.records import RoundRecord
from scorer.daemon.deployment_file import read_deployment
from scorer.lab.batch import BatchSender
from scorer.lab.plain_sender import Sender
from scorer.lab.processes import ProcessGroup, cupel
from scorer.lab.rehearsal.accounts import RehearsalAccounts
from scorer.lab.rehearsal.amoy_node import CHAIN_ID, LEAST_TIP, AmoyNode
from scorer.storage.bundle import Bundle, round_folder

PATIENCE: Final = 120.0
"""Seconds that anything that must happen may take."""
COMMAND: Final = 300.0
POLL: Final = 0.3
LAST_LINES: Final = 12
FEES: Final = FeePolicy(tip=LEAST_TIP, ceiling=2000 * GWEI)


class Unexpected(Exception):
    """Something was expected and another thing found; the message says both."""


@dataclass
class Rehearsal:
    """The chain, the accounts, the daemons, and their files in the folder `out`."""

    out: Path
    repository: Path
    node: AmoyNode
    accounts: RehearsalAccounts
    processes: ProcessGroup
    report: Callable[[str], None]
    began: float = field(default_factory=time.monotonic)

    @property
    def manifest(self) -> Path:
        """The manifest that the deployment wrote."""
        return self.out / "deployment" / "manifest.json"

    @property
    def endpoint(self) -> str:
        """The endpoint that people use; daemons have two."""
        return self.node.gates.urls[0]

    def suite(self) -> Suite:
        """Return the contracts as the chain itself shows them, for reading only."""
        return Suite.at(self.node.anvil.w3, read_deployment(self.manifest))

    def suite_of_people(self) -> Suite:
        """Return the contracts through the endpoint that people use."""
        return Suite.at(connect(self.endpoint, CHAIN_ID), read_deployment(self.manifest))

    def sender(self, name: str) -> Sender:
        """Return a sender for one of the accounts."""
        return Sender(connect(self.endpoint, CHAIN_ID), self.accounts[name], FEES)

    def batch(self) -> BatchSender:
        """Return a sender of many transactions at once, through the endpoint that people use."""
        return BatchSender(connect(self.endpoint, CHAIN_ID), FEES)

    def folder(self, root: str, round_id: int) -> Path:
        """Return a round's folder under one of the roots."""
        tournament = str(read_deployment(self.manifest).tournament)
        return round_folder(self.out / root, tournament, round_id)

    def bundle(self, root: str, round_id: int) -> Bundle:
        """Return a round's bundle under one of the roots."""
        return Bundle(self.folder(root, round_id))

    def record(self, round_id: int) -> RoundRecord:
        """Read a round at the latest block."""
        return self.suite().round(round_id, self.node.anvil.w3.eth.block_number)

    def say(self, text: str) -> None:
        """Report progress, and after how many seconds."""
        self.report(f"[{time.monotonic() - self.began:5.0f} s] {text}")

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        """Run a ``cupel`` command; what it printed.

        Raises
        ------
        Unexpected
            When it does not end with 0; what it printed last is in the message.
        """
        log = self.processes.folder / "commands.log"
        return run_cupel(log, self.repository, *arguments, environment=environment)

    def until(self, what: str, condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Wait for something that must happen while the daemons run.

        Raises
        ------
        Unexpected
            When it does not in time, or a daemon ended meanwhile.
        """
        await_that(self.processes, what, condition, seconds)

    def skip_to(self, timestamp: int) -> None:
        """Let time pass on the chain, unless it is later already."""
        self.node.skip_to(timestamp)


def run_cupel(
    log: Path,
    repository: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    expected: int = 0,
) -> str:
    """Run a ``cupel`` command as people type it; what it printed, which is added to `log` too.

    Raises
    ------
    Unexpected
        When it ends with another code than `expected`; what it printed last is in the message.
    """
    done = subprocess.run(  # noqa: S603 - our own command
        [cupel(), *arguments],
        capture_output=True,
        text=True,
        timeout=COMMAND,
        cwd=repository,
        env={**os.environ, **(environment or {})},
        check=False,
    )
    with log.open("a") as file:
        file.write(f"$ cupel {' '.join(arguments)}\n{done.stdout}{done.stderr}")
    if done.returncode != expected:
        last = _last_lines(done.stdout + done.stderr)
        raise Unexpected(
            f"cupel {' '.join(arguments)}: expected exit code {expected}, found {done.returncode}: {last}"
        )
    return done.stdout


def await_that(
    processes: ProcessGroup, what: str, condition: Callable[[], bool], seconds: float = PATIENCE
) -> None:
    """Wait for something that must happen while processes run.

    Raises
    ------
    Unexpected
        When it does not in time, or a process ended meanwhile.
    """
    end = time.monotonic() + seconds
    while not condition():
        for name in processes.names():
            if processes.pid(name) is None:
                last = _last_lines(processes.log(name).read_text())
                raise Unexpected(f"expected {name} to run, found that it ended: {last}")
        if time.monotonic() > end:
            raise Unexpected(f"expected {what} within {seconds:.0f} s, found that it did not happen")
        time.sleep(POLL)


def expect(what: str, wanted: object, found: object) -> None:
    """Raise `Unexpected` unless both are the same."""
    if wanted != found:
        raise Unexpected(f"{what}: expected {wanted}, found {found}")


def _last_lines(text: str) -> str:
    lines: Sequence[str] = text.strip().splitlines()
    return " | ".join(lines[-LAST_LINES:]) or "nothing"
