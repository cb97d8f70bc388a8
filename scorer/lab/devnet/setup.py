"""Sets a fresh devnet up: a suite, a pool, accounts with tokens, models, and configurations of daemons."""

from pathlib import Path
from typing import Final

from scorer.chain.contracts import Suite
from scorer.chain.endpoint import LOCAL_CHAIN_ID
from scorer.chain.records import Addresses
from scorer.deployment.blueprint import blueprint
from scorer.deployment.deploy import Builder
from scorer.deployment.document import Deployment, DeploymentFileError, load_document
from scorer.encryption.keys import write_identities
from scorer.files import write_secret
from scorer.lab.anvil import Anvil
from scorer.lab.batch import BatchSender
from scorer.lab.devnet.layout import KEYS, MEMBERS, PEOPLE, POPULATION, DevnetLayout, Settings, account_of
from scorer.lab.encryption import local_identity, publish_keys
from scorer.lab.nodes import ENCRYPTION_KEY, write_node
from scorer.lab.population import enter, equal_stakes
from scorer.lab.suite import fund_pool, send_tokens
from scorer.transactions.signers import KeySigner
from scorer.units import nano_from_nmr

FILE: Final = Path(__file__).with_name("deployment.toml")
POOL: Final = nano_from_nmr(20_000)
POCKET: Final = "1000"
"""NMR of each test account."""
CYCLES: Final = 150
"""Cycles of a daemon while a round takes submissions; where rounds are long, they are far apart."""
MOST_OFTEN: Final = 1.0
"""Seconds between two cycles, at least: blocks come every second."""
LEAST_OFTEN: Final = 5.0
"""Seconds between two cycles, at most: whoever starts a devnet waits two of them for its first round."""
POLL: Final = 0.01


def document_of(file: Path) -> Deployment:
    """Read the deployment file of a devnet.

    Raises
    ------
    scorer.deployment.document.DeploymentFileError
        When it cannot be used, or is for another chain.
    """
    document = load_document(file)
    if document.chain_id != LOCAL_CHAIN_ID:
        raise DeploymentFileError(f"{file}: chain_id: expected {LOCAL_CHAIN_ID}, found {document.chain_id}")
    return document


def set_up(layout: DevnetLayout, anvil: Anvil, settings: Settings, document: Deployment) -> Suite:
    """Deploy a suite as for a public chain, fund pool and people, and enter the models of the population.

    Raises
    ------
    scorer.deployment.steps.DeploymentStuck
        When it cannot be deployed.
    """
    deployer = account_of("deployer")
    plan = blueprint(document, str(deployer.address))
    manifest = Builder(anvil.w3, plan, KeySigner(deployer), layout.root, poll=POLL).run()
    suite, batch = Suite.at(anvil.w3, Addresses.from_json(manifest)), BatchSender.on(anvil)
    # The deployer is the file's treasury, and so has all tokens.
    fund_pool(batch, suite, deployer, POOL)
    people = [account_of(name) for name in (*PEOPLE, *MEMBERS)]
    send_tokens(batch, suite, deployer, people, nano_from_nmr(POCKET))
    stakes = equal_stakes([account_of(POPULATION)], settings.models, deposit="100", allocation="5")
    enter(suite, batch, deployer, stakes)
    publish_keys(batch, suite, [account_of(name) for name in MEMBERS])
    return suite


def write_keys(layout: DevnetLayout) -> None:
    """Write the keys of all test accounts, each into a file."""
    for name in KEYS:
        write_secret(layout.key(name), account_of(name).key.hex() + "\n")
    for name in MEMBERS:
        write_identities(layout.root / name / ENCRYPTION_KEY, [local_identity(account_of(name))])


def configure(layout: DevnetLayout, settings: Settings) -> dict[str, Path]:
    """Write the configurations of operator and members; their paths by name."""
    layout.rounds.mkdir(parents=True, exist_ok=True)
    chain = {
        "endpoint": settings.endpoint,
        "chain_id": LOCAL_CHAIN_ID,
        "deployment": "../manifest.json",
        "tip_gwei": 1,
    }
    # A fresh process for every report, and long waits for others, are for chains that matter.
    interval = min(max(MOST_OFTEN, settings.every / CYCLES), LEAST_OFTEN)
    run = {"interval": interval, "recompute": False, "stagger": 3, "roll_wait": 20}
    return {
        name: write_node(layout.root, name, MEMBERS, chain=chain, key={"file": f"../keys/{name}"}, run=run)
        for name in ("operator", *MEMBERS)
    }
