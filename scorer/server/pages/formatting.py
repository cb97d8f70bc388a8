"""Numbers, times and hashes as pages show them: with units, aligned, and escaped."""

import shlex
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from markupsafe import Markup

from scorer.chain.records import RoundState
from scorer.units import NANO_PER_NMR, ONE

MINUS: Final = "−"
"""The minus sign: as wide as a plus, so that signed numbers line up."""
NOTHING: Final = "–"
STATES: Final = {
    RoundState.OPEN: "open",
    RoundState.LOCKING: "locking",
    RoundState.LOCKED: "locked",
    RoundState.SEALED: "sealed",
    RoundState.SETTLING: "settling",
    RoundState.SETTLED: "settled",
    RoundState.VOIDED: "void",
}
EXPLORERS: Final[Mapping[int, str]] = {
    1: "https://etherscan.io",
    137: "https://polygonscan.com",
    80002: "https://amoy.polygonscan.com",
    11155111: "https://sepolia.etherscan.io",
}
"""Block explorers by chain id. A page links to them, and loads nothing from them."""


def nmr(nano: int | None, places: int = 9) -> str:
    """Return nano-NMR as NMR with so many decimals, rounded towards zero, thousands set apart."""
    if nano is None:
        return NOTHING
    whole, rest = divmod(abs(nano), NANO_PER_NMR)
    decimals = f".{rest:09}"[: places + 1] if places else ""
    return f"{MINUS if nano < 0 else ''}{whole:,}{decimals}"


def signed_nmr(nano: int | None, places: int = 9) -> str:
    """Return nano-NMR as `nmr` does, with a plus where it is above zero."""
    return f"+{nmr(nano, places)}" if nano is not None and nano > 0 else nmr(nano, places)


def percent(share: float | None, places: int = 2) -> str:
    """Return a share of one as a signed percentage."""
    return NOTHING if share is None else f"{_signed(100 * share, places)} %"


def ppm_percent(ppm: int | None, places: int = 4) -> str:
    """Return parts per million as a percentage without a sign above zero."""
    return NOTHING if ppm is None else f"{_plain(100 * ppm / ONE, places)} %"


def score(value: float | None, places: int = 4) -> str:
    """Return a score with its sign."""
    return NOTHING if value is None else _signed(value, places)


def _signed(value: float, places: int) -> str:
    text = f"{value:+.{places}f}"
    return text[1:] if float(text) == 0 else text.replace("-", MINUS)


def _plain(value: float, places: int) -> str:
    text = f"{value:,.{places}f}"
    return text.replace("-", MINUS)


def direction(value: float | None) -> str:
    """Return the class of a number's colour: gain, loss, or none."""
    return "" if not value else "gain" if value > 0 else "loss"


def when(seconds: int | None) -> Markup | str:
    """Return Unix seconds as a time element in UTC, which a script repeats in the reader's own zone."""
    if seconds is None:
        return NOTHING
    moment = datetime.fromtimestamp(seconds, UTC)
    machine, people = moment.strftime("%Y-%m-%dT%H:%M:%SZ"), moment.strftime("%-d %b %Y, %H:%M")
    return Markup('<time datetime="{}">{} UTC</time>').format(machine, people)


def day(seconds: int | None) -> Markup | str:
    """Return the day of Unix seconds in UTC as a time element."""
    if seconds is None:
        return NOTHING
    moment = datetime.fromtimestamp(seconds, UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        moment.strftime("%Y-%m-%d"), moment.strftime("%-d %b %Y")
    )


def short(text: str | None, ends: int = 6) -> str:
    """Return the two ends of a hash or an address."""
    if text is None:
        return NOTHING
    return text if len(text) <= 2 * ends + 3 else f"{text[: ends + 2]}…{text[-ends:]}"


def size(count: int) -> str:
    """Return bytes in a unit that people read."""
    amount, units = float(count), ("bytes", "kB", "MB", "GB", "TB")
    for unit in units:
        if amount < 1000 or unit == units[-1]:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError("the last unit takes all")


def factor_name(factor: str) -> str:
    """Return a factor as people write it: CORR 20d2l for corr_target_20d2l."""
    score_name, _, target = factor.partition("_")
    return f"{score_name.upper()} {target.removeprefix('target_')}".strip()


def detail(text: str) -> str:
    """Return the detail of a step of an attribution with the signs of print."""
    shown = f"× {text[2:]}" if text.startswith("x ") else text
    return shown.replace("+-", "±").replace("-", MINUS).replace(" x ", " × ")


def state_name(state: int) -> str:
    """Return the word for a round's state."""
    return STATES.get(RoundState(state), "unknown")


def safe_link(url: str | None) -> str | None:
    """Return a user's link where it is one of http or https with a host; else None."""
    parts = urlsplit(_or_empty(url))
    return url if url and parts.scheme in ("http", "https") and parts.netloc else None


def _or_empty(url: str | None) -> str:
    """Return a URL that can be split; an unbalanced bracket makes one that cannot be."""
    try:
        urlsplit(url or "")
    except ValueError:
        return ""
    return url or ""


def transaction_link(chain_id: int, transaction: str | None) -> str | None:
    """Return a block explorer's page of a transaction; None where no explorer knows the chain."""
    explorer = EXPLORERS.get(chain_id)
    return None if explorer is None or transaction is None else f"{explorer}/tx/{transaction}"


def address_link(chain_id: int, address: str) -> str | None:
    """Return a block explorer's page of an address; None where no explorer knows the chain."""
    explorer = EXPLORERS.get(chain_id)
    return None if explorer is None else f"{explorer}/address/{address}"


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "nmr": nmr,
    "signed_nmr": signed_nmr,
    "percent": percent,
    "ppm_percent": ppm_percent,
    "score": score,
    "direction": direction,
    "when": when,
    "day": day,
    "short": short,
    "size": size,
    "state_name": state_name,
    "factor_name": factor_name,
    "detail": detail,
    "safe_link": safe_link,
    "shell": shlex.quote,
}
