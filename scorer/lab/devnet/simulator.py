"""Simulates the world around a devnet: rounds are planned, models submit, and outcomes become known."""

import json
import shutil
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog
from web3.exceptions import Web3Exception

from scorer.chain.contracts import Suite
from scorer.chain.endpoint import LOCAL_CHAIN_ID, EndpointError, connect
from scorer.chain.records import RoundRecord, RoundState
from scorer.daemon.deployment_file import read_deployment
from scorer.daemon.logging import configure_logging
from scorer.daemon.loop import stopped_by_signals
from scorer.lab.devnet.layout import MEMBERS, POPULATION, DevnetLayout, Settings, account_of
from scorer.lab.market import TARGET, SyntheticMarket
from scorer.lab.population import Participant, keys_of, submit_predictions
from scorer.lab.rounds import Times, write_plan
from scorer.operator.plans import SCHEDULE, TIMES
from scorer.process import clean_tracebacks, forbid_core_dumps
from scorer.storage.bundle import RULES, TARGETS, UNIVERSE, Bundle, BundleError, round_folder

SCORING: Final = 2
"""In lengths of a round, from close to outcome: a quarter of it is there to lock and seal."""
SHORTEST_SCORING: Final = 80
"""Seconds from close to outcome at least, for the same reason."""
DEADLINE: Final = 4
"""In lengths of a round, from the outcome on."""
NOTICE_DIVISOR: Final = 64
"""The divisor of ``RoundSchedule``: a round opens before its close by this part of what follows the close."""
AHEAD: Final = 2
"""Seconds until a first round opens."""
EXAMPLE: Final = "example.csv"
EXAMPLE_MODEL: Final = 10_007
"""Whose predictions the example holds: those of a model that nobody has."""
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
    market: SyntheticMarket = field(default_factory=SyntheticMarket)
    over: set[int] = field(default_factory=set)

    def cycle(self) -> None:
        """Plan, publish, submit, and publish outcomes, at the latest block."""
        latest = self.suite.w3.eth.get_block("latest")
        now, block = int(latest["timestamp"]), int(latest["number"])
        count = self.suite.round_count(block)
        records = [self.suite.round(n, block) for n in range(1, count + 1) if n not in self.over]
        self._plan(records, now)
        for record in records:
            self._serve(record, now)
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
            write_plan(self.layout.plans / str(times[0]), self.settings.rules, self.market.universe, times)

    def _serve(self, record: RoundRecord, now: int) -> None:
        number = record.round_id
        folder = self.layout.rounds / str(number)
        if record.open_at <= now < record.close_at and not folder.is_dir():
            draft = self._drafted(number)
            keys, models = keys_of(self.suite, self.settings.rules, number), self._participants()
            submit_predictions(self.suite, self.market, self.layout.inbox, number, models, now, keys)
            draft.rename(folder)
            structlog.get_logger().info("round", round=number, submissions=self.settings.models)
        if record.state >= RoundState.SEALED and now >= record.resolve_at:
            self._publish_outcome(number)

    def _drafted(self, number: int) -> Path:
        """Write what a data scientist needs for a round into a folder that is renamed once it is whole."""
        draft = Bundle(self.layout.rounds / f".{number}")
        draft.copy(Bundle(self._folder(self.layout.published, number)), UNIVERSE, RULES)
        example = self.market.file(self.market.predictions(number, EXAMPLE_MODEL))
        (draft.folder / EXAMPLE).write_bytes(example)
        return draft.folder

    def _participants(self) -> list[Participant]:
        owner = account_of(POPULATION)
        return [Participant(model, owner) for model in range(1, self.settings.models + 1)]

    def _publish_outcome(self, number: int) -> None:
        """Write the outcome into every member's source of targets."""
        for name in MEMBERS:
            bundle = Bundle(self._folder(self.layout.root / name / "targets", number))
            if not bundle.has(TARGETS):
                bundle.write_targets(self.market.universe, {TARGET: self.market.target(number)})
                structlog.get_logger().info("outcome", round=number, member=name)

    def _folder(self, root: Path, number: int) -> Path:
        return round_folder(root, str(self.suite.tournament.address), number)


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
                structlog.get_logger().warning("again", error=f"{type(error).__name__}: {error}")
            stop.wait(POLL)


if __name__ == "__main__":
    forbid_core_dumps()
    clean_tracebacks()
    simulate_world(DevnetLayout(Path(sys.argv[1])))
