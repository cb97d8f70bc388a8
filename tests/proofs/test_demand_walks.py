"""Anything in any order: demands, answers, deposits and disputes, beside a model in plain Python."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from scorer.proofs.evidence import Evidence
from scorer.units import wei_from_nano
from tests.proofs.court_world import GUARDIAN, MEMBERS, OPPOSITE, OWNER, PLAIN, STAKE, STRANGER, TIED
from tests.proofs.demands_world import ABOVE, DEPOSIT, PAYER, THIRD, DemandsWorld, running_demands
from tests.proofs.test_score_court import refusal

STEPS = 30
PLACES = {0: PLAIN, 1: TIED}
OTHERS = {**ABOVE, PLAIN: 12_345}
PAID = int(wei_from_nano(DEPOSIT))


@pytest.fixture(scope="module")
def built() -> Iterator[DemandsWorld]:
    with running_demands() as demands:
        yield demands


@dataclass
class Books:
    """What a report's demands should be: the time since they count, and the state of each place."""

    evidence: Evidence
    scores: dict[int, int]
    since: int
    stands: bool = True
    owed: set[int] = field(default_factory=set)
    kept: set[int] = field(default_factory=set)
    answered: set[int] = field(default_factory=set)

    def demand(self, place: int, now: int) -> str:
        if place in self.owed | self.answered:
            return "AlreadyDemanded"
        if now >= self.since + THIRD:
            return "TooLate"
        self.owed.add(place)
        self.kept.add(place)
        return ""

    def answer(self, place: int, now: int) -> str:
        if place not in self.kept or not self.stands:
            return "NothingOwed"
        if now >= self.since + 2 * THIRD:
            return "TooLate"
        self.owed.remove(place)
        self.kept.remove(place)
        self.answered.add(place)
        return ""

    def reclaim(self, place: int, now: int) -> str:
        if place not in self.kept:
            return "NothingOwed"
        if self.stands and now < self.since + 2 * THIRD:
            return "TooEarly"
        self.kept.remove(place)
        return ""


class Walk:
    """One walk: every call is made as the books say, and refused as they say."""

    def __init__(self, demands: DemandsWorld, seed: int) -> None:
        self.demands, self.random = demands, np.random.default_rng(seed)
        self.books = [self.drawn(demands.accept(), ABOVE)]
        self.total = self.tokens()

    def drawn(self, evidence: Evidence, scores: dict[int, int]) -> Books:
        """Draw a report, so that both paid lanes may be demanded."""
        self.demands.draw_at(evidence, [model - 1 for model in PLACES.values()], scores)
        return Books(evidence, scores, self.demands.since)

    def run(self) -> None:
        """Take all steps, and settle."""
        steps: list[tuple[Callable[[], None], float]] = [
            (self.demand, 0.3),
            (self.answer, 0.25),
            (self.reclaim, 0.2),
            (self.wait, 0.2),
            (self.replace, 0.05),
        ]
        makes, weights = zip(*steps, strict=True)
        for _ in range(STEPS):
            makes[int(self.random.choice(len(makes), p=weights))]()
            self.check()
        self.settle()

    @property
    def now(self) -> int:
        """The time of the latest block, seconds."""
        return int(self.demands.world.anvil.w3.eth.get_block("latest")["timestamp"])

    def place(self) -> int:
        return int(self.random.integers(len(PLACES)))

    def send(self, call: Any, account: int, expected: Callable[[int], str]) -> None:
        """Send a call, and compare how it is refused."""
        seen, found = refusal(self.demands.world.send, call, account), expected(self.now)
        assert seen == found, (call.fn_name, self.now - self.books[-1].since, seen, found)

    def demand(self) -> None:
        place, books = self.place(), self.books[-1]
        self.send(self.demands.demand(place), PAYER, lambda now: books.demand(place, now))

    def answer(self) -> None:
        place, books = self.place(), self.books[-1]
        self.send(self.demands.answer(place, PLACES[place]), STRANGER, lambda now: books.answer(place, now))

    def reclaim(self) -> None:
        place = self.place()
        books = self.books[int(self.random.integers(len(self.books)))]
        call = self.demands.reclaim(books.evidence, place)
        self.send(call, STRANGER, lambda now: books.reclaim(place, now))

    def wait(self) -> None:
        self.demands.world.anvil.advance_to(self.now + int(self.random.integers(1, THIRD // 3)))

    def replace(self) -> None:
        """Let a second vote put another report in the place of the first, where that may still be."""
        world, committee = self.demands.world, self.demands.world.suite.committee.functions
        veto = committee.veto(*self.demands.place_of_round)
        if len(self.books) > 1 or refusal(world.send, veto, GUARDIAN):
            return
        other = self.demands.evidence(OTHERS)
        for member in MEMBERS[:2]:
            world.send(committee.attest(world.tournament, other.report.to_contract()), member)
        self.books[0].stands = False
        world.post(other, OTHERS)
        world.post_steps(other)
        self.books.append(self.drawn(other, OTHERS))

    def tokens(self) -> int:
        """Return all tokens of those who pay, answer and own, and of Demands."""
        return sum(map(self.demands.balance, (PAYER, STRANGER, OWNER))) + self.demands.held

    def check(self) -> None:
        """Compare what is held with what the books say, and that nothing came or went."""
        assert self.demands.held == PAID * sum(len(books.kept) for books in self.books)
        assert self.tokens() == self.total

    def settle(self) -> None:
        """Settle by the report that stands: silent lanes get positions back, and all others their outcome."""
        books, demands = self.books[-1], self.demands
        demands.settle(books.evidence, books.scores)
        silent = {PLACES[place] for place in books.owed}
        payouts, idle = demands.payouts(books.scores), demands.idle()
        for model in PLACES.values():
            assert idle[model] == STAKE + (0 if model in silent else payouts[model - 1])
        assert idle[OPPOSITE] == STAKE - demands.record.totalBurn
        tournament = demands.world.suite.tournament
        owed = wei_from_nano(tournament.functions.liabilities().call())
        assert demands.balance(str(tournament.address)) == owed
        for each in self.books:
            for place in sorted(each.kept):
                demands.world.send(demands.reclaim(each.evidence, place))
        assert demands.held == 0
        assert self.tokens() == self.total


@pytest.mark.parametrize("seed", range(12))
def test_no_order_of_calls_loses_a_token_or_pays_another_than_reported(
    built: DemandsWorld, seed: int
) -> None:
    with built.world.undone():
        Walk(built, seed).run()
