"""The demo's three pictures, drawn from tidy tables: stakes, payouts and burns, scores."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from scorer.lab.demo.dark import PAGE, dark_path, darken
from scorer.lab.demo.leaderboard import require_columns
from scorer.scoring.exact import Floats

# Okabe and Ito's palette, which colour-blind readers can distinguish.
BLUE, VERMILION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
SKY, PURPLE, BLACK, GREY = "#56B4E9", "#CC79A7", "#222222", "#BBBBBB"

WINNER_COLOURS = (BLUE, GREEN, SKY, "#004C75")
LOSER_COLOURS = (VERMILION, ORANGE, PURPLE, "#8C3D00")

DOTS_PER_INCH = 160

SCORES_LEGEND = (
    "box: middle half of the rounds, line: median, whiskers: 5 to 95 %, "
    "dot: mean; blue: mean above zero, orange: below"
)


def new_axes(width: float, height: float, title: str) -> tuple[Figure, Axes]:
    """Return a figure, in inches, with one plain pair of axes."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    plain(axes)
    axes.set_title(title, loc="left", pad=12, fontsize=13, fontweight="bold", color=BLACK)
    return figure, axes


def plain(axes: Axes) -> None:
    """Take away what does not inform."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#E6E6E6", linewidth=0.8)
    axes.set_axisbelow(True)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, and its dark variant beside it, making the folder if there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(figure, path, "white")
    darken(figure)
    _write(figure, dark_path(path), PAGE)


def _write(figure: Figure, path: Path, page: str) -> None:
    figure.savefig(path, dpi=DOTS_PER_INCH, format="png", facecolor=page, metadata={"Software": None})


def spread_apart(heights: Floats, gap: float) -> Floats:
    """Return label heights at least `gap` apart, in the same order, near to where they belong.

    Parameters
    ----------
    heights : ndarray, shape (labels,)
        Where the labels would like to stand.
    gap : float
        The least distance between two, in the same unit.

    Returns
    -------
    ndarray, shape (labels,)
    """
    order = np.argsort(heights, kind="stable")
    steps = gap * np.arange(len(heights))
    # Without the steps, "apart" is "not descending": average neighbours until that holds.
    levels: list[tuple[float, int]] = []
    for height in heights[order] - steps:
        mean, count = float(height), 1
        while levels and levels[-1][0] > mean:
            above, members = levels.pop()
            mean, count = (mean * count + above * members) / (count + members), count + members
        levels.append((mean, count))
    placed = np.empty(len(heights))
    placed[order] = np.repeat([mean for mean, _ in levels], [count for _, count in levels]) + steps
    return placed


def with_sign(value: float) -> str:
    """Return a number with its sign and one decimal, with a true minus."""
    return f"{value:+,.1f}".replace("-", "\N{MINUS SIGN}")


def growth_of_stakes(stakes: pd.DataFrame) -> pd.DataFrame:
    """Return each model's stake in percent of its first: index dates, one column a model, worst last."""
    table = stakes.pivot_table(index="date", columns="model", values="stake_nmr", aggfunc="last").ffill()
    growth = 100 * table / table.bfill().iloc[0]
    return growth[growth.iloc[-1].sort_values(ascending=False, kind="stable").index]


def draw_stakes(stakes: pd.DataFrame, path: Path, highlights: int = 4) -> None:
    """Draw each model's stake over time, in percent of its deposit, and name the best and the worst.

    Parameters
    ----------
    stakes : pd.DataFrame
        Columns date, model, stake_nmr (idle and at risk together): one row a model and settled round, the
        first of each model being its deposit.
    path : Path
        The PNG to write.
    highlights : int
        How many of the best, and of the worst, to name; at most 4.
    """
    require_columns(stakes, ("date", "model", "stake_nmr"))
    growth = growth_of_stakes(stakes)
    best = list(growth.columns[:highlights])
    worst = [model for model in growth.columns[-highlights:] if model not in best]
    colours = dict(zip(best, WINNER_COLOURS, strict=False))
    colours |= dict(zip(reversed(worst), LOSER_COLOURS, strict=False))
    figure, axes = new_axes(10, 5.2, "Stake over time, in percent of the deposit")
    others = [model for model in growth.columns if model not in colours]
    if others:
        axes.plot(growth.index, growth[others], color=GREY, linewidth=0.9, alpha=0.8)
    axes.axhline(100, color=BLACK, linewidth=0.8, linestyle=(0, (4, 3)))
    for model, colour in colours.items():
        axes.plot(growth.index, growth[model], color=colour, linewidth=2.0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    name_line_ends(axes, growth, colours)
    if others:
        axes.text(
            0.01, 0.02, f"grey: the other {len(others)} models", transform=axes.transAxes, color="#777777"
        )
    save(figure, path)


def name_line_ends(axes: Axes, growth: pd.DataFrame, colours: dict[str, str]) -> None:
    """Write each coloured model's name and last value beside the end of its line."""
    low, high = axes.get_ylim()
    ends = growth.iloc[-1][list(colours)].to_numpy(dtype=np.float64)
    heights = spread_apart(ends, 0.052 * (high - low))
    for (model, colour), end, height in zip(colours.items(), ends, heights, strict=True):
        axes.annotate(
            f"{model}  {with_sign(end - 100)} %",
            xy=(1.0, end),
            xytext=(1.025, height),
            xycoords=axes.get_yaxis_transform(),
            textcoords=axes.get_yaxis_transform(),
            va="center",
            color=colour,
            fontsize=10,
            fontweight="bold",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.7,
                "shrinkA": 1,
                "shrinkB": 0,
                "relpos": (0, 0.5),
            },
        )
    axes.set_xlim(growth.index[0], growth.index[-1])
    date_axis(axes)


def date_axis(axes: Axes) -> None:
    """Write dates at so many places that they never touch, each year once."""
    locator = AutoDateLocator(minticks=4, maxticks=8)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def draw_payouts_and_burns(settlements: pd.DataFrame, path: Path) -> None:
    """Draw what all models together were paid and lost, cumulated over the settled rounds.

    Parameters
    ----------
    settlements : pd.DataFrame
        Columns date, paid_nmr, burned_nmr (both at least 0): one row a settled round, or one a model and
        round.
    path : Path
        The PNG to write.
    """
    require_columns(settlements, ("date", "paid_nmr", "burned_nmr"))
    by_date = settlements.groupby("date")[["paid_nmr", "burned_nmr"]].sum()
    total = by_date.cumsum()
    figure, axes = new_axes(10, 4.6, "Paid and burned, cumulated over settled rounds")
    axes.fill_between(total.index, total["paid_nmr"], color=BLUE, alpha=0.15)
    axes.fill_between(total.index, -total["burned_nmr"], color=VERMILION, alpha=0.15)
    axes.plot(total.index, total["paid_nmr"], color=BLUE, linewidth=2)
    axes.plot(total.index, -total["burned_nmr"], color=VERMILION, linewidth=2)
    net = total["paid_nmr"] - total["burned_nmr"]
    axes.plot(net.index, net, color=BLACK, linewidth=1.4, linestyle=(0, (4, 2)))
    axes.axhline(0, color=BLACK, linewidth=0.8)
    axes.set_ylabel("NMR")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):,.0f}" if value else "0"))
    name_totals(axes, total, net)
    save(figure, path)


def name_totals(axes: Axes, total: pd.DataFrame, net: pd.Series) -> None:
    """Write the totals beside the ends of their lines."""
    paid, burned, kept = (
        float(total["paid_nmr"].iloc[-1]),
        float(total["burned_nmr"].iloc[-1]),
        float(net.iloc[-1]),
    )
    low, high = axes.get_ylim()
    heights = spread_apart(np.array([paid, -burned, kept]), 0.07 * (high - low))
    labels = (f"paid {paid:,.1f}", f"burned {burned:,.1f}", f"paid less burned {with_sign(kept)}")
    for label, height, colour in zip(labels, heights, (BLUE, VERMILION, BLACK), strict=True):
        axes.text(
            1.015,
            height,
            label,
            transform=axes.get_yaxis_transform(),
            va="center",
            color=colour,
            fontweight="bold",
        )
    axes.set_xlim(total.index[0], total.index[-1])
    date_axis(axes)


def draw_scores(scores: pd.DataFrame, path: Path) -> None:
    """Draw the distribution of each model's CORR and MMC over rounds, best mean CORR on top.

    Parameters
    ----------
    scores : pd.DataFrame
        Columns model, corr, mmc: one row a model and scored round; NaN where there is no score.
    path : Path
        The PNG to write.
    """
    require_columns(scores, ("model", "corr", "mmc"))
    means = scores.groupby("model")["corr"].mean().dropna().sort_values(kind="stable")
    models = list(means.index)
    figure = Figure(figsize=(10, 1.4 + 0.235 * len(models)), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, column, title in ((left, "corr", "CORR"), (right, "mmc", "MMC")):
        draw_boxes(axes, [scores.loc[scores["model"] == model, column].dropna() for model in models], title)
    left.set_yticks(range(1, len(models) + 1), models, fontsize=9)
    left.set_ylim(0.3, len(models) + 0.7)
    figure.suptitle("Scores by model", x=0.01, ha="left", fontsize=13, fontweight="bold", color=BLACK)
    figure.supxlabel(SCORES_LEGEND, x=0.01, ha="left", fontsize=9, color="#555555")
    save(figure, path)


def draw_boxes(axes: Axes, columns: list[pd.Series], title: str) -> None:
    """Draw one horizontal box a model, blue where the mean is above zero and vermilion below."""
    plain(axes)
    boxes = axes.boxplot(
        [column.to_numpy() for column in columns],
        orientation="horizontal",
        widths=0.62,
        whis=(5, 95),
        showfliers=False,
        patch_artist=True,
        medianprops={"color": "white", "linewidth": 1.2, "zorder": 4},
        whiskerprops={"color": "#888888", "linewidth": 0.8},
        capprops={"linewidth": 0},
        boxprops={"linewidth": 0},
    )
    for height, (box, column) in enumerate(zip(boxes["boxes"], columns, strict=True), start=1):
        box.set_facecolor("#4095C6" if column.mean() > 0 else "#E0864D")
        box.set_zorder(3)  # above the line of the whisker
        axes.plot(column.mean(), height, "o", color=BLACK, markersize=3.2, zorder=5)
    axes.axvline(0, color=BLACK, linewidth=0.9)
    axes.grid(axis="x", color="#E6E6E6", linewidth=0.8)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    axes.margins(x=0.06)
    axes.set_title(title, fontsize=11)
