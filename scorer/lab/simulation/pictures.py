"""The pictures of a simulation."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from scorer.lab.demo.pictures import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    new_axes,
    save,
)
from scorer.lab.simulation.ledger import Ledger
from scorer.lab.simulation.run import BOTH, ERAS, HARDENED, PLAIN, Simulation
from scorer.units import NANO_PER_NMR

COLOURS = (BLUE, ORANGE, GREY, VERMILION, PURPLE, GREEN, SKY)
VARIANT_COLOURS = {PLAIN: BLACK, HARDENED: VERMILION, ERAS: BLUE, BOTH: GREEN}
MOST_KINDS = 7
"""More are not told apart in a picture: the largest are drawn."""
Floats = NDArray[np.float64]


def draw_all(found: Simulation, out: Path) -> None:
    """Draw every picture into a folder."""
    _draw_stakes(found, out / "stakes.png")
    _draw_payouts_and_burns(found, out / "payouts_and_burns.png")
    _draw_weights(found, out / "weights.png")
    _draw_copycats(found, out / "copycats.png")
    _draw_crisis(found, out / "crisis.png")


def _drawn_kinds(found: Simulation) -> list[str]:
    """The kinds that are drawn, largest deposits first; copycats always."""
    deposits = {
        kind: int(found.deposits[found.kinds == kind].sum()) for kind in dict.fromkeys(found.kinds.tolist())
    }
    largest = sorted(deposits, key=lambda kind: (kind != "copycat", -deposits[kind]))
    return largest[:MOST_KINDS]


def growth(found: Simulation, book: Ledger, kind: str) -> Floats:
    """The stake of a kind after each round, in percent of its deposits."""
    of_kind = found.kinds == kind
    totals = np.array([float(total[of_kind].sum()) for total in book.totals])
    return 100 * totals / float(found.deposits[of_kind].sum())


def _shade_crisis(axes: Axes, found: Simulation) -> None:
    for number in np.flatnonzero(found.is_crisis).tolist():
        axes.axvspan(number - 0.5, number + 0.5, color="#F3E3D3", linewidth=0)


def _draw_stakes(found: Simulation, path: Path) -> None:
    figure, axes = new_axes(10, 5, "Stake by kind, in percent of the deposits")
    _shade_crisis(axes, found)
    for kind, colour in zip(_drawn_kinds(found), COLOURS, strict=False):
        axes.plot(growth(found, found.books[found.chosen], kind), color=colour, label=kind)
    axes.axhline(100, color=BLACK, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_xlabel("round; shaded: crisis")
    axes.legend(frameon=False)
    save(figure, path)


def _nmr_by_round(amounts: list[NDArray[np.uint64]]) -> Floats:
    return np.array([float(each.sum()) / NANO_PER_NMR for each in amounts])


def _draw_payouts_and_burns(found: Simulation, path: Path) -> None:
    figure, axes = new_axes(10, 4.5, "What each round paid and burned, in NMR")
    book = found.books[found.chosen]
    rounds = np.arange(len(book.paid))
    axes.bar(rounds, _nmr_by_round(book.paid), width=1.0, color=BLUE, label="paid")
    axes.bar(rounds, -_nmr_by_round(book.burned), width=1.0, color=VERMILION, label="burned")
    axes.set_xlabel("round")
    axes.legend(frameon=False)
    save(figure, path)


def _draw_weights(found: Simulation, path: Path) -> None:
    staked, equal = float(np.nanmean(found.meta_corr)), float(np.nanmean(found.equal_corr))
    title = f"Weight in the meta model, whose CORR is {staked:.4f}; with equal weights {equal:.4f}"
    figure, axes = new_axes(10, 5, title)
    for kind, colour in zip(_drawn_kinds(found), COLOURS, strict=False):
        axes.plot(smoothed(100 * found.weights[:, found.kinds == kind].sum(axis=1)), color=colour, label=kind)
    axes.set_xlabel("round")
    axes.set_ylabel("percent")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    save(figure, path)


def smoothed(values: Floats, width: int = 20) -> Floats:
    """Running mean over the last `width` values."""
    sums = np.cumsum(np.insert(values, 0, 0.0))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - width)
    return np.asarray((sums[ends] - sums[starts]) / (ends - starts))


def _draw_copycats(found: Simulation, path: Path) -> None:
    figure, axes = new_axes(10, 4.5, "Stake of copycats, in percent of their deposits")
    _shade_crisis(axes, found)
    for name, book in found.books.items():
        axes.plot(growth(found, book, "copycat"), color=VARIANT_COLOURS[name], label=name)
    axes.axhline(100, color=BLACK, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_xlabel("round; shaded: crisis")
    axes.legend(frameon=False)
    save(figure, path)


def _draw_crisis(found: Simulation, path: Path) -> None:
    figure, axes = new_axes(10, 4.5, "What all earn together, summed, in NMR")
    _shade_crisis(axes, found)
    for name, book in found.books.items():
        net = _nmr_by_round(book.paid) - _nmr_by_round(book.burned)
        axes.plot(np.cumsum(net), color=VARIANT_COLOURS[name], label=name)
    axes.axhline(0, color=BLACK, linewidth=0.8)
    axes.set_xlabel("round; shaded: crisis")
    axes.legend(frameon=False)
    save(figure, path)
