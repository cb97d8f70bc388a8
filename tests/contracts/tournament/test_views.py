"""What Tournament tells about lanes and rounds"""

from __future__ import annotations

import ape
import pytest
from states import state
from support import NANO, NONE, SHARE, House, allocation_of, pack


@state
def six(house: House) -> list[int]:
    house.register(house.alice)
    return [house.stake(house.alice, (i + 1) * NANO, allocation_of(i + 1)) for i in range(6)]


def test_an_empty_tournament_has_nothing_to_show(house: House) -> None:
    t = house.tournament
    assert (t.laneCount(), t.roundCount(), t.modelAt(0)) == (0, 0, 0)
    assert list(t.modelsAt(0, 5)) == list(t.slots(0, 5)) == []
    assert t.round(1).state == NONE


def test_a_model_without_a_deposit_has_no_lane(house: House, six: list[int]) -> None:
    with ape.reverts(house.tournament.NoLane, modelId=1):
        house.tournament.laneOf(1)
    assert (house.tournament.idleOf(1), house.tournament.allocationOf(1)) == (0, 0)


def test_lanes_and_models_point_at_each_other(house: House, six: list[int]) -> None:
    t = house.tournament
    assert t.laneCount() == 6
    assert [t.laneOf(model) for model in six] == list(range(6))
    assert [t.modelAt(lane) for lane in range(7)] == [*six, 0]
    assert [t.idleOf(model) for model in six] == [(i + 1) * NANO for i in range(6)]
    assert [t.allocationOf(model) for model in six] == list(map(allocation_of, range(1, 7)))


@pytest.mark.parametrize(
    ("start", "count", "stop"), [(0, 6, 6), (0, 2, 2), (4, 9, 6), (5, 1, 6), (6, 1, 6), (2**255, 1, 0)]
)
def test_ranges_of_models_end_where_lanes_end(
    house: House, six: list[int], start: int, count: int, stop: int
) -> None:
    assert list(house.tournament.modelsAt(start, count)) == six[min(start, 6) : stop]


@pytest.mark.parametrize(("start", "count"), [(0, 2), (0, 1), (1, 1), (1, 2**200), (2, 3)])
def test_ranges_of_slots_end_where_slots_end(house: House, six: list[int], start: int, count: int) -> None:
    lanes = [(code << 54) + code * NANO for code in range(1, 7)]
    words = [pack(lanes[:4]), pack(lanes[4:])]
    assert list(house.tournament.slots(start, count)) == words[start : min(start + count, 2)]


def test_the_top_bit_of_an_allocation_marks_a_share(house: House) -> None:
    model = house.stake(house.alice, NANO, SHARE | 250_000)
    assert house.tournament.allocationOf(model) == SHARE | 250_000


def test_what_a_vote_depends_on_is_read_as_the_round_has_it(house: House) -> None:
    t = house.tournament
    assert tuple(t.reportingOf(1)) == (NONE, 0, 0, 0)
    round_id = house.open()
    found = t.round(round_id)
    assert found.resolveAt > found.closeAt
    assert found.memberSetId == house.committee.memberSetId()
    expected = (found.state, found.resolveAt, found.deadline, found.memberSetId)
    assert tuple(t.reportingOf(round_id)) == expected
