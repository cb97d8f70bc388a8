"""What a fresh devnet needs before its first round: a suite, a pool, accounts with tokens, models."""

from pathlib import Path
from typing import Any, Final

from web3 import Web3

from scorer.chain.contracts import Addresses, Suite
from scorer.chain.endpoint import LOCAL_CHAIN_ID
from scorer.chain.fees import GWEI, FeePolicy
from scorer.daemon.configuration import write_node
from scorer.deployment.blueprint import blueprint
from scorer.deployment.deploy import Builder
from scorer.deployment.document import Deployment, DeploymentFileError, load_document
from scorer.files import write_secret
from scorer.lab.anvil import Anvil
from scorer.lab.devnet.layout import CROWD, KEYS, MEMBERS, PEOPLE, DevnetLayout, Settings, account_of
from scorer.lab.devnet.population import Bulk, StakingTerms, enter
from scorer.transactions.signers import KeySigner
from scorer.units import nano_from_nmr, wei_from_nano

FILE: Final = Path(__file__).parents[3] / "deployments" / "devnet.toml"
POOL: Final = "20000"
POCKET: Final = "1000"
"""NMR of each test account."""
CALL_GAS: Final = 200_000
INTERVAL: Final = 1.0
POLL: Final = 0.01


def document_of(file: Path) -> Deployment:
    """The deployment file of a devnet.

    Raises
    ------
    scorer.deployment.document.DeploymentFileError
        When it cannot be used, or is for another chain.
    """
    document = load_document(file)
    if document.chain_id != LOCAL_CHAIN_ID:
        raise DeploymentFileError(f"{file}: chain_id: expected {LOCAL_CHAIN_ID}, found {document.chain_id}")
    return document


def found(layout: DevnetLayout, anvil: Anvil, settings: Settings, document: Deployment) -> Suite:
    """Deploy a suite, fund pool and people, and stake the crowd's models.

    Raises
    ------
    scorer.deployment.steps.DeploymentStuck
        When it cannot be deployed.
    """
    deployer = account_of("deployer")
    plan = blueprint(document, str(deployer.address))
    manifest = Builder(anvil.w3, plan, KeySigner(deployer), layout.root, poll=POLL).run()
    suite = Suite.at(anvil.w3, Addresses.from_json(manifest))
    bulk = Bulk(anvil.w3, FeePolicy(tip=GWEI))
    _fund(suite, bulk)
    enter(suite, bulk, deployer, [account_of(CROWD)], settings.models, StakingTerms())
    return suite


def _fund(suite: Suite, bulk: Bulk) -> None:
    """The deployer has all tokens: the file's treasury."""
    token, pool = suite.token.functions, wei_from_nano(nano_from_nmr(POOL))
    calls: list[tuple[Any, int]] = [
        (token.approve(suite.tournament.address, pool), CALL_GAS),
        (suite.tournament.functions.fundPool(pool), CALL_GAS),
    ]
    pocket = wei_from_nano(nano_from_nmr(POCKET))
    calls += [
        (token.transfer(Web3.to_checksum_address(account_of(name).address), pocket), CALL_GAS)
        for name in (*PEOPLE, *MEMBERS)
    ]
    bulk.settle(bulk.send(account_of("deployer"), calls))


def write_keys(layout: DevnetLayout) -> None:
    """The keys of all test accounts, each in a file."""
    for name in KEYS:
        write_secret(layout.key(name), account_of(name).key.hex() + "\n")


def configure(layout: DevnetLayout, settings: Settings) -> dict[str, Path]:
    """The configurations of operator and members, by name."""
    for folder in (layout.inbox, layout.published, layout.rounds):
        folder.mkdir(parents=True, exist_ok=True)
    return {name: _configured(layout, settings, name) for name in ("operator", *MEMBERS)}


def _configured(layout: DevnetLayout, settings: Settings, name: str) -> Path:
    return write_node(
        layout.root / name,
        {
            "chain": {
                "endpoint": settings.endpoint,
                "chain_id": LOCAL_CHAIN_ID,
                "deployment": "../manifest.json",
                "tip_gwei": 1,
            },
            "files": {
                "rounds": "rounds",
                "targets": "targets",
                "plans": "plans",
                "published": "../published",
                "inbox": "../inbox",
                "peers": [f"../{other}/rounds" for other in MEMBERS if other != name],
            },
            "key": {"file": f"../keys/{name}"},
            # A fresh process for every report, and long waits for others, are for chains that matter.
            "run": {"interval": INTERVAL, "recompute": False, "stagger": 3, "roll_wait": 20},
        },
    )
