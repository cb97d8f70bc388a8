"""Reads which models owe predictions that were demanded, and so are not paid."""

from scorer.chain.contracts import Suite


def silent_lanes(suite: Suite, round_id: int, block: int) -> frozenset[int]:
    """Return the lanes of a round whose score its settlement takes for 0; none before it can begin."""
    if suite.demands is None:
        return frozenset()
    return frozenset(suite.demands.silent_lanes(str(suite.tournament.address), round_id, block))


def silent_models(suite: Suite, round_id: int, block: int) -> frozenset[int]:
    """Return the models of a round whose predictions were demanded and not shown, as `silent_lanes` does."""
    lanes = silent_lanes(suite, round_id, block)
    if not lanes:
        return frozenset()
    by_lane = suite.models_by_lane(block)
    return frozenset(by_lane[lane] for lane in lanes if lane < len(by_lane))
