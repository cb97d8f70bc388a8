"""Sets a rehearsal up: an admin, the deployment from its file, bonds, a pool, models, and the daemons."""

from pathlib import Path
from typing import Final

from web3.contract import Contract

from scorer.chain.bulk import read_view
from scorer.lab import nodes
from scorer.lab.population import Participant, enter, equal_stakes
from scorer.lab.processes import cupel
from scorer.lab.rehearsal.accounts import DAEMONS, MEMBERS, write_keystore
from scorer.lab.rehearsal.admin import deploy_timelock
from scorer.lab.rehearsal.amoy_node import CHAIN_ID
from scorer.lab.rehearsal.context import Rehearsal, expect
from scorer.lab.suite import fund_pool, post_bonds, send_tokens
from scorer.units import nano_from_nmr

FILE: Final = Path("deployments/amoy.toml")
POOL: Final = nano_from_nmr(20_000)
MEMBERS_TOKENS: Final = nano_from_nmr(1700)
"""nano-NMR: a bond, another half of one, and the bond of a challenge."""
BOND: Final = nano_from_nmr(1000)
SLASH: Final = nano_from_nmr(200)
STAGGER: Final = 120
INTERVAL: Final = 1.0
SLOTS_PER_CHUNK: Final = 64
"""So that 500 models lock and settle in two chunks."""
HONEST: Final = MEMBERS[-1]


def deploy(rehearsal: Rehearsal) -> Contract:
    """Deploy the timelock, then the suite from its file; the timelock."""
    timelock = deploy_timelock(rehearsal.sender("signer"), rehearsal.repository)
    environment = rehearsal.accounts.environment(str(timelock.address))
    keystore, password = write_keystore(rehearsal.out / "deployer", rehearsal.accounts["deployer"])
    rehearsal.say(f"the admin is a timelock at {timelock.address}; deploying {FILE}")
    options = {
        "--endpoint": rehearsal.endpoint,
        "--keystore": str(keystore),
        "--password-file": str(password),
        "--out": str(rehearsal.manifest.parent),
    }
    words = [word for option in options.items() for word in option]
    rehearsal.run("deployment", "deploy", str(FILE), *words, "--yes", environment=environment)
    return timelock


def fund(rehearsal: Rehearsal, models: int) -> list[Participant]:
    """Fund the pool and the members, who post their bonds, and enter everybody's models."""
    suite, batch, accounts = rehearsal.suite_of_people(), rehearsal.batch(), rehearsal.accounts
    treasury, members = accounts["treasury"], [accounts[name] for name in MEMBERS]
    fund_pool(batch, suite, treasury, POOL)
    send_tokens(batch, suite, treasury, members, MEMBERS_TOKENS)
    post_bonds(batch, suite, members, BOND)
    return enter(suite, batch, treasury, equal_stakes(accounts.owners, models, "100", "5"))


def configure(rehearsal: Rehearsal, name: str) -> Path:
    """Write a daemon's keystore, password and configuration, as its owner would."""
    write_keystore(rehearsal.out / name, rehearsal.accounts[name])
    return nodes.write_node(
        rehearsal.out,
        name,
        MEMBERS,
        chain={
            "endpoints": rehearsal.node.gates.urls,
            "agreement": 1,  # one of the two gates is closed in a part of the rehearsal
            "chain_id": CHAIN_ID,
            "deployment": "../deployment/manifest.json",
            "tip_gwei": 30,
            "ceiling_gwei": 2000,
            "transaction_cap": 5.0,
        },
        key={"keystore": "keystore.json", "password_file": "password"},
        journal={"file": "journal.sqlite"},
        run={
            "interval": INTERVAL,
            "stagger": STAGGER,
            "slots_per_chunk": SLOTS_PER_CHUNK,
            "challenge": name == HONEST,
            "largest_bond_nmr": 100 if name == HONEST else 0,
        },
    )


def start_daemons(rehearsal: Rehearsal) -> None:
    """Configure all daemons, publish members' encryption keys, and start each in a process of its own."""
    for name in DAEMONS:
        config = configure(rehearsal, name)
        if name in MEMBERS:
            key = str(rehearsal.out / name / nodes.ENCRYPTION_KEY)
            rehearsal.run("oracle", "encryption-key", "new", key)
            rehearsal.run("oracle", "encryption-key", "publish", "--config", str(config), "--yes")
    for name in DAEMONS:
        start_daemon(rehearsal, name)


def start_daemon(rehearsal: Rehearsal, name: str) -> None:
    """Start a daemon by the command that people type, for the first time or again."""
    role = "operator" if name == "operator" else "oracle"
    config = rehearsal.out / name / nodes.FILE
    rehearsal.processes.start(name, [cupel(), role, "run", "--config", str(config), "--send"])


def check_hand_over(rehearsal: Rehearsal) -> None:
    """Check that the deployer holds no role of admin."""
    suite = rehearsal.suite()
    block = rehearsal.node.anvil.w3.eth.block_number
    role = read_view(suite.authority.get_function_by_name("ADMIN_ROLE")(), block)
    held, _ = read_view(suite.authority.functions.hasRole(role, rehearsal.accounts["deployer"].address))
    expect("the deployer's role of admin", False, bool(held))
