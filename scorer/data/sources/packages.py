"""Tables that come with a package or out of a generator: pyhuge's stocks, and a synthetic market."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from importlib import import_module
from typing import Any, Final

import numpy as np

from scorer.data.faults import DataError
from scorer.data.sources.tables import RawTable
from scorer.protocol.schedule import sessions
from scorer.scoring.exact import Floats

PYHUGE_SPAN: Final = (date(2003, 1, 2), date(2007, 12, 31))
CRYPTO_START: Final = date(2020, 1, 1)


def pyhuge_table(_: Mapping[str, Any]) -> RawTable:
    """Return the closes of 452 stocks of the S&P 500, 2003 to 2007, not adjusted for splits.

    The stocks are those that were still in the index at the end, so the market looks better than it was.

    Raises
    ------
    DataError
        When pyhuge is not installed, or holds another panel.
    """
    try:
        stocks = import_module("pyhuge").huge_stockdata()
    except ModuleNotFoundError:
        raise DataError(
            "source pyhuge: expected the package pyhuge, found none; pip install 'cupel[demo]'"
        ) from None
    days = sessions("XNYS", *PYHUGE_SPAN).days
    prices = np.asarray(stocks.data, dtype=np.float64)
    names = [str(row[0]) for row in stocks.info]
    if prices.shape != (len(days), len(names)):
        raise DataError(f"source pyhuge: expected {len(days)} sessions, found {len(prices)}")
    table = long_table("pyhuge.huge_stockdata()", list(days), names, {"close": prices})
    sectors = np.array([str(row[1]) for row in stocks.info], dtype=object)
    return replace(table, groups={"sector": np.tile(sectors, len(days))})


def long_table(file: str, days: list[date], names: list[str], fields: Mapping[str, Floats]) -> RawTable:
    """Return (days, names) fields as a table with a row for each day and name."""
    dates = np.repeat(np.array(days, dtype="datetime64[D]"), len(names))
    labels = np.tile(np.array(names, dtype=object), len(days))
    return RawTable(file, dates, labels, {name: values.ravel() for name, values in fields.items()})


def synthetic_table(options: Mapping[str, Any]) -> RawTable:
    """Return a made-up market that trades every day: coins in sectors, with closes, volumes and supply.

    Parameters
    ----------
    options
        ``names`` (300), ``days`` (900), ``seed`` (1) and ``start`` ("2020-01-01").
    """
    names, days = int(options.get("names", 300)), int(options.get("days", 900))
    start = date.fromisoformat(str(options.get("start", CRYPTO_START.isoformat())))
    market = synthetic_market(names, days, int(options.get("seed", 1)))
    labels = [f"C{number:05d}" for number in range(names)]
    span = [start + timedelta(days=number) for number in range(days)]
    fields = {name: market[name] for name in ("close", "volume", "supply")}
    table = long_table("synthetic", span, labels, fields)
    sectors = np.array([f"sector {number % 7}" for number in range(names)], dtype=object)
    return replace(table, groups={"sector": np.tile(sectors, days)})


def synthetic_market(names: int, days: int, seed: int) -> dict[str, Floats]:
    """Return (days, names) close, volume and supply of a market whose truth is known.

    A return is a market move times the name's beta, a sector move, a drift that follows a slow hidden
    characteristic of the name (``truth``), and noise. Random bits come from Philox, whose stream is fixed,
    and everything after them is one IEEE operation at a time, so that the market is the same everywhere.
    """
    bits = np.random.Philox(key=seed)
    beta = 0.5 + _normals(bits, names) * 0.25
    truth = _normals(bits, names)
    price, supply = 20.0 + 5.0 * _normals(bits, names), 1e6 * (3.0 + 0.5 * _normals(bits, names))
    price = np.maximum(np.abs(price), 1.0)
    closes, volumes, truths = np.empty((days, names)), np.empty((days, names)), np.empty((days, names))
    sector = np.arange(names) % 7
    for day in range(days):
        truth = 0.98 * truth + 0.2 * _normals(bits, names)
        truths[day] = truth
        market, sectors = float(_normals(bits, 1)[0]), _normals(bits, 7)
        noise = _normals(bits, names)
        move = 0.008 * market * beta + 0.004 * sectors[sector] + 0.001 * truth + 0.015 * noise
        price = price * (1.0 + np.clip(move, -0.3, 0.3))
        closes[day] = np.rint(price * 2.0**20) / 2.0**20
        volumes[day] = np.rint(1e5 * (1.0 + np.abs(noise)) * (1.0 + 0.2 * np.abs(truth)))
    return {
        "close": closes,
        "volume": volumes,
        "supply": np.tile(np.rint(supply), (days, 1)),
        "truth": truths,
    }


def _normals(bits: np.random.Philox, count: int) -> Floats:
    """Return sums of four uniform variables, scaled to unit variance: near enough to normal."""
    words = bits.random_raw(count).astype(np.uint64)
    parts = [((words >> np.uint64(16 * part)) & np.uint64(0xFFFF)).astype(np.float64) for part in range(4)]
    return ((parts[0] + parts[1] + parts[2] + parts[3]) / 65536.0 - 2.0) * 1.7320508075688772


PACKAGED: Final[dict[str, Callable[[Mapping[str, Any]], RawTable]]] = {
    "pyhuge": pyhuge_table,
    "synthetic": synthetic_table,
}
