"""The oracle and the operator as daemons: one cycle over all tournaments that a process serves."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from scorer.daemon.node_context import NodeContext, PinnedCycle
from scorer.daemon.site import Site
from scorer.errors import CupelError
from scorer.operator.operator import Operator
from scorer.oracle.actions import ActionResult, Alarm
from scorer.oracle.failures import apart
from scorer.oracle.member import Member
from scorer.storage.bundle import Bundle
from scorer.transactions.request import NO_ROUND

if TYPE_CHECKING:
    from scorer.daemon.bridge_watch import BridgeWatch


class UnknownTournament(CupelError, ValueError):
    """A tournament was asked for that the daemon does not serve, or none where it serves several."""


@dataclass(frozen=True)
class MemberSeat:
    """A committee member in one tournament."""

    site: Site
    member: Member


@dataclass(frozen=True)
class OperatorSeat:
    """The operator of one tournament."""

    site: Site
    operator: Operator


SeatT = TypeVar("SeatT", MemberSeat, OperatorSeat)


@dataclass(frozen=True)
class DaemonResults:
    """The cycle's pinned chain, and the results of its actions in all tournaments."""

    cycle: PinnedCycle
    results: tuple[ActionResult, ...]


@dataclass
class OracleDaemon:
    """A committee member in one or several tournaments.

    Attributes
    ----------
    watch
        Its look at the bridge of the tournaments' token; None where that came over none.
    """

    context: NodeContext
    seats: Sequence[MemberSeat]
    watch: "BridgeWatch | None" = None

    @property
    def member(self) -> Member:
        """The member in the first tournament."""
        return self.seats[0].member

    def cycle(self) -> Mapping[str, Any]:
        """Run one cycle over every unfinished round of every tournament; return its line for the log."""
        if self.watch is not None:
            # Before the rounds: an endpoint of one of them must not keep a breach from being seen.
            with apart("the look at the bridge", self.context.alarms.call):
                self.watch.look()
        done = _run(self.context, self.seats, self._act)
        pinned = done.cycle.pinned
        line = {"endpoint": pinned.host, "block": pinned.block.number}
        if done.cycle.stalled:
            return line | {"stalled": done.cycle.stalled}
        return line | {"steps": list(map(str, done.results))}

    def once(
        self, rounds: Sequence[int] | None = None, tournament: str | None = None
    ) -> tuple[ActionResult, ...]:
        """Run one cycle, over some rounds of a tournament alone; return the results of its actions."""
        seats = self.seats if rounds is None and tournament is None else [self._seat(tournament)]
        done = _run(self.context, seats, partial(self._act, rounds=rounds))
        if done.cycle.stalled:
            alarm = Alarm(f"finality is {done.cycle.stalled} s behind: nothing is sent")
            return (ActionResult(NO_ROUND, alarm, "stalled"),)
        return done.results

    def recomputed(self, round_id: int, tournament: str | None = None) -> tuple[Bundle, bytes | None]:
        """Make our bundle of a round anew where it can be; return it, and the hash of the report before."""
        seat = self._seat(tournament)
        with self.context.cycle() as cycle:
            return seat.member.recomputed(cycle.context_at(seat.site), round_id)

    def _seat(self, tournament: str | None) -> MemberSeat:
        """Return the seat in the tournament that is named, or in the only one there is."""
        names = [seat.site.name for seat in self.seats]
        if tournament is None and len(names) == 1:
            return self.seats[0]
        for seat in self.seats:
            if tournament in (seat.site.name, seat.site.addresses.tournament):
                return seat
        raise UnknownTournament(f"expected one of the tournaments {', '.join(names)}, found {tournament}")

    def _act(
        self, seat: MemberSeat, cycle: PinnedCycle, rounds: Sequence[int] | None = None
    ) -> list[ActionResult]:
        """Run one tournament's part of a cycle, and count its actions."""
        name, metrics = seat.site.name, self.context.metrics
        context = cycle.context_at(seat.site)
        results = seat.member.cycle(context, rounds)
        for action, count in Counter(type(result.action).__name__ for result in results).items():
            metrics.rounds.labels(action, name).set(count)
            if action not in ("Wait", "Alarm"):
                metrics.actions.labels(action, name).inc(count)
        self.context.tidy(context.suite, seat.member.cache.rounds, context.block)
        return _named(results, name) if len(self.seats) > 1 else results


@dataclass
class OperatorDaemon:
    """The operator of one or several tournaments."""

    context: NodeContext
    seats: Sequence[OperatorSeat]

    def cycle(self) -> Mapping[str, Any]:
        """Run one cycle over all tournaments; return its line for the log."""
        return {"actions": list(map(str, self.once()))}

    def once(self) -> tuple[ActionResult, ...]:
        """Run one cycle; return the results of its actions."""
        return _run(self.context, self.seats, self._act).results

    def _act(self, seat: OperatorSeat, cycle: PinnedCycle) -> list[ActionResult]:
        """Run one tournament's part of a cycle, and count its actions."""
        name, context = seat.site.name, cycle.context_at(seat.site)
        results = seat.operator.cycle(context)
        for result in results:
            action = result.subject.split()[-1].partition(":")[0]
            self.context.metrics.actions.labels(action, name).inc()
        self.context.tidy(context.suite, seat.operator.cache.rounds, context.block)
        return _named(results, name) if len(self.seats) > 1 else results


def _run(
    context: NodeContext, seats: Sequence[SeatT], act: Callable[[SeatT, PinnedCycle], list[ActionResult]]
) -> DaemonResults:
    """Run one cycle over some tournaments; where there are several, a failure in one stops no other."""
    results: list[ActionResult] = []
    with context.cycle() as cycle:
        if cycle.stalled:
            return DaemonResults(cycle, ())
        # An action that no round needs any more would keep its last count.
        context.metrics.rounds.clear()
        if len(seats) == 1:
            results += act(seats[0], cycle)
        else:
            for seat in seats:
                with context.apart(seat.site):
                    results += act(seat, cycle)
    return DaemonResults(cycle, tuple(results))


def _named(results: Sequence[ActionResult], tournament: str) -> list[ActionResult]:
    return [replace(result, tournament=tournament) for result in results]
