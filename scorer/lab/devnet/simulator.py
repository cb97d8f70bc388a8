"""What the world does for a devnet: rounds are planned, models submit, and what became of them gets known."""

import json
import shutil
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog
from web3.exceptions import Web3Exception

from scorer.chain.contracts import RoundRecord, RoundState, Suite
from scorer.chain.endpoint import LOCAL_CHAIN_ID, EndpointError, connect
from scorer.daemon.deployment_file import read_deployment
from scorer.daemon.logging import configure_logging
from scorer.daemon.loop import stopped_by_signals
from scorer.lab.devnet.layout import CROWD, MEMBERS, DevnetLayout, Settings, account_of
from scorer.lab.devnet.market import SyntheticMarket
from scorer.lab.devnet.population import Entrant, submit_all
from scorer.operator.plans import SCHEDULE, TIMES
from scorer.process import clean_tracebacks, forbid_core_dumps
from scorer.protocol.rules import preset
from scorer.storage.bundle import RULES, TARGETS, UNIVERSE, Bundle, BundleError, round_folder

RULES_NAME: Final = "classic"
TARGET: Final = "target_20d2l"
SCORING: Final = 2
"""In lengths of a round, from close to outcome: a quarter of it is there to lock and seal."""
SHORTEST_SCORING: Final = 80
"""Seconds from close to outcome at least, for the same reason."""
DEADLINE: Final = 4
"""In lengths of a round, from the outcome on."""
NOTICE_DIVISOR: Final = 64
"""As of ``RoundSchedule``: a round opens before its close by this part of what follows the close."""
AHEAD: Final = 2
"""Seconds until a first round opens."""
EXAMPLE: Final = "example.csv"
EXAMPLE_MODEL: Final = 10_007
"""Whose predictions the example holds: those of a model that nobody has."""
POLL: Final = 0.5


def times_of(open_at: int, every: int) -> tuple[int, int, int, int]:
    """Opening, close, outcome and deadline of a round that opens at `open_at`, Unix seconds."""
    close = open_at + every
    outcome = close + max(SCORING * every, SHORTEST_SCORING)
    return open_at, close, outcome, outcome + DEADLINE * every


@dataclass
class WorldSimulator:
    """Looks at the chain, and provides what is due. What was provided is seen by its files."""

    layout: DevnetLayout
    settings: Settings
    suite: Suite
    market: SyntheticMarket = field(default_factory=SyntheticMarket)
    over: set[int] = field(default_factory=set)

    def cycle(self) -> None:
        """Plan, publish, submit, and tell outcomes, as of the latest block."""
        latest = self.suite.w3.eth.get_block("latest")
        now, block = int(latest["timestamp"]), int(latest["number"])
        count = self.suite.round_count(block)
        records = [self.suite.round(n, block) for n in range(1, count + 1) if n not in self.over]
        self._plan(records, now)
        for record in records:
            self._serve(record, now)
        self.over |= {record.round_id for record in records if record.is_over}

    def _plan(self, records: list[RoundRecord], now: int) -> None:
        """The next round opens when the last one closes; what came too late to be opened is forgotten."""
        opened = {(r.open_at, r.close_at, r.resolve_at, r.deadline) for r in records}
        last = max((record.close_at for record in records), default=0)
        for schedule in self.layout.plans.glob(f"*/{SCHEDULE}"):
            times = _read_times(schedule)
            if _opens_by(times) <= now and times not in opened:
                shutil.rmtree(schedule.parent)
            else:
                last = max(last, times[1])
        if last - now < self.settings.every:
            self._write_plan(times_of(max(last, now + AHEAD), self.settings.every))

    def _write_plan(self, times: tuple[int, int, int, int]) -> None:
        bundle = Bundle(self.layout.plans / str(times[0]))
        bundle.write_rules(preset(RULES_NAME))
        bundle.write_universe(self.market.universe)
        (bundle.folder / SCHEDULE).write_text(json.dumps(dict(zip(TIMES, times, strict=True))))

    def _serve(self, record: RoundRecord, now: int) -> None:
        number = record.round_id
        folder = self.layout.rounds / str(number)
        if record.open_at <= now < record.close_at and not folder.is_dir():
            draft = self._drafted(number)
            submit_all(self.suite, self.market, self.layout.inbox, number, self._crowd(), now)
            draft.rename(folder)
            structlog.get_logger().info("round", round=number, submissions=self.settings.models)
        if record.state >= RoundState.SEALED and now >= record.resolve_at:
            self._tell(number)

    def _drafted(self, number: int) -> Path:
        """What a data scientist needs for a round, in a folder that is to become that of its number."""
        draft = Bundle(self.layout.rounds / f".{number}")
        draft.copy(Bundle(self._folder(self.layout.published, number)), UNIVERSE, RULES)
        example = self.market.file(self.market.predictions(number, EXAMPLE_MODEL))
        (draft.folder / EXAMPLE).write_bytes(example)
        return draft.folder

    def _crowd(self) -> list[Entrant]:
        return [Entrant(model, account_of(CROWD)) for model in range(1, self.settings.models + 1)]

    def _tell(self, number: int) -> None:
        """Every member's source of data knows the outcome."""
        for name in MEMBERS:
            bundle = Bundle(self._folder(self.layout.root / name / "targets", number))
            if not bundle.has(TARGETS):
                bundle.write_targets(self.market.universe, {TARGET: self.market.target(number)})
                structlog.get_logger().info("outcome", round=number, member=name)

    def _folder(self, root: Path, number: int) -> Path:
        return round_folder(root, str(self.suite.tournament.address), number)


def _opens_by(times: tuple[int, int, int, int]) -> int:
    """When a round must be open: its stakes' owners are given notice before it closes."""
    _, close, _, deadline = times
    return close - (deadline - close) // NOTICE_DIVISOR


def _read_times(schedule: Path) -> tuple[int, int, int, int]:
    first, second, third, last = (int(json.loads(schedule.read_bytes())[name]) for name in TIMES)
    return first, second, third, last


def feed(layout: DevnetLayout) -> None:
    """Serve a devnet until told to stop; what fails is tried again."""
    configure_logging()
    settings = layout.settings()
    suite = Suite.at(connect(settings.endpoint, LOCAL_CHAIN_ID), read_deployment(layout.manifest))
    feeder = WorldSimulator(layout, settings, suite)
    stop = threading.Event()
    with stopped_by_signals(stop):
        while not stop.is_set():
            try:
                feeder.cycle()
            except (BundleError, EndpointError, OSError, Web3Exception) as error:
                structlog.get_logger().warning("again", error=f"{type(error).__name__}: {error}")
            stop.wait(POLL)


if __name__ == "__main__":
    forbid_core_dumps()
    clean_tracebacks()
    feed(DevnetLayout(Path(sys.argv[1])))
