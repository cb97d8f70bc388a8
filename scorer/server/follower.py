"""Follows the finalised chain and the bundles of its rounds into the read model."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any, Final

from scorer.chain.contracts import Suite
from scorer.logs import get_logger
from scorer.observation.observe import Block, finalised_block
from scorer.server.chain_changes import KnownChain, read_changes
from scorer.server.database import Database, DatabaseError
from scorer.server.interim_results import InterimReader
from scorer.server.read_model import (
    Cursor,
    clear,
    known_positions,
    known_submitters,
    open_rounds,
    read_cursor,
    running_rounds,
    unscored_rounds,
    write_changes,
    write_interim_day,
    write_outcome,
)
from scorer.server.results import BundleRefused, OutcomeReader
from scorer.server.standings import refresh_standings

OWNERS_A_STEP: Final = 25
"""Models whose owners are read again in a step, though no log says that they changed."""


@dataclass(frozen=True)
class Progress:
    """The work of one step.

    Attributes
    ----------
    block
        The read model is as of this finalised block.
    scored
        Rounds whose outcome was taken from a bundle.
    waiting
        Settled rounds that still have no right bundle.
    """

    block: Block
    scored: tuple[int, ...]
    waiting: tuple[int, ...]


@dataclass
class Turns:
    """Takes models in turn, some at each step, whose owners are read again."""

    place: int = 0

    def next(self, models: Sequence[int]) -> list[int]:
        """Return the next models, all within a few steps."""
        chosen = list(islice(cycle(models), self.place, self.place + min(OWNERS_A_STEP, len(models))))
        self.place = (self.place + OWNERS_A_STEP) % max(len(models), 1)
        return chosen


@dataclass(frozen=True)
class Follower:
    """Brings the read model up to the chain, a step at a time.

    A step writes what it read in one transaction, with the block's hash: a process that is killed goes on
    where it was. Where the chain no longer has that block, which is finalised, it is another chain, and the
    read model is made anew.
    """

    suite: Suite
    database: Database
    outcomes: OutcomeReader
    interim: InterimReader
    turns: Turns = field(default_factory=Turns)

    def step(self) -> Progress:
        """Follow the chain to its newest finalised block, and take the bundles that have come.

        Raises
        ------
        DatabaseError
            When the database mirrors another tournament.
        scorer.chain.errors.EndpointError, scorer.chain.logs.IncompleteLogs
            When the endpoint does not say all; the next step reads it again.
        """
        block = self._follow(finalised_block(self.suite))
        scored, waiting = list[int](), list[int]()
        with self.database.reading() as connection:
            unscored = unscored_rounds(connection)
        for round_id in unscored:
            (scored if self._score(round_id, block) else waiting).append(round_id)
        self._take_interim(block)
        self._rank()
        return Progress(block, tuple(scored), tuple(waiting))

    def rebuild(self) -> Progress:
        """Make the read model anew."""
        self._clear()
        return self.step()

    @property
    def _key(self) -> dict[str, Any]:
        addresses = self.suite.addresses
        return {"chain_id": addresses.chain_id, "tournament": addresses.tournament}

    def _follow(self, block: Block) -> Block:
        cursor = self._cursor()
        if cursor is not None and block.number < cursor.block.number:
            return cursor.block  # this endpoint is behind
        if cursor is not None and not self._has(cursor.block):
            get_logger().warning("the read model was of another chain", block=cursor.block.number)
            cursor = None
            self._clear()
        if cursor is not None and block.number == cursor.block.number:
            return block
        changes = read_changes(self.suite, block, self._known(cursor))
        with self.database.writing() as connection:
            write_changes(connection, changes, cursor, self._key)
        return block

    def _known(self, cursor: Cursor | None) -> KnownChain:
        with self.database.reading() as connection:
            rounds, positions = open_rounds(connection), known_positions(connection)
            submitters = known_submitters(connection)
        after = 0 if cursor is None else cursor.block.number
        return KnownChain(after, rounds, positions, submitters, self.turns.next(list(submitters)))

    def _cursor(self) -> Cursor | None:
        with self.database.reading() as connection:
            try:
                return read_cursor(connection, **self._key)
            except ValueError as error:
                raise DatabaseError(
                    f"database: expected the read model of the tournament {self.suite.addresses.tournament}, "
                    f"found that of {error}; name another database, or run cupel server rebuild"
                ) from None

    def _clear(self) -> None:
        with self.database.writing() as connection:
            clear(connection)

    def _has(self, block: Block) -> bool:
        """Return whether the chain has a block that was final."""
        return bytes(self.suite.w3.eth.get_block(block.number)["hash"]) == block.hash

    def _score(self, round_id: int, block: Block) -> bool:
        record = self.suite.round(round_id, block.number)
        try:
            outcome = self.outcomes.read(record, block)
        except BundleRefused as error:
            get_logger().warning("bundle refused", round=round_id, reason=str(error))
            return False
        if outcome is None:
            return False
        with self.database.writing() as connection:
            write_outcome(connection, outcome)
        return True

    def _take_interim(self, block: Block) -> None:
        """Take the days that members agreed on of rounds that still run."""
        with self.database.reading() as connection:
            running, models = running_rounds(connection), len(known_submitters(connection))
        self.interim.keep_only(running)
        for round_id, days in running.items():
            for found in self.interim.read(round_id, days, models, block):
                with self.database.writing() as connection:
                    write_interim_day(connection, found)

    def _rank(self) -> None:
        cursor = self._cursor()
        if cursor is not None and cursor.standings_stale:
            with self.database.writing() as connection:
                refresh_standings(connection)
