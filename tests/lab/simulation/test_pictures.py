"""Axes and labels of a simulation's pictures."""

from scorer.lab.demo.pictures import BLUE, GREEN, new_axes
from scorer.lab.simulation.pictures import name_ends, percent, round_axis


def test_lines_are_named_at_their_ends_in_their_order_and_colour() -> None:
    _, axes = new_axes(10, 5, "title")
    axes.plot([1, 2], [100, 110], color=BLUE)
    axes.plot([1, 2], [100, 101], color=GREEN)
    name_ends(axes, [("skilled", BLUE, 110.0), ("crowd", GREEN, 101.0)], percent)
    labels = [(text.get_text(), text.get_color(), text.get_position()[1]) for text in axes.texts]
    assert [label[:2] for label in labels] == [("skilled  110 %", BLUE), ("crowd  101 %", GREEN)]
    assert labels[0][2] > labels[1][2]
    assert axes.get_legend() is None


def test_rounds_are_counted_from_one_as_on_the_chain() -> None:
    _, axes = new_axes(10, 5, "title")
    round_axis(axes, 30)
    assert axes.get_xlim() == (0.5, 30.5)
    assert not [tick for tick in axes.get_xticks() if 0.5 <= tick < 1]
