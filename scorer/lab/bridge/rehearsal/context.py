"""The chains of a rehearsal, its relayer in a process of its own, and the count of its messages."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import tomli_w
from web3.contract.contract import ContractFunction

from scorer.bridge.conservation import Conservation, conservation
from scorer.bridge.observe import Observer
from scorer.bridge.views import BridgeView
from scorer.chain.endpoints import Endpoints, Pinned
from scorer.daemon.bridge_configuration import FILE, load_bridge_config
from scorer.daemon.bridge_node import relaying, run
from scorer.daemon.logging import configure_logging
from scorer.failpoints import KILLED, VARIABLE
from scorer.files import OWNER_ONLY, write_secret, write_whole
from scorer.lab.anvil import Anvil
from scorer.lab.bridge.chains import RELAYER, BridgedChains
from scorer.lab.plain_sender import Sender
from scorer.lab.processes import Fork
from scorer.lab.rehearsal.context import Unexpected, expect
from scorer.transactions.request import Reverted

MOST_CYCLES: Final = 12
"""Cycles of a relayer within which anything that can be done must be."""


@dataclass
class BridgeRehearsal:
    """The chains and the files of a rehearsal.

    Attributes
    ----------
    tournaments
        Those on the second chain whose results the relayer proves.
    finality_stall, checkpoint_age
        The relayer's limits, seconds: clocks are moved by days here.
    urls
        Endpoints of ``root`` and ``child`` in place of the chains' own.
    """

    chains: BridgedChains
    out: Path
    report: Callable[[str], None]
    tournaments: list[str] = field(default_factory=list)
    finality_stall: int = 86_400
    checkpoint_age: int = 10**9
    urls: dict[str, str] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        """Report progress, and after how many seconds."""
        self.report(f"[{time.monotonic() - self.began:5.0f} s] {text}")

    def configure(self, who: str = "relayer", account: int = RELAYER) -> Path:
        """Write somebody's files, as its owner would; the configuration's path."""
        home = self.out / who
        home.mkdir(parents=True, exist_ok=True)
        write_secret(home / "key", self.chains.root.account(account).key.hex())
        write_whole(home / "bridge.json", json.dumps(self.chains.addresses.to_json()).encode())
        document = {
            "bridge": "bridge.json",
            "root": self._access("root", self.chains.root),
            "child": self._access("child", self.chains.child),
            "key": {"file": "key"},
            "tournaments": self.tournaments,
            "limits": {"slow": 10**9, "checkpoint_age": self.checkpoint_age, "under_way": 10**9},
            "run": {"interval": 0.1, "finality_stall": self.finality_stall},
        }
        write_whole(home / FILE, tomli_w.dumps(document).encode(), mode=OWNER_ONLY)
        return home / FILE

    def _access(self, end: str, anvil: Anvil) -> dict[str, object]:
        url, chain_id = self.urls.get(end, anvil.url), int(anvil.w3.eth.chain_id)
        return {"endpoint": url, "chain_id": chain_id, "tip_gwei": 1}

    def log(self) -> str:
        """Return what the relayer logged."""
        return (self.out / "relayer" / "log").read_text()

    def relay(self, kill_at: str | None = None, *, finalises: bool = True) -> int:
        """Let the relayer do one cycle in a process of its own; its exit code.

        Parameters
        ----------
        kill_at
            A fail point at which its process ends as by a power cut.
        finalises
            Whether what happened becomes final afterwards.
        """

        def work(config: Path) -> None:
            with relaying(load_bridge_config(config), send=True) as daemon:
                run(daemon, load_bridge_config(config), cycles=1)

        code = self.in_process("relayer", RELAYER, work, kill_at)
        if finalises:
            self.finalise()
        return code

    def in_process(
        self, who: str, account: int, work: Callable[[Path], None], kill_at: str | None = None
    ) -> int:
        """Do what somebody's configuration is for in a process of its own; its exit code."""
        config, home = self.configure(who, account), self.out / who

        def logged() -> None:
            if kill_at is not None:
                os.environ[VARIABLE] = kill_at
            with (home / "log").open("a") as log:
                configure_logging(log)
                work(config)

        code = Fork.of(logged, home / "crash").wait()
        if code not in (0, KILLED):
            raise Unexpected(f"expected a {who} that ends well, found {(home / 'crash').read_text()}")
        return code

    def relay_until(self, what: str, done: Callable[[], bool]) -> None:
        """Let the relayer work until something has happened."""
        for _ in range(MOST_CYCLES):
            if done():
                return
            self.relay()
        raise Unexpected(
            f"expected {what} within {MOST_CYCLES} cycles of the relayer, found it did not happen"
        )

    def carry(self) -> None:
        """Checkpoint, hand over, and relay until no message is under way."""
        self.chains.heimdall.sync()
        self.chains.heimdall.checkpoint()
        self.relay_until("every message delivered", lambda: not self.undelivered())

    def finalise(self) -> None:
        """Make final what happened on both chains."""
        self.chains.root.finalise()
        self.chains.child.finalise()

    def view(self) -> BridgeView:
        """Read both ends as they are now, from the beginning."""
        self.finalise()
        return self.final_view()

    def final_view(self) -> BridgeView:
        """Read both ends as they were at what is final by now."""
        observer = Observer(self.chains.addresses, tuple(self.tournaments))
        view, _, _ = observer.observe(_pin(self.chains.root), _pin(self.chains.child))
        return view

    def undelivered(self) -> list[bytes]:
        """Return the ids of messages that were sent and not delivered."""
        view = self.view()
        up = [posted.id for posted in view.child.posted if posted.id not in view.root.delivered]
        return up + [posted.id for posted in view.root.posted if posted.id not in view.child.delivered]

    def balance(self) -> Conservation:
        """Check conservation as every member does."""
        found = conservation(self.view())
        expect("what breaks conservation", [], list(found.breaches()))
        return found


def _pin(anvil: Anvil) -> Callable[[], Pinned]:
    return Endpoints([anvil.url], int(anvil.w3.eth.chain_id)).pin


def refusal(sender: Sender, call: ContractFunction) -> str:
    """Return the name of the error with which a call is refused; an empty text where it is not."""
    try:
        sender.send(call)
    except Reverted as reverted:
        return reverted.name or str(reverted)
    return ""
