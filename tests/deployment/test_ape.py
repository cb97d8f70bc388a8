"""``ape run deploy`` is the same deployment, through an endpoint and an account of ape's."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from web3 import Web3

from scorer.chain.endpoint import connect
from scorer.deployment.check import differences
from scorer.deployment.document import load_document
from scorer.lab.anvil import Anvil
from tests.deployment.files import ADMIN, DEPLOYER, GUARDIAN, MEMBERS, MINTER, OPERATOR, TREASURY, account

REPOSITORY = Path(__file__).parent.parent.parent
AMOY = 80_002
FILLED = {
    "CUPEL_TREASURY": TREASURY,
    "CUPEL_OPERATOR": OPERATOR,
    "CUPEL_GUARDIAN": GUARDIAN,
    "CUPEL_MINTER": MINTER,
    "CUPEL_ADMIN": ADMIN,
    **{f"CUPEL_MEMBER_{number}": member for number, member in enumerate((*MEMBERS, account(11)), start=1)},
}


def config() -> dict[str, Any]:
    """ape-config.yaml as ape reads it."""
    yaml = pytest.importorskip("yaml")
    found: dict[str, Any] = yaml.safe_load((REPOSITORY / "ape-config.yaml").read_text())
    return found


@pytest.mark.parametrize(
    ("file", "ecosystem", "network"),
    [
        ("amoy", "polygon", "amoy"),
        ("polygon", "polygon", "mainnet"),
        ("sepolia", "ethereum", "sepolia"),
        ("ethereum", "ethereum", "mainnet"),
    ],
)
def test_ape_knows_the_network_of_every_file_with_the_same_prices(
    file: str, ecosystem: str, network: str
) -> None:
    text = (REPOSITORY / "deployments" / f"{file}.toml").read_text()
    environment = dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), TREASURY)
    environment |= FILLED
    gas = load_document(REPOSITORY / "deployments" / f"{file}.toml", environment).gas
    known = config()[ecosystem][network]

    assert known["required_confirmations"] == gas.confirmations
    assert known["base_fee_multiplier"] == gas.base_fee_multiplier
    assert re.fullmatch(r"\$\{CUPEL_RPC_[A-Z]+\}", config()["node"][ecosystem][network]["uri"])


def test_the_tips_on_polygon_are_above_the_floor_of_its_nodes() -> None:
    for name in ("amoy", "polygon"):
        environment = FILLED | {"CUPEL_TOKEN": TREASURY}
        assert load_document(REPOSITORY / "deployments" / f"{name}.toml", environment).gas.tip_gwei >= 25


def test_ape_deploys_the_file_for_amoy_on_a_chain_that_stands_in_for_it(
    fresh_anvil: Anvil, tmp_path: Path
) -> None:
    anvil = fresh_anvil
    anvil.w3.provider.make_request("anvil_setChainId", [AMOY])  # type: ignore[arg-type]
    anvil.w3.provider.make_request("evm_setIntervalMining", [1])  # type: ignore[arg-type]
    environment = os.environ | FILLED | {"CUPEL_RPC_AMOY": anvil.url}
    command: list[str | Path] = [
        Path(sys.executable).parent / "ape",
        "run",
        "deploy",
        "--network",
        "polygon:amoy:node",
    ]
    options: list[str | Path] = [
        "--file",
        "deployments/amoy.toml",
        "--account",
        "TEST::0",
        "--out",
        tmp_path,
        "--yes",
    ]

    done = subprocess.run(
        [*command, *options], cwd=REPOSITORY, env=environment, check=False, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout + done.stderr
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert (manifest["chain_id"], manifest["deployer"]) == (AMOY, DEPLOYER)
    w3 = connect(anvil.url, AMOY)
    assert differences(manifest, w3) == []
    node = Web3(Web3.HTTPProvider(anvil.url))  # our own client keeps only what it needs of a transaction
    first = node.eth.get_transaction(manifest["contracts"]["authority"]["transaction"])
    assert first["maxPriorityFeePerGas"] == Web3.to_wei(30, "gwei")
