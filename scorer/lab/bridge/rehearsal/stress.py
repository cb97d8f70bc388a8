"""Bad days of either chain, each with a transfer under way: it arrives later, and that is all."""

from typing import Any, Final

from scorer.failpoints import KILLED
from scorer.lab.anvil import Anvil
from scorer.lab.bridge.chains import ADMIN, STRANGER
from scorer.lab.bridge.rehearsal.context import BridgeRehearsal
from scorer.lab.faults import RateLimits
from scorer.lab.proxy import EVERY, proxy_of
from scorer.lab.rehearsal.context import expect

HOUR: Final = 3600
GWEI: Final = 10**9


def bad_days(rehearsal: BridgeRehearsal) -> None:
    """Play each, and see that its transfer arrives once."""
    receiver = str(rehearsal.chains.root.account(STRANGER).address)
    for day in (base_fee_threefold, rate_limits, finality_frozen, no_checkpoint):
        rehearsal.chains.send_home(ADMIN, receiver, "2")
        day(rehearsal)
        what = f"the transfer delivered after {day.__name__}"
        rehearsal.relay_until(what, lambda: not rehearsal.undelivered())
        rehearsal.balance()


def base_fee_threefold(rehearsal: BridgeRehearsal) -> None:
    """Let Ethereum's base fee rise threefold between signature and block: it is outbid, and sent once."""
    root = rehearsal.chains.root
    rehearsal.chains.heimdall.checkpoint()
    code = rehearsal.relay("signed@:deliver:", finalises=False)
    expect("a relayer killed when it has signed", KILLED, code)
    fee = int(root.w3.eth.get_block("latest").get("baseFeePerGas", 0))
    _ask(root, "anvil_setNextBlockBaseFeePerGas", hex(max(3 * fee, GWEI)))
    _ask(root, "anvil_mine", 1)


def rate_limits(rehearsal: BridgeRehearsal) -> None:
    """Let the provider refuse what comes too fast, inside of answers that say 200."""
    rehearsal.chains.heimdall.checkpoint()
    with proxy_of(rehearsal.chains.child.url) as proxy:
        proxy.misbehave(EVERY, RateLimits())
        rehearsal.urls["child"] = proxy.url
        try:
            rehearsal.relay_until("the transfer delivered under limits", lambda: not rehearsal.undelivered())
        finally:
            rehearsal.urls.clear()


def finality_frozen(rehearsal: BridgeRehearsal) -> None:
    """Let finality of Ethereum stand for six hours: nothing is sent there, and a human is called."""
    root, before = rehearsal.chains.root, rehearsal.finality_stall
    rehearsal.chains.heimdall.checkpoint()
    rehearsal.finality_stall = HOUR
    now = int(root.w3.eth.get_block("latest")["timestamp"])
    _ask(root, "evm_setNextBlockTimestamp", now + 6 * HOUR)
    _ask(root, "anvil_mine", 1)
    rehearsal.relay(finalises=False)
    expect("a call for a human", True, "FINALITY_STALLED" in rehearsal.log())
    expect("transfers that wait for finality", 1, len(rehearsal.undelivered()))
    rehearsal.finality_stall = before


def no_checkpoint(rehearsal: BridgeRehearsal) -> None:
    """Let Polygon's validators post nothing for twelve hours: a human is called, and rounds go on."""
    before = rehearsal.checkpoint_age
    rehearsal.checkpoint_age = 2 * HOUR
    rehearsal.chains.pass_time(12 * HOUR)
    rehearsal.relay()
    expect("a call for a human", True, "CHECKPOINT_LATE" in rehearsal.log())
    expect("transfers that wait for a checkpoint", 1, len(rehearsal.undelivered()))
    rehearsal.checkpoint_age = before
    rehearsal.chains.heimdall.checkpoint()


def _ask(anvil: Anvil, method: Any, *parameters: object) -> None:
    anvil.w3.provider.make_request(method, list(parameters))
