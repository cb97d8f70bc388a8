"""A bridge.json that names no bridge is refused, by the field that is wrong."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from scorer.bridge.addresses import BridgeAddresses, BridgeFileError, read_bridge

ADDRESS = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
ROOT = dict.fromkeys(("gateway", "token", "lockbox", "burn_sink", "results", "root_chain"), ADDRESS)
CHILD = dict.fromkeys(("gateway", "token", "burn_sink"), ADDRESS)
DOCUMENT: dict[str, Any] = {
    "format": 1,
    "root": {"chain_id": 1, "block": 5, **ROOT},
    "child": {"chain_id": 137, "block": 6, **CHILD},
    "step": 10_000,
}


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    found = BridgeAddresses.from_json(DOCUMENT)
    (tmp_path / "bridge.json").write_text(json.dumps(found.to_json()))
    assert read_bridge(tmp_path / "bridge.json") == found


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("format", 2, "expected an object of format 1"),
        ("root", None, "expected an object as root"),
        ("root.gateway", "0x12", "expected an address as root.gateway, found '0x12'"),
        ("root.lockbox", ADDRESS.replace("F", "f"), "EIP-55"),
        ("child.token", None, "expected an address as child.token, found None"),
        ("child.block", "6", "expected a whole number as child.block, found '6'"),
        ("child.chain_id", True, "expected a whole number as child.chain_id"),
        ("child.chain_id", 1, "expected two chains, found 1 twice"),
        ("step", 0, "expected a step of at least 1"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, path: str, value: object, expected: str) -> None:
    document = json.loads(json.dumps(DOCUMENT))
    section, _, name = path.partition(".")
    if name:
        document[section][name] = value
    else:
        document[section] = value
    file = tmp_path / "bridge.json"
    file.write_text(json.dumps(document))
    with pytest.raises(BridgeFileError, match=re.escape(expected)):
        read_bridge(file)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BridgeFileError, match="expected a bridge's addresses"):
        read_bridge(tmp_path / "none.json")
    (tmp_path / "text.json").write_text("{")
    with pytest.raises(BridgeFileError):
        read_bridge(tmp_path / "text.json")
