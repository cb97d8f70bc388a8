"""The configuration of a node: one TOML file, checked as a whole before anything runs."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import tomli_w
from eth_account import Account
from eth_account.signers.local import LocalAccount
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from web3 import Web3

from scorer.chain.contracts import Addresses, Suite
from scorer.chain.endpoint import host
from scorer.chain.endpoints import Endpoints
from scorer.chain.fees import GWEI, TIP_CEILING, FeePolicy
from scorer.chain.signers import KeySigner, RemoteSigner, Signer


class ConfigError(ValueError):
    """A configuration cannot be used; the message names the file, the field, and what was expected."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Chain(_Section):
    """Which chain and deployment, through which endpoints, and what gas may cost.

    Attributes
    ----------
    endpoint, endpoints
        One, or several in the order of preference.
    agreement
        How many endpoints must name the same hash for the finalised block; those of one host count once.
    timeout
        Seconds for one request.
    tip_ceiling_gwei
        The highest tip that is ever signed: unlike a fee cap, a tip is paid whole.
    ceiling_gwei
        The highest fee cap that is ever signed.
    transaction_cap
        The most that the endpoint lets a transaction cost, gas times fee cap, in whole coins (POL, ETH).
    most_gas
        Of one transaction; Polygon takes at most 33,554,432.
    finality_stall
        Seconds between the finalised and the latest block after which nothing is sent.
    """

    endpoint: Annotated[str, Field(pattern=r"^https?://")] | None = None
    endpoints: tuple[Annotated[str, Field(pattern=r"^https?://")], ...] = ()
    agreement: Annotated[int, Field(ge=1)] = 1
    timeout: Annotated[float, Field(gt=0)] = 30.0
    chain_id: Annotated[int, Field(gt=0)]
    deployment: Path
    tip_gwei: Annotated[int, Field(ge=0, le=1000)] = 30
    tip_ceiling_gwei: Annotated[int, Field(gt=0)] = TIP_CEILING // GWEI
    ceiling_gwei: Annotated[int, Field(gt=0)] = 10_000
    transaction_cap: Annotated[float, Field(gt=0)] | None = None
    most_gas: Annotated[int, Field(gt=21_000, le=33_554_432)] = 30_000_000
    finality_stall: Annotated[int, Field(gt=0)] = 600

    @model_validator(mode="after")
    def _some_endpoints(self) -> Self:
        if bool(self.endpoint) == bool(self.endpoints):
            raise ValueError("expected either endpoint or endpoints")
        if len({url.rstrip("/") for url in self.urls}) < len(self.urls):
            raise ValueError("expected each endpoint once")
        hosts = len({host(url) for url in self.urls})
        if self.agreement > hosts:
            raise ValueError(f"expected agreement of at most {hosts}, as many as endpoints have hosts")
        return self

    @model_validator(mode="after")
    def _tips_in_order(self) -> Self:
        if self.tip_gwei > self.tip_ceiling_gwei:
            raise ValueError(f"expected tip_ceiling_gwei of at least {self.tip_gwei}, as tip_gwei is")
        return self

    @property
    def urls(self) -> tuple[str, ...]:
        """All endpoints."""
        return self.endpoints or ((self.endpoint,) if self.endpoint else ())

    @property
    def fees(self) -> FeePolicy:
        """What to bid."""
        cap = None if self.transaction_cap is None else int(self.transaction_cap * 10**18)
        return FeePolicy(
            self.tip_gwei * GWEI,
            ceiling=self.ceiling_gwei * GWEI,
            transaction_cap=cap,
            tip_ceiling=self.tip_ceiling_gwei * GWEI,
        )


class Folders(_Section):
    """Where files are; relative to the configuration file."""

    rounds: Path | None = None
    published: Path
    targets: Path | None = None
    inbox: Path | None = None
    plans: Path | None = None


class Key(_Section):
    """A key that signs transactions, in one of three ways.

    Attributes
    ----------
    file
        Holds it in hex.
    keystore, password_file
        Hold it encrypted (Web3 Secret Storage, version 3), and the password, in one line.
    remote, public_key
        A web3signer keeps it, and signs at this URL.
    """

    file: Path | None = None
    keystore: Path | None = None
    password_file: Path | None = None
    remote: Annotated[str, Field(pattern=r"^https?://")] | None = None
    public_key: Annotated[str, Field(pattern=r"^(0x)?[0-9a-fA-F]{128}$")] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = {name for name, value in self if value is not None}
        if given not in ({"file"}, {"keystore", "password_file"}, {"remote", "public_key"}):
            raise ValueError(
                "expected file, or keystore and password_file, or remote and public_key, "
                f"found {', '.join(sorted(given)) or 'none'}"
            )
        return self

    def signer(self) -> Signer:
        """What signs with it.

        Raises
        ------
        ConfigError
            When the key cannot be read; the message holds nothing of it.
        """
        if self.remote is not None and self.public_key is not None:
            return RemoteSigner(self.remote, self.public_key)
        return KeySigner(self.account())

    def account(self) -> LocalAccount:
        """The account of a key that this process may hold."""
        if self.remote is not None:
            raise ConfigError("key: expected a key in a file for this command, found a remote signer")
        source = self.file or self.keystore
        try:
            account: LocalAccount = Account.from_key(self._secret())
        except ConfigError:
            raise
        except (OSError, ValueError, TypeError, KeyError) as error:
            expected = "a private key in hex" if self.file else "a keystore and its password"
            raise ConfigError(f"{source}: expected {expected}, found {type(error).__name__}") from None
        return account

    def _secret(self) -> str | bytes:
        if self.keystore is not None and self.password_file is not None:
            password, *more = self.password_file.read_text().splitlines() or [""]
            if more:
                raise ConfigError(f"{self.password_file}: expected one line, found {1 + len(more)}")
            return bytes(Account.decrypt(self.keystore.read_text(), password))
        return Path(self.file or "").read_text().strip()


class JournalAt(_Section):
    """Where the journal is: a file for SQLite, or a file that holds the URL of a PostgreSQL database."""

    file: Path = Path("journal.sqlite")
    url_file: Path | None = None

    @property
    def location(self) -> str | Path:
        """As `scorer.chain.journal.Journal.open` takes it."""
        if self.url_file is not None:
            return self.url_file.read_text().strip()
        return self.file


class Running(_Section):
    """How a daemon runs.

    Attributes
    ----------
    interval
        Seconds between two cycles.
    port
        Of /metrics, /healthz and /readyz on 127.0.0.1; 0 for none.
    stagger
        Seconds between members' turns in sending what anybody may send.
    challenge, largest_bond_nmr
        Whether a report that is not ours is disputed, and for what bond at most.
    most_challenges
        How many bonds may hang on undecided challenges at once.
    lost_challenges
        Rounds whose challenge was lost and looked at by a human: any other lost one ends all challenging.
    recompute
        Whether a fresh process must come to the same report before it is attested.
    least_balance
        Coins (POL, ETH) below which an account is almost empty.
    slots_per_chunk
        The most slots of four models that an operator locks at once; fewer where the chain takes no more.
    largest_submission_mib
        The largest file that an operator takes from its inbox; a universe of few ids takes less.
    """

    interval: Annotated[float, Field(gt=0)] = 15.0
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    stagger: Annotated[int, Field(ge=0)] = 20
    challenge: bool = False
    largest_bond_nmr: Annotated[int, Field(ge=0)] = 0
    most_challenges: Annotated[int, Field(ge=0)] = 3
    lost_challenges: tuple[Annotated[int, Field(ge=1)], ...] = ()
    recompute: bool = True
    least_balance: Annotated[float, Field(ge=0)] = 0.0
    slots_per_chunk: Annotated[int, Field(ge=2, le=512, multiple_of=2)] = 256
    largest_submission_mib: Annotated[int, Field(gt=0)] = 64


class Sanity(_Section):
    """What is too unusual to be attested before a human looked; see `scorer.oracle.sanity.Limits`."""

    uncovered_ppm: Annotated[int, Field(ge=0, le=1_000_000)] = 200_000
    change_ppm: Annotated[int, Field(ge=0)] = 100_000
    models_ppm: Annotated[int, Field(ge=0)] = 500_000
    accepted: tuple[str, ...] = ()


class NodeConfig(_Section):
    """A committee member's or an operator's configuration.

    Attributes
    ----------
    key
        Votes, challenges, or operates.
    relay
        Sends what anybody may send; without it, `key` does.
    """

    chain: Chain
    files: Folders
    key: Key
    relay: Key | None = None
    journal: JournalAt = JournalAt()
    run: Running = Running()
    sanity: Sanity = Sanity()

    def endpoints(self) -> Endpoints:
        """All endpoints, of which as many as the configuration asks for must agree."""
        chain = self.chain
        return Endpoints(chain.urls, chain.chain_id, chain.agreement, chain.timeout)

    def addresses(self) -> Addresses:
        """The deployment that the configuration names.

        Raises
        ------
        ConfigError
            When it cannot be read, or is for another chain.
        """
        addresses = read_deployment(self.chain.deployment)
        if addresses.chain_id != self.chain.chain_id:
            raise ConfigError(
                f"{self.chain.deployment}: expected a deployment on chain {self.chain.chain_id}, "
                f"found one on {addresses.chain_id}"
            )
        return addresses

    def suite(self, w3: Web3) -> Suite:
        """The contracts of the deployment, at an endpoint.

        Raises
        ------
        ConfigError
            When the deployment is for another chain, or has no code there.
        """
        suite = Suite.at(w3, self.addresses())
        if not w3.eth.get_code(suite.tournament.address):
            raise ConfigError(
                f"{self.chain.deployment}: expected a contract at {suite.addresses.tournament}, "
                f"found no code there on chain {suite.addresses.chain_id}"
            )
        return suite


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
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}, found {_shown(problem)}"
            for problem in error.errors(include_url=False)
        ]
        raise ConfigError(f"{path}: {'; '.join(problems)}") from None


def write_node(home: Path, settings: Mapping[str, Mapping[str, object]]) -> Path:
    """Write node.toml into a daemon's folder, and make the folders that it names; the file's path."""
    home.mkdir(parents=True, exist_ok=True)
    for folder in settings["files"].values():
        (home / str(folder)).mkdir(parents=True, exist_ok=True)
    path = home / "node.toml"
    path.write_text(tomli_w.dumps(settings))
    return path


def _shown(problem: Any) -> str:
    """What was found, but nothing of a URL's path: a provider's key may be in it."""
    value = problem["input"]
    if any("endpoint" in str(part) for part in problem["loc"]) and isinstance(value, str):
        return repr(host(value))
    return "other fields" if isinstance(value, dict) else repr(value)


def _absolute(config: NodeConfig, folder: Path) -> NodeConfig:
    def resolved(section: Any) -> Any:
        if not isinstance(section, BaseModel):
            return section
        paths = {name: folder / value for name, value in section if isinstance(value, Path)}
        return section.model_copy(update=paths)

    return config.model_copy(update={name: resolved(section) for name, section in config})
