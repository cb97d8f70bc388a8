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
"""More could not be distinguished in a picture: the largest are drawn."""
Floats = NDArray[np.float64]


def draw_all(simulation: Simulation, out: Path) -> None:
    """Draw every picture into a folder."""
    _draw_stakes(simulation, out / "stakes.png")
    _draw_payouts_and_burns(simulation, out / "payouts_and_burns.png")
    _draw_weights(simulation, out / "weights.png")
    _draw_copycats(simulation, out / "copycats.png")
    _draw_crisis(simulation, out / "crisis.png")


def _drawn_kinds(simulation: Simulation) -> list[str]:
    """The kinds that are drawn, largest deposits first; copycats always."""
    deposits = {
        kind: int(simulation.deposits[simulation.kinds == kind].sum())
        for kind in dict.fromkeys(simulation.kinds.tolist())
    }
    largest = sorted(deposits, key=lambda kind: (kind != "copycat", -deposits[kind]))
    return largest[:MOST_KINDS]


def growth(simulation: Simulation, ledger: Ledger, kind: str) -> Floats:
    """The stake of a kind after each round, in percent of its deposits."""
    of_kind = simulation.kinds == kind
    totals = np.array([float(total[of_kind].sum()) for total in ledger.totals])
    return 100 * totals / float(simulation.deposits[of_kind].sum())


def _shade_crisis(axes: Axes, simulation: Simulation) -> None:
    for number in np.flatnonzero(simulation.is_crisis).tolist():
        axes.axvspan(number - 0.5, number + 0.5, color="#F3E3D3", linewidth=0)


def _draw_stakes(simulation: Simulation, path: Path) -> None:
    figure, axes = new_axes(10, 5, "Stake by kind, in percent of the deposits")
    _shade_crisis(axes, simulation)
    for kind, colour in zip(_drawn_kinds(simulation), COLOURS, strict=False):
        axes.plot(growth(simulation, simulation.ledgers[simulation.chosen], kind), color=colour, label=kind)
    axes.axhline(100, color=BLACK, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_xlabel("round; shaded: crisis")
    axes.legend(frameon=False)
    save(figure, path)


def _nmr_by_round(amounts: list[NDArray[np.uint64]]) -> Floats:
    return np.array([float(values.sum()) / NANO_PER_NMR for values in amounts])


def _draw_payouts_and_burns(simulation: Simulation, path: Path) -> None:
    figure, axes = new_axes(10, 4.5, "What each round paid and burned, in NMR")
    ledger = simulation.ledgers[simulation.chosen]
    rounds = np.arange(len(ledger.paid))
    axes.bar(rounds, _nmr_by_round(ledger.paid), width=1.0, color=BLUE, label="paid")
    axes.bar(rounds, -_nmr_by_round(ledger.burned), width=1.0, color=VERMILION, label="burned")
    axes.set_xlabel("round")
    axes.legend(frameon=False)
    save(figure, path)


def _draw_weights(simulation: Simulation, path: Path) -> None:
    staked, equal = float(np.nanmean(simulation.meta_corr)), float(np.nanmean(simulation.equal_corr))
    title = f"Weight in the meta model, whose CORR is {staked:.4f}; with equal weights {equal:.4f}"
    figure, axes = new_axes(10, 5, title)
    for kind, colour in zip(_drawn_kinds(simulation), COLOURS, strict=False):
        axes.plot(
            smoothed(100 * simulation.weights[:, simulation.kinds == kind].sum(axis=1)),
            color=colour,
            label=kind,
        )
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


def _draw_copycats(simulation: Simulation, path: Path) -> None:
    figure, axes = new_axes(10, 4.5, "Stake of copycats, in percent of their deposits")
    _shade_crisis(axes, simulation)
    for name, ledger in simulation.ledgers.items():
        axes.plot(growth(simulation, ledger, "copycat"), color=VARIANT_COLOURS[name], label=name)
    axes.axhline(100, color=BLACK, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_xlabel("round; shaded: crisis")
    axes.legend(frameon=False)
    save(figure, path)


def _draw_crisis(simulation: Simulation, path: Path) -> None:
    figure, axes = new_axes(10, 4.5, "What all earn together, summed, in NMR")
    _shade_crisis(axes, simulation)
    for name, ledger in simulation.ledgers.items():
        net = _nmr_by_round(ledger.paid) - _nmr_by_round(ledger.burned)
        axes.plot(np.cumsum(net), color=VARIANT_COLOURS[name], label=name)
    axes.axhline(0, color=BLACK, linewidth=0.8)
    axes.set_xlabel("round; shaded: crisis")
    axes.legend(frameon=False)
    save(figure, path)
