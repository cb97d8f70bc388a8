"""Bad days of either chain, each with a transfer under way: it arrives later, and nothing else is different."""

from collections.abc import Callable
from typing import Final

from scorer.failpoints import KILLED
from scorer.lab.bridge.chains import ADMIN, STRANGER
from scorer.lab.bridge.rehearsal.context import BridgeRehearsal
from scorer.lab.faults import RateLimits
from scorer.lab.proxy import EVERY, proxy_of
from scorer.lab.rehearsal.context import expect

HOUR: Final = 3600
REQUESTS: Final = 40
"""Requests after which the provider refuses some."""


def bad_days(rehearsal: BridgeRehearsal) -> None:
    """Play each, and see that its transfer arrives once."""
    days: tuple[Callable[[BridgeRehearsal], None], ...] = (
        base_fee_threefold,
        rate_limits,
        finality_frozen,
        no_checkpoint,
    )
    for day in days:
        rehearsal.chains.send_home(ADMIN, str(rehearsal.chains.root.account(STRANGER).address), "2")
        day(rehearsal)
        rehearsal.relay_until(
            f"the transfer delivered after {day.__name__}", lambda: not rehearsal.undelivered()
        )
        rehearsal.balance()


def base_fee_threefold(rehearsal: BridgeRehearsal) -> None:
    """Let Ethereum's base fee rise threefold between a signature and its block: it is outbid, and sent once."""
    root = rehearsal.chains.root
    rehearsal.chains.heimdall.checkpoint()
    expect(
        "a relayer killed when it has signed", KILLED, rehearsal.relay("signed@:deliver:", finalises=False)
    )
    fee = int(root.w3.eth.get_block("latest").get("baseFeePerGas", 0))
    root.w3.provider.make_request("anvil_setNextBlockBaseFeePerGas", [hex(max(3 * fee, 10**9))])  # type: ignore[arg-type]
    root.w3.provider.make_request("anvil_mine", [1])  # type: ignore[arg-type]


def rate_limits(rehearsal: BridgeRehearsal) -> None:
    """Let the provider refuse what comes too fast, inside of answers that say 200."""
    rehearsal.chains.heimdall.checkpoint()
    with proxy_of(rehearsal.chains.child.url) as proxy:
        proxy.misbehave(EVERY, RateLimits(REQUESTS, 1.0))
        rehearsal.urls["child"] = proxy.url
        try:
            rehearsal.relay_until("the transfer delivered under limits", lambda: not rehearsal.undelivered())
        finally:
            rehearsal.urls.clear()


def finality_frozen(rehearsal: BridgeRehearsal) -> None:
    """Let finality of Ethereum stand for six hours: nothing is sent there, and a human is called."""
    root = rehearsal.chains.root
    rehearsal.chains.heimdall.checkpoint()
    rehearsal.finality_stall = HOUR
    now = int(root.w3.eth.get_block("latest")["timestamp"])
    root.w3.provider.make_request("evm_setNextBlockTimestamp", [now + 6 * HOUR])  # type: ignore[arg-type]
    root.w3.provider.make_request("anvil_mine", [1])  # type: ignore[arg-type]
    rehearsal.relay(finalises=False)
    expect("a call for a human", True, "FINALITY_STALLED" in rehearsal.log())
    expect("transfers that wait for finality", 1, len(rehearsal.undelivered()))
    rehearsal.finality_stall = 86_400


def no_checkpoint(rehearsal: BridgeRehearsal) -> None:
    """Let Polygon's validators post nothing for twelve hours: a human is called, and rounds go on."""
    rehearsal.checkpoint_age = 2 * HOUR
    rehearsal.chains.pass_time(12 * HOUR)
    rehearsal.relay()
    expect("a call for a human", True, "CHECKPOINT_LATE" in rehearsal.log())
    expect("transfers that wait for a checkpoint", 1, len(rehearsal.undelivered()))
    rehearsal.checkpoint_age = 10**9
    rehearsal.chains.heimdall.checkpoint()
