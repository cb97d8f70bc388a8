"""Rounds that are to be opened: what an operator prepares, and which of it is due."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scorer.chain.contracts import RoundRecord
from scorer.oracle.failures import apart
from scorer.oracle.gatekeeper import GATE_FILES, check_gate_tables
from scorer.rounds.rules import Rules
from scorer.store.bundle import NAMES, RULES, UNIVERSE, Bundle, BundleError

SCHEDULE: Final = "schedule.json"
TIMES: Final = ("open_at", "close_at", "resolve_at", "deadline")


@dataclass(frozen=True)
class PlannedRound:
    """A round that is prepared in a folder: rules.json, universe.parquet, and schedule.json with its times.

    Beside them may be universe_names.parquet, what else the ids are called, and neutralizers.parquet and
    sample_weights.parquet, which rules with gates need; they are published with the universe.

    Times are Unix seconds: ``{"open_at": ..., "close_at": ..., "resolve_at": ..., "deadline": ...}``.
    """

    folder: Path
    rules: Rules
    times: tuple[int, int, int, int]

    @property
    def digest(self) -> str:
        """What makes it this round and no other: its rules and times."""
        return hashlib.sha256(self.rules.hash() + json.dumps(self.times).encode()).hexdigest()

    @property
    def open_at(self) -> int:
        """When submissions begin."""
        return self.times[0]

    @property
    def close_at(self) -> int:
        """When submissions end."""
        return self.times[1]

    def is_on_chain_as(self, record: RoundRecord) -> bool:
        """Whether `record` is this round."""
        times = (record.open_at, record.close_at, record.resolve_at, record.deadline)
        return times == self.times and record.rules_hash == self.rules.hash()


def read_plans(folder: Path, alarm: Callable[[str, str], None]) -> list[PlannedRound]:
    """The rounds prepared in the folders of `folder`, by the time at which they open.

    A folder that lacks a file or has a broken one is told to `alarm`, and left out.
    """
    found = []
    for path in sorted(folder.glob(f"*/{SCHEDULE}")):
        with apart(f"plan {path.parent.name}", alarm):
            found.append(_read(path.parent))
    return sorted(found, key=lambda plan: (plan.times, plan.digest))


def due_plans(plans: Iterable[PlannedRound], rounds: Sequence[RoundRecord], now: int) -> list[PlannedRound]:
    """Those that should be open by now, can still be, and are not."""
    return [
        plan
        for plan in plans
        if plan.open_at <= now < plan.close_at and not any(map(plan.is_on_chain_as, rounds))
    ]


def missed_plans(
    plans: Iterable[PlannedRound], rounds: Sequence[RoundRecord], now: int
) -> list[PlannedRound]:
    """Those that were never opened, and now it is too late."""
    return [plan for plan in plans if plan.close_at <= now and not any(map(plan.is_on_chain_as, rounds))]


def publish(plan: PlannedRound, target: Bundle) -> bool:
    """Publish rules, universe and what goes with it where members and data scientists look.

    Returns
    -------
    bool
        Whether there was anything to do.
    """
    if target.has(RULES, UNIVERSE):
        return False
    source = Bundle(plan.folder)
    target.copy(source, *(file for file in (NAMES, *GATE_FILES) if source.has(file)))
    target.write_universe(source.universe())
    target.write_rules(plan.rules)
    return True


def _read(folder: Path) -> PlannedRound:
    bundle = Bundle(folder)
    if not bundle.has(RULES, UNIVERSE):
        raise BundleError(f"{folder}: expected {RULES} and {UNIVERSE} beside {SCHEDULE}, found one or none")
    try:
        document = json.loads((folder / SCHEDULE).read_bytes())
        first, second, third, last = (int(document[name]) for name in TIMES)
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(
            f"{folder / SCHEDULE}: expected the times {', '.join(TIMES)}, found {error}"
        ) from None
    rules = bundle.rules()
    check_gate_tables(rules, bundle)
    if bundle.has(NAMES):
        bundle.named_universe()
    return PlannedRound(folder, rules, (first, second, third, last))
