"""A staker's transfer home on a good or a bad day: how long each part of its way took, and what it cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scorer.bridge.observe import Observer
from scorer.bridge.transit import UP, ways
from scorer.chain.bulk import read_view
from scorer.chain.endpoints import Endpoints
from scorer.daemon import bridge_commands
from scorer.daemon.bridge_configuration import load_bridge_config
from scorer.daemon.bridge_node import relaying
from scorer.failpoints import KILLED
from scorer.lab.anvil import Anvil
from scorer.lab.bridge.chains import BridgedChains, wei
from scorer.lab.bridge.rehearsal.context import BridgeRehearsal
from scorer.lab.rehearsal.context import Unexpected, expect
from scorer.logs import get_logger
from scorer.transactions.intents import Attempt, Intent
from scorer.transactions.journal import Journal

STAKER: Final = 31
"""The account of the staker, on both chains."""
FOLDER: Final = "staker"
AMOUNT: Final = "2"
MINUTE: Final = 60
MOST_TRIES: Final = 20


@dataclass(frozen=True)
class Journey:
    """A staker's transfer: seconds since it was signed, and the staker's tokens on both chains, wei.

    Attributes
    ----------
    bids
        How many bids its transaction took.
    """

    day: str
    bids: int
    inclusion: int
    final: int
    checkpoint: int
    other_side: int
    before: int
    after: int

    def __str__(self) -> str:
        parts = (self.inclusion, self.final, self.checkpoint, self.other_side)
        figures = "  ".join(f"{seconds:>7}" for seconds in parts)
        return f"{self.day:<34} {self.bids:>4}  {figures}  {self.after - self.before:>9}"


HEADER: Final = (
    f"{'seconds since it was signed':<34} {'bids':>4}  {'a block':>7}  {'final':>7}  {'checkp.':>7}  "
    f"{'arrived':>7}  {'cost, wei':>9}"
)


def table(journeys: Sequence[Journey]) -> str:
    """Return journeys as a table."""
    return "\n".join((HEADER, *map(str, journeys)))


def tokens_of_staker(chains: BridgedChains) -> int:
    """Return the staker's tokens on both chains together, wei."""
    address = address_of_staker(chains)
    ends = (chains.root_end.token, chains.child_end.token)
    return sum(int(read_view(token.functions.balanceOf(address))) for token in ends)


def address_of_staker(chains: BridgedChains) -> str:
    """Return the staker's address."""
    return str(chains.child.account(STAKER).address)


def send_home(rehearsal: BridgeRehearsal, kill_at: str | None = None) -> int:
    """Let the staker send tokens home by their own tool, in a process of its own; its exit code."""
    receiver = address_of_staker(rehearsal.chains)

    def work(config: Path) -> None:
        with relaying(load_bridge_config(config), send=True) as daemon:
            for line in bridge_commands.transfer(daemon, receiver, wei(AMOUNT), home=True):
                get_logger().info("transfer", said=line)

    return rehearsal.in_process(FOLDER, STAKER, work, kill_at)


def send_home_at_last(rehearsal: BridgeRehearsal, base_fee: int | None = None) -> None:
    """Let the staker repeat the command, minute by minute, until its transaction is in a block.

    Parameters
    ----------
    base_fee
        That of the block that it asks for, wei per gas; None: what follows from the newest one.
    """
    for _ in range(MOST_TRIES):
        if base_fee is not None:
            _ask(rehearsal.chains.child, "anvil_setNextBlockBaseFeePerGas", hex(base_fee))
        expect("the end of the staker's command", 0, send_home(rehearsal))
        if _last(rehearsal)[0].block is not None:
            return
        mine(rehearsal.chains.child, MINUTE, base_fee)
    raise Unexpected(f"expected the transfer in a block within {MOST_TRIES} minutes, found it in none")


def killed_when_signed(rehearsal: BridgeRehearsal) -> None:
    """Let the staker's machine lose power when the transfer is signed and not sent."""
    expect("a staker killed when it has signed", KILLED, send_home(rehearsal, "signed@:transfer:"))


def measured(rehearsal: BridgeRehearsal, day: str, before: int) -> Journey:
    """Read how long the staker's last transfer took, from its journal and from both chains."""
    chains, (intent, attempts) = rehearsal.chains, _last(rehearsal)
    if intent.block is None:
        raise Unexpected(f"{day}: expected the transfer in a block, found it waits")
    signed_at = attempts[0].signed_at
    rehearsal.finalise()
    ends = [Endpoints([anvil.url], int(anvil.w3.eth.chain_id)) for anvil in (chains.root, chains.child)]
    observer = Observer(chains.addresses)
    view, root, child = observer.observe(ends[0].pin, ends[1].pin)
    clocks = observer.clocks(root, child, view.root.block)
    sent_at = clocks.child(intent.block)
    way = next(way for way in ways(view, clocks) if (way.direction, way.sent_at) == (UP, sent_at))
    if way.covered_at is None or way.arrived_at is None:
        raise Unexpected(f"{day}: expected the transfer delivered, found {way}")
    final_at = clocks.child(intent.block + chains.child.finality)
    times = (sent_at, final_at, way.covered_at, way.arrived_at)
    inclusion, final, checkpoint, other_side = (max(at - signed_at, 0) for at in times)
    after = tokens_of_staker(chains)
    return Journey(day, len(attempts), inclusion, final, checkpoint, other_side, before, after)


def align(chains: BridgedChains) -> None:
    """Set both chains to one time: what is measured goes from one clock to the other."""
    now = max(int(anvil.w3.eth.get_block("latest")["timestamp"]) for anvil in (chains.root, chains.child))
    for anvil in (chains.root, chains.child):
        anvil.advance_to(now + 1)


def mine(anvil: Anvil, seconds: int, base_fee: int | None = None) -> None:
    """Mine a block so many seconds after the newest one, at a base fee (wei per gas) where one is given."""
    now = int(anvil.w3.eth.get_block("latest")["timestamp"])
    if base_fee is not None:
        _ask(anvil, "anvil_setNextBlockBaseFeePerGas", hex(base_fee))
    _ask(anvil, "evm_setNextBlockTimestamp", now + seconds)
    _ask(anvil, "evm_mine")


def _last(rehearsal: BridgeRehearsal) -> tuple[Intent, Sequence[Attempt]]:
    """Return the staker's last transfer, and all its bids."""
    with Journal.open(rehearsal.out / FOLDER / "child.sqlite") as journal:
        intent = [intent for intent in journal.intents() if ":transfer:" in intent.key][-1]
        return intent, journal.attempts(intent)


def _ask(anvil: Anvil, method: Any, *parameters: object) -> None:
    anvil.w3.provider.make_request(method, list(parameters))
