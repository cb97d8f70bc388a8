"""Results of scenarios: actions done twice, actions lost, and rounds that never came to an end."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from scorer.chain.records import RoundState
from scorer.lab.local_tournament import FIRST_MEMBER, OPERATOR, LocalTournament


class Stuck(Exception):
    """A stage of a round did not come to its end."""


@dataclass(frozen=True)
class ScenarioResult:
    """Counts of a scenario: actions done twice, actions lost, and rounds that never came to an end."""

    name: str
    duplicated: int = 0
    lost: int = 0
    stuck: int = 0
    detail: str = ""

    @property
    def ok(self) -> bool:
        """True where every count is zero."""
        return not (self.duplicated or self.lost or self.stuck)

    def __str__(self) -> str:
        counts = f"{self.duplicated} duplicated, {self.lost} lost, {self.stuck} stuck"
        return (
            f"{'pass' if self.ok else 'FAIL'} {self.name}: {counts}{', ' if self.detail else ''}{self.detail}"
        )


@dataclass(frozen=True)
class Tally:
    """Numbers of transactions before a scenario, to count those that came after."""

    local: LocalTournament
    operator: int
    members: tuple[int, ...]

    @classmethod
    def of(cls, local: LocalTournament) -> Self:
        """Count at the latest block."""
        members = tuple(local.sent_by(FIRST_MEMBER + index) for index in range(local.members))
        return cls(local, local.sent_by(OPERATOR), members)

    def result(self, name: str, rounds: Sequence[int], detail: str = "", more: int = 0) -> ScenarioResult:
        """Hold what was sent for settled rounds against what was needed.

        Every transaction counts that was mined, also one that did nothing: a vote that reverts is a vote too
        many. `more` were needed for a challenge.
        """
        done = self.actions(rounds)
        # An opening, the chunks and their end; the seal, votes, evidence, the beginning and the chunks.
        needed_operator = sum(len(action.locked) + 2 for action in done)
        needed_members = sum(action.by_members for action in done) + more
        now = Tally.of(self.local)
        extra = now.operator - self.operator - needed_operator
        extra += sum(now.members) - sum(self.members) - needed_members
        lost = sum(action.lost for action in done) + max(-extra, 0)
        return ScenarioResult(name, max(extra, 0) + sum(action.twice for action in done), lost, 0, detail)

    def raced(self, name: str, rounds: Sequence[int], detail: str = "", more: int = 0) -> ScenarioResult:
        """Do as `result`, for members that work at once.

        A lost race may cost a transaction that reverts; what is done twice would be on the chain.
        """
        result = self.result(name, rounds, detail, more)
        twice = sum(action.twice for action in self.actions(rounds))
        races = f"{result.duplicated - twice} lost races"
        return replace(result, duplicated=twice, detail=f"{detail}, {races}" if detail else races)

    def actions(self, rounds: Sequence[int]) -> list["RoundActions"]:
        """Return the actions for rounds up to the latest block."""
        local = self.local
        tournament, committee = local.suite.tournament.events, local.suite.committee.events
        locked = _slots(local.events(tournament.PositionsLocked()))
        settled = _slots(local.events(tournament.ChunkSettled()))
        votes = Counter(event["roundId"] for event in local.events(committee.Attested()))
        closed = Counter(event["roundId"] for event in local.events(committee.VotesClosed()))
        posted = Counter(event["roundId"] for event in local.evidence())
        steps = Counter(event["roundId"] for event in local.steps())
        return [
            RoundActions(
                tuple(locked[number]),
                tuple(settled[number]),
                votes[number],
                closed[number],
                posted[number],
                steps[number],
                local.quorum,
                local.record(number).state == RoundState.SETTLED,
            )
            for number in rounds
        ]


@dataclass(frozen=True)
class RoundActions:
    """Actions for one round, by the chain's events.

    Attributes
    ----------
    closed
        How often its votes were closed, so that they hold no bonds any more.
    posted
        How many reports' evidence was posted: of one that was overturned, too.
    steps
        How many parts of meta models' steps were posted.
    needed
        Votes that have a report accepted.
    """

    locked: tuple[int, ...]
    settled: tuple[int, ...]
    votes: int
    closed: int
    posted: int
    steps: int
    needed: int
    is_settled: bool

    @property
    def by_members(self) -> int:
        """Number of transactions that it took of members: with the seal and the settlement's beginning."""
        return self.votes + self.closed + self.posted + self.steps + 2 + len(self.settled)

    @property
    def twice(self) -> int:
        """Number of chunks that were locked or settled more than once."""
        return sum(count - 1 for slots in (self.locked, self.settled) for count in Counter(slots).values())

    @property
    def lost(self) -> int:
        """Number of chunks, votes, evidence and endings that are missing."""
        missing = len(set(self.locked) ^ set(self.settled)) + max(self.needed - self.votes, 0)
        return missing + (not self.posted) + (not self.is_settled)


def _slots(events: Sequence[dict[str, Any]]) -> dict[int, list[int]]:
    """Return the first slots of the chunks of each round, one for each event."""
    slots: dict[int, list[int]] = defaultdict(list)
    for event in events:
        slots[event["roundId"]].append(event["fromSlot"])
    return slots
