"""The configuration of a relayer: one TOML file, checked as a whole before anything runs."""

from pathlib import Path
from typing import Annotated, Final

from pydantic import Field
from web3 import Web3

from scorer.bridge.addresses import BridgeAddresses, read_bridge
from scorer.bridge.decide import RelayPolicy
from scorer.bridge.relayer import RelayLimits
from scorer.chain.accounts import KeyTextError, require_address
from scorer.daemon.config_errors import ConfigError
from scorer.daemon.configuration import read_config
from scorer.daemon.keys import JournalAt, Key
from scorer.daemon.sections import LONGEST, BridgeLimits, ChainAccess, ConfigSection, FilePath
from scorer.units import WEI_PER_NANO, nano_from_nmr

FILE: Final = "bridge.toml"
ROOT_JOURNAL: Final = JournalAt(file=Path("root.sqlite"))
CHILD_JOURNAL: Final = JournalAt(file=Path("child.sqlite"))


class Relaying(ConfigSection):
    """The way in which a relayer runs.

    Attributes
    ----------
    interval
        Seconds between two cycles.
    port
        Port of /metrics, /healthz and /readyz on 127.0.0.1; 0 for none.
    least_flush_nmr
        NMR in a burn sink from which it is flushed.
    least_transfer_nmr
        NMR from which a transfer is carried: each costs the relayer gas, and anybody can send a wei.
    finality_stall
        Seconds between the finalised and the latest block of either chain after which nothing is sent.
    """

    interval: Annotated[float, Field(gt=0, le=LONGEST)] = 60.0
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    least_flush_nmr: Annotated[int, Field(ge=0, le=11_000_000)] = 1
    least_transfer_nmr: Annotated[int, Field(ge=0, le=11_000_000)] = 1
    finality_stall: Annotated[int, Field(gt=0, le=LONGEST)] = 3600


class BridgeConfig(ConfigSection):
    """A relayer's configuration.

    Attributes
    ----------
    bridge
        The path of bridge.json.
    root, child
        Ethereum and Polygon.
    tournaments
        Addresses of tournaments on Polygon whose results are proved to Ethereum.
    recipients
        Contracts whose messages are carried too, such as an admin on Polygon.
    root_journal, child_journal
        One for each chain, as nonces are counted on each.
    """

    bridge: FilePath
    root: ChainAccess
    child: ChainAccess
    key: Key | None = None
    tournaments: Annotated[tuple[str, ...], Field(strict=False)] = ()
    recipients: Annotated[tuple[str, ...], Field(strict=False)] = ()
    root_journal: JournalAt = ROOT_JOURNAL
    child_journal: JournalAt = CHILD_JOURNAL
    run: Relaying = Relaying()
    limits: BridgeLimits = BridgeLimits()

    def addresses(self) -> BridgeAddresses:
        """Return the addresses of the bridge.

        Raises
        ------
        ConfigError
            When it is between other chains.
        """
        found = read_bridge(self.bridge)
        for name, chain, end in (("root", self.root, found.root), ("child", self.child, found.child)):
            if chain.chain_id != end.chain_id:
                raise ConfigError(
                    f"{name}.chain_id: expected {end.chain_id} as bridge.json says, found {chain.chain_id}"
                )
        return found

    def tournament_addresses(self) -> tuple[str, ...]:
        """Return the tournaments' checksummed addresses."""
        return _addresses("tournaments", self.tournaments)

    def policy(self) -> RelayPolicy:
        """Return what it does beside carrying messages, and whose it carries."""
        flush, transfer = (
            nano_from_nmr(amount) * WEI_PER_NANO
            for amount in (self.run.least_flush_nmr, self.run.least_transfer_nmr)
        )
        recipients = frozenset(_addresses("recipients", self.recipients))
        return RelayPolicy(flush, bool(self.tournaments), transfer, recipients)


def _addresses(name: str, texts: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(Web3.to_checksum_address(require_address(text)) for text in texts)
    except KeyTextError as error:
        raise ConfigError(f"{name}: {error}") from None


def load_bridge_config(path: Path) -> BridgeConfig:
    """Read and check a relayer's configuration; paths in it are relative to it.

    Raises
    ------
    ConfigError
        Names each wrong field, what is expected, and what was found.
    """
    return read_config(BridgeConfig, path)


def limits_of(section: BridgeLimits) -> RelayLimits:
    """Return the limits of a configuration as a relayer takes them."""
    return RelayLimits(section.slow, section.checkpoint_age, section.under_way)
