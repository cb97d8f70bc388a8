"""What is left to do for a round and a model follows from what was done, and from the time that is left."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.compute.decide import (
    Action,
    Alert,
    Deliver,
    LeaveForNow,
    ModelProgress,
    ModelVariant,
    ModelView,
    NodePolicy,
    RunAttempt,
    SignPredictions,
    Start,
    TakingRound,
    decide,
)
from scorer.compute.job import RunOutcome

OPEN, CLOSE = 10_000, 20_000
ROUND = TakingRound("0xT", 7, OPEN, CLOSE)
MODEL = ModelView(1, "new", seconds=600)
POLICY = NodePolicy(concurrent=2, margin=60, reserve=1_800, alert=3_600, attempts=3, pause=30)
KEY = ("0xT", 7, 1)
NOTHING = ModelProgress()


def failed(
    number: int = 1,
    at: int = OPEN,
    variant: ModelVariant = ModelVariant.CURRENT,
    code: str = "new",
    outcome: RunOutcome = RunOutcome.FAILED,
) -> RunAttempt:
    return RunAttempt(number, variant, code, outcome, at)


def act(
    progress: ModelProgress = NOTHING, now: int = OPEN, model: ModelView = MODEL, **policy: int
) -> list[Action]:
    return decide([ROUND], [model], {KEY: progress}, replace(POLICY, **policy), now)


def only(actions: list[Action]) -> Action:
    (action,) = (each for each in actions if not isinstance(each, Alert))
    return action


def started(action: Action) -> Start:
    assert isinstance(action, Start)
    return action


def test_a_model_starts_once_a_round_is_open() -> None:
    assert act(now=OPEN - 1) == []
    assert only(act()) == Start(ROUND, 1, 1, ModelVariant.CURRENT, "new", 600)
    assert act(now=CLOSE) == []


def test_nothing_starts_before_the_inputs_are_here() -> None:
    waiting = decide([replace(ROUND, is_ready=False)], [MODEL], {}, POLICY, OPEN)
    assert [type(each) for each in waiting] == [LeaveForNow]


def test_a_model_that_runs_is_not_started_again() -> None:
    assert isinstance(only(act(ModelProgress((RunAttempt(1, ModelVariant.CURRENT, "new"),)))), LeaveForNow)


def test_good_predictions_are_signed_then_delivered_and_then_all_is_done() -> None:
    good = (failed(outcome=RunOutcome.GOOD),)
    assert only(act(ModelProgress(good))) == SignPredictions(ROUND, 1, 1)
    assert only(act(ModelProgress(good, is_signed=True))) == Deliver(ROUND, 1)
    assert act(ModelProgress(good, is_signed=True, is_delivered=True), now=CLOSE - 1) == []


def test_what_was_signed_is_handed_in_again_after_a_pause_and_no_model_runs_for_it() -> None:
    signed = ModelProgress((failed(outcome=RunOutcome.GOOD),), is_signed=True, deliveries=2, tried_at=OPEN)
    assert isinstance(only(act(signed, now=OPEN + 59)), LeaveForNow)
    assert only(act(signed, now=OPEN + 60)) == Deliver(ROUND, 1)


def test_a_failed_model_is_tried_again_after_pauses_that_double() -> None:
    once, twice = ModelProgress((failed(),)), ModelProgress((failed(), failed(2)))
    assert isinstance(only(act(once, now=OPEN + 29)), LeaveForNow)
    assert started(only(act(once, now=OPEN + 30))).number == 2
    assert isinstance(only(act(twice, now=OPEN + 59)), LeaveForNow)
    assert started(only(act(twice, now=OPEN + 60))).number == 3


def test_a_run_that_the_node_did_not_survive_is_repeated_at_once_and_counts_as_no_failure() -> None:
    gone = ModelProgress(tuple(failed(number, outcome=RunOutcome.INTERRUPTED) for number in range(1, 9)))
    action = started(only(act(gone, model=replace(MODEL, last_good="old"))))
    assert (action.variant, action.number) == (ModelVariant.CURRENT, 9)


def test_a_provider_that_is_away_is_tried_again_after_a_pause() -> None:
    away = ModelProgress((failed(outcome=RunOutcome.UNAVAILABLE),))
    assert isinstance(only(act(away, now=OPEN + 29)), LeaveForNow)
    assert started(only(act(away, now=OPEN + 30))).variant is ModelVariant.CURRENT


def test_new_code_is_tried_at_once_whatever_the_old_code_did() -> None:
    bad = ModelProgress(tuple(failed(number, at=OPEN + 500) for number in range(1, 4)))
    fixed = replace(MODEL, code="fixed", last_good="old")
    assert started(only(act(bad, now=OPEN + 501, model=fixed))).code == "fixed"


def test_after_all_tries_the_last_good_code_runs_then_earlier_predictions_are_repeated() -> None:
    model = replace(MODEL, last_good="old", can_repeat=True)
    bad = tuple(failed(number) for number in range(1, 4))
    action = started(only(act(ModelProgress(bad), now=OPEN + 1_000, model=model)))
    assert (action.variant, action.code) == (ModelVariant.LAST_GOOD, "old")
    worse = (*bad, failed(4, OPEN + 1_000, ModelVariant.LAST_GOOD, "old"))
    assert (
        started(only(act(ModelProgress(worse), now=OPEN + 1_100, model=model))).variant is ModelVariant.REPEAT
    )
    worst = (*worse, failed(5, OPEN + 1_100, ModelVariant.REPEAT))
    assert (
        started(only(act(ModelProgress(worst), now=OPEN + 2_000, model=model))).variant
        is ModelVariant.CURRENT
    )


def test_a_model_that_never_failed_is_given_no_older_version_however_late_it_is() -> None:
    model = replace(MODEL, last_good="old", can_repeat=True)
    assert started(only(act(now=CLOSE - 100, model=model))).variant is ModelVariant.CURRENT


def test_one_failure_is_enough_for_the_last_good_code_when_the_close_is_near() -> None:
    model = replace(MODEL, last_good="old")
    early, late = CLOSE - 1_800 - 61, CLOSE - 1_800 - 60
    one = ModelProgress((failed(at=early - 100),))
    assert started(only(act(one, now=early, model=model))).variant is ModelVariant.CURRENT
    assert started(only(act(one, now=late, model=model))).variant is ModelVariant.LAST_GOOD


def test_of_a_model_that_cannot_be_read_an_older_version_is_run_and_nothing_else() -> None:
    broken = replace(MODEL, code="", is_readable=False)
    assert isinstance(only(act(model=broken)), LeaveForNow)
    assert started(only(act(model=replace(broken, last_good="old")))).variant is ModelVariant.LAST_GOOD


def test_a_run_ends_before_the_close_and_leaves_time_for_another_version_where_there_is_one() -> None:
    now = CLOSE - 2_000
    patient = replace(MODEL, seconds=9_000)
    assert started(only(act(now=now, model=patient))).seconds == 2_000 - 60
    assert started(only(act(now=now, model=replace(patient, last_good="old")))).seconds == 2_000 - 60 - 1_800
    assert isinstance(only(act(now=CLOSE - 60, model=patient)), LeaveForNow)


def test_earlier_predictions_take_no_time_from_a_run_and_are_tried_until_the_close() -> None:
    model = replace(MODEL, seconds=9_000, can_repeat=True)
    now = CLOSE - 2_000
    assert started(only(act(now=now, model=model))).seconds == 2_000 - 60
    late = ModelProgress((failed(at=CLOSE - 60, outcome=RunOutcome.OUT_OF_TIME),))
    assert started(only(act(late, now=CLOSE - 30, model=model))).variant is ModelVariant.REPEAT


def test_a_human_is_called_an_hour_before_the_close_and_not_earlier() -> None:
    assert not any(isinstance(each, Alert) for each in act(now=CLOSE - 3_601))
    (alert,) = (
        each for each in act(ModelProgress((failed(),)), now=CLOSE - 3_600) if isinstance(each, Alert)
    )
    assert alert.left == 3_600
    assert RunOutcome.FAILED.value in alert.why


def test_in_a_short_round_margins_shrink_with_it() -> None:
    short = replace(ROUND, close_at=OPEN + 100)
    actions = decide([short], [MODEL], {}, POLICY, OPEN)
    assert not any(isinstance(each, Alert) for each in actions)
    assert started(only(actions)).seconds == 90
    assert any(isinstance(each, Alert) for each in decide([short], [MODEL], {}, POLICY, OPEN + 50))


def test_no_more_run_at_once_than_may_and_what_closes_first_comes_first() -> None:
    later = replace(ROUND, round_id=8, close_at=CLOSE + 1)
    models = [replace(MODEL, model_id=number) for number in (1, 2, 3)]
    actions = decide([later, ROUND], models, {}, POLICY, OPEN)
    starts = [each for each in actions if isinstance(each, Start)]
    assert [(each.round.round_id, each.model_id) for each in starts] == [(7, 1), (7, 2)]
    running = {KEY: ModelProgress((RunAttempt(1, ModelVariant.CURRENT, "new"),))}
    starts = [each for each in decide([ROUND], models, running, POLICY, OPEN) if isinstance(each, Start)]
    assert [each.model_id for each in starts] == [2]


def test_runs_of_rounds_that_are_over_take_places_too() -> None:
    others = {
        ("0xT", 6, number): ModelProgress((RunAttempt(1, ModelVariant.CURRENT, "new"),)) for number in (1, 2)
    }
    assert not any(isinstance(each, Start) for each in decide([ROUND], [MODEL], others, POLICY, OPEN))


def test_a_model_that_fails_again_and_again_keeps_no_other_waiting() -> None:
    models = [replace(MODEL, model_id=number) for number in (1, 2)]
    bad = {KEY: ModelProgress((failed(),))}
    actions = decide([ROUND], models, bad, replace(POLICY, concurrent=1), OPEN + 100)
    assert [each.model_id for each in actions if isinstance(each, Start)] == [2]


OUTCOMES = st.sampled_from([None, *RunOutcome])
ATTEMPTS = st.lists(
    st.builds(
        RunAttempt,
        st.integers(1, 9),
        st.sampled_from(ModelVariant),
        st.sampled_from(["new", "old"]),
        OUTCOMES,
        st.integers(OPEN, CLOSE),
    ),
    max_size=6,
).map(tuple)


@given(ATTEMPTS, st.booleans(), st.booleans(), st.booleans(), st.integers(OPEN - 10, CLOSE + 10))
def test_whatever_happened_there_is_one_thing_to_do_and_it_never_undoes_what_was_signed(
    attempts: tuple[RunAttempt, ...], signed: bool, delivered: bool, repeats: bool, now: int
) -> None:
    progress = ModelProgress(attempts, is_signed=signed or delivered, is_delivered=delivered, tried_at=OPEN)
    model = replace(MODEL, last_good="old", can_repeat=repeats)
    actions = [each for each in act(progress, now, model) if not isinstance(each, Alert)]
    if delivered or not OPEN <= now < CLOSE:
        assert actions == []
        return
    (action,) = actions
    if signed:
        assert action == Deliver(ROUND, 1)
    if isinstance(action, Start):
        assert progress.running is None
        assert progress.good is None
        assert now + action.seconds <= CLOSE - POLICY.margin


def test_pauses_shrink_with_the_time_that_is_left() -> None:
    signed = ModelProgress(
        (failed(outcome=RunOutcome.GOOD),), is_signed=True, deliveries=9, tried_at=CLOSE - 120
    )
    assert isinstance(only(act(signed, now=CLOSE - 110)), LeaveForNow)
    assert only(act(signed, now=CLOSE - 106)) == Deliver(ROUND, 1)


@pytest.mark.parametrize("count", range(1, 40))
def test_a_pause_is_never_longer_than_half_an_hour(count: int) -> None:
    bad = ModelProgress(tuple(failed(number) for number in range(1, count + 1)))
    wide = replace(ROUND, close_at=OPEN + 100_000)
    actions = decide([wide], [MODEL], {KEY: bad}, POLICY, OPEN + 1_800)
    assert any(isinstance(each, Start) for each in actions)
