"""A small tournament on a local chain, run by real daemons in processes of their own."""

import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from eth_account.signers.local import LocalAccount
from web3.contract.contract import ContractEvent

from scorer.chain.contracts import RoundRecord, Suite
from scorer.chain.fees import GWEI, FeePolicy
from scorer.daemon import assembly
from scorer.daemon.configuration import load_config, write_node
from scorer.daemon.logging import configure_logging
from scorer.failpoints import VARIABLE
from scorer.files import make_owned_folder, write_secret
from scorer.lab.anvil import Anvil
from scorer.lab.deployer import SuitePlan, deploy
from scorer.lab.plain_sender import Sender
from scorer.protocol.digest import content_hash, universe_digest
from scorer.protocol.rules import NO_TERMS, Rules, preset
from scorer.protocol.seal import two_thirds
from scorer.protocol.signature import SubmissionDigest
from scorer.storage.bundle import Bundle, round_folder
from scorer.storage.contents import inbox_at, node_at, rounds_in
from scorer.storage.inbox import submit
from scorer.units import nano_from_nmr, wei_from_nano

ADMIN, OPERATOR, GUARDIAN, OWNER, FIRST_MEMBER = 0, 1, 2, 3, 4
HOUR: Final = 3600
CHALLENGE_WINDOW: Final = 6 * HOUR
IDS: Final = tuple(f"id{number:03}" for number in range(40))
SLOTS_PER_CHUNK: Final = 2
MEMBER_BOND, CHALLENGE_BOND, SLASH = 100, 10, 20
"""Of the committee, NMR."""

MADE_BY: Final = "cupel oracle drill"
CONTENTS: Final = (
    "deployment.json",
    *inbox_at("inbox"),
    *rounds_in("published"),
    *(pattern for name in ("member-*", "operator") for pattern in node_at(name, "key", "log", "crash")),
)
"""What a drill writes into its folder."""
KEYS: Final = ("*/key",)
"""Where in it keys of the chain's own accounts are."""


@dataclass(frozen=True)
class LocalTournament:
    """A tournament of `models` models and `members` members, each with files and a configuration.

    Attributes
    ----------
    url
        What daemons take for the chain: the chain, or something in front of it.
    """

    anvil: Anvil
    suite: Suite
    out: Path
    rules: Rules
    members: int
    models: int
    url: str
    settings: dict[str, object] = field(default_factory=dict)

    @classmethod
    def build(
        cls, anvil: Anvil, out: Path, *, members: int = 3, models: int = 10, url: str | None = None
    ) -> "LocalTournament":
        """Deploy a suite on a fresh chain; every model deposits and allocates."""
        make_owned_folder(out, MADE_BY, CONTENTS, keys=KEYS)
        rules = preset("classic")
        suite = _deploy(anvil, rules, members)
        playground = cls(anvil, suite, out, rules, members, models, url or anvil.url)
        (out / "deployment.json").write_text(json.dumps(suite.addresses.to_json()))
        playground._enter()
        playground._bond()
        for index in range(members):
            playground.configure(f"member-{index}", anvil.account(FIRST_MEMBER + index))
        playground.configure("operator", anvil.account(OPERATOR))
        return playground

    @property
    def quorum(self) -> int:
        """Equal votes that have a report accepted; those who come later need not vote."""
        return two_thirds(self.members)

    def sender(self, account: int) -> Sender:
        """A plain sender of one of the chain's accounts."""
        return Sender(self.anvil.w3, self.anvil.account(account), FeePolicy(tip=GWEI))

    def configure(self, name: str, account: LocalAccount, **settings: object) -> Path:
        """Write a daemon's configuration; `settings` as ``section__field``."""
        home = self.out / name
        home.mkdir(parents=True, exist_ok=True)
        write_secret(home / "key", account.key.hex())
        values: dict[str, Any] = {
            "chain": {"endpoint": self.url, "chain_id": self.suite.addresses.chain_id, "tip_gwei": 1},
            "files": {"rounds": "rounds", "targets": "targets", "plans": "plans"},
            "key": {"file": "key"},
            "run": {
                "stagger": 0,
                "roll_wait": 0,
                "recompute": False,
                "interval": 0.2,
                "slots_per_chunk": SLOTS_PER_CHUNK,
            },
        }
        values["chain"]["deployment"] = "../deployment.json"
        others = [f"member-{index}" for index in range(self.members) if f"member-{index}" != name]
        values["files"] |= {"published": "../published", "inbox": "../inbox"}
        values["files"]["peers"] = [f"../{other}/rounds" for other in others]
        for path, value in (self.settings | settings).items():
            section, _, field_name = path.partition("__")
            values.setdefault(section, {})[field_name] = value
        if "endpoints" in values["chain"]:
            del values["chain"]["endpoint"]
        return write_node(home, values)

    def open(self, *, late: int = 0) -> int:
        """Open a round in which every model takes part: an hour to submit, one until the outcome."""
        now = self.now
        round_id = self.suite.round_count(self.anvil.w3.eth.block_number) + 1
        bundle = Bundle(self.folder("published", round_id))
        bundle.write_rules(self.rules)
        bundle.write_universe(IDS)
        times = (now, now + HOUR + late, now + 2 * HOUR + late, now + 30 * HOUR)
        commitments = self.rules.hash(), NO_TERMS, universe_digest(IDS)
        self.sender(OPERATOR).send(self.suite.tournament.functions.openRound(*times, commitments))
        for model in range(1, self.models + 1):
            self._submit(round_id, model)
        return round_id

    def close(self, round_id: int) -> None:
        """Let time pass to the close of a round."""
        self.anvil.advance_to(self.record(round_id).close_at)

    def resolve(self, round_id: int, *, liars: Sequence[int] = (), absent: Sequence[int] = ()) -> None:
        """Let time pass to the outcome, and tell every member but `absent`; `liars` hear another one."""
        self.anvil.advance_to(self.record(round_id).resolve_at)
        self.tell(round_id, liars=liars, absent=absent)

    def tell(self, round_id: int, *, liars: Sequence[int] = (), absent: Sequence[int] = ()) -> None:
        """Give the outcome to every member but `absent`; nobody uses it before its time."""
        truth = np.random.default_rng(7).choice([0.0, 0.25, 0.5, 0.75, 1.0], len(IDS))
        lie = np.where(np.arange(len(IDS)) == 3, 1.0 - truth + (truth == 0.5) / 2, truth)
        for index in range(self.members):
            if index not in absent:
                target = lie if index in liars else truth
                folder = self.folder(f"member-{index}/targets", round_id)
                Bundle(folder).write_targets(IDS, {"target_20d2l": target})

    def pass_challenge_window(self) -> None:
        """Let the challenge window of the last accepted report pass."""
        self.anvil.advance_to(self.now + CHALLENGE_WINDOW + 1)

    def folder(self, root: str, round_id: int) -> Path:
        """A round's folder under one of the roots."""
        return round_folder(self.out / root, str(self.suite.tournament.address), round_id)

    @property
    def now(self) -> int:
        """The latest block's timestamp."""
        return int(self.anvil.w3.eth.get_block("latest")["timestamp"])

    def record(self, round_id: int) -> RoundRecord:
        """A round as it is now."""
        return self.suite.round(round_id, self.anvil.w3.eth.block_number)

    def events(self, event: ContractEvent) -> list[dict[str, Any]]:
        """All events of one kind so far; their arguments."""
        return [dict(found["args"]) for found in event.get_logs(from_block=0, to_block="latest")]

    def sent_by(self, account: int) -> int:
        """How many transactions of one of the chain's accounts were mined."""
        return self.anvil.w3.eth.get_transaction_count(self.anvil.account(account).address)

    def run(self, name: str, *, cycles: int = 1, kill_at: str | None = None) -> int:
        """Let a daemon do some cycles in a process of its own; its exit code."""
        return wait(self.start(name, cycles=cycles, kill_at=kill_at))

    def start(self, name: str, *, cycles: int | None = 1, kill_at: str | None = None) -> int:
        """Start a daemon in a process of its own; its process id."""
        config = self.out / name / "node.toml"

        def work() -> None:
            if kill_at is not None:
                os.environ[VARIABLE] = kill_at
            with (self.out / name / "log").open("a") as log:
                configure_logging(log)
                assemble = assembly.operator if name == "operator" else assembly.oracle
                with assemble(load_config(config), send=True) as assembled:
                    assembly.run(assembled, cycles=cycles)

        return forked(work, self.out / name / "crash")

    def _enter(self) -> None:
        owner, admin = self.sender(OWNER), self.sender(ADMIN)
        functions = self.suite.tournament.functions
        deposit = wei_from_nano(nano_from_nmr(100))
        admin.send(self.suite.token.functions.transfer(owner.address, deposit * self.models))
        owner.send(self.suite.token.functions.approve(self.suite.tournament.address, deposit * self.models))
        for model in range(1, self.models + 1):
            owner.send(self.suite.registry.functions.register(owner.address))
            owner.send(functions.deposit(model, deposit))
            owner.send(functions.setAllocation(model, nano_from_nmr(20)))

    def _bond(self) -> None:
        """Every member posts its bond, and holds what a challenge takes."""
        admin, committee = self.sender(ADMIN), self.suite.committee
        for index in range(self.members):
            member = self.sender(FIRST_MEMBER + index)
            amount = wei_from_nano(nano_from_nmr(MEMBER_BOND))
            admin.send(self.suite.token.functions.transfer(member.address, 2 * amount))
            member.send(self.suite.token.functions.approve(committee.address, amount))
            member.send(committee.functions.postBond(member.address, amount))

    def _submit(self, round_id: int, model: int) -> None:
        predictions = np.random.default_rng([model, round_id]).random(len(IDS))
        content = pd.DataFrame({"id": IDS, "prediction": predictions}).to_csv(index=False).encode()
        digest = SubmissionDigest(
            self.suite.addresses.chain_id,
            str(self.suite.tournament.address),
            round_id,
            model,
            content_hash(IDS, predictions),
        )
        key, now = self.anvil.account(OWNER).key, self.now
        submit(self.out / "inbox", digest, key, f"{model}.csv", content, received_at=now)


def forked(work: Callable[[], None], crash: Path) -> int:
    """Run `work` in a copy of this process, which ends with it; the copy's process id."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - a copy must not go on as its parent
        crash.write_text(traceback.format_exc())
    finally:
        os._exit(code)


def wait(process: int) -> int:
    """Wait for a copy to end; its exit code, or minus the signal that ended it."""
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status)


def _deploy(anvil: Anvil, rules: Rules, members: int) -> Suite:
    admin = Sender(anvil.w3, anvil.account(ADMIN), FeePolicy(tip=GWEI))
    pool = wei_from_nano(nano_from_nmr(20_000))
    plan = SuitePlan(
        treasury=admin.address,
        supply=nano_from_nmr(1_000_000),
        members=[str(anvil.account(FIRST_MEMBER + index).address) for index in range(members)],
        quorum=two_thirds(members),
        challenge_window=CHALLENGE_WINDOW,
        operator=str(anvil.account(OPERATOR).address),
        guardian=str(anvil.account(GUARDIAN).address),
        cap=rules.stake.cap,
        threshold=rules.stake.threshold,
        minimum_position=rules.stake.minimum_position,
        member_bond=nano_from_nmr(MEMBER_BOND),
        challenge_bond=nano_from_nmr(CHALLENGE_BOND),
        slash=nano_from_nmr(SLASH),
    )
    suite = deploy(admin, plan)
    admin.send(suite.token.functions.approve(suite.tournament.address, pool))
    admin.send(suite.tournament.functions.fundPool(pool))
    return suite
