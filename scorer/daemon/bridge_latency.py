"""Reads how long messages and a relayer's transactions took, from both chains and both journals."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scorer.bridge.observe import Observer
from scorer.bridge.transit import TransitLatency, transit, ways
from scorer.chain.endpoints import Pinned
from scorer.daemon.bridge_configuration import BridgeConfig
from scorer.daemon.keys import JournalAt
from scorer.transactions.journal import Journal
from scorer.transactions.latency import ActionLatency, blocks_of, latencies, times_of

DAY: Final = 86_400


@dataclass(frozen=True)
class BridgeLatency:
    """The latency of messages by direction, and of own transactions by chain and action.

    Attributes
    ----------
    transactions
        Of ``root`` and ``child``; none of a chain without a journal.
    """

    messages: tuple[TransitLatency, ...]
    transactions: Mapping[str, tuple[ActionLatency, ...]]


def bridge_latency(config: BridgeConfig, days: int | None = None) -> BridgeLatency:
    """Measure the messages and transactions of the last `days`; None: of all times.

    Raises
    ------
    scorer.daemon.config_errors.ConfigError
        When the configuration is of another bridge.
    scorer.transactions.journal.JournalError
        When another process holds one of the journals.
    """
    observer = Observer(config.addresses())
    root, child = config.root.connections(), config.child.connections()
    view, root_pin, child_pin = observer.observe(root.pin, child.pin)
    clocks = observer.clocks(root_pin, child_pin, view.root.block)
    # Each chain has a clock of its own, which a stall may put hours behind the other's.
    now = max(root_pin.latest.timestamp, child_pin.latest.timestamp)
    since = 0 if days is None else max(now - days * DAY, 0)
    own = {
        name: tuple(_own(journal, pinned, since))
        for name, journal, pinned in (
            ("root", config.root_journal, root_pin),
            ("child", config.child_journal, child_pin),
        )
    }
    return BridgeLatency(tuple(transit(ways(view, clocks, since), now)), own)


def _own(journal: JournalAt, pinned: Pinned, since: int) -> Iterator[ActionLatency]:
    """Yield the latency of what one journal signed; of nothing where there is no journal."""
    location = journal.location
    if isinstance(location, Path) and not location.exists():
        return
    with Journal.open(location) as opened:
        intents = [(intent, opened.attempts(intent)) for intent in opened.intents()]
    blocks = sorted(blocks_of(intent for intent, _ in intents))
    time_of = {number: int(pinned.w3.eth.get_block(number)["timestamp"]) for number in blocks}
    yield from latencies(times_of(intents, time_of, since))
