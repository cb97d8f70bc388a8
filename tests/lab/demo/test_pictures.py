import io
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from rich.console import Console

from scorer.lab.demo.dark import COUNTERPARTS, PAGE
from scorer.lab.demo.leaderboard import leaderboard_table
from scorer.lab.demo.pictures import (
    BLACK,
    BLUE,
    GREEN,
    LOSER_COLOURS,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    WINNER_COLOURS,
    draw_payouts_and_burns,
    draw_scores,
    draw_stakes,
    growth_of_stakes,
    new_axes,
    save,
    spread_apart,
)
from scorer.lab.simulation.pictures import COLOURS

DATES = pd.date_range("2006-01-06", periods=30, freq="W-FRI")


def made_up_rounds(models: int) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    table = pd.MultiIndex.from_product(
        [[f"model_{k}" for k in range(models)], DATES], names=["model", "date"]
    )
    frame = table.to_frame(index=False)
    change = rng.normal(0, 1, len(frame))
    frame["paid_nmr"], frame["burned_nmr"] = np.maximum(change, 0), np.maximum(-change, 0)
    frame["stake_nmr"] = 100 + frame.assign(change=change).groupby("model")["change"].cumsum()
    frame["corr"], frame["mmc"] = rng.normal(0.02, 0.05, len(frame)), rng.normal(0, 0.02, len(frame))
    return frame


@pytest.mark.parametrize("models", [1, 5, 30])
@pytest.mark.parametrize("draw", [draw_stakes, draw_payouts_and_burns, draw_scores])
def test_a_picture_is_drawn_for_any_number_of_models(draw: object, models: int, tmp_path: Path) -> None:
    assert callable(draw)
    path = tmp_path / "pictures" / "drawn.png"
    draw(made_up_rounds(models), path)
    picture = imread(path)
    assert picture.shape[1] == 1600
    assert picture[..., :3].std() > 0.02


@pytest.mark.parametrize("draw", [draw_stakes, draw_payouts_and_burns, draw_scores])
def test_a_picture_has_a_dark_variant_of_the_same_form(draw: object, tmp_path: Path) -> None:
    assert callable(draw)
    draw(made_up_rounds(9), tmp_path / "drawn.png")
    light, dark = imread(tmp_path / "drawn.png"), imread(tmp_path / "drawn-dark.png")
    assert light.shape == dark.shape
    np.testing.assert_allclose(light[0, 0, :3], 1)
    np.testing.assert_allclose(dark[0, 0, :3], to_rgb(PAGE), atol=0.01)
    drawn = np.abs(light[..., :3] - 1).max(axis=-1) > 0.3
    contrast = np.abs(dark[..., :3] - to_rgb(PAGE)).max(axis=-1)
    assert (contrast[drawn] > 0.1).mean() > 0.99, "what is seen on a white page is seen on a dark one"


def test_a_colour_without_a_counterpart_is_refused(tmp_path: Path) -> None:
    figure, axes = new_axes(4, 3, "title")
    axes.plot([1, 2], color="#123456")
    with pytest.raises(ValueError, match="found #123456; add it to COUNTERPARTS"):
        save(figure, tmp_path / "drawn.png")


def linear(colour: str) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Return a colour's light, red, green and blue."""
    values = np.array(to_rgb(colour))
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


NAMED = (BLUE, VERMILION, GREEN, ORANGE, SKY, PURPLE, *WINNER_COLOURS, *LOSER_COLOURS, BLACK)


@pytest.mark.parametrize("colour", NAMED)
def test_text_of_every_colour_can_be_read_on_a_dark_page(colour: str) -> None:
    weights = np.array([0.2126, 0.7152, 0.0722])
    text, page = (float(linear(each) @ weights) for each in (COUNTERPARTS[colour.upper()], PAGE))
    assert (text + 0.05) / (page + 0.05) > 4.5


TOGETHER = (WINNER_COLOURS, LOSER_COLOURS, COLOURS, (BLUE, VERMILION), (ORANGE, BLUE))
"""Colours that mean different things in one picture."""
# Machado, Oliveira and Fernandes (2009): what who lacks red, or green, sees of linear light.
SEEN_WITHOUT = {
    "red": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "green": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


@pytest.mark.parametrize("lacking", SEEN_WITHOUT)
@pytest.mark.parametrize(
    "palette", [WINNER_COLOURS, LOSER_COLOURS, COLOURS, (BLUE, VERMILION), (ORANGE, BLUE)]
)
def test_colours_that_stand_together_differ_to_the_colour_blind_on_both_pages(
    palette: tuple[str, ...], lacking: str
) -> None:
    matrix = np.array(SEEN_WITHOUT[lacking])
    for page in ({}, COUNTERPARTS):
        seen = [matrix @ linear(page.get(colour.upper(), colour)) for colour in palette]
        least = min(float(np.abs(a - b).max()) for a, b in combinations(seen, 2))
        assert least > 0.04, (page, least)


@pytest.mark.parametrize(
    ("draw", "column"),
    [(draw_stakes, "stake_nmr"), (draw_payouts_and_burns, "paid_nmr"), (draw_scores, "mmc")],
)
def test_a_table_without_a_column_is_refused_before_anything_is_drawn(
    draw: object, column: str, tmp_path: Path
) -> None:
    assert callable(draw)
    with pytest.raises(ValueError, match=column):
        draw(made_up_rounds(2).drop(columns=column), tmp_path / "drawn.png")
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_scores_is_left_out_of_the_scores(tmp_path: Path) -> None:
    frame = made_up_rounds(3)
    frame.loc[frame["model"] == "model_0", "corr"] = np.nan
    draw_scores(frame, tmp_path / "drawn.png")
    assert (tmp_path / "drawn.png").exists()


def test_growth_starts_at_100_percent_and_ranks_the_best_first() -> None:
    growth = growth_of_stakes(made_up_rounds(5))
    np.testing.assert_allclose(growth.iloc[0], 100)
    assert growth.iloc[-1].is_monotonic_decreasing


def test_a_model_that_is_settled_no_more_keeps_its_stake() -> None:
    frame = made_up_rounds(2)
    ended = frame[(frame["model"] != "model_1") | (frame["date"] < DATES[10])]
    growth = growth_of_stakes(ended)["model_1"]
    assert growth.iloc[-1] == growth.loc[DATES[9]]


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=12), st.floats(0.1, 20))
def test_labels_are_spread_apart_in_their_order(heights: list[float], gap: float) -> None:
    wanted = np.array(heights)
    placed = spread_apart(wanted, gap)
    order = np.argsort(wanted, kind="stable")
    assert (np.diff(placed[order]) >= gap - 1e-9).all()
    assert placed.mean() == pytest.approx(wanted.mean(), abs=1e-6)


def test_labels_that_are_apart_stay_where_they_are() -> None:
    np.testing.assert_allclose(spread_apart(np.array([3.0, 0.0, 9.0]), 1.0), [3.0, 0.0, 9.0])


def test_the_leaderboard_puts_the_best_return_first_and_a_dash_where_there_is_no_score() -> None:
    rows = [("late", 0.01, 0.0, 1.0, 3.0, -2.0, 98.0), ("flat", np.nan, np.nan, 0.0, 0.0, 0.0, 50.0)]
    rows.append(("best", 0.05, 0.01, 9.0, 1.0, 8.0, 108.0))
    columns = ["model", "corr", "mmc", "paid_nmr", "burned_nmr", "return_on_deposit_percent", "stake_nmr"]
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(leaderboard_table(pd.DataFrame(rows, columns=columns)))
    text = console.export_text()
    assert text.index("best") < text.index("flat") < text.index("late")
    assert next(line for line in text.splitlines() if "flat" in line).count("–") == 2
    assert "+0.0500" in text


def test_the_demo_s_leaderboard_shows_whole_numbers_on_a_terminal_of_80_columns() -> None:
    columns = ["model", "number", "corr", "mmc", "paid_nmr", "burned_nmr"]
    columns += ["return_on_deposit_percent", "stake_nmr"]
    longest = ("momentum_in_sector", 42, -0.0147, 0.0168, 114.39, 114.39, -35.96, 395.94)
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(leaderboard_table(pd.DataFrame([longest], columns=columns)))
    text = console.export_text()
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    assert "momentum_in_sector" in text
    assert "-0.0147" in text


def test_a_leaderboard_without_a_column_is_refused() -> None:
    with pytest.raises(ValueError, match="return_on_deposit_percent"):
        leaderboard_table(pd.DataFrame({"model": ["a"]}))
