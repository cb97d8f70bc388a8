"""One market from its first round to its last, under all rules beside each other."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.lab.comparison.attackers import OWN_ROWS, RULE_ROWS, SYBILS, Attackers, rule_rows
from scorer.lab.comparison.market import ALLOCATION, Market, MarketRound, Singles
from scorer.lab.comparison.rules import against, rates, scaled
from scorer.lab.comparison.scores import BlockRanks, BlockScores, rank_into, ranked, scored, standardised
from scorer.protocol.rules import Rules
from scorer.units import ONE

Floats = NDArray[np.float64]
BASE, COPIED, ONE_MODEL, TWENTY_MODELS, COLLUSION = range(5)
"""Worlds: the population alone, and with the stake of a large attacker. Small attackers hold no stake."""
OWNED: Final = 0.05
"""The share of all stake that a large owner has."""
RIVAL: Final = 10
"""The stake on a copy by the best model's rival, in stakes of the best model."""
TRUST: Final = 1.5
"""The power of stakes in a copy that weighs large ones more."""
LATELY: Final = 0.05
"""The weight of the latest round in a model's recent earnings."""
FOLLOWS: Final = 0.2
"""The power of a ratio of recent payouts by which multipliers move each round."""
CHASED: Final = 10
LEAVES: Final = 0.5
WITHDRAWS: Final = 1.5
"""A model that is left with half of its deposit makes room for a newcomer; profits above half as much again
are withdrawn."""
COPYCATS: Final = 0.1
"""The deposits of people who copy the meta model, as a share of those of all others. Their stake follows what
a copy earns, and moves no meta model."""
LOCKED: Final = ALLOCATION / ONE


class Track:
    """The course of a market under one rule: stakes, recent earnings, and sums over all rounds.

    Attributes
    ----------
    totals
        By kind: the sum of its payouts and burns as shares of its stake, without compounding. Besides
        ``gross_payout``, ``burned`` (both as shares of all stake), ``skill_weight`` and ``multipliers``.
    current
        The rules with the multipliers of the next round, see `follow`.
    """

    def __init__(self, rules: Rules, market: Market, cartel: NDArray[np.bool_]) -> None:
        self.rules = self.current = rules
        self.scale, self.paid_lately = 1.0, 0.0
        self.stakes = market.deposits.copy()
        self.lately = np.zeros(len(self.stakes))
        self.copycats = COPYCATS
        self.totals: defaultdict[str, float] = defaultdict(float)
        self._market, self._cartel = market, cartel

    def worlds(self, number: int, rows: int) -> Floats:
        """Return the stakes of all rows in every world, shape (worlds, rows)."""
        staked = np.where(self._market.enters <= number, self.stakes, 0.0)
        total, models = staked.sum(), len(staked)
        found = np.zeros((5, rows))
        found[:, :models] = staked
        found[COPIED, 0] *= 1 + RIVAL
        found[[ONE_MODEL, TWENTY_MODELS], 0] = 0.0
        found[ONE_MODEL, 0] = OWNED * total
        found[TWENTY_MODELS, rows - SYBILS :] = OWNED * total / SYBILS
        found[COLLUSION, :models][self._cartel] = 0.0
        found[COLLUSION, models + OWN_ROWS.index("cartel")] = staked[self._cartel].sum()
        return found

    def other_weights(self, number: int) -> Singles:
        """Return the weights of two who copy everybody, shape (2, models).

        The first trusts large stakes more than the meta model does, the second what models earned lately.
        """
        staked = np.where(self._market.enters <= number, self.stakes, 0.0)
        earned = np.maximum(self.lately, 0.0)
        found = np.stack([staked**TRUST, earned if earned.any() else staked])
        return np.asarray(found / found.sum(axis=1, keepdims=True), dtype=np.float32)

    def add(self, name: str, rate: float) -> None:
        """Count what a kind earned in a round."""
        self.totals[name] += LOCKED * rate

    def note_base(self, number: int, rate: Floats) -> None:
        """Count a round of the population and of the small attackers, and move the stakes on."""
        kinds, models = self._market.kinds, len(self.stakes)
        staked = np.where(self._market.enters <= number, self.stakes, 0.0)
        people = rate[:models]
        for kind in ("skilled", "crowd", "noise"):
            self.add(kind, float(people[kinds == kind].mean()))
        self.add("best", float(rate[0]))
        self.add("copy_of_best", float(rate[0]))
        own = dict(zip(OWN_ROWS, rate[models:].tolist(), strict=False))
        for name in OWN_ROWS[:4]:
            self.add(name, own[name])
        self.add("equal_copy", own["equal_copy"])
        self.add("hedged_pair", (own["hedge"] + own["opposite_hedge"]) / 2)
        self.add("set_of_three", sum(own[name] for name in OWN_ROWS[6:9]) / 3)
        noise = kinds == "noise"
        self.add("noise_after_a_streak", float((people[noise] * (self.lately[noise] > 0)).mean()))
        chased = np.argsort(np.where(staked > 0, self.lately, -np.inf))[-CHASED:]
        self.add("return_chaser", float(people[chased].mean()))
        self._note_stakes(staked / staked.sum(), people)
        self.lately += LATELY * (people - self.lately)
        self._move_stakes(staked, people)

    def note_copycats(self, number: int, rate: float) -> None:
        """Let the stake of copycats earn what a copy earns, and note the weight of the skilled beside it."""
        staked = np.where(self._market.enters <= number, self.stakes, 0.0)
        skilled = float(staked[self._market.kinds == "skilled"].sum())
        self.totals["skill_weight"] += skilled / (float(staked.sum()) + self.copycats)
        self.copycats = min(self.copycats * (1 + LOCKED * rate), WITHDRAWS * COPYCATS)

    def _note_stakes(self, shares: Floats, people: Floats) -> None:
        self.add("basket", float(shares @ people))
        paid = float(shares @ np.maximum(people, 0.0))
        self.add("gross_payout", paid)
        self.paid_lately += LATELY * (paid - self.paid_lately)
        self.add("burned", float(shares @ np.maximum(-people, 0.0)))
        apart = shares[self._cartel]
        self.add("third_apart", float(apart @ people[self._cartel] / max(apart.sum(), 1e-12)))

    def follow(self, first: "Track") -> None:
        """Move the multipliers to where these rules pay out as much as the first do."""
        self.totals["multipliers"] += self.scale
        if self is not first and self.paid_lately > 0:
            self.scale *= (first.paid_lately / self.paid_lately) ** FOLLOWS
            self.current = scaled(self.rules, self.scale)

    def _move_stakes(self, staked: Floats, people: Floats) -> None:
        deposits = self._market.deposits
        moved = self.stakes + LOCKED * staked * people
        moved = np.minimum(moved, WITHDRAWS * deposits)
        self.stakes = np.where(moved < LEAVES * deposits, deposits, moved)


def play_market(rules: Mapping[str, Rules], market: Market, rounds: int) -> dict[str, dict[str, float]]:
    """Play all rounds of one market; percent by rule and kind."""
    attackers = Attackers(market)
    tracks = [Track(document, market, attackers.cartel) for document in rules.values()]
    rows = BlockRanks.empty(len(market.kinds) + len(OWN_ROWS) + SYBILS, market.ids)
    for number in range(rounds):
        _play(number, market, attackers, tracks, rows)
    for track in tracks:
        for name in ("skill_weight", "multipliers"):
            track.totals[name] /= rounds
    return {
        name: {kind: 100 * total for kind, total in track.totals.items()}
        for name, track in zip(rules, tracks, strict=True)
    }


def _play(number: int, market: Market, attackers: Attackers, tracks: list[Track], rows: BlockRanks) -> None:
    """Rank all predictions once, score them against the meta models of all rules and worlds, reward them."""
    played = market.play(number)
    rank_into(rows, 0, played.predictions)
    rank_into(rows, len(market.kinds), attackers.rows(played.predictions, market.enters <= number))
    stakes = np.vstack([track.worlds(number, len(rows.uniform)) for track in tracks])
    stakes /= stakes.sum(axis=1, keepdims=True)
    meta_models = stakes.astype(np.float32) @ rows.uniform
    gaussian = ranked(standardised(meta_models)).gaussian
    scores = scored(rows, played.target, meta_models, gaussian)
    weights = np.vstack([track.other_weights(number) for track in tracks])
    others = standardised(weights @ rows.uniform[: len(market.kinds)])
    _reward_rule_rows(number, market, played, tracks, others, (meta_models[::5], gaussian[::5]))
    for place, track in enumerate(tracks):
        _reward_worlds(track, scores, 5 * place, played.volatility, len(market.kinds))
        base = against(scores, 5 * place + BASE)
        track.note_base(number, rates(track.current, base, played.volatility))
    for track in tracks:
        track.follow(tracks[0])


def _reward_rule_rows(
    number: int,
    market: Market,
    played: MarketRound,
    tracks: list[Track],
    others: Singles,
    meta_models: tuple[Singles, Singles],
) -> None:
    """Reward those who copy the meta model of their rule, in its weights or in others."""
    best, noise = standardised(played.predictions[0]), market.noise(1)[0]
    copied = standardised(meta_models[0])
    made = [
        rule_rows(row, others[2 * place : 2 * place + 2], best, noise) for place, row in enumerate(copied)
    ]
    scores = scored(ranked(np.vstack(made)), played.target, *meta_models)
    for place, track in enumerate(tracks):
        mine = np.arange(len(RULE_ROWS)) + len(RULE_ROWS) * place
        found = rates(track.current, _rows_of(against(scores, place), mine), played.volatility)
        for name, rate in zip(RULE_ROWS, found.tolist(), strict=True):
            track.add(name, rate)
        track.note_copycats(number, float(found[0]))


def _reward_worlds(track: Track, scores: BlockScores, place: int, volatility: float, models: int) -> None:
    """Reward large attackers, whose stake moves the meta model."""
    sybils = np.arange(scores.corr.size - SYBILS, scores.corr.size)
    wanted = (
        ("best_copied_tenfold", COPIED, np.array([0])),
        ("owner_with_one_model", ONE_MODEL, np.array([0])),
        ("owner_with_twenty_models", TWENTY_MODELS, sybils),
        ("third_in_collusion", COLLUSION, np.array([models + OWN_ROWS.index("cartel")])),
    )
    for name, world, rows in wanted:
        found = rates(track.current, _rows_of(against(scores, place + world), rows), volatility)
        track.add(name, float(found.mean()))


def _rows_of(scores: BlockScores, rows: NDArray[np.intp]) -> BlockScores:
    """Return the scores of some rows."""
    return replace(
        scores,
        corr=scores.corr[rows],
        mmc=scores.mmc[rows],
        gaussian_rank_correlation=scores.gaussian_rank_correlation[rows],
        cwmm=scores.cwmm[rows],
    )
