"""A data scientist at a terminal: a keystore, a password file, and a world to type commands at."""

import json
import os
import pty
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account
from typer.testing import CliRunner

from scorer.cli import app
from scorer.client.stakes import ModelStake, model_stake
from scorer.lab.plain_sender import Sender
from tests.cli.test_cupel import run, write_deployment
from tests.world import World


@dataclass(frozen=True)
class Scientist:
    """Somebody with a keystore, at the chain of a world."""

    world: World
    keystore: Path
    password_file: Path
    address: str
    endpoint: str

    @property
    def chain(self) -> list[object]:
        """The options that name the chain."""
        return ["--endpoint", self.endpoint, "--deployment", write_deployment(self.world)]

    @property
    def key(self) -> list[object]:
        """The options that name the key."""
        return ["--keystore", self.keystore, "--password-file", self.password_file]

    def types(self, *command: object) -> tuple[int, str]:
        """Type a command that needs chain and key; its exit code and all it said."""
        return run(*command, *self.chain, *self.key)

    def sends(self, *command: object) -> dict[str, Any]:
        """Type a command that sends, without being asked; the JSON it prints."""
        result = CliRunner().invoke(
            app, [str(word) for word in (*command, *self.chain, *self.key, "--yes", "--json")]
        )
        assert result.exit_code == 0, (result.output, result.exception)
        return dict(json.loads(result.stdout))

    def refused(self, *command: object) -> str:
        """Type a command that must fail, and make sure that nothing was sent; what it said."""
        before = self.world.suite.w3.eth.block_number
        code, said = self.types(*command, "--yes")
        assert code == 1, said
        assert said.splitlines()[-1].startswith("cupel: "), said
        assert self.world.suite.w3.eth.block_number == before
        return said

    def stake(self, model: int) -> ModelStake:
        """Read a model and its stake."""
        return model_stake(self.world.suite, model, self.world.suite.w3.eth.block_number)

    def tokens(self) -> int:
        """Wei of NMR."""
        return int(self.world.suite.token.functions.balanceOf(self.address).call())


def scientist(world: World, account: int, endpoint: str | None = None) -> Scientist:
    """One of anvil's accounts with a keystore that is quick to decrypt."""
    key = world.anvil.account(account).key
    home = world.out / f"home-{account}"
    home.mkdir(exist_ok=True)
    keystore, password = home / "key.json", home / "password"
    if not keystore.exists():
        keystore.write_text(json.dumps(Account.encrypt(key, "secret", kdf="pbkdf2", iterations=2)))
        password.write_text("secret\n")
    address = str(Account.from_key(key).address)
    return Scientist(world, keystore, password, address, endpoint or world.anvil.url)


def funded(world: World, account: int, nmr: int = 100) -> Scientist:
    """Somebody new with coins and tokens, who owns no model."""
    found = scientist(world, account)
    admin = world.anvil.account(0)
    Sender(world.suite.w3, admin).send(world.suite.token.functions.transfer(found.address, nmr * 10**18))
    return found


def typed(command: list[object], lines: list[str]) -> tuple[int, str]:
    """Run a command at a terminal of its own, answering line by line; its exit code, and what it showed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", "from scorer.cli import app; app()", *map(str, command)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown, answered = "", 0
    while chunk := _read(ours):
        shown += chunk
        if shown.count(": ") > answered < len(lines) and shown.endswith(": "):
            os.write(ours, (lines[answered] + "\n").encode())
            answered += 1
    os.close(ours)
    return process.wait(), shown


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 4096).decode()
    except OSError:  # the other side is closed
        return ""
