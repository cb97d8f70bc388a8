"""The manifest: the record of a deployment, which every other program reads."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth_utils.address import is_checksum_address
from web3 import Web3
from web3.exceptions import TransactionNotFound

from scorer import __version__
from scorer.chain.errors import EndpointError
from scorer.chain.records import Addresses
from scorer.deployment.blueprint import TOURNAMENT, Blueprint, Creation, constructor_data
from scorer.deployment.code import compiled_code, digest
from scorer.deployment.create2 import FACTORY
from scorer.deployment.document import recorded
from scorer.deployment.reader import Reader
from scorer.deployment.steps import DeploymentStuck
from scorer.files import decoded, write_whole
from scorer.redaction import shown, shown_name, shown_path
from scorer.transactions.journal import Journal
from scorer.transactions.request import RequestKey, scope_of

FORMAT: Final = 1
FIELDS: Final = {
    "chain_id": int,
    "deployer": str,
    "contracts": dict,
    "tournaments": dict,
    "compiler": dict,
    "deployment": dict,
}
FILE: Final = "manifest.json"
_LABEL: Final = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
"""A contract's name in a manifest; files are named after it."""


class ManifestError(ValueError):
    """A manifest cannot be used; the message says what was expected, and what was found."""


@dataclass(frozen=True)
class MinedTransaction:
    """Block and hash of a mined transaction; the hash is None where it could not be found."""

    block: int
    transaction: str | None


def journal_scope(blueprint: Blueprint) -> str:
    """Return the scope of a deployment's keys in the journal: this deployment on this chain, and no other."""
    return scope_of(blueprint.document.chain_id, blueprint.addresses["authority"])


def make_manifest(w3: Web3, blueprint: Blueprint, journal: Journal) -> dict[str, Any]:
    """Build the manifest of a complete deployment.

    It begins with the fields of the first tournament's deployment.json, and can be used in its place.
    """
    mined = _mined(w3, journal, blueprint)
    contracts = {made.label: _created(w3, made, mined) for made in blueprint.creations}
    contracts |= {label: _existing(w3, label, blueprint) for label in blueprint.existing}
    first = blueprint.document.tournaments[0].name
    block = min(entry["block"] for entry in contracts.values() if "block" in entry)
    return {
        **addresses_of(blueprint, first, block).to_json(),
        "format": FORMAT,
        "cupel": __version__,
        "name": blueprint.document.name,
        "instance": blueprint.document.instance,
        "deployer": blueprint.deployer,
        "factory": FACTORY,
        "tournaments": {
            tournament.name: blueprint.addresses[TOURNAMENT + tournament.name]
            for tournament in blueprint.document.tournaments
        },
        "contracts": contracts,
        # Creations stand with their contracts.
        "transactions": {key: vars(place) for key, place in mined.items() if not key.startswith("create:")},
        "compiler": _compiler(),
        "deployment": recorded(blueprint.document),
    }


def addresses_of(blueprint: Blueprint, tournament: str, block: int) -> Addresses:
    """Return the addresses that a node of one of the tournaments needs."""
    found = blueprint.addresses
    return Addresses(
        chain_id=blueprint.document.chain_id,
        authority=found["authority"],
        numeraire=found["numeraire"],
        registry=found["registry"],
        committee=found["committee"],
        tournament=found[TOURNAMENT + tournament],
        burn_sink=found.get(f"burn_sink.{tournament}", found.get("burn_sink", "")),
        roller=found["roller"],
        block=block,
    )


def refuse_other_deployment(blueprint: Blueprint, folder: Path) -> None:
    """Refuse a folder with the manifest of another deployment: once it is overwritten it is lost.

    Raises
    ------
    ManifestError
        Names the file.
    """
    own = (blueprint.document.chain_id, blueprint.addresses["authority"])
    for name in (
        FILE,
        *(f"{tournament.name}.deployment.json" for tournament in blueprint.document.tournaments),
    ):
        path = folder / name
        if path.exists() and _deployment_of(path) != own:
            raise ManifestError(
                f"{shown_path(path)}: expected no file, or one of this deployment, found another; name "
                "another folder with --out"
            )


def _deployment_of(path: Path) -> tuple[Any, Any] | None:
    """Read the chain and the authority that a file states; None where it is no JSON object."""
    try:
        found = json.loads(decoded(path.read_bytes()))
    except (OSError, ValueError, RecursionError):
        return None
    return (found.get("chain_id"), found.get("authority")) if isinstance(found, dict) else None


def write_manifest(manifest: Mapping[str, Any], blueprint: Blueprint, folder: Path) -> Path:
    """Write the manifest, and a deployment.json for each tournament; return the manifest's path."""
    folder.mkdir(parents=True, exist_ok=True)
    refuse_other_deployment(blueprint, folder)
    for tournament in blueprint.document.tournaments:
        addresses = addresses_of(blueprint, tournament.name, manifest["block"]).to_json()
        _write_json(folder / f"{tournament.name}.deployment.json", addresses)
    path = folder / FILE
    _write_json(path, manifest)
    return path


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a manifest.

    Raises
    ------
    ManifestError
        When the file is not a manifest.
    """
    try:
        found = json.loads(decoded(path.read_bytes()))
    except OSError as error:
        raise ManifestError(f"{shown_path(path)}: expected a manifest, found {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ManifestError(
            f"{shown_path(path)}: expected a manifest, found no JSON that can be read"
        ) from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        kind = f"format {shown(found.get('format'))}" if isinstance(found, dict) else type(found).__name__
        raise ManifestError(f"{shown_path(path)}: expected a manifest of format {FORMAT}, found {kind}")
    for problem in _problems(found):
        raise ManifestError(f"{shown_path(path)}: {problem}")
    return found


def _problems(found: Mapping[str, Any]) -> Iterator[str]:
    for name, kind in FIELDS.items():
        if name not in found:
            yield f"{name}: expected a value, found none"
        elif type(found[name]) is not kind:
            expected = "a table" if kind is dict else kind.__name__
            yield f"{name}: expected {expected}, found {shown(found[name])}"
    yield from _wrong_addresses(found["contracts"])


def _wrong_addresses(contracts: Mapping[str, Any]) -> Iterator[str]:
    for label, entry in contracts.items():
        if not _LABEL.fullmatch(label):
            yield f"contracts: expected names such as tournament.classic, found {shown_name(label)}"
        address = entry.get("address") if isinstance(entry, dict) else entry
        if not isinstance(address, str) or not is_checksum_address(address):
            name = f"contracts.{shown_name(label)}.address"
            yield f"{name}: expected a checksummed address, found {shown(address)}"


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    write_whole(path, (json.dumps(document, indent=1) + "\n").encode())


def _compiler() -> dict[str, Any]:
    code = compiled_code("Authority")
    return {"version": code.compiler, "settings": code.settings}


def _created(w3: Web3, creation: Creation, mined: Mapping[str, MinedTransaction]) -> dict[str, Any]:
    found = mined.get(f"create:{creation.label}") or _search(w3, creation)
    data = constructor_data(creation.contract, tuple(creation.arguments.values()))
    return {
        "contract": creation.contract,
        "address": creation.address,
        "arguments": _plain(creation.arguments),
        "constructor_data": Web3.to_hex(data),
        "salt": Web3.to_hex(creation.salt),
        "code_hash": digest(Reader(w3).code(creation.address)),
        "input_digest": compiled_code(creation.contract).input_digest,
        **vars(found),
    }


def _existing(w3: Web3, label: str, blueprint: Blueprint) -> dict[str, Any]:
    address = blueprint.addresses[label]
    return {
        "contract": blueprint.existing[label],
        "address": address,
        "existing": True,
        "code_hash": digest(Reader(w3).code(address)),
    }


def _plain(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments as JSON holds them: bytes in hexadecimal, and integers as text, never rounded."""
    return {name: _plain_value(value) for name, value in arguments.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain_value(item) for item in value]
    if isinstance(value, bytes):
        return Web3.to_hex(value)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else value


def _mined(w3: Web3, journal: Journal, blueprint: Blueprint) -> dict[str, MinedTransaction]:
    """Find the mined transactions of the journal, by the step's key."""
    found: dict[str, MinedTransaction] = {}
    for intent in journal.intents(f"{journal_scope(blueprint)}:"):
        key = RequestKey.parse(intent.key)
        for attempt in journal.attempts(intent):
            try:
                receipt = w3.eth.get_transaction_receipt(Web3.to_hex(attempt.hash))
            except TransactionNotFound:
                continue
            # A cancelled attempt is mined too, without having done anything.
            if key is not None and receipt["status"] == 1 and not attempt.cancels:
                found[key.meaning] = MinedTransaction(receipt["blockNumber"], Web3.to_hex(attempt.hash))
    return found


def _search(w3: Web3, creation: Creation) -> MinedTransaction:
    """Find the creation of a contract that the journal does not know, by bisection over blocks.

    Code, once created, stays: so the first block with code is found in about 30 readings.
    """
    low, high = 0, int(w3.eth.block_number)
    try:
        while low < high:
            middle = (low + high) // 2
            if Reader(w3, middle).code(creation.address):
                high = middle
            else:
                low = middle + 1
    except EndpointError as error:
        raise DeploymentStuck(
            f"{creation.label}: expected an endpoint that knows old states (an archive node), as the journal "
            f"does not say when it was made, found {type(error).__name__}"
        ) from None
    data = Web3.to_hex(creation.salt + creation.init_code)
    for transaction in w3.eth.get_block(low, full_transactions=True)["transactions"]:
        if isinstance(transaction, Mapping) and Web3.to_hex(transaction["input"]) == data:
            return MinedTransaction(low, Web3.to_hex(transaction["hash"]))
    return MinedTransaction(low, None)
