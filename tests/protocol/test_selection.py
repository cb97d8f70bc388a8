"""Which submission counts, and whose stake is locked."""

import itertools

import numpy as np
import pytest

from scorer.evaluation import gates as gates_module
from scorer.evaluation.gates import PublishedRound, judge, judge_all, neutral_churn_table
from scorer.protocol.rules import Gates, preset
from scorer.protocol.selection import Arrival, select
from scorer.protocol.submissions import Submission, Submissions
from scorer.scoring import calculate_max_churn_and_turnover
from scorer.scoring.churn_rates import calculate_mean_neutral_churn
from tests.round_tables import tables
from tests.small_round import IDS, uniform

OPEN, CLOSE, UNTIL = 1_000, 4_600, 90_000
UNIVERSE = ("a", "b")
DAY = 24 * 3600


def arrival(model: int, at: int, value: float = 0.5) -> Arrival:
    return Arrival(at, Submission(model, np.array([value, 0.25]), bytes(32), "0x", b""))


def chosen(*arrivals: Arrival) -> tuple[dict[int, float], set[int], set[int]]:
    found = select(UNIVERSE, arrivals, open_at=OPEN, close_at=CLOSE, until=UNTIL)
    values = {entry.model_id: float(np.asarray(entry.predictions)[0]) for entry in found.submissions.entries}
    return values, set(found.staked), set(found.late)


def test_the_latest_in_the_window_counts_in_whatever_order_they_are_read() -> None:
    arrivals = [arrival(1, OPEN, 0.1), arrival(1, OPEN + 50, 0.2), arrival(1, CLOSE - 1, 0.3)]
    for order in itertools.permutations(arrivals):
        assert chosen(*order) == ({1: 0.3}, {1}, set())


def test_of_two_in_one_second_the_later_one_counts() -> None:
    assert chosen(arrival(1, OPEN, 0.1), arrival(1, OPEN, 0.2))[0] == {1: 0.2}


@pytest.mark.parametrize(
    ("at", "staked"), [(OPEN, True), (CLOSE - 1, True), (CLOSE, False), (UNTIL - 1, False)]
)
def test_a_late_submission_is_scored_but_not_staked(at: int, staked: bool) -> None:
    assert chosen(arrival(7, at)) == ({7: 0.5}, {7} if staked else set(), set() if staked else {7})


@pytest.mark.parametrize("at", [0, OPEN - 1, UNTIL])
def test_what_comes_before_the_window_or_long_after_does_not_count(at: int) -> None:
    assert chosen(arrival(7, at)) == ({}, set(), set())


def test_a_late_one_never_replaces_one_in_time_and_the_first_late_one_counts() -> None:
    late = [arrival(1, CLOSE + 5, 0.9), arrival(2, CLOSE + 9, 0.8), arrival(2, CLOSE + 1, 0.7)]
    assert chosen(arrival(1, OPEN, 0.1), *late) == ({1: 0.1, 2: 0.7}, {1}, {2})


def test_submissions_come_out_ascending_by_model() -> None:
    assert list(chosen(arrival(9, OPEN), arrival(2, CLOSE), arrival(5, OPEN))[0]) == [2, 5, 9]


def published(closed_at: int, shift: float, models: tuple[int, ...] = (1, 2)) -> PublishedRound:
    """A round in which model 1 changes by `shift` and model 2 says something new each time."""
    entries = []
    for model in models:
        values = (uniform(1) + shift * uniform(50 + closed_at)) / (1 + shift)
        values = values if model == 1 else uniform(closed_at + 900)
        entries.append(Submission(model, values, bytes(32), "0x", b""))
    return PublishedRound(closed_at, Submissions(IDS, tuple(entries)), tables())


NOW = published(100 * DAY, 0.0)
PAST = [published((100 - days) * DAY, 0.02 * days) for days in (1, 2, 3, 4, 5, 6, 20)]


def gates(**changes: int) -> Gates:
    found = preset("signals").gates
    assert found is not None
    return found.model_copy(update=changes)


def test_a_steady_model_may_stake_and_one_that_changes_its_mind_may_not() -> None:
    steady, restless = (judge(gates(), model, NOW, PAST) for model in (1, 2))
    assert steady.passes
    assert 0 < steady.churn < 0.15
    assert 0 < steady.turnover < 0.25
    assert not restless.passes
    assert restless.reason is not None
    assert restless.reason.startswith("expected a churn below 15 %, found ")


def test_churn_and_turnover_are_the_largest_against_the_last_five() -> None:
    last = {str(n): each for n, each in enumerate(PAST[:5])}
    expected = calculate_max_churn_and_turnover(
        NOW.predictions(1),
        NOW.neutralizers,
        NOW.sample_weights,
        {label: each.predictions(1) for label, each in last.items()},
        {label: each.neutralizers for label, each in last.items()},
        {label: each.sample_weights for label, each in last.items()},
    )
    shuffled = [PAST[i] for i in (3, 6, 0, 5, 1, 4, 2)]
    verdict = judge(gates(), 1, NOW, shuffled)
    assert (verdict.churn, verdict.turnover) == expected
    fewer = judge(gates(submissions=1), 1, NOW, PAST)
    assert fewer.churn < verdict.churn


@pytest.mark.parametrize("at_once", [1, 3, 128])
def test_models_that_are_judged_together_are_judged_as_each_alone(
    monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    models = tuple(range(1, 9))
    now = published(100 * DAY, 0.0, models)
    past = [published((100 - days) * DAY, 0.02 * days, models[days % 4 :]) for days in (1, 2, 3, 5, 6)]
    past.append(published(99 * DAY, 0.01, (3, 5)))  # two rounds that closed together
    monkeypatch.setattr(gates_module, "MODELS_AT_ONCE", at_once)
    found = judge_all(gates(), models, now, past)
    assert list(found) == list(models)
    for model in models:
        recent = [each for each in sorted(past, key=lambda each: -each.closed_at) if each.has(model)][:5]
        last = {str(number): each for number, each in enumerate(recent)}
        expected = calculate_max_churn_and_turnover(
            now.predictions(model),
            now.neutralizers,
            now.sample_weights,
            {label: each.predictions(model) for label, each in last.items()},
            {label: each.neutralizers for label, each in last.items()},
            {label: each.sample_weights for label, each in last.items()},
        )
        assert (found[model].churn, found[model].turnover) == expected
        assert found[model] == judge(gates(), model, now, past)


def test_a_model_that_cannot_be_compared_concerns_no_other() -> None:
    now = published(100 * DAY, 0.0, (1, 2, 3))
    flat = Submission(3, np.full(len(IDS), 0.5), bytes(32), "0x", b"")
    broken = PublishedRound(now.closed_at, Submissions(IDS, (*now.submissions.entries[:2], flat)), now.tables)
    past = [published(99 * DAY, 0.02, (1, 2, 3))]
    found = judge_all(gates(), (1, 2, 3), broken, past)
    assert (found[1], found[2]) == (judge(gates(), 1, now, past), judge(gates(), 2, now, past))
    assert found[3].reason is not None
    assert found[3].reason.startswith("submission: expected different values from 0 to 1")


def test_the_limit_itself_is_refused() -> None:
    found = judge(gates(), 1, NOW, PAST)
    at_the_limit = gates(max_turnover=int(found.turnover * 1e6))
    assert judge(at_the_limit, 1, NOW, PAST).reason is not None
    assert judge(gates(max_turnover=int(found.turnover * 1e6) + 1), 1, NOW, PAST).passes


@pytest.mark.parametrize("past", [[], [PAST[-1]], [NOW]])
def test_a_model_without_a_submission_in_the_week_before_may_not_stake(past: list[PublishedRound]) -> None:
    assert judge(gates(), 1, NOW, past).reason == "expected a submission in the 7 days before, found none"


def test_a_submission_of_a_week_ago_to_the_second_still_counts() -> None:
    assert judge(gates(), 1, NOW, [published(93 * DAY, 0.02)]).passes
    assert not judge(gates(), 1, NOW, [published(93 * DAY - 1, 0.02)]).passes


def test_only_rounds_that_the_model_took_part_in_count() -> None:
    others = [published((100 - days) * DAY, 0.0, models=(2,)) for days in (1, 2)]
    assert judge(gates(), 1, NOW, [*others, PAST[2]]).churn == judge(gates(), 1, NOW, [PAST[2]]).churn


def test_neutral_churn_is_the_mean_over_the_last_submissions_in_whole_ppm() -> None:
    table = neutral_churn_table(NOW, PAST, 5)
    last = {str(n): each for n, each in enumerate(PAST[:5])}
    expected = calculate_mean_neutral_churn(
        NOW.predictions(1),
        NOW.neutralizers,
        NOW.sample_weights,
        {label: each.predictions(1) for label, each in last.items()},
        {label: each.neutralizers for label, each in last.items()},
        {label: each.sample_weights for label, each in last.items()},
    )
    assert table["model_id"].tolist() == [1, 2]
    assert table["neutral_churn"][0] == round(expected * 1e6) / 1e6
    assert table["neutral_churn"][1] > 0.5


def test_a_newcomer_has_nothing_to_be_compared_with_and_a_churn_of_one() -> None:
    assert neutral_churn_table(NOW, [], 5)["neutral_churn"].tolist() == [1.0, 1.0]
