"""A round's rules in numbers, as the court reads them, and the hash that binds a round to them."""

from dataclasses import dataclass
from typing import Final

from eth_abi.abi import encode
from eth_hash.auto import keccak

from scorer.proofs.tables import MOST_IDS
from scorer.proofs.vectors import NotProvable
from scorer.protocol.rules import NO_TERMS, Rules
from scorer.units import ONE

SCORING: Final = 1
"""The scoring version that the court computes (ScoreCourt.SCORING)."""
META_MODEL, BENCHMARK_META_MODEL = "meta_model", "benchmark_meta_model"
CORRELATION, CONTRIBUTION, BENCHMARK_CONTRIBUTION = 0, 1, 2
_SCORES: Final = {
    "corr": (CORRELATION, META_MODEL),
    "mmc": (CONTRIBUTION, META_MODEL),
    "bmc": (BENCHMARK_CONTRIBUTION, BENCHMARK_META_MODEL),
}
"""The court's number of each score that it computes, and the meta model that the score is against."""
_TERMS: Final = "(uint32,uint32,uint32,uint32,uint64,(uint8,uint8,int64)[])"


@dataclass(frozen=True)
class TermsFactor:
    """One score of the rules: the court's number of it, the place of its vector, its multiplier in ppm."""

    score: int
    vector: int
    multiplier: int


@dataclass(frozen=True)
class ScoreTerms:
    """The struct ``Terms`` of IScoreCourt.

    Attributes
    ----------
    ids
        Of the universe.
    originality
        The exponent of the originality factor; 0 where the rules have none.
    burn
        The multiplier of negative rewards, ppm.
    factors
        In the order of the rules.
    vectors
        (target, meta model) of each vector that a report posts. The first is against the round's meta model.
    demands
        How many models are drawn whose predictions may be demanded; 0: none.
    deposit
        What each demand costs whoever makes it, nano-NMR.
    """

    ids: int
    originality: int
    burn: int
    factors: tuple[TermsFactor, ...]
    vectors: tuple[tuple[str, str], ...]
    demands: int = 0
    deposit: int = 0

    def to_contract(self) -> tuple[int, int, int, int, int, list[tuple[int, int, int]]]:
        """Return the struct ``Terms``."""
        factors = [(each.score, each.vector, each.multiplier) for each in self.factors]
        return self.ids, self.originality, self.burn, self.demands, self.deposit, factors

    def hash(self) -> bytes:
        """Return the ``termsHash`` of ``Tournament.openRound``: keccak(abi.encode(SCORING, terms))."""
        return keccak(encode(["uint256", _TERMS], [SCORING, self.to_contract()]))


def score_terms(rules: Rules, ids: int) -> ScoreTerms:
    """Return the terms of a round under `rules` over so many ids.

    Raises
    ------
    NotProvable
        When the court cannot compute a reward score under these rules; the message says which part.
    """
    why = unprovable_parts(rules)
    if why:
        raise NotProvable(f"expected rules whose scores a contract can compute, found {', '.join(why)}")
    if not 2 <= ids <= MOST_IDS:
        raise NotProvable(f"expected 2 to {MOST_IDS} ids, found {ids}")
    named = [(_SCORES[factor.score], factor) for factor in rules.factors]
    vectors = {(rules.targets[0], META_MODEL): 0}
    for (_, meta_model), factor in named:
        vectors.setdefault((factor.target, meta_model), len(vectors))
    return ScoreTerms(
        ids,
        0 if rules.adjusters.originality is None else rules.adjusters.originality.exponent,
        ONE if rules.adjusters.burn is None else rules.adjusters.burn.multiplier,
        tuple(
            TermsFactor(score, vectors[factor.target, meta_model], factor.multiplier)
            for (score, meta_model), factor in named
        ),
        tuple(vectors),
        rules.demands,
        rules.demand_deposit,
    )


def unprovable_parts(rules: Rules) -> tuple[str, ...]:
    """Return what of the rules the court cannot compute, by its name in the document."""
    scores = [] if rules.scoring == SCORING else [f"scoring = {rules.scoring}"]
    scores += [f"score = {factor.score}" for factor in rules.factors if factor.score not in _SCORES]
    adjusters = ("dynamic_eras", "burn_hardening", "neutral_churn")
    used = [f"adjusters.{name}" for name in adjusters if getattr(rules.adjusters, name) is not None]
    return (*dict.fromkeys(scores), *used)


def terms_hash(rules: Rules, ids: int) -> bytes:
    """Return the ``termsHash`` with which a round is opened where its committee has a court.

    It is `NO_TERMS` where scores cannot be proven: by the rules, or of more ids than courts have tables for.
    """
    try:
        return score_terms(rules, ids).hash()
    except NotProvable:
        return NO_TERMS


def provability(rules: Rules, found: bytes) -> str:
    """Say whether reward scores of a round can be proven to a court, by its rules and its ``termsHash``."""
    if found != NO_TERMS:
        return "reward scores can be proven to the court"
    why = ", ".join(unprovable_parts(rules)) or "the round was opened without terms"
    return f"reward scores cannot be proven to a court: {why}"
