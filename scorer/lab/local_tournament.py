"""A small tournament on a local chain, run by real daemons in processes of their own."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth_account.signers.local import LocalAccount
from web3.contract.contract import ContractEvent

from scorer.chain.contracts import Suite
from scorer.chain.records import RoundRecord
from scorer.daemon import assembly
from scorer.daemon.configuration import load_config
from scorer.daemon.logging import configure_logging
from scorer.deployment.fields import NEW
from scorer.encryption.keys import write_identities
from scorer.failpoints import VARIABLE
from scorer.files import write_secret
from scorer.lab import nodes
from scorer.lab.anvil import Anvil
from scorer.lab.batch import LOCAL_FEES, BatchSender
from scorer.lab.encryption import local_identity, publish_keys
from scorer.lab.market import TARGET, SyntheticMarket
from scorer.lab.plain_sender import Sender
from scorer.lab.population import Participant, enter, equal_stakes, keys_of, submit_predictions
from scorer.lab.processes import Fork
from scorer.lab.rounds import Times, open_round
from scorer.lab.suite import Bonds, deploy_suite, fund_pool, local_deployment, post_bonds, send_tokens
from scorer.owned_files import make_owned_folder
from scorer.protocol.rules import Rules, preset
from scorer.protocol.seal import two_thirds
from scorer.storage.bundle import Bundle, round_folder
from scorer.storage.contents import inbox_at, node_at, rounds_in
from scorer.units import nano_from_nmr

ADMIN, OPERATOR, GUARDIAN, OWNER, FIRST_MEMBER = 0, 1, 2, 3, 4
HOUR: Final = 3600
CHALLENGE_WINDOW: Final = 6 * HOUR
SLOTS_PER_CHUNK: Final = 2
CHALLENGE_BOND: Final = 10
"""Amount in NMR."""
MEMBER_BOND: Final = nano_from_nmr(100)
BONDS: Final = Bonds(MEMBER_BOND, nano_from_nmr(CHALLENGE_BOND), nano_from_nmr(20))
POOL: Final = nano_from_nmr(20_000)
MARKET: Final = SyntheticMarket(size=40)

MADE_BY: Final = "cupel oracle drill"
CONTENTS: Final = (
    "deployment.json",
    *inbox_at("inbox"),
    *rounds_in("published"),
    *(
        pattern
        for name in ("member-*", "operator")
        for pattern in node_at(name, "key", nodes.ENCRYPTION_KEY, "log", "crash")
    ),
)
"""Everything that a drill writes into its folder."""
KEYS: Final = ("*/key", f"*/{nodes.ENCRYPTION_KEY}")
"""Files in it that hold keys of the chain's own accounts."""
RUN: Final[Mapping[str, object]] = {
    "stagger": 0,
    "roll_wait": 0,
    "recompute": False,
    "interval": 0.2,
    "slots_per_chunk": SLOTS_PER_CHUNK,
}


@dataclass(frozen=True)
class LocalTournament:
    """A tournament of `models` models and `members` members, each with files and a configuration.

    Attributes
    ----------
    url
        The endpoint of all daemons: the chain's, or that of a proxy in front of it.
    """

    anvil: Anvil
    suite: Suite
    out: Path
    rules: Rules
    members: int
    models: int
    url: str
    market: SyntheticMarket = MARKET

    @classmethod
    def build(
        cls, anvil: Anvil, out: Path, *, members: int = 3, models: int = 10, url: str | None = None
    ) -> "LocalTournament":
        """Deploy a suite on a fresh chain; every member has its bond, and every model its stake."""
        make_owned_folder(out, MADE_BY, CONTENTS, keys=KEYS)
        rules = preset("classic")
        suite = _deploy(anvil, rules, members)
        tournament = cls(anvil, suite, out, rules, members, models, url or anvil.url)
        (out / "deployment.json").write_text(json.dumps(suite.addresses.to_json()))
        tournament.enter(models, deposit="100", allocation="20")
        for index, name in enumerate(tournament.member_names):
            tournament.configure(name, anvil.account(FIRST_MEMBER + index))
        tournament.configure("operator", anvil.account(OPERATOR))
        return tournament

    def enter(self, models: int, *, deposit: str, allocation: str) -> None:
        """Register so many more models of one owner, which deposit and allocate (NMR)."""
        stakes = equal_stakes([self.anvil.account(OWNER)], models, deposit, allocation)
        enter(self.suite, BatchSender.on(self.anvil), self.anvil.account(ADMIN), stakes)

    @property
    def member_names(self) -> list[str]:
        """Names of the members' daemons."""
        return [f"member-{index}" for index in range(self.members)]

    @property
    def quorum(self) -> int:
        """Equal votes that have a report accepted; those who come later need not vote."""
        return two_thirds(self.members)

    def sender(self, account: int) -> Sender:
        """Return a plain sender for one of the chain's accounts."""
        return Sender(self.anvil.w3, self.anvil.account(account), LOCAL_FEES)

    def configure(self, name: str, account: LocalAccount, **settings: object) -> Path:
        """Write a daemon's configuration; `settings` as ``section__field``."""
        write_secret(self.out / name / "key", account.key.hex())
        write_identities(self.out / name / nodes.ENCRYPTION_KEY, [local_identity(account)])
        sections: dict[str, dict[str, object]] = {
            "chain": {
                "endpoint": self.url,
                "chain_id": self.suite.addresses.chain_id,
                "deployment": "../deployment.json",
                "tip_gwei": 1,
            },
            "key": {"file": "key"},
            "run": dict(RUN),
        }
        for path, value in settings.items():
            section, _, field_name = path.partition("__")
            sections[section][field_name] = value
        if "endpoints" in sections["chain"]:
            del sections["chain"]["endpoint"]
        return nodes.write_node(self.out, name, self.member_names, **sections)

    def open(self, *, late: int = 0) -> int:
        """Open a round in which every model takes part: an hour to submit, one until the outcome."""
        now = self.now
        round_id = self.open_at((now, now + HOUR + late, now + 2 * HOUR + late, now + 30 * HOUR))
        keys, ids = keys_of(self.suite, self.rules, round_id), self.market.universe
        predictions = (
            (Participant(model, self.anvil.account(OWNER)), self.market.predictions(round_id, model))
            for model in range(1, self.models + 1)
        )
        submit_predictions(self.suite, self.out / "inbox", round_id, ids, predictions, self.now, keys)
        return round_id

    def open_at(self, times: Times, universe: Sequence[str] | None = None) -> int:
        """Open a round of these times, without submissions; its id."""
        ids, published = universe or self.market.universe, self.out / "published"
        return open_round(self.suite, self.sender(OPERATOR), published, self.rules, ids, times)

    def close(self, round_id: int) -> None:
        """Let time pass to the close of a round."""
        self.anvil.advance_to(self.record(round_id).close_at)

    def resolve(self, round_id: int, *, liars: Sequence[int] = ()) -> None:
        """Let time pass to the outcome, and publish it to every member; `liars` get another one."""
        self.anvil.advance_to(self.record(round_id).resolve_at)
        self.publish_outcome(round_id, liars=liars)

    def publish_outcome(self, round_id: int, *, liars: Sequence[int] = ()) -> None:
        """Write the outcome into every member's source of targets; nobody uses it before its time."""
        truth, lie = self.market.target(round_id), self.market.slightly_wrong_target(round_id)
        for index, name in enumerate(self.member_names):
            bundle = Bundle(self.folder(f"{name}/targets", round_id))
            bundle.write_targets(self.market.universe, {TARGET: lie if index in liars else truth})

    def pass_challenge_window(self) -> None:
        """Let the challenge window of the last accepted report pass."""
        self.anvil.advance_to(self.now + CHALLENGE_WINDOW + 1)

    def folder(self, root: str, round_id: int) -> Path:
        """Return a round's folder under one of the roots."""
        return round_folder(self.out / root, str(self.suite.tournament.address), round_id)

    @property
    def now(self) -> int:
        """The latest block's timestamp."""
        return int(self.anvil.w3.eth.get_block("latest")["timestamp"])

    def record(self, round_id: int) -> RoundRecord:
        """Read a round at the latest block."""
        return self.suite.round(round_id, self.anvil.w3.eth.block_number)

    def events(self, event: ContractEvent) -> list[dict[str, Any]]:
        """Return the arguments of all events of one kind so far."""
        return [dict(log["args"]) for log in event.get_logs(from_block=0, to_block="latest")]

    def evidence(self) -> list[dict[str, Any]]:
        """Return the arguments of all events in which a court made evidence public."""
        court = self.suite.court
        return [] if court is None else self.events(court.contract.events.Posted())

    def steps(self) -> list[dict[str, Any]]:
        """Return the arguments of all events in which a court made a part of a meta model's steps public."""
        court = self.suite.court
        return [] if court is None else self.events(court.meta.events.StepsPosted())

    def sent_by(self, account: int) -> int:
        """Return how many transactions of one of the chain's accounts were mined."""
        return self.anvil.w3.eth.get_transaction_count(self.anvil.account(account).address)

    def run(self, name: str, *, cycles: int = 1, kill_at: str | None = None) -> int:
        """Let a daemon do some cycles in a process of its own; its exit code."""
        return self.start(name, cycles=cycles, kill_at=kill_at).wait()

    def start(self, name: str, *, cycles: int | None = 1, kill_at: str | None = None) -> Fork:
        """Start a daemon in a process of its own, which is killed at the fail point `kill_at`."""
        config = self.out / name / nodes.FILE

        def work() -> None:
            if kill_at is not None:
                os.environ[VARIABLE] = kill_at
            with (self.out / name / "log").open("a") as log:
                configure_logging(log)
                assemble = assembly.operator if name == "operator" else assembly.oracle
                with assemble(load_config(config), send=True) as assembled:
                    assembly.run(assembled, cycles=cycles)

        return Fork.of(work, self.out / name / "crash")


def _deploy(anvil: Anvil, rules: Rules, count: int) -> Suite:
    """Deploy a suite with a pool; every member has its bond, and holds what a challenge takes."""
    admin, batch = anvil.account(ADMIN), BatchSender.on(anvil)
    members = [anvil.account(FIRST_MEMBER + index) for index in range(count)]
    document = local_deployment(
        members=[str(member.address) for member in members],
        operator=str(anvil.account(OPERATOR).address),
        guardian=str(anvil.account(GUARDIAN).address),
        stake=rules.stake,
        challenge_window=CHALLENGE_WINDOW,
        bonds=BONDS,
        demands=NEW,
    )
    suite = deploy_suite(anvil, admin, document)
    fund_pool(batch, suite, admin, POOL)
    send_tokens(batch, suite, admin, members, 2 * MEMBER_BOND)
    post_bonds(batch, suite, members, MEMBER_BOND)
    publish_keys(batch, suite, members)
    return suite
