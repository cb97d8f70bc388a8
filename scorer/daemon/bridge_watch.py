"""A member's look at the bridge that its tournament's token came over."""

import time
from dataclasses import dataclass, field

from scorer.bridge.addresses import read_bridge
from scorer.bridge.decide import RelayPolicy
from scorer.bridge.observe import Observer
from scorer.bridge.relayer import Relayer
from scorer.chain.endpoints import Endpoints
from scorer.daemon.alarms import Alarms
from scorer.daemon.bridge_configuration import limits_of
from scorer.daemon.bridge_node import measure
from scorer.daemon.config_errors import ConfigError
from scorer.daemon.configuration import NodeConfig
from scorer.daemon.sections import BridgeWatched
from scorer.oracle.alarm_reasons import AlarmReason
from scorer.units import NANO_PER_NMR, WEI_PER_NANO


@dataclass
class BridgeWatch:
    """A member's look at the bridge that its tournament's token came over: it reads, and sends nothing.

    Attributes
    ----------
    every
        Seconds between two looks.
    raised
        What the last look called a human for: raised again in every cycle until the next look.
    """

    relayer: Relayer
    root: Endpoints
    child: Endpoints
    alarms: Alarms
    every: float
    raised: list[tuple[AlarmReason, str]] = field(default_factory=list)
    looked_at: float = float("-inf")

    def look(self) -> None:
        """Check conservation, where it is time to; a breach calls a human."""
        now = time.monotonic()
        if now - self.looked_at >= self.every:
            found: list[tuple[AlarmReason, str]] = []
            self.relayer.raise_alarm = lambda reason, detail: found.append((reason, detail))
            done = self.relayer.cycle(self.root.pin, self.child.pin)
            self.raised, self.looked_at = found, now
            measure(self.alarms.metrics, done)
        for reason, detail in self.raised:
            self.alarms.call(reason, detail)


def watching(config: NodeConfig, watched: BridgeWatched, alarms: Alarms) -> BridgeWatch:
    """Return a member's look at the bridge that its configuration names.

    Raises
    ------
    ConfigError
        When the bridge is between other chains.
    """
    addresses = read_bridge(watched.file)
    expected, found = (
        (watched.root.chain_id, config.chain.chain_id),
        (
            addresses.root.chain_id,
            addresses.child.chain_id,
        ),
    )
    if expected != found:
        raise ConfigError(f"bridge.file: expected a bridge between {expected}, found one between {found}")
    # As a relayer's usual policy: nobody is called for dust, which nobody is paid to carry.
    policy = RelayPolicy(proves_results=False, least_transfer=NANO_PER_NMR * WEI_PER_NANO)
    relayer = Relayer(Observer(addresses), policy, limits_of(watched.limits))
    return BridgeWatch(relayer, watched.root.connections(), config.endpoints(), alarms, watched.every)
