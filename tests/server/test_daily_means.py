"""A profile's means are those of each day, whatever factors come and go."""

from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from scorer.server.daily_means import by_score, means_by_score

FACTORS = ("corr_a", "corr_b", "mmc_a", "alpha", "corr")
scores = st.floats(-1, 1)
found = st.dictionaries(st.sampled_from(FACTORS), st.dictionaries(st.integers(1, 6), scores, min_size=1))


@given(found)
def test_running_means_are_the_means_up_to_each_round_to_the_bit(scores: dict[str, dict[int, float]]) -> None:
    rounds = sorted({number for of_factor in scores.values() for number in of_factor})
    sums, counts = defaultdict[str, float](float), Counter[str]()
    means = means_by_score(scores, rounds)
    for place, number in enumerate(rounds):
        for factor in sorted(scores):
            if number in scores[factor]:
                sums[factor] += scores[factor][number]
                counts[factor] += 1
        expected = by_score({factor: total / counts[factor] for factor, total in sums.items()})
        assert {
            name: column[place] for name, column in means.items() if column[place] is not None
        } == expected
