"""A chain's settings are checked before anything is signed."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from eth_account import Account
from pydantic import ValidationError

from scorer.chain.fees import GWEI, FeePolicy
from scorer.daemon.config_errors import ConfigError
from scorer.daemon.configuration import NodeConfig, load_config
from scorer.daemon.deployment_file import read_deployment
from scorer.daemon.keys import Key
from scorer.daemon.sections import Chain

ONE, TWO = "https://one.example/key", "https://two.example/key"


def chain(**settings: Any) -> Chain:
    return Chain.model_validate({"chain_id": 137, "deployment": "d.json", "endpoints": (ONE, TWO)} | settings)


def test_an_endpoint_is_given_once_and_those_of_one_host_agree_as_one() -> None:
    with pytest.raises(ValidationError, match="expected each endpoint once"):
        chain(endpoints=(ONE, ONE + "/"))
    both = (ONE, "https://one.example/another")
    assert chain(endpoints=both).urls == both
    with pytest.raises(ValidationError, match="expected agreement of at most 1"):
        chain(endpoints=both, agreement=2)
    assert chain(agreement=2).agreement == 2


def test_two_must_agree_where_there_are_two_hosts_and_nobody_says_otherwise() -> None:
    assert chain().agreement == 2
    assert chain(endpoints=(ONE, TWO, "https://three.example/key")).agreement == 2
    assert chain(endpoints=(ONE, "https://one.example/another")).agreement == 1
    assert chain(endpoints=(), endpoint=ONE).agreement == 1
    assert chain(agreement=1).agreement == 1


def test_a_tip_has_a_ceiling_of_ten_times_what_polygon_asks_for() -> None:
    assert chain().fees == FeePolicy(30 * GWEI, tip_ceiling=300 * GWEI)
    assert chain(tip_ceiling_gwei=90).fees.tip_ceiling == 90 * GWEI
    with pytest.raises(ValidationError, match="expected tip_ceiling_gwei of at least 30, as tip_gwei is"):
        chain(tip_ceiling_gwei=29)


ADDRESS = "0x" + "11" * 20
CONTRACTS = ("authority", "numeraire", "registry", "committee", "tournament", "burn_sink", "roller")
DEPLOYMENT = dict.fromkeys(CONTRACTS, ADDRESS) | {"chain_id": 137, "block": 1}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"tournament": "0x12"}, "expected an address as tournament, found '0x12'"),
        ({"numeraire": None}, "expected an address as numeraire, found None"),
        ({"block": "x"}, "expected a whole number as block, found 'x'"),
        ({"chain_id": True}, "expected a whole number as chain_id, found True"),
    ],
)
def test_a_deployment_that_names_no_contracts_is_refused(
    tmp_path: Path, changes: dict[str, object], found: str
) -> None:
    path = tmp_path / "deployment.json"
    path.write_text(json.dumps(DEPLOYMENT))
    assert read_deployment(path).tournament == ADDRESS
    path.write_text(json.dumps(DEPLOYMENT | changes))
    with pytest.raises(ConfigError, match=re.escape(f"{path}: expected a deployment's addresses, found")):
        read_deployment(path)
    with pytest.raises(ConfigError, match=re.escape(found)):
        read_deployment(path)


def test_a_password_is_one_line(tmp_path: Path) -> None:
    account, password = Account.from_key(b"\x05" * 32), tmp_path / "password"
    (tmp_path / "keystore.json").write_text(json.dumps(Account.encrypt(account.key, "a horse", iterations=2)))
    key = Key(keystore=tmp_path / "keystore.json", password_file=password)
    password.write_text("a horse\r\n")
    assert key.account().address == account.address
    password.write_text("a horse\n# made in May\n")
    with pytest.raises(
        ConfigError, match=re.escape(f"{password}: expected a password in one line, found more")
    ):
        key.account()


def test_a_short_password_in_place_of_any_field_is_not_shown(tmp_path: Path) -> None:
    """It looks like any other text. Paths are shown, as one must see which is wrong."""
    path = tmp_path / "node.toml"
    named = 0
    for section, kind in NodeConfig.model_fields.items():
        fields = getattr(kind.annotation, "model_fields", {})
        for name in (*fields, "unknown", None):
            for value in ("hunter2secret", ["hunter2secret"], {"a": "hunter2secret"}):
                document = {"key": {"file": "key"}, section: value if name is None else {name: value}}
                path.write_text(tomli_w.dumps(document))
                with pytest.raises(ConfigError) as error:
                    load_config(path)
                assert "hunter2" not in str(error.value)
                named += section in str(error.value)
    assert named > 50
