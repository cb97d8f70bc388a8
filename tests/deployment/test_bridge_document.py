"""The deployment file of a bridge is checked as a whole before anything is sent."""

from pathlib import Path
from typing import Any

import pytest
import tomli_w

from scorer.deployment.bridge_document import BridgeDocument, load_bridge_document, read_bridge_document
from scorer.deployment.document import DeploymentFileError

ADDRESS = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
MULTISIG = {"kind": "contract", "holder": ADDRESS, "delay": "7 days"}
GOVERNOR = {"kind": "governor", "delay": "7 days"}
TERMS = {
    "voting_delay": "2 days",
    "voting_period": "7 days",
    "proposal_threshold": "100",
    "quorum": 10,
    "quorum_floor": "1000",
    "delay": "7 days",
}
NAMES = ("bridge-devnet", "bridge-multisig", "bridge-governed")
ENVIRONMENT = {
    f"CUPEL_{name}": ADDRESS
    for name in (
        *("FX_ROOT", "FX_CHILD", "ROOT_CHAIN", "NMR", "SUITE_AUTHORITY"),
        *("GUARDIAN_ROOT", "GUARDIAN_CHILD", "ADMIN_ROOT", "ADMIN_CHILD"),
    )
}


def document(**changes: Any) -> dict[str, Any]:
    """A bridge between Ethereum and Polygon, with fields replaced by their paths; None takes one out."""
    found: dict[str, Any] = {
        "version": 1,
        "name": "bridge",
        "daily_cap": "100",
        "largest_transfer": "50",
        "root": {
            "chain_id": 1,
            "fx_root": ADDRESS,
            "root_chain": ADDRESS,
            "token": ADDRESS,
            "guardians": [ADDRESS],
            "admin": dict(MULTISIG),
        },
        "child": {"chain_id": 137, "fx_child": ADDRESS, "guardians": [ADDRESS], "admin": dict(MULTISIG)},
    }
    for path, value in changes.items():
        *sections, name = path.split("__")
        place = found
        for section in sections:
            place = place[section]
        if value is None:
            del place[name]
        else:
            place[name] = value
    return found


def read(**changes: Any) -> BridgeDocument:
    return read_bridge_document(tomli_w.dumps(document(**changes)), {}, "bridge.toml")


def test_a_right_file_is_read() -> None:
    found = read()
    assert found.daily_cap == 100 * 10**9
    assert found.checkpoint_step == 10_000
    assert not found.is_test


@pytest.mark.parametrize("name", NAMES)
def test_each_stage_has_a_file_that_is_right_once_its_addresses_are_filled_in(name: str) -> None:
    path = Path(f"deployments/{name}.toml")
    assert load_bridge_document(path, ENVIRONMENT).version == 1
    with pytest.raises(DeploymentFileError, match="fill it in, or set CUPEL_"):
        load_bridge_document(path, {})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"child__chain_id": 1}, "child.chain_id: expected another chain"),
        ({"largest_transfer": "51"}, "daily_cap: expected at least 2 times largest_transfer"),
        ({"largest_transfer": "0"}, "daily_cap: expected at least 2 times largest_transfer"),
        ({"root__token": None}, "expected supply and treasury for a new token"),
        ({"root__supply": "1"}, "expected supply and treasury for a new token"),
        ({"root__admin": {"kind": "key", "holder": ADDRESS, "delay": "1 day"}}, 'found "key"'),
        ({"root__admin": MULTISIG | {"delay": "0 seconds"}}, "root.admin.delay: expected some time"),
        ({"child__guardians": []}, "child.guardians: expected somebody who can pause"),
        (
            {"child__guardians": ["deployer"]},
            "child: expected addresses on chain 137, found the word deployer",
        ),
        ({"child__admin": GOVERNOR}, "child.admin.kind"),
        ({"child__admin": GOVERNOR, "root__admin": GOVERNOR}, "governor: expected its terms"),
        ({"governor": TERMS}, "governor: expected none"),
        ({"child__governed": [ADDRESS]}, "child.governed: expected none"),
        ({"root__admin": GOVERNOR | {"holder": ADDRESS}}, "root.admin: expected a holder for the kinds"),
        ({"root__fx_root": "0x12"}, "root.fx_root: expected an address"),
        ({"checkpoint_step": 0}, "checkpoint_step"),
        ({"unknown": 1}, "unknown: expected no field of this name"),
        ({"version": None}, "version: expected a value, found none"),
    ],
)
def test_what_contradicts_itself_or_a_public_chain_is_refused(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(DeploymentFileError) as error:
        read(**changes)
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("voting_delay", "23 hours"),
        ("voting_period", "1 hour"),
        ("delay", "1 hour"),
        ("quorum", 0),
        ("quorum_floor", "0"),
    ],
)
def test_terms_of_a_vote_that_could_be_bought_for_an_hour_are_refused(field: str, value: object) -> None:
    with pytest.raises(DeploymentFileError, match="governor"):
        read(governor=TERMS | {field: value}, root__admin=GOVERNOR, child__admin=GOVERNOR)


def test_two_chains_for_tests_may_be_a_key_s() -> None:
    key = {"kind": "key", "holder": ADDRESS, "delay": "0 seconds"}
    found = read(root__chain_id=11_155_111, child__chain_id=80_002, root__admin=key, child__admin=key)
    assert found.is_test
