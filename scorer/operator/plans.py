"""Reads the rounds that an operator prepares, and says which of them are due."""

import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from scorer.chain.records import RoundRecord
from scorer.files import read_bounded
from scorer.oracle.alarm_reasons import RaiseAlarm
from scorer.oracle.failures import apart
from scorer.oracle.gatekeeper import GATE_FILES, check_gate_tables
from scorer.proofs.terms import terms_hash
from scorer.protocol.digest import universe_digest
from scorer.protocol.documents import parse_json
from scorer.protocol.rules import NO_TERMS, Rules
from scorer.redaction import described, shown
from scorer.storage.bundle import NAMES, RULES, UNIVERSE, Bundle, BundleError

SCHEDULE: Final = "schedule.json"
PLAN_FILES: Final = (SCHEDULE, RULES, UNIVERSE, NAMES, *GATE_FILES)
FRESH: Final = 2 * 10**9
"""Nanoseconds for which a file that changed is read again, whatever its times say."""
Identity = tuple[int, int, int, int, bytes, bytes]
Stamps = tuple[tuple[int, ...] | None, ...]
LATEST: Final = 1 << 40
"""Unix seconds, as the contract holds them."""
TIMES: Final = ("open_at", "close_at", "resolve_at", "deadline")


@dataclass(frozen=True)
class PlannedRound:
    """A round that is prepared in a folder: rules.json, universe.parquet, and schedule.json with its times.

    Beside them may be universe_names.parquet, what else the ids are called, and neutralizers.parquet and
    sample_weights.parquet, which rules with gates need; they are published with the universe.

    Times are Unix seconds: ``{"open_at": ..., "close_at": ..., "resolve_at": ..., "deadline": ...}``.

    Attributes
    ----------
    universe
        The universe's digest.
    ids
        How many ids it has.
    """

    folder: Path
    rules: Rules
    times: tuple[int, int, int, int]
    universe: bytes
    ids: int

    @cached_property
    def digest(self) -> str:
        """The hash that distinguishes it from all other rounds: of rules, universe and times."""
        return hashlib.sha256(self.rules_hash + self.universe + json.dumps(self.times).encode()).hexdigest()

    @cached_property
    def rules_hash(self) -> bytes:
        """The hash of the rules as the chain freezes it."""
        return self.rules.hash()

    def commitments(self, *, has_court: bool) -> tuple[bytes, bytes, bytes]:
        """Return what ``Tournament.openRound`` binds the round to: hashes of rules, terms and universe."""
        terms = terms_hash(self.rules, self.ids) if has_court else NO_TERMS
        return self.rules_hash, terms, self.universe

    @property
    def open_at(self) -> int:
        """The time at which submissions begin, Unix seconds."""
        return self.times[0]

    @property
    def close_at(self) -> int:
        """The time at which submissions end, Unix seconds."""
        return self.times[1]

    @cached_property
    def identity(self) -> Identity:
        """The identity, as `identity_of` returns it for a round on the chain."""
        return *self.times, self.rules_hash, self.universe

    def is_on_chain_as(self, record: RoundRecord) -> bool:
        """Say whether `record` is this round."""
        return self.identity == identity_of(record)


def identity_of(record: RoundRecord) -> Identity:
    """Return what distinguishes a round from all others of a tournament: its times, and two hashes."""
    times = record.open_at, record.close_at, record.resolve_at, record.deadline
    return *times, record.rules_hash, record.universe


@dataclass
class PlanFolder:
    """The folder in which rounds are prepared: a plan is read once, and again when a file of it changed."""

    root: Path
    _read: dict[Path, tuple[Stamps, PlannedRound]] = field(default_factory=dict, repr=False)

    def plans(self, raise_alarm: RaiseAlarm) -> list[PlannedRound]:
        """Return the rounds prepared in the folders of `root`, by the time at which they open.

        A folder that lacks a file or has a broken one is an alarm, and left out.
        """
        plans = []
        for path in sorted(self.root.glob(f"*/{SCHEDULE}")):
            with apart(f"plan {path.parent.name}", raise_alarm):
                plans.append(self._plan(path.parent))
        self._read = {
            folder: self._read[folder] for folder in self._read.keys() & {plan.folder for plan in plans}
        }
        return sorted(plans, key=lambda plan: (plan.times, plan.digest))

    def _plan(self, folder: Path) -> PlannedRound:
        """Return a plan as it was read; one that failed is read anew each time: what fails may pass."""
        stamps = _stamps(folder)
        known = self._read.get(folder)
        if known is not None and known[0] == stamps:
            return known[1]
        self._read.pop(folder, None)
        plan = _read(folder)
        if _is_settled(stamps) and stamps == _stamps(folder):
            self._read[folder] = (stamps, plan)
        return plan


def _stamps(folder: Path) -> Stamps:
    """Return what shows that a file of a plan changed: its times, size and inode."""
    return tuple(_stamp(folder / name) for name in PLAN_FILES)


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _is_settled(stamps: Stamps) -> bool:
    """Say whether nothing was written just now: a second change in a tick of the clock leaves no trace."""
    now = time.time_ns()
    return all(stamp is None or abs(now - stamp[1]) > FRESH for stamp in stamps)


def due_plans(plans: Iterable[PlannedRound], rounds: Sequence[RoundRecord], now: int) -> list[PlannedRound]:
    """Return the plans that should be open by now, can still be, and are not."""
    opened = set(map(identity_of, rounds))
    return [plan for plan in plans if plan.open_at <= now < plan.close_at and plan.identity not in opened]


def missed_plans(
    plans: Iterable[PlannedRound], rounds: Sequence[RoundRecord], now: int
) -> list[PlannedRound]:
    """Return the plans that were never opened, and now it is too late."""
    opened = set(map(identity_of, rounds))
    return [plan for plan in plans if plan.close_at <= now and plan.identity not in opened]


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
    # Last: a publication that was cut short lacks them, and is made again.
    target.write_rules(plan.rules)
    return True


def _times(document: object) -> tuple[int, int, int, int]:
    """Return the four times, each a whole number of seconds, in their order."""
    if not isinstance(document, dict):
        raise ValueError(described(document))
    times = [document.get(name) for name in TIMES]
    whole = [time for time in times if type(time) is int and 0 < time < LATEST]
    if len(whole) < len(times):
        raise ValueError(
            ", ".join(f"{name} = {shown(time)}" for name, time in zip(TIMES, times, strict=True))
        )
    if sorted(set(whole)) != whole:
        raise ValueError(f"{', '.join(map(str, whole))}, which do not follow each other")
    first, second, third, last = whole
    return first, second, third, last


def _read(folder: Path) -> PlannedRound:
    bundle = Bundle(folder)
    if not bundle.has(RULES, UNIVERSE):
        raise BundleError(f"{folder}: expected {RULES} and {UNIVERSE} beside {SCHEDULE}, found one or none")
    try:
        first, second, third, last = _times(parse_json(read_bounded(folder / SCHEDULE)))
    except ValueError as error:
        raise BundleError(
            f"{folder / SCHEDULE}: expected the times {', '.join(TIMES)}, found {error}"
        ) from None
    rules = bundle.rules()
    check_gate_tables(rules, bundle)
    if bundle.has(NAMES):
        bundle.named_universe()
    universe = bundle.universe()
    times = first, second, third, last
    return PlannedRound(folder, rules, times, universe_digest(universe), len(universe))
