"""The addresses of a bridge's contracts on both chains, as a deployment wrote them into bridge.json."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Self

from web3 import Web3

from scorer.bridge.checkpoints import STEP
from scorer.chain.accounts import KeyTextError, require_address
from scorer.errors import CupelError
from scorer.files import decoded, read_bounded
from scorer.protocol.documents import parse_json
from scorer.redaction import described, shown, shown_path

FORMAT: Final = 1
MOST_WHOLE: Final = 1 << 63


class BridgeFileError(CupelError, ValueError):
    """A bridge.json cannot be used; the message says what was expected, and what was found."""


@dataclass(frozen=True)
class RootAddresses:
    """The bridge's contracts on Ethereum.

    Attributes
    ----------
    root_chain
        Polygon's RootChain, which holds checkpoints.
    block
        A block from before any of the bridge's events.
    """

    chain_id: int
    block: int
    gateway: str
    token: str
    lockbox: str
    burn_sink: str
    results: str
    root_chain: str


@dataclass(frozen=True)
class ChildAddresses:
    """The bridge's contracts on Polygon; `block` is one from before any of their events."""

    chain_id: int
    block: int
    gateway: str
    token: str
    burn_sink: str


@dataclass(frozen=True)
class BridgeAddresses:
    """The addresses of both ends.

    Attributes
    ----------
    step
        Difference between the numbers of two checkpoints.
    """

    root: RootAddresses
    child: ChildAddresses
    step: int = STEP

    def to_json(self) -> dict[str, Any]:
        """Return the document for bridge.json."""
        return {"format": FORMAT, "root": vars(self.root), "child": vars(self.child), "step": self.step}

    @classmethod
    def from_json(cls, document: object) -> Self:
        """Read addresses from a document.

        Raises
        ------
        ValueError
            When a field is missing, or is no address or no whole number.
        """
        if not isinstance(document, Mapping) or document.get("format") != FORMAT:
            raise ValueError(f"expected an object of format {FORMAT}, found {described(document)}")
        step = _whole("step", document.get("step", STEP))
        if step == 0:
            raise ValueError("expected a step of at least 1, found 0")
        root = RootAddresses(**_side("root", RootAddresses, document.get("root")))
        child = ChildAddresses(**_side("child", ChildAddresses, document.get("child")))
        if root.chain_id == child.chain_id:
            raise ValueError(f"expected two chains, found {root.chain_id} twice")
        return cls(root, child, step)


def read_bridge(path: Path) -> BridgeAddresses:
    """Read a bridge.json.

    Raises
    ------
    BridgeFileError
        When it cannot be read, or does not hold a bridge's addresses.
    """
    try:
        return BridgeAddresses.from_json(parse_json(decoded(read_bounded(path)).encode()))
    except OSError as error:
        raise BridgeFileError(
            f"{shown_path(path)}: expected a bridge's addresses, found {error.strerror}"
        ) from None
    except json.JSONDecodeError:
        raise BridgeFileError(f"{shown_path(path)}: expected a bridge's addresses, found no JSON") from None
    except (ValueError, RecursionError) as error:
        raise BridgeFileError(f"{shown_path(path)}: {error}") from None


def _side(name: str, kind: type[RootAddresses | ChildAddresses], found: object) -> dict[str, Any]:
    if not isinstance(found, Mapping):
        raise ValueError(f"expected an object as {name}, found {described(found)}")
    values: dict[str, Any] = {}
    for field in fields(kind):
        path, value = f"{name}.{field.name}", found.get(field.name)
        values[field.name] = _address(path, value) if field.type is str else _whole(path, value)
    return values


def _whole(name: str, value: object) -> int:
    if type(value) is not int or not 0 <= value < MOST_WHOLE:
        raise ValueError(f"expected a whole number as {name}, found {shown(value)}")
    return value


def _address(name: str, value: object) -> str:
    try:
        return Web3.to_checksum_address(require_address(value))
    except KeyTextError as error:
        raise ValueError(
            str(error).replace("expected an address", f"expected an address as {name}", 1)
        ) from None
