"""The configuration of a node: one TOML file, checked as a whole before anything runs."""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Self, TypeVar

import tomli_w
from eth_account import Account
from eth_account.signers.local import LocalAccount
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from web3 import Web3

from scorer.chain.accounts import private_key_of, public_key_of
from scorer.chain.contracts import Addresses, Suite
from scorer.chain.endpoint import host
from scorer.chain.endpoints import Endpoints
from scorer.chain.fees import GWEI, TIP_CEILING, FeePolicy
from scorer.errors import CupelError
from scorer.files import (
    OWNER_ONLY,
    SecretExposed,
    decoded,
    one_line,
    parse_toml,
    read_bounded,
    read_secret,
    write_whole,
)
from scorer.protocol.documents import parse_json
from scorer.redaction import described, hides_a_key, remember, remember_url, shown, shown_name, shown_path
from scorer.transactions.keystore import UnlockError, decrypt, read_keystore
from scorer.transactions.signers import KeySigner, RemoteSigner, Signer

T = TypeVar("T")


class ConfigError(CupelError, ValueError):
    """A configuration cannot be used; the message names the file, the field, and what was expected."""


class _Section(BaseModel):
    """A section of the file: no field but those that are declared, and no value of another type."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


def _path(value: Path) -> Path:
    """Refuse a key or a URL in place of the path of its file, as messages show paths."""
    if hides_a_key(value):
        raise ValueError("expected the path of a file, found a key or a URL in its place")
    return value


FilePath = Annotated[Path, Field(strict=False), AfterValidator(_path)]
Url = Annotated[str, Field(pattern=r"^https?://")]
LONGEST: Final = 86_400
"""Seconds of any wait: a day."""
MOST_COINS: Final = 10**9
MOST_PROBLEMS: Final = 20
"""In one message."""
SECRET_SECTIONS: Final = ("key", "relay", "journal")
"""Of what stands there, messages show types alone."""
PLAIN_NAME: Final = re.compile(r"[a-z][a-z_]{0,31}")
TELLING_NAME: Final = re.compile(
    r"account|address|file|key|mnemonic|pass|path|phrase|private|public|remote|secret|seed|store|url"
)
"""Words in names that somebody may take for a field's in those sections."""


def _default_agreement(given: Mapping[str, Any]) -> int:
    """Two, where endpoints of two hosts are configured."""
    urls = (*given.get("endpoints", ()), given.get("endpoint") or "")
    return min(max(len({host(url) for url in urls if url}), 1), 2)


class Chain(_Section):
    """Which chain and deployment, through which endpoints, and what gas may cost.

    Attributes
    ----------
    endpoint, endpoints
        One, or several in the order of preference.
    agreement
        How many endpoints must name the same hash for the finalised block; those of one host count once. Two
        where there are two hosts or more, else one: what one endpoint alone says is believed only where no
        other was given.
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

    endpoint: Annotated[Url | None, Field(repr=False)] = None
    endpoints: Annotated[tuple[Url, ...], Field(strict=False, repr=False)] = ()
    agreement: Annotated[int, Field(ge=1, default_factory=_default_agreement)]
    timeout: Annotated[float, Field(gt=0, le=LONGEST)] = 30.0
    chain_id: Annotated[int, Field(gt=0, lt=1 << 63)]
    deployment: FilePath
    tip_gwei: Annotated[int, Field(ge=0, le=1000)] = 30
    tip_ceiling_gwei: Annotated[int, Field(gt=0, le=MOST_COINS)] = TIP_CEILING // GWEI
    ceiling_gwei: Annotated[int, Field(gt=0, le=MOST_COINS)] = 10_000
    transaction_cap: Annotated[float, Field(gt=0, le=MOST_COINS)] | None = None
    most_gas: Annotated[int, Field(gt=21_000, le=33_554_432)] = 30_000_000
    finality_stall: Annotated[int, Field(gt=0, le=LONGEST)] = 600

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
    """Where files are; relative to the configuration file.

    Attributes
    ----------
    peers
        Other members' bundles, as far as they can be read here: evidence of what their reports rest on. For
        an operator, members' bundles, from which it takes the scores of a round that it settles.
    """

    rounds: FilePath | None = None
    published: FilePath
    targets: FilePath | None = None
    inbox: FilePath | None = None
    plans: FilePath | None = None
    peers: Annotated[tuple[FilePath, ...], Field(strict=False)] = ()


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

    file: FilePath | None = None
    keystore: FilePath | None = None
    password_file: FilePath | None = None
    remote: Url | None = Field(default=None, repr=False)
    public_key: str | None = None

    @field_validator("public_key")
    @classmethod
    def _on_the_curve(cls, value: str | None) -> str | None:
        if value is not None:
            public_key_of(value)
        return value

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
            remember_url(self.remote)
            return RemoteSigner(self.remote, self.public_key)
        return KeySigner(self.account())

    def account(self) -> LocalAccount:
        """The account of a key that this process may hold."""
        if self.remote is not None:
            raise ConfigError("key: expected a key in a file for this command, found a remote signer")
        key = self._from_keystore() if self.file is None else _secret_of(self.file, "key.file", _key)
        remember(key)
        account: LocalAccount = Account.from_key(key)
        return account

    def _from_keystore(self) -> bytes:
        keystore, password = self.keystore or Path(), self.password_file or Path()
        document = _secret_of(keystore, "key.keystore", read_keystore)
        opens = _secret_of(password, "key.password_file", one_line)
        try:
            return decrypt(document, opens)
        except UnlockError as error:
            raise ConfigError(f"{keystore}: {error}") from None


def key_of(file: Path | None, keystore: Path | None, password_file: Path | None) -> Key:
    """A key in one of the ways that a command line gives it.

    Raises
    ------
    ConfigError
        When it is none of them, or a key stands where the path of its file belongs.
    """
    try:
        return Key(file=file, keystore=keystore, password_file=password_file)
    except ValidationError as error:
        raise ConfigError("; ".join(_problems(error, ("key",)))) from None


def _key(content: bytes) -> bytes:
    return private_key_of(decoded(content))


def _secret_of(path: Path, field: str, parse: Callable[[bytes], T]) -> T:
    """What a file with a secret holds; a path without a file is not shown, as it may be the secret."""
    try:
        return read_secret(path, parse)
    except SecretExposed as error:
        raise ConfigError(str(error)) from None
    except OSError as error:
        raise ConfigError(
            f"{_named(path, field)}: expected a file that can be read, found {error.strerror}"
        ) from None
    except (UnlockError, ValueError) as error:
        raise ConfigError(f"{_named(path, field)}: {error}") from None


def _named(path: Path, field: str) -> str:
    return str(path) if os.path.exists(path) else field  # noqa: PTH110 - pathlib's raises for some names


class JournalAt(_Section):
    """Where the journal is: a file for SQLite, or a file that holds the URL of a PostgreSQL database.

    `keep_days`: how long it keeps the rows of rounds that are over; see `scorer.transactions.pruning`.
    """

    file: FilePath = Path("journal.sqlite")
    url_file: FilePath | None = None
    keep_days: Annotated[int, Field(ge=30)] = 365

    @property
    def location(self) -> str | Path:
        """As `scorer.transactions.journal.Journal.open` takes it.

        Raises
        ------
        ConfigError
            When the file with the URL cannot be read, can be read by others, or holds none.
        """
        if self.url_file is None:
            return self.file
        url = _secret_of(self.url_file, "journal.url_file", one_line).strip()
        if "://" not in url:
            raise ConfigError(f"{self.url_file}: expected the URL of a database, found {described(url)}")
        remember_url(url)
        return url


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
    roll_wait
        Seconds after the beginning of a settlement for which a member leaves its chunks to the operator while
        another round is to be locked: both in one transaction take less gas; 0 for none.
    challenge, largest_bond_nmr
        Whether a report that is not ours is disputed, and for what bond at most.
    most_challenges
        How many bonds may hang on undecided challenges at once.
    lost_challenges
        Rounds whose challenge was lost and looked at by a human: any other lost one ends all challenging.
    dispute
        Hashes of accepted reports that a human found wrong: they are disputed whatever they rest on.
    publication_grace
        Seconds after a seal in which published files may still be on their way; a quarter of the time to the
        outcome where that is less.
    outcome_delay
        Hours that are waited after an outcome before a report is made, for targets to be corrected; half of
        the time to the deadline at most, and no longer once a report was accepted.
    recompute
        Whether a fresh process must come to the same report before it is attested.
    least_balance
        Coins (POL, ETH) below which an account is almost empty.
    slots_per_chunk
        The most slots of four models that an operator locks at once; fewer where the chain takes no more.
    largest_submission_mib
        The largest file that an operator takes from its inbox; a universe of few ids takes less.
    """

    interval: Annotated[float, Field(gt=0, le=LONGEST)] = 15.0
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    stagger: Annotated[int, Field(ge=0, le=LONGEST)] = 20
    roll_wait: Annotated[int, Field(ge=0, le=LONGEST)] = 300
    challenge: bool = False
    largest_bond_nmr: Annotated[int, Field(ge=0, le=11_000_000)] = 0
    most_challenges: Annotated[int, Field(ge=0)] = 3
    lost_challenges: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(strict=False)] = ()
    dispute: Annotated[
        tuple[Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{64}$")], ...], Field(strict=False)
    ] = ()
    publication_grace: Annotated[int, Field(ge=0, le=LONGEST)] = 3600
    outcome_delay: Annotated[float, Field(ge=0, le=720)] = 0.0
    recompute: bool = True
    least_balance: Annotated[float, Field(ge=0, le=MOST_COINS)] = 0.0
    slots_per_chunk: Annotated[int, Field(ge=2, le=512, multiple_of=2)] = 256
    largest_submission_mib: Annotated[int, Field(gt=0, le=1 << 20)] = 64


class Sanity(_Section):
    """What is too unusual to be attested before a human looked; see `scorer.oracle.sanity.Limits`."""

    uncovered_ppm: Annotated[int, Field(ge=0, le=1_000_000)] = 200_000
    change_ppm: Annotated[int, Field(ge=0)] = 100_000
    models_ppm: Annotated[int, Field(ge=0)] = 500_000
    accepted: Annotated[tuple[str, ...], Field(strict=False)] = ()


class TournamentAt(_Section):
    """A tournament that a daemon serves, beside others, with the same key, journal and endpoints.

    Attributes
    ----------
    deployment
        Its deployment.json.
    name
        What logs and metrics call it; None: its address.
    plans
        Where its rounds are prepared.
    lost_challenges
        As in `Running`, of its own rounds.
    """

    deployment: FilePath
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")] | None = None
    plans: FilePath | None = None
    lost_challenges: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(strict=False)] = ()


class NodeConfig(_Section):
    """A committee member's or an operator's configuration.

    Attributes
    ----------
    key
        Votes, challenges, or operates.
    relay
        Sends what anybody may send; without it, `key` does.
    tournaments
        Served beside the one that `chain.deployment` names.
    """

    chain: Chain
    files: Folders
    key: Key
    relay: Key | None = None
    journal: JournalAt = JournalAt()
    run: Running = Running()
    sanity: Sanity = Sanity()
    tournaments: Annotated[tuple[TournamentAt, ...], Field(strict=False)] = ()

    @property
    def all_tournaments(self) -> tuple[TournamentAt, ...]:
        """Every tournament that is served, the one that `chain.deployment` names first."""
        first = TournamentAt(
            deployment=self.chain.deployment,
            plans=self.files.plans,
            lost_challenges=self.run.lost_challenges,
        )
        return first, *self.tournaments

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
        return self.addresses_at(self.chain.deployment)

    def addresses_at(self, deployment: Path) -> Addresses:
        """One of the deployments that the configuration names. Raises as `addresses` does."""
        addresses = read_deployment(deployment)
        if addresses.chain_id != self.chain.chain_id:
            raise ConfigError(
                f"{deployment}: expected a deployment on chain {self.chain.chain_id}, "
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
        return self._suite_at(w3, self.chain.deployment)

    def suite_of(self, w3: Web3, tournament: str | None) -> Suite:
        """The contracts of a tournament, by its name or its address; None: of the only one there is.

        Raises
        ------
        ConfigError
            As `suite`, or when no tournament is meant, or none that is served.
        """
        served = {
            (each.name, self.addresses_at(each.deployment).tournament): each for each in self.all_tournaments
        }
        meant = [each for names, each in served.items() if tournament is None or tournament in names]
        if len(meant) != 1:
            known = ", ".join(name or address for name, address in served)
            found = "none" if tournament is None else shown(tournament)
            raise ConfigError(f"--tournament: expected one of {known}, found {found}")
        return self._suite_at(w3, meant[0].deployment)

    def _suite_at(self, w3: Web3, deployment: Path) -> Suite:
        suite = Suite.at(w3, self.addresses_at(deployment))
        if not w3.eth.get_code(suite.tournament.address):
            raise ConfigError(
                f"{deployment}: expected a contract at {suite.addresses.tournament}, "
                f"found no code there on chain {suite.addresses.chain_id}"
            )
        return suite


def read_deployment(path: Path) -> Addresses:
    """Read a deployment.json."""
    try:
        return Addresses.from_json(_json(path))
    except OSError as error:
        raise ConfigError(
            f"{shown_path(path)}: expected a deployment's addresses, found {error.strerror}"
        ) from None
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{shown_path(path)}: expected a deployment's addresses, found {error}") from None


def _json(path: Path) -> Any:
    """A JSON document; what is wrong with it is not quoted, as it may be a file with a key in it."""
    text = decoded(read_bounded(path))
    try:
        return parse_json(text.encode())
    except (ValueError, RecursionError) as error:
        where = f", at {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise ValueError(f"no JSON that can be read{where}") from None


def load_config(path: Path) -> NodeConfig:
    """Read and check a configuration; paths in it are relative to it.

    Raises
    ------
    ConfigError
        Names each wrong field, what is expected, and what was found.
    """
    name = shown_path(path)
    try:
        return _absolute(NodeConfig.model_validate(parse_toml(read_bounded(path))), path.parent)
    except ValidationError as error:
        raise ConfigError(f"{name}: {'; '.join(_problems(error))}") from None
    except OSError as error:
        raise ConfigError(f"{name}: expected a TOML file, found {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from None


NOT_DERIVED: Final = "default_factory_not_called"
"""What pydantic adds where a default rests on another field that is wrong, and named already."""


def _problems(error: ValidationError, section: tuple[str, ...] = ()) -> Iterator[str]:
    errors = [each for each in error.errors(include_url=False) if each["type"] != NOT_DERIVED]
    for found in errors[:MOST_PROBLEMS]:
        problem: dict[str, Any] = {**found, "loc": (*section, *found["loc"])}
        message = problem["msg"].removeprefix("Value error, ")
        field = ".".join(map(shown_name, problem["loc"])) or "file"
        if problem["type"] == "missing":
            yield f"{field}: expected a value, found none"
        elif problem["type"] == "extra_forbidden":
            yield f"{_unknown(problem)}: expected no field of this name, found {described(problem['input'])}"
        elif ", found " in message:
            yield f"{field}: {message}"
        else:
            yield f"{field}: {message}, found {_shown(problem)}"


def write_node(home: Path, settings: Mapping[str, Mapping[str, object]]) -> Path:
    """Write node.toml into a daemon's folder, and make the folders that it names; the file's path."""
    home.mkdir(parents=True, exist_ok=True)
    for folder in settings["files"].values():
        (home / str(folder)).mkdir(parents=True, exist_ok=True)
    path = home / "node.toml"
    write_whole(path, tomli_w.dumps(settings).encode(), mode=OWNER_ONLY)
    return path


def _unknown(problem: Any) -> str:
    """The path of a field that nobody declared; its name may be a password that slipped before the ``=``."""
    *section, name = map(str, problem["loc"])
    is_word = PLAIN_NAME.fullmatch(name) and (not _is_secret(section) or TELLING_NAME.search(name))
    return ".".join([*map(shown_name, section), name if is_word else described(name)])


def _shown(problem: Any) -> str:
    """What was found; of text, of sections with secrets in them, and of endpoints, its type alone.

    A short password looks like any other text, and may stand where a number belongs.
    """
    is_secret = isinstance(problem["input"], str) or _is_secret([str(part) for part in problem["loc"]])
    return described(problem["input"]) if is_secret else shown(problem["input"])


def _is_secret(path: Sequence[str]) -> bool:
    return any(section in SECRET_SECTIONS for section in path[:1]) or any("endpoint" in part for part in path)


def _is_path(value: object) -> bool:
    return isinstance(value, Path) or (isinstance(value, tuple) and any(isinstance(e, Path) for e in value))


def _under(folder: Path, value: Path | tuple[Path, ...]) -> Path | tuple[Path, ...]:
    return tuple(folder / each for each in value) if isinstance(value, tuple) else folder / value


def _absolute(config: NodeConfig, folder: Path) -> NodeConfig:
    def resolved(section: Any) -> Any:
        if isinstance(section, tuple):
            return tuple(map(resolved, section))
        if not isinstance(section, BaseModel):
            return section
        paths = {name: _under(folder, value) for name, value in section if _is_path(value)}
        return section.model_copy(update=paths)

    return config.model_copy(update={name: resolved(section) for name, section in config})
