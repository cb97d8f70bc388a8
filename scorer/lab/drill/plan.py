"""All scenarios by name: those of `make chaos`, and a few that an operator can try in minutes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from scorer.failpoints import LABELS
from scorer.lab.drill import scenarios
from scorer.lab.drill.court_scenarios import COURT_SCENARIOS
from scorer.lab.drill.fault_scenarios import FAULT_SCENARIOS
from scorer.lab.drill.outcome import ScenarioResult
from scorer.lab.local_tournament import LocalTournament
from scorer.lab.proxy import Proxy

DEPTHS: Final = range(1, 9)
SEEDS: Final = range(2)
DRILLED: Final = ("signed", "broadcast", "mined-recorded")
ALL_LIE: Final = "all members lie, one stranger proves it"
Play = Callable[[LocalTournament, Proxy], ScenarioResult]


@dataclass(frozen=True)
class Scenario:
    """Something that may happen to daemons, on a chain of its own."""

    name: str
    play: Play
    members: int = 3

    def on_a_chain(self, out: Path) -> ScenarioResult:
        """Play it, with its files in `out`."""
        deep = self.members == 3
        with scenarios.on_a_chain(out, members=self.members, deep=deep) as (local, proxy):
            return replace(self.play(local, proxy), name=self.name)


def chaos() -> tuple[Scenario, ...]:
    """Return every scenario, those that take long first."""
    return (
        *(Scenario(f"five daemons {seed}", _alone(scenarios.five_daemons, seed), 5) for seed in SEEDS),
        *(
            Scenario(f"five daemons overturn {seed}", _alone(scenarios.five_daemons_overturn, seed), 5)
            for seed in SEEDS
        ),
        *(Scenario(f"killed at {label}", _at(scenarios.killed_everywhere, label)) for label in LABELS),
        *(
            Scenario(f"killed at {label} while it waits", _at(scenarios.killed_while_it_waits, label))
            for label in scenarios.IN_THE_POOL
        ),
        *(Scenario(f"reorganised {depth} deep", _at(scenarios.reorganised, depth)) for depth in DEPTHS),
        *(Scenario(name, play) for name, play in FAULT_SCENARIOS.items()),
        Scenario("settled while another is locked", _alone(scenarios.settled_while_another_is_locked)),
        Scenario("sealed without a member", _alone(scenarios.sealed_without_a_member)),
        Scenario("endpoint is lost", scenarios.endpoint_is_lost),
        Scenario("finality stands still", scenarios.finality_stands_still),
        Scenario("wrong report overturned", _alone(scenarios.wrong_report_overturned)),
        *(Scenario(name, _alone(play)) for name, play in COURT_SCENARIOS.items()),
    )


def drill() -> tuple[Scenario, ...]:
    """Return the scenarios that an operator can try in a few minutes."""
    kills = partial(scenarios.killed_everywhere, kills=1)
    return (
        *(Scenario(f"killed at {label}", _at(kills, label)) for label in DRILLED),
        Scenario("reorganised 3 deep", _at(scenarios.reorganised, 3)),
        Scenario("endpoint is lost", scenarios.endpoint_is_lost),
        Scenario("finality stands still", scenarios.finality_stands_still),
        Scenario("wrong report overturned", _alone(scenarios.wrong_report_overturned)),
        Scenario(ALL_LIE, _alone(COURT_SCENARIOS[ALL_LIE])),
    )


def run_drill(out: Path, only: str = "") -> Iterator[ScenarioResult]:
    """Yield the results of the drill's scenarios whose names contain `only`, as they come."""
    for scenario in drill():
        if only in scenario.name:
            yield scenario.on_a_chain(out)


def _at(play: Callable[[Any, LocalTournament], ScenarioResult], where: object) -> Play:
    return lambda local, _: play(where, local)


def _alone(play: Callable[..., ScenarioResult], *settings: int) -> Play:
    return lambda local, _: play(local, *settings)
