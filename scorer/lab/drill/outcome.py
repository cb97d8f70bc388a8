"""How a scenario ended: what was done twice, what was lost, and what never came to its end."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from scorer.chain.contracts import RoundState
from scorer.lab.drill.local_tournament import FIRST_MEMBER, OPERATOR, LocalTournament


class Stuck(Exception):
    """A stage of a round did not come to its end."""


@dataclass(frozen=True)
class ScenarioResult:
    """How a scenario ended: what was done twice, what was not done at all, and what never came to an end."""

    name: str
    duplicated: int = 0
    lost: int = 0
    stuck: int = 0
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Whether all is well."""
        return not (self.duplicated or self.lost or self.stuck)

    def __str__(self) -> str:
        counts = f"{self.duplicated} duplicated, {self.lost} lost, {self.stuck} stuck"
        return (
            f"{'pass' if self.ok else 'FAIL'} {self.name}: {counts}{', ' if self.detail else ''}{self.detail}"
        )


@dataclass(frozen=True)
class Tally:
    """What was on the chain before a scenario, to count what came after."""

    ground: LocalTournament
    operator: int
    members: tuple[int, ...]

    @classmethod
    def of(cls, ground: LocalTournament) -> Self:
        """As of now."""
        members = tuple(ground.sent_by(FIRST_MEMBER + index) for index in range(ground.members))
        return cls(ground, ground.sent_by(OPERATOR), members)

    def result(self, name: str, rounds: Sequence[int], detail: str = "", more: int = 0) -> ScenarioResult:
        """Hold what was sent for settled rounds against what was needed.

        Every transaction counts that was mined, also one that did nothing: a vote that reverts is a vote too
        many. `more` were needed for a challenge.
        """
        done = self.deeds(rounds)
        # An opening and the chunks; the seal, votes, the beginning and the chunks.
        needed_operator = sum(len(each.locked) + 1 for each in done)
        needed_members = sum(each.votes + each.closed + 2 + len(each.settled) for each in done) + more
        now = Tally.of(self.ground)
        extra = now.operator - self.operator - needed_operator
        extra += sum(now.members) - sum(self.members) - needed_members
        lost = sum(each.lost for each in done) + max(-extra, 0)
        return ScenarioResult(name, max(extra, 0) + sum(each.twice for each in done), lost, 0, detail)

    def raced(self, name: str, rounds: Sequence[int], detail: str = "", more: int = 0) -> ScenarioResult:
        """As `result`, where members work at once.

        A lost race may cost a transaction that reverts; what is done twice would be on the chain.
        """
        result = self.result(name, rounds, detail, more)
        twice = sum(each.twice for each in self.deeds(rounds))
        races = f"{result.duplicated - twice} lost races"
        return replace(result, duplicated=twice, detail=f"{detail}, {races}" if detail else races)

    def deeds(self, rounds: Sequence[int]) -> list["RoundActions"]:
        """What was done for rounds, as of now."""
        ground = self.ground
        tournament, committee = ground.suite.tournament.events, ground.suite.committee.events
        locked = _slots(ground.events(tournament.PositionsLocked()))
        settled = _slots(ground.events(tournament.ChunkSettled()))
        votes = Counter(event["roundId"] for event in ground.events(committee.Attested()))
        closed = Counter(event["roundId"] for event in ground.events(committee.VotesClosed()))
        return [
            RoundActions(
                tuple(locked[each]),
                tuple(settled[each]),
                votes[each],
                closed[each],
                ground.quorum,
                ground.record(each).state == RoundState.SETTLED,
            )
            for each in rounds
        ]


@dataclass(frozen=True)
class RoundActions:
    """What the chain's events say was done for one round.

    Attributes
    ----------
    closed
        How often its votes were closed, so that they hold no bonds any more.
    needed
        Votes that have a report accepted.
    """

    locked: tuple[int, ...]
    settled: tuple[int, ...]
    votes: int
    closed: int
    needed: int
    is_settled: bool

    @property
    def twice(self) -> int:
        """How many chunks were locked or settled more than once."""
        return sum(count - 1 for each in (self.locked, self.settled) for count in Counter(each).values())

    @property
    def lost(self) -> int:
        """How many chunks, votes and endings are missing."""
        missing = len(set(self.locked) ^ set(self.settled)) + max(self.needed - self.votes, 0)
        return missing + (not self.is_settled)


def _slots(events: Sequence[dict[str, Any]]) -> dict[int, list[int]]:
    """Where the chunks of each round begin, one for each event."""
    found: dict[int, list[int]] = defaultdict(list)
    for event in events:
        found[event["roundId"]].append(event["fromSlot"])
    return found
