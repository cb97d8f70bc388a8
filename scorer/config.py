"""The configuration of a node: one TOML file, checked as a whole before anything runs."""

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scorer.chain.contracts import Addresses, Suite
from scorer.chain.endpoint import connect
from scorer.chain.sender import FeePolicy, Sender


class ConfigError(ValueError):
    """A configuration cannot be used; the message names the file, the field, and what was expected."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Chain(_Section):
    """Which chain and deployment, and through which endpoint."""

    endpoint: Annotated[str, Field(pattern=r"^https?://")]
    chain_id: Annotated[int, Field(gt=0)]
    deployment: Path
    tip_gwei: Annotated[int, Field(ge=0, le=1000)] = 30


class Folders(_Section):
    """Where files are; relative to the configuration file."""

    rounds: Path | None = None
    published: Path
    targets: Path | None = None
    inbox: Path | None = None


class Key(_Section):
    """The key that signs transactions: a file that holds it in hex."""

    file: Path


class NodeConfig(_Section):
    """A committee member's or an operator's configuration."""

    chain: Chain
    files: Folders
    key: Key

    def suite(self) -> Suite:
        """Connect, and bind the deployment that the configuration names.

        Raises
        ------
        scorer.chain.endpoint.EndpointError
            When the endpoint does not answer, or serves another chain.
        ConfigError
            When the deployment is for another chain, or has no code there.
        """
        addresses = read_deployment(self.chain.deployment)
        if addresses.chain_id != self.chain.chain_id:
            raise ConfigError(
                f"{self.chain.deployment}: expected a deployment on chain {self.chain.chain_id}, "
                f"found one on {addresses.chain_id}"
            )
        suite = Suite.at(connect(self.chain.endpoint, self.chain.chain_id), addresses)
        if not suite.w3.eth.get_code(suite.tournament.address):
            raise ConfigError(
                f"{self.chain.deployment}: expected a contract at {addresses.tournament}, "
                f"found no code there on chain {addresses.chain_id}"
            )
        return suite

    def account(self) -> LocalAccount:
        """The account of the key."""
        try:
            account: LocalAccount = Account.from_key(self.key.file.read_text().strip())
        except (OSError, ValueError) as error:
            found = type(error).__name__
            raise ConfigError(f"{self.key.file}: expected a private key in hex, found {found}") from None
        return account

    def sender(self, suite: Suite) -> Sender:
        """What signs and sends with the key."""
        return Sender(suite.w3, self.account(), FeePolicy(tip=self.chain.tip_gwei * 10**9))


def read_deployment(path: Path) -> Addresses:
    """Read a deployment.json."""
    try:
        return Addresses.from_json(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"{path}: expected a deployment's addresses, found {error}") from None


def load_config(path: Path) -> NodeConfig:
    """Read and check a configuration; paths in it are relative to it.

    Raises
    ------
    ConfigError
        Names each wrong field, what is expected, and what was found.
    """
    try:
        document = tomllib.loads(path.read_text())
        return _absolute(NodeConfig.model_validate(document), path.parent)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: expected a TOML file, found {error}") from None
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}, found {problem['input']!r}"
            for problem in error.errors(include_url=False)
        ]
        raise ConfigError(f"{path}: {'; '.join(problems)}") from None


def _absolute(config: NodeConfig, folder: Path) -> NodeConfig:
    def resolved(section: Any) -> Any:
        paths = {name: folder / value for name, value in section if isinstance(value, Path)}
        return section.model_copy(update=paths)

    return NodeConfig(chain=resolved(config.chain), files=resolved(config.files), key=resolved(config.key))
