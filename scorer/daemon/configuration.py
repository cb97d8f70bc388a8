"""The configuration of a node: one TOML file, checked as a whole before anything runs."""

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError
from web3 import Web3

from scorer.chain.contracts import Suite
from scorer.chain.endpoints import Endpoints
from scorer.chain.records import Addresses
from scorer.daemon.config_errors import ConfigError, problems
from scorer.daemon.deployment_file import read_deployment
from scorer.daemon.keys import EncryptionKeys, JournalAt, Key
from scorer.daemon.sections import BridgeWatched, Chain, ConfigSection, Folders, Running, Sanity, TournamentAt
from scorer.files import parse_toml, read_bounded
from scorer.redaction import shown, shown_path

ConfigT = TypeVar("ConfigT", bound=ConfigSection)


class NodeConfig(ConfigSection):
    """A committee member's or an operator's configuration.

    Attributes
    ----------
    key
        Votes, challenges, or operates.
    relay
        Sends what anybody may send; without it, `key` does.
    encryption
        Opens a member's shares of submissions that are encrypted.
    bridge
        The bridge that the tournament's token came over, which a member watches.
    tournaments
        Served beside the one that `chain.deployment` names.
    """

    chain: Chain
    files: Folders
    key: Key
    relay: Key | None = None
    encryption: EncryptionKeys | None = None
    journal: JournalAt = JournalAt()
    run: Running = Running()
    sanity: Sanity = Sanity()
    bridge: BridgeWatched | None = None
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
        """Return all endpoints, of which as many as the configuration asks for must agree."""
        return self.chain.connections()

    def addresses(self) -> Addresses:
        """Return the addresses in the deployment that the configuration names.

        Raises
        ------
        ConfigError
            When it cannot be read, or is for another chain.
        """
        return self.addresses_at(self.chain.deployment)

    def addresses_at(self, deployment: Path) -> Addresses:
        """Return the addresses in one of the deployments that it names. Raises as `addresses` does."""
        addresses = read_deployment(deployment)
        if addresses.chain_id != self.chain.chain_id:
            raise ConfigError(
                f"{deployment}: expected a deployment on chain {self.chain.chain_id}, "
                f"found one on {addresses.chain_id}"
            )
        return addresses

    def suite(self, w3: Web3) -> Suite:
        """Return the contracts of the deployment, at an endpoint.

        Raises
        ------
        ConfigError
            When the deployment is for another chain, or has no code there.
        """
        return self._suite_at(w3, self.chain.deployment)

    def suite_of(self, w3: Web3, tournament: str | None) -> Suite:
        """Return the contracts of a tournament, by its name or its address; None: of the only one there is.

        Raises
        ------
        ConfigError
            As `suite`, or when no tournament is meant, or none that is served.
        """
        served = {
            (served_at.name, self.addresses_at(served_at.deployment).tournament): served_at
            for served_at in self.all_tournaments
        }
        meant = [at for names, at in served.items() if tournament is None or tournament in names]
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


def load_config(path: Path) -> NodeConfig:
    """Read and check a configuration; paths in it are relative to it.

    Raises
    ------
    ConfigError
        Names each wrong field, what is expected, and what was found.
    """
    return read_config(NodeConfig, path)


def read_config(kind: type[ConfigT], path: Path) -> ConfigT:
    """Read and check a configuration of one kind, as `load_config` does that of a node."""
    name = shown_path(path)
    try:
        return _absolute(kind.model_validate(parse_toml(read_bounded(path))), path.parent)
    except ValidationError as error:
        raise ConfigError(f"{name}: {'; '.join(problems(error))}") from None
    except OSError as error:
        raise ConfigError(f"{name}: expected a TOML file, found {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from None


def _is_path(value: object) -> bool:
    return isinstance(value, Path) or (
        isinstance(value, tuple) and any(isinstance(path, Path) for path in value)
    )


def _under(folder: Path, value: Path | tuple[Path, ...]) -> Path | tuple[Path, ...]:
    return tuple(folder / path for path in value) if isinstance(value, tuple) else folder / value


def _absolute(config: ConfigT, folder: Path) -> ConfigT:
    def resolved(section: Any) -> Any:
        if isinstance(section, tuple) and not _is_path(section):
            return tuple(map(resolved, section))
        if isinstance(section, BaseModel):
            return section.model_copy(update={name: resolved(value) for name, value in section})
        return _under(folder, section) if _is_path(section) else section

    return config.model_copy(update={name: resolved(section) for name, section in config})
