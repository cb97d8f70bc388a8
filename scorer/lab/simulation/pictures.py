"""The pictures of a simulation."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from scorer.lab.demo.pictures import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    new_axes,
    save,
    spread_apart,
    with_sign,
)
from scorer.lab.simulation.ledger import Ledger
from scorer.lab.simulation.run import BOTH, ERAS, HARDENED, PLAIN, Simulation
from scorer.units import NANO_PER_NMR

COLOURS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, "#7A5C00")
"""Colours of kinds, the same in every picture; grey is for what is not named."""
VARIANT_COLOURS = {PLAIN: BLACK, HARDENED: VERMILION, ERAS: BLUE, BOTH: GREEN}
CRISIS = "; shaded: crisis"
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


def name_ends(axes: Axes, lines: Sequence[tuple[str, str, float]], form: Callable[[float], str]) -> None:
    """Write beside the end of each line its name and last value, in its colour and in the lines' order.

    Parameters
    ----------
    lines
        Name, colour and last value of each.
    form
        Returns a value as text.
    """
    low, high = axes.get_ylim()
    heights = spread_apart(np.array([value for _, _, value in lines]), 0.06 * (high - low))
    for (name, colour, value), height in zip(lines, heights, strict=True):
        axes.text(
            1.015,
            height,
            f"{name}  {form(value)}",
            transform=axes.get_yaxis_transform(),
            va="center",
            color=colour,
            fontweight="bold",
        )


def percent(value: float) -> str:
    """Return a number of an axis in percent."""
    return f"{value:g} %"


def _percent_axis(axes: Axes) -> None:
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: percent(value)))


def _rounds(count: int) -> NDArray[np.int64]:
    """Return the numbers of rounds, which begin with 1 as on the chain."""
    return np.arange(1, count + 1)


def round_axis(axes: Axes, count: int, note: str = "") -> None:
    """Name the axis of rounds, from round 1 to the last."""
    axes.set_xlim(0.5, count + 0.5)
    axes.set_xlabel(f"round{note}")


def _draw_growths(axes: Axes, curves: Mapping[str, tuple[str, Floats]]) -> None:
    """Draw stakes in percent of the deposits, by name: the colour, and the values round by round."""
    for colour, values in curves.values():
        axes.plot(_rounds(len(values)), values, color=colour)
    axes.axhline(100, color=BLACK, linewidth=0.8, linestyle=(0, (4, 3)))
    round_axis(axes, max(len(values) for _, values in curves.values()), CRISIS)
    _percent_axis(axes)
    ends = [(name, colour, float(values[-1])) for name, (colour, values) in curves.items()]
    name_ends(axes, ends, lambda value: f"{with_sign(value - 100)} %")


def _shade_crisis(axes: Axes, simulation: Simulation) -> None:
    for number in np.flatnonzero(simulation.is_crisis).tolist():
        axes.axvspan(number + 0.5, number + 1.5, color="#F3E3D3", linewidth=0)


def _draw_stakes(simulation: Simulation, path: Path) -> None:
    figure, axes = new_axes(10, 5, "Stake by kind, in percent of the deposits")
    _shade_crisis(axes, simulation)
    ledger = simulation.ledgers[simulation.chosen]
    kinds = zip(_drawn_kinds(simulation), COLOURS, strict=False)
    _draw_growths(axes, {kind: (colour, growth(simulation, ledger, kind)) for kind, colour in kinds})
    save(figure, path)


def _nmr_by_round(amounts: list[NDArray[np.uint64]]) -> Floats:
    return np.array([float(values.sum()) / NANO_PER_NMR for values in amounts])


def _draw_payouts_and_burns(simulation: Simulation, path: Path) -> None:
    figure, axes = new_axes(10, 4.5, "What each round paid and burned, in NMR")
    ledger = simulation.ledgers[simulation.chosen]
    rounds, paid, burned = _rounds(len(ledger.paid)), _nmr_by_round(ledger.paid), _nmr_by_round(ledger.burned)
    axes.bar(rounds, paid, width=1.0, color=BLUE)
    axes.bar(rounds, -burned, width=1.0, color=VERMILION)
    round_axis(axes, len(rounds))
    axes.set_ylabel("NMR")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):,g}"))
    low, high = axes.get_ylim()
    for name, colour, height, total in (
        ("paid", BLUE, high / 2, paid.sum()),
        ("burned", VERMILION, low / 2, burned.sum()),
    ):
        label = f"{name}, in all\n{total:,.0f} NMR"
        axes.text(1.015, height, label, transform=axes.get_yaxis_transform(), color=colour, fontweight="bold")
    save(figure, path)


def _draw_weights(simulation: Simulation, path: Path) -> None:
    staked, equal = float(np.nanmean(simulation.meta_corr)), float(np.nanmean(simulation.equal_corr))
    title = f"Weight in the meta model, whose CORR is {staked:.4f}; with equal weights {equal:.4f}"
    figure, axes = new_axes(10, 5, title)
    ends = []
    for kind, colour in zip(_drawn_kinds(simulation), COLOURS, strict=False):
        values = smoothed(100 * simulation.weights[:, simulation.kinds == kind].sum(axis=1))
        axes.plot(_rounds(len(values)), values, color=colour)
        ends.append((kind, colour, float(values[-1])))
    round_axis(axes, len(simulation.weights))
    _percent_axis(axes)
    name_ends(axes, ends, lambda value: f"{value:.1f} %")
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
    _draw_growths(
        axes,
        {
            name: (VARIANT_COLOURS[name], growth(simulation, ledger, "copycat"))
            for name, ledger in simulation.ledgers.items()
        },
    )
    save(figure, path)


def _draw_crisis(simulation: Simulation, path: Path) -> None:
    figure, axes = new_axes(10, 4.5, "What all earn together, summed, in NMR")
    _shade_crisis(axes, simulation)
    ends = []
    for name, ledger in simulation.ledgers.items():
        net = np.cumsum(_nmr_by_round(ledger.paid) - _nmr_by_round(ledger.burned))
        axes.plot(_rounds(len(net)), net, color=VARIANT_COLOURS[name])
        ends.append((name, VARIANT_COLOURS[name], float(net[-1])))
    axes.axhline(0, color=BLACK, linewidth=0.8)
    round_axis(axes, len(simulation.is_crisis), CRISIS)
    axes.set_ylabel("NMR")
    name_ends(axes, ends, with_sign)
    save(figure, path)
