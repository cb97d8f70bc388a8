"""What every act uses: commands as people type them, daemons in the background, and patience."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from scorer.chain.contracts import RoundRecord, Suite
from scorer.chain.endpoint import connect
from scorer.chain.fees import GWEI, FeePolicy
from scorer.daemon.deployment_file import read_deployment
from scorer.lab.devnet.population import Bulk
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
class RehearsalStage:
    """The chain, the people, and what they left in the folder `out`."""

    out: Path
    repository: Path
    standin: AmoyNode
    cast: RehearsalAccounts
    crew: ProcessGroup
    tell: Callable[[str], None]
    began: float = field(default_factory=time.monotonic)

    @property
    def manifest(self) -> Path:
        """What the deployment wrote."""
        return self.out / "deployment" / "manifest.json"

    @property
    def endpoint(self) -> str:
        """The endpoint that people use; daemons have two."""
        return self.standin.gates.urls[0]

    def suite(self) -> Suite:
        """The contracts, as the chain itself shows them: for looking only."""
        return Suite.at(self.standin.anvil.w3, read_deployment(self.manifest))

    def suite_of_people(self) -> Suite:
        """The contracts through the endpoint that people use."""
        return Suite.at(connect(self.endpoint, CHAIN_ID), read_deployment(self.manifest))

    def sender(self, name: str) -> Sender:
        """Sends as somebody of the cast, and waits."""
        return Sender(connect(self.endpoint, CHAIN_ID), self.cast[name], FEES)

    def bulk(self) -> Bulk:
        """Sends much at once."""
        return Bulk(connect(self.endpoint, CHAIN_ID), FEES)

    def folder(self, root: str, round_id: int) -> Path:
        """A round's folder under one of the roots."""
        tournament = str(read_deployment(self.manifest).tournament)
        return round_folder(self.out / root, tournament, round_id)

    def bundle(self, root: str, round_id: int) -> Bundle:
        """A round's bundle under one of the roots."""
        return Bundle(self.folder(root, round_id))

    def record(self, round_id: int) -> RoundRecord:
        """A round at the latest block."""
        return self.suite().round(round_id, self.standin.anvil.w3.eth.block_number)

    def say(self, text: str) -> None:
        """Tell how far it is, and after how many seconds."""
        self.tell(f"[{time.monotonic() - self.began:5.0f} s] {text}")

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        """Type a ``cupel`` command; what it printed.

        Raises
        ------
        Unexpected
            When it does not end with 0; what it printed last is in the message.
        """
        done = subprocess.run(  # noqa: S603 - our own command
            [cupel(), *arguments],
            capture_output=True,
            text=True,
            timeout=COMMAND,
            cwd=self.repository,
            env={**os.environ, **(environment or {})},
            check=False,
        )
        with (self.crew.folder / "commands.log").open("a") as log:
            log.write(f"$ cupel {' '.join(arguments)}\n{done.stdout}{done.stderr}")
        if done.returncode != 0:
            last = _last_lines(done.stdout + done.stderr)
            raise Unexpected(
                f"cupel {' '.join(arguments)}: expected exit code 0, found {done.returncode}: {last}"
            )
        return done.stdout

    def until(self, what: str, condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Wait for something that must happen while the daemons run.

        Raises
        ------
        Unexpected
            When it does not in time, or a daemon ended meanwhile.
        """
        end = time.monotonic() + seconds
        while not condition():
            for name in self.crew.names():
                if self.crew.pid(name) is None:
                    log = self.crew.log(name)
                    raise Unexpected(
                        f"expected {name} to run, found that it ended: {_last_lines(log.read_text())}"
                    )
            if time.monotonic() > end:
                raise Unexpected(f"expected {what} within {seconds:.0f} s, found that it did not happen")
            time.sleep(POLL)

    def skip_to(self, timestamp: int) -> None:
        """Let time pass on the chain, unless it is later already."""
        self.standin.skip_to(timestamp)


def expect(what: str, wanted: object, found: object) -> None:
    """Raise `Unexpected` unless both are the same."""
    if wanted != found:
        raise Unexpected(f"{what}: expected {wanted}, found {found}")


def _last_lines(text: str) -> str:
    lines: Sequence[str] = text.strip().splitlines()
    return " | ".join(lines[-LAST_LINES:]) or "nothing"
