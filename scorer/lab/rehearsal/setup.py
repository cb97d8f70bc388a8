"""The first acts: an admin, the deployment from its file, bonds, a pool, models, and the daemons."""

from pathlib import Path
from typing import Any, Final

from web3.contract import Contract

from scorer.chain.contracts import Suite
from scorer.daemon.configuration import write_node
from scorer.lab.devnet.population import Bulk, Entrant, StakingTerms, enter
from scorer.lab.processes import cupel
from scorer.lab.rehearsal.accounts import DAEMONS, MEMBERS, write_keystore
from scorer.lab.rehearsal.admin import deploy_timelock
from scorer.lab.rehearsal.amoy_node import CHAIN_ID
from scorer.lab.rehearsal.stage import RehearsalStage, expect
from scorer.units import nano_from_nmr, wei_from_nano

FILE: Final = Path("deployments/amoy.toml")
POOL: Final = "20000"
CALL_GAS: Final = 200_000
MEMBERS_MONEY: Final = "1700"
"""NMR: a bond, another half of one, and the bond of a challenge."""
BOND: Final = "1000"
SLASH: Final = "200"
STAGGER: Final = 120
INTERVAL: Final = 1.0
SLOTS_PER_CHUNK: Final = 64
"""So that 500 models lock and settle in two chunks."""
HONEST: Final = MEMBERS[-1]


def wei(nmr: str) -> int:
    """An amount in NMR as the token's wei."""
    return int(wei_from_nano(nano_from_nmr(nmr)))


def found(stage: RehearsalStage) -> Contract:
    """Deploy the timelock, then the suite from its file, and hold the manifest against the chain."""
    timelock = deploy_timelock(stage.sender("signer"), stage.repository)
    environment = stage.cast.environment(str(timelock.address))
    keystore, password = write_keystore(stage.out / "deployer", stage.cast["deployer"])
    stage.say(f"the admin is a timelock at {timelock.address}; deploying {FILE}")
    arguments = ["--endpoint", stage.endpoint, "--keystore", str(keystore), "--password-file", str(password)]
    out = str(stage.manifest.parent)
    stage.run("deployment", "deploy", str(FILE), *arguments, "--out", out, "--yes", environment=environment)
    return timelock


def fund(stage: RehearsalStage, models: int) -> list[Entrant]:
    """The treasury funds the pool and the members, who post their bonds, and stakes everybody's models."""
    suite, bulk, treasury = stage.suite_of_people(), stage.bulk(), stage.cast["treasury"]
    token, tournament = suite.token.functions, suite.tournament
    calls: list[tuple[Any, int]] = [
        (token.approve(tournament.address, wei(POOL)), CALL_GAS),
        (tournament.functions.fundPool(wei(POOL)), CALL_GAS),
    ]
    calls += [(token.transfer(stage.cast[name].address, wei(MEMBERS_MONEY)), CALL_GAS) for name in MEMBERS]
    bulk.settle(bulk.send(treasury, calls))
    post_bonds(stage, suite, bulk, MEMBERS, BOND)
    return enter(suite, bulk, treasury, stage.cast.owners, models, StakingTerms())


def post_bonds(stage: RehearsalStage, suite: Suite, bulk: Bulk, names: tuple[str, ...], amount: str) -> None:
    """Members add to their bonds."""
    hashes = []
    for name in names:
        account = stage.cast[name]
        approve = suite.token.functions.approve(suite.committee.address, wei(amount))
        post = suite.committee.functions.postBond(account.address, wei(amount))
        hashes += bulk.send(account, [(approve, CALL_GAS), (post, CALL_GAS)])
    bulk.settle(hashes)


def configure(stage: RehearsalStage, name: str) -> Path:
    """A daemon's folder with keystore, password and configuration, as its owner would write them."""
    home = stage.out / name
    write_keystore(home, stage.cast[name])
    return write_node(
        home,
        {
            "chain": {
                "endpoints": stage.standin.gates.urls,
                "agreement": 1,  # one of the two gates is closed in a part of the rehearsal
                "chain_id": CHAIN_ID,
                "deployment": "../deployment/manifest.json",
                "tip_gwei": 30,
                "ceiling_gwei": 2000,
                "transaction_cap": 5.0,
            },
            "files": {
                "rounds": "rounds",
                "targets": "targets",
                "plans": "plans",
                "published": "../published",
                "inbox": "../inbox",
                "peers": [f"../{other}/rounds" for other in MEMBERS if other != name],
            },
            "key": {"keystore": "keystore.json", "password_file": "password"},
            "journal": {"file": "journal.sqlite"},
            "run": {
                "interval": INTERVAL,
                "stagger": STAGGER,
                "slots_per_chunk": SLOTS_PER_CHUNK,
                "challenge": name == HONEST,
                "largest_bond_nmr": 100 if name == HONEST else 0,
            },
        },
    )


def start_daemons(stage: RehearsalStage) -> None:
    """Configure and start all daemons, each in a process of its own."""
    for name in DAEMONS:
        configure(stage, name)
        start_daemon(stage, name)


def start_daemon(stage: RehearsalStage, name: str) -> None:
    """Start a daemon by the command that people type, for the first time or again."""
    group = "operator" if name == "operator" else "oracle"
    config = stage.out / name / "node.toml"
    stage.crew.start(name, [cupel(), group, "run", "--config", str(config), "--send"])


def check_hand_over(stage: RehearsalStage) -> None:
    """The deployer holds nothing, and is refused what the admin may do."""
    suite = stage.suite()
    block = stage.standin.anvil.w3.eth.block_number
    role = suite.authority.get_function_by_name("ADMIN_ROLE")().call(block_identifier=block)
    held, _ = suite.authority.functions.hasRole(role, stage.cast["deployer"].address).call()
    expect("the deployer's role of admin", False, bool(held))
