"""The configuration of a server: one TOML file; paths in it are relative to it."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from scorer.chain.accounts import KeyTextError, require_address
from scorer.chain.contracts import Suite
from scorer.chain.endpoint import connect
from scorer.client.server_signing import SigningPlace
from scorer.client.signing_service import SigningClient
from scorer.daemon.config_errors import ConfigError, problems
from scorer.daemon.deployment_file import read_deployment
from scorer.daemon.sections import ConfigSection, FilePath, Url
from scorer.files import SecretExposed, one_line, parse_toml, read_bounded, read_secret
from scorer.redaction import remember, shown_path
from scorer.server.assembly import ServerParts
from scorer.server.data_sets import DEFAULT_ALIASES, DataSets
from scorer.server.database import Database
from scorer.server.pages.settings import PageSettings
from scorer.server.quotas import Quotas

STORE: Final = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_.-]+)*$"
"""A URL such as s3://bucket/prefix."""
DATABASE: Final = r"^postgresql\+psycopg://"
Kind = Literal["classic", "signals", "crypto"]


def _address(value: str) -> str:
    try:
        return str(require_address(value))
    except KeyTextError as error:
        raise ValueError(str(error)) from None


Address = Annotated[str, AfterValidator(_address)]


class TournamentSection(ConfigSection):
    """The tournament, and where it is reached.

    Attributes
    ----------
    url
        The public URL of the server, which is the base URL of clients.
    private
        Whether an account needs an invitation.
    private_webhooks
        Whether webhooks may be on this machine and its network: for a devnet.
    custodian
        The address that owns models which are held for accounts without a wallet.
    """

    name: Annotated[str, Field(min_length=1, max_length=60)]
    kind: Kind
    url: Url
    private: bool = False
    private_webhooks: bool = False
    custodian: Address | None = None


class ChainSection(ConfigSection):
    """The chain, and the deployment on it."""

    endpoint: Annotated[Url, Field(repr=False)]
    deployment: FilePath


class FolderSection(ConfigSection):
    """Folders of files.

    Attributes
    ----------
    inbox, published
        The operator's.
    bundles
        Members' folders of rounds, in which scores are looked for.
    files
        Uploads, or of those in an object store the ones that are being used.
    objects
        The URL of an object store for uploads; without it, they are in `files`. Its keys come from the
        environment, or from the machine's role, as AWS's own tools take them.
    data
        The data set's versions; without it, the server has none.
    """

    inbox: FilePath
    published: FilePath
    bundles: Annotated[tuple[FilePath, ...], Field(strict=False, min_length=1)]
    files: FilePath = Path("files")
    objects: Annotated[str | None, Field(pattern=STORE)] = None
    data: FilePath | None = None


class SignerSection(ConfigSection):
    """The process that signs.

    Attributes
    ----------
    keystore, password_file
        Of the server's own key; only `cupel server sign` reads them.
    socket
        Where it answers.
    """

    address: Address
    keystore: FilePath = Path("signer.json")
    password_file: FilePath = Path("signer.password")
    socket: FilePath = Path("run/sign")


class ListenSection(ConfigSection):
    """Addresses of the web process, and how often the worker looks at the chain, seconds.

    Attributes
    ----------
    proxies
        Addresses of proxies whose X-Forwarded-For is believed.
    requests_per_minute
        Of one address, in the long run.
    metrics_port
        Where Prometheus asks, on 127.0.0.1 alone; None: nowhere.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, lt=65_536)] = 8700
    interval: Annotated[float, Field(gt=0, le=3600)] = 15.0
    requests_per_minute: Annotated[float, Field(gt=0)] = 600.0
    metrics_port: Annotated[int, Field(ge=0, lt=65_536)] | None = None
    proxies: Annotated[tuple[str, ...], Field(strict=False)] = ("127.0.0.1",)


class UploadSection(ConfigSection):
    """The most that may be uploaded; see `scorer.server.quotas.Quotas`, bytes."""

    waiting: Annotated[int, Field(gt=0)] = Quotas.waiting
    account_bytes: Annotated[int, Field(gt=0)] = Quotas.account_bytes
    waiting_bytes: Annotated[int, Field(gt=0)] = Quotas.waiting_bytes
    free_bytes: Annotated[int, Field(ge=0)] = Quotas.free_bytes


class AgentSection(ConfigSection):
    """Tools for agents at ``/mcp``, by the Model Context Protocol.

    Attributes
    ----------
    enabled
        Whether there are any; they need the package ``mcp``.
    submits
        Whether an agent may submit, with a key that may upload.
    """

    enabled: bool = False
    submits: bool = False


class PageSection(ConfigSection):
    """The web page; see `scorer.server.pages.settings.PageSettings`."""

    organisers: Annotated[tuple[Address, ...], Field(strict=False)] = ()
    baselines: Annotated[tuple[Annotated[int, Field(gt=0)], ...], Field(strict=False)] = ()
    about: Annotated[str, Field(max_length=1_000)] = ""


class ServerConfig(ConfigSection):
    """A server's configuration.

    Attributes
    ----------
    database
        The URL of a PostgreSQL database; without it, server.sqlite beside the configuration.
    secret_file
        32 bytes in hex that sign URLs.
    """

    tournament: TournamentSection
    chain: ChainSection
    folders: FolderSection
    signer: SignerSection
    listen: ListenSection = ListenSection()
    uploads: UploadSection = UploadSection()
    agents: AgentSection = AgentSection()
    page: PageSection = PageSection()
    database: Annotated[str | None, Field(pattern=DATABASE, repr=False)] = None
    secret_file: FilePath = Path("url.secret")
    aliases: dict[str, str] = Field(default_factory=lambda: dict(DEFAULT_ALIASES))
    base: Annotated[Path, Field(strict=False, exclude=True)] = Path()

    @model_validator(mode="after")
    def _plain_url(self) -> Self:
        if self.tournament.url.endswith("/"):
            raise ValueError("expected tournament.url without a slash at its end")
        return self

    def at(self, path: Path) -> Path:
        """Return a path of the configuration, from where the file is."""
        return self.base / path

    def suite(self) -> Suite:
        """Return the contracts of the deployment."""
        addresses = read_deployment(self.at(self.chain.deployment))
        return Suite.at(connect(self.chain.endpoint, addresses.chain_id), addresses)

    def open_database(self) -> Database:
        """Open the database."""
        return Database.open(self.database or self.at(Path("server.sqlite")))

    def signing_place(self) -> SigningPlace:
        """Return where the process is that signs."""
        addresses = read_deployment(self.at(self.chain.deployment))
        return SigningPlace(
            keystore=str(self.at(self.signer.keystore)),
            password_file=str(self.at(self.signer.password_file)),
            socket=str(self.at(self.signer.socket)),
            chain_id=addresses.chain_id,
            tournament=addresses.tournament,
        )

    def parts(self) -> ServerParts:
        """Return the parts of the server.

        Raises
        ------
        ConfigError
            When the file of the secret cannot be read, or others can.
        """
        folders, data = self.folders, self.folders.data
        text = self._secret(self.secret_file)
        try:
            secret = bytes.fromhex(text)
        except ValueError:
            raise ConfigError(
                f"{self.at(self.secret_file)}: expected 32 bytes in hex, found others"
            ) from None
        return ServerParts(
            kind=self.tournament.kind,
            name=self.tournament.name,
            url=self.tournament.url,
            is_private=self.tournament.private,
            secret=secret,
            signer=SigningClient(self.at(self.signer.socket), self.signer.address),
            custodian=self.tournament.custodian,
            files=self.at(folders.files),
            inbox=self.at(folders.inbox),
            published=self.at(folders.published),
            bundles=tuple(self.at(root) for root in folders.bundles),
            data=DataSets(None if data is None else self.at(data), self.aliases),
            calls_private=self.tournament.private_webhooks,
            quotas=Quotas(**self.uploads.model_dump()),
            page=PageSettings(**self.page.model_dump()),
            objects=folders.objects,
        )

    def _secret(self, path: Path) -> str:
        try:
            secret = read_secret(self.at(path), one_line)
        except (OSError, SecretExposed) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ConfigError(f"{shown_path(self.at(path))}: expected a secret, found {reason}") from None
        remember(secret)
        return secret


def load_server_config(path: Path) -> ServerConfig:
    """Read and check a configuration.

    Raises
    ------
    ConfigError
        Names each wrong field, what is expected, and what was found.
    """
    name = shown_path(path)
    try:
        document: dict[str, Any] = parse_toml(read_bounded(path))
        return ServerConfig.model_validate({**document, "base": path.resolve().parent})
    except ValidationError as error:
        raise ConfigError(f"{name}: {'; '.join(problems(error))}") from None
    except OSError as error:
        raise ConfigError(f"{name}: expected a TOML file, found {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from None
