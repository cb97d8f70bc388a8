"""The phase of a round, in one word."""

import pytest

from scorer.chain.records import RoundState
from scorer.client.phases import Phase, phase_of
from tests.records import record


@pytest.mark.parametrize(
    ("state", "now", "phase"),
    [
        (RoundState.OPEN, 5, Phase.ANNOUNCED),
        (RoundState.OPEN, 10, Phase.OPEN),
        (RoundState.OPEN, 20, Phase.LOCKING),
        (RoundState.LOCKING, 24, Phase.LOCKING),
        (RoundState.LOCKED, 24, Phase.LOCKED),
        (RoundState.LOCKING, 25, Phase.UNSEALED),
        (RoundState.LOCKED, 25, Phase.UNSEALED),
        (RoundState.OPEN, 25, Phase.UNSEALED),
        (RoundState.SEALED, 39, Phase.SEALED),
        (RoundState.SEALED, 40, Phase.SCORING),
        (RoundState.SEALED, 50, Phase.OVERDUE),
        (RoundState.SETTLING, 60, Phase.SETTLING),
        (RoundState.SETTLED, 60, Phase.SETTLED),
        (RoundState.VOIDED, 60, Phase.VOIDED),
    ],
)
def test_a_phase_says_what_a_staker_can_do_or_waits_for(state: RoundState, now: int, phase: Phase) -> None:
    assert phase_of(record(state), now) == phase
