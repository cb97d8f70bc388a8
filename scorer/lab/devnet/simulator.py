"""Simulates the world around a devnet: rounds are planned, models submit, and outcomes become known.

The rounds are about a data set as ``cupel data`` makes it, of a synthetic source: an era for each round.
Models see the era's features alone.
"""

import json
import shutil
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from web3.exceptions import Web3Exception

from scorer.chain.contracts import Suite
from scorer.chain.endpoint import LOCAL_CHAIN_ID, EndpointError, connect
from scorer.chain.records import RoundRecord, RoundState
from scorer.daemon.deployment_file import read_deployment
from scorer.daemon.logging import configure_logging
from scorer.daemon.loop import stopped_by_signals
from scorer.data.bins import BINS
from scorer.data.eras import EraTable
from scorer.data.faults import DataError
from scorer.data.rounds import Rebuilder, RoundData
from scorer.factors.version_1 import FEATURES
from scorer.lab.dataset import load_dataset
from scorer.lab.devnet.layout import DATA, MEMBERS, POPULATION, DevnetLayout, Settings, account_of
from scorer.lab.population import Participant, keys_of, submission_csv, submit_predictions
from scorer.lab.rounds import Times, write_plan
from scorer.logs import get_logger
from scorer.operator.plans import SCHEDULE, TIMES
from scorer.process import clean_tracebacks, forbid_core_dumps
from scorer.scoring.exact import Floats
from scorer.storage.bundle import RULES, TARGETS, UNIVERSE, Bundle, BundleError, round_folder

SCORING: Final = 2
"""In lengths of a round, from close to outcome: a quarter of it is there to lock and seal."""
SHORTEST_SCORING: Final = 80
"""Seconds from close to outcome at least, for the same reason."""
DEADLINE: Final = 4
"""In lengths of a round, from the outcome on."""
NOTICE_DIVISOR: Final = 192
"""The divisor of ``RoundSchedule``: a round opens before its close by this part of what follows the close."""
AHEAD: Final = 2
"""Seconds until a first round opens."""
EXAMPLE: Final = "example.csv"
EXAMPLE_MODEL: Final = 10_004
"""The model whose predictions the example holds; nobody has it."""
MOMENTUM: Final = "feature_momentum_40_by_sector"
POLL: Final = 0.5


def times_of(open_at: int, every: int) -> Times:
    """Return the times of a round that opens at `open_at`, Unix seconds, with `every` seconds to submit."""
    close = open_at + every
    outcome = close + max(SCORING * every, SHORTEST_SCORING)
    return open_at, close, outcome, outcome + DEADLINE * every


@dataclass
class WorldSimulator:
    """Reads the chain, and provides what is due. Its files show what was provided."""

    layout: DevnetLayout
    settings: Settings
    suite: Suite
    rebuilder: Rebuilder = field(default_factory=lambda: load_dataset(DATA))
    over: set[int] = field(default_factory=set)

    def cycle(self) -> None:
        """Plan, publish, submit, and publish outcomes, at the latest block."""
        latest = self.suite.w3.eth.get_block("latest")
        now, block = int(latest["timestamp"]), int(latest["number"])
        count = self.suite.round_count(block)
        records = [self.suite.round(n, block) for n in range(1, count + 1) if n not in self.over]
        self._plan(records, now)
        for record in records:
            try:
                self._serve(record, now)
            except DataError as error:  # somebody opened it about something else
                get_logger().warning("no data", round=record.round_id, error=str(error))
                self.over.add(record.round_id)
        self.over |= {record.round_id for record in records if record.is_over}

    def _plan(self, records: list[RoundRecord], now: int) -> None:
        """Plan the next round to open when the last one closes; remove plans that can no more be opened."""
        opened = {(r.open_at, r.close_at, r.resolve_at, r.deadline) for r in records}
        last = max((record.close_at for record in records), default=0)
        for schedule in self.layout.plans.glob(f"*/{SCHEDULE}"):
            times = _read_times(schedule)
            if _opens_by(times) <= now and times not in opened:
                shutil.rmtree(schedule.parent)
            else:
                last = max(last, times[1])
        if last - now < self.settings.every:
            times = times_of(max(last, now + AHEAD), self.settings.every)
            write_plan(self.layout.plans / str(times[0]), self.settings.rules, self._live(times).ids, times)

    def _live(self, times: Times) -> EraTable:
        """Return the era of the round of these times: the next one for each round, all in turn."""
        known = self.rebuilder.known
        return self.rebuilder.of(known[times[1] // self.settings.every % len(known)]).table

    def _data(self, number: int) -> RoundData:
        """Return the data of a round by the ids of its universe, as a member does."""
        universe = Bundle(self._folder(self.layout.published, number)).universe()
        return self.rebuilder.of(self.rebuilder.with_ids(universe))

    def _serve(self, record: RoundRecord, now: int) -> None:
        number = record.round_id
        folder = self.layout.rounds / str(number)
        if record.open_at <= now < record.close_at and not folder.is_dir():
            data = self._data(number)
            draft, table = self._drafted(number, data), data.table
            keys = keys_of(self.suite, self.settings.rules, number)
            predictions = ((each, predicted(table, each.model_id)) for each in self._participants())
            submit_predictions(self.suite, self.layout.inbox, number, table.ids, predictions, now, keys)
            draft.rename(folder)
            get_logger().info("round", round=number, submissions=self.settings.models)
        if record.state >= RoundState.SEALED and now >= record.resolve_at:
            self._publish_outcome(number)

    def _drafted(self, number: int, data: RoundData) -> Path:
        """Write what a data scientist needs for a round into a folder that is renamed once it is whole."""
        draft = Bundle(self.layout.rounds / f".{number}")
        draft.copy(Bundle(self._folder(self.layout.published, number)), UNIVERSE, RULES)
        draft.write_table(FEATURES.name, data.table.ids, data.inputs()[FEATURES.name])
        example = submission_csv(data.table.ids, predicted(data.table, EXAMPLE_MODEL))
        (draft.folder / EXAMPLE).write_bytes(example)
        return draft.folder

    def _participants(self) -> list[Participant]:
        owner = account_of(POPULATION)
        count = self.settings.models if self.settings.submits else 0
        return [Participant(model, owner) for model in range(1, count + 1)]

    def _publish_outcome(self, number: int) -> None:
        """Write the outcome into every member's source of targets."""
        for name in MEMBERS:
            bundle = Bundle(self._folder(self.layout.root / name / "targets", number))
            if not bundle.has(TARGETS):
                self._data(number).write(bundle)
                get_logger().info("outcome", round=number, member=name)

    def _folder(self, root: Path, number: int) -> Path:
        return round_folder(root, str(self.suite.tournament.address), number)


def predicted(table: EraTable, model: int) -> Floats:
    """Return a model's predictions in (0, 1) from an era's features: so much of momentum, and noise.

    Model 1 has most of it; every following one less, then nothing, then the contrary, and so on again.
    """
    momentum = table.features[table.columns.index(MOMENTUM)] / (BINS - 1)
    noise = np.random.default_rng([model, *map(ord, table.label)]).random(len(momentum))
    mixed = np.cos(model - 1) * momentum + noise
    return (np.argsort(np.argsort(mixed)) + 0.5) / len(mixed)


def _opens_by(times: Times) -> int:
    """Return the latest opening: the owners of stakes are given notice before a round closes."""
    _, close, _, deadline = times
    return close - (deadline - close) // NOTICE_DIVISOR


def _read_times(schedule: Path) -> Times:
    first, second, third, last = (int(json.loads(schedule.read_bytes())[name]) for name in TIMES)
    return first, second, third, last


def simulate_world(layout: DevnetLayout) -> None:
    """Serve a devnet until a signal ends it; what fails is tried again."""
    configure_logging()
    settings = layout.settings()
    suite = Suite.at(connect(settings.endpoint, LOCAL_CHAIN_ID), read_deployment(layout.manifest))
    simulator = WorldSimulator(layout, settings, suite)
    stop = threading.Event()
    with stopped_by_signals(stop):
        while not stop.is_set():
            try:
                simulator.cycle()
            except (BundleError, EndpointError, OSError, Web3Exception) as error:
                get_logger().warning("again", error=f"{type(error).__name__}: {error}")
            stop.wait(POLL)


if __name__ == "__main__":
    forbid_core_dumps()
    clean_tracebacks()
    simulate_world(DevnetLayout(Path(sys.argv[1])))
