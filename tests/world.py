"""A small tournament for tests: ten models that guess, an operator and three members in this process.

Submissions are in the clear: `tests.encrypted_world` has those that are encrypted.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from scorer.chain.contracts import Suite
from scorer.chain.records import ProposalStatus, RoundRecord, RoundState
from scorer.lab.anvil import Anvil
from scorer.lab.demo.files import write_submission
from scorer.lab.false_report import FalseReport
from scorer.lab.in_process import (
    ADMIN,
    CHALLENGE_WINDOW,
    GUARDIAN,
    OPERATOR,
    DeployedTournament,
    InProcessTournament,
    deploy_tournament,
    owners_of,
    run_tournament,
)
from scorer.lab.member import LocalMember
from scorer.lab.operator import LocalOperator
from scorer.lab.plain_sender import Sender
from scorer.lab.population import Participant, Stake
from scorer.observation.audit import idle_by_lane
from scorer.observation.observe import finalised_block, unfinished_rounds
from scorer.oracle.actions import ActionResult
from scorer.protocol.rules import Rules, preset
from scorer.protocol.tables import Table
from scorer.rewards.allocation import SHARE_FLAG
from scorer.storage.bundle import REPORT
from scorer.submission.validity import Universe
from tests.chains import START as START
from tests.chains import Chains
from tests.small_round import in_the_clear

HOUR = 3600
DAY = 24 * HOUR
MODELS = 10
IDS = tuple(f"id{number:03}" for number in range(60))
NMR = 10**9


OWNERS = ("owner_0", "owner_1", "owner_2")


def stakes(anvil: Anvil, count: int = MODELS) -> list[Stake]:
    """Stakes of 100 NMR, of three owners, with fixed and share allocations."""
    owners = list(owners_of(anvil, OWNERS).values())
    return [
        Stake(owners[number % 3], 100 * NMR, SHARE_FLAG | 250_000 if number % 2 else 30 * NMR)
        for number in range(1, count + 1)
    ]


@dataclass(frozen=True)
class World:
    """A running tournament, and the few things tests do with it.

    Attributes
    ----------
    ids, names, tables
        The universe of every round, and what is published with it.
    """

    tournament: InProcessTournament
    rules: Rules
    out: Path
    ids: tuple[str, ...] = IDS
    names: dict[str, Sequence[str | None]] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)

    @property
    def anvil(self) -> Anvil:
        """The chain."""
        return self.tournament.anvil

    @property
    def suite(self) -> Suite:
        """The contracts."""
        return self.tournament.suite

    @property
    def admin(self) -> Sender:
        """Sends as the account that granted every role."""
        return self.tournament.sender(ADMIN)

    @property
    def guardian(self) -> Sender:
        """Sends as the account that may pause."""
        return self.tournament.sender(GUARDIAN)

    @property
    def operator(self) -> LocalOperator:
        """The operator, which works when it is asked to."""
        return self.tournament.operator

    @property
    def operator_sender(self) -> Sender:
        """Sends as the operator."""
        return self.tournament.sender(OPERATOR)

    @property
    def members(self) -> tuple[LocalMember, ...]:
        """The committee."""
        return self.tournament.members

    @property
    def participants(self) -> tuple[Participant, ...]:
        """Every model with its owner's account."""
        return self.tournament.participants

    @property
    def now(self) -> int:
        """The latest block's timestamp."""
        return int(self.anvil.w3.eth.get_block("latest")["timestamp"])

    @property
    def target(self) -> NDArray[np.float64]:
        """The outcome of every round."""
        return np.random.default_rng(7).choice([0.0, 0.25, 0.5, 0.75, 1.0], len(self.ids))

    def predictions(self, model: int, round_id: int) -> "pd.Series[float]":
        """A model's guesses for a round."""
        return pd.Series(np.random.default_rng([model, round_id]).random(len(self.ids)), index=list(self.ids))

    def open(self) -> int:
        """Open a round for three hours: one to submit, one until the outcome."""
        now = self.now
        times = (now, now + HOUR, now + 2 * HOUR, now + 30 * HOUR)
        return self.tournament.open_round(self.rules, self.ids, times, names=self.names, tables=self.tables)

    def submit(self, round_id: int, model: int, content: bytes | None = None, label: str = "") -> None:
        """Let a model send its guesses, or `content`."""
        good = write_submission(self.predictions(model, round_id), "csv")
        universe, kind = Universe(self.ids, self.names), self.rules.submissions
        file, sent = f"{model}{label and '.'}{label}.csv", good if content is None else content
        self.tournament.submit(self.participants[model - 1], round_id, universe, sent, file, kind=kind)

    def submit_all(self, round_id: int, models: range = range(1, MODELS + 1)) -> None:
        """Let several models send their guesses."""
        for model in models:
            self.submit(round_id, model)

    def close_and_seal(self, round_id: int) -> None:
        """Let time pass to the close of a round, and seal it."""
        self.anvil.advance_to(self.record(round_id).close_at)
        self.tournament.seal_round(round_id)

    def locked_round(self) -> int:
        """A round in which every model takes part, locked, which no member has looked at since it closed."""
        round_id = self.open()
        self.submit_all(round_id)
        self.anvil.advance_to(self.record(round_id).close_at)
        self.tournament.lock_round(round_id)
        return round_id

    def sealed_without(self, *absent: int) -> int:
        """A round that was sealed while some members were down."""
        round_id = self.locked_round()
        there = [index for index in range(len(self.members)) if index not in absent]
        self.cycle(*there)
        self.pass_half_of_the_lock_window(round_id)
        self.cycle(*there)
        return round_id

    def pass_half_of_the_lock_window(self, round_id: int) -> None:
        """Let time pass until a seal may be sent without all members' signatures."""
        record = self.record(round_id)
        self.anvil.advance_to((record.close_at + record.lock_until) // 2)

    def pass_the_lock_window(self, round_id: int) -> None:
        """Let time pass until a round can no more be sealed."""
        self.anvil.advance_to(self.record(round_id).lock_until)

    def sealed_round(self) -> int:
        """A round in which every model takes part, sealed."""
        round_id = self.open()
        self.submit_all(round_id)
        self.close_and_seal(round_id)
        return round_id

    def resolve(self, round_id: int, targets: "dict[int, NDArray[np.float64]] | None" = None) -> None:
        """Let time pass to the outcome, and publish it to all members; `targets` where one has others."""
        self.anvil.advance_to(self.record(round_id).resolve_at)
        for index, member in enumerate(self.members):
            self.tournament.publish_target(
                member, round_id, self.ids, (targets or {}).get(index, self.target)
            )

    def cycle(self, *members: int) -> list[ActionResult]:
        """One cycle of some members, or of all; what they did."""
        steps: list[ActionResult] = []
        for index in members or range(len(self.members)):
            steps += self.members[index].cycle()
            self.anvil.finalise()
        return steps

    def pass_challenge_window(self) -> None:
        """Let the challenge window of the last accepted report pass, with its evidence public."""
        self.post_evidence()
        self.anvil.advance_to(self.now + CHALLENGE_WINDOW + 1)

    def post_evidence(self) -> None:
        """Post, as anybody may, what evidence is missing of accepted reports that a member has too."""
        block = finalised_block(self.suite)
        for record in unfinished_rounds(self.suite, block):
            proposal = self.suite.proposal(record.round_id, block.number)
            if proposal is None or not proposal.awaits_evidence:
                continue
            for member in self.members:
                bundle = member.bundle(record.round_id)
                if bundle.has(REPORT) and bundle.report().hash() == proposal.report_hash:
                    FalseReport.of(bundle, {}).post(self.suite, self.admin)
                    break
        self.anvil.finalise()

    def settle(self, round_id: int) -> None:
        """Take a sealed round to its end."""
        self.resolve(round_id)
        self.cycle()
        self.pass_challenge_window()
        self.cycle()
        assert self.record(round_id).state == RoundState.SETTLED

    def record(self, round_id: int) -> RoundRecord:
        """A round as it is now."""
        return self.suite.round(round_id, self.anvil.w3.eth.block_number)

    def proposal_status(self, round_id: int) -> ProposalStatus:
        """How far the committee is with a round's report."""
        proposal = self.suite.proposal(round_id, self.anvil.w3.eth.block_number)
        return ProposalStatus.NONE if proposal is None else proposal.status

    def idle(self) -> list[int]:
        """Every model's idle stake, nano-NMR."""
        return idle_by_lane(self.suite, self.anvil.w3.eth.block_number)


def build_world(anvil: Anvil, out: Path, count: int = MODELS, more: Sequence[Stake] = ()) -> World:
    """Deploy a tournament with `count` models, and `more`, on a chain."""
    return _world_on(anvil, _deployed(anvil, count, more), out)


@contextmanager
def lent_world(
    chains: Chains, out: Path, count: int = MODELS, begin: "Callable[[World], None] | None" = None
) -> Iterator[World]:
    """Borrow a chain that holds a tournament with `count` models, which was deployed once for all tests.

    Parameters
    ----------
    begin
        What was done with the tournament since, once for all tests too, such as `one_sealed`; its files are
        copied into `out`.
    """

    def prepare(anvil: Anvil) -> _Begun:
        deployed, folder = _deployed(anvil, count), TemporaryDirectory()
        if begin is not None:
            begin(_world_on(anvil, deployed, Path(folder.name)))
        return _Begun(deployed, folder)

    with chains.prepared(("world", count, begin), prepare) as (anvil, begun):
        if begin is not None:
            shutil.copytree(begun.files.name, out, dirs_exist_ok=True)
        yield _world_on(anvil, begun.deployed, out)


@dataclass(frozen=True)
class _Begun:
    """A tournament that tests begin with, and a copy of everybody's files."""

    deployed: DeployedTournament
    files: "TemporaryDirectory[str]"


FIRST: Final = 1
"""The round of a world that begins with one."""


def one_locked(world: World) -> None:
    """Lock a round in which every model takes part."""
    world.locked_round()


def one_sealed(world: World) -> None:
    """Seal a round in which every model takes part."""
    world.sealed_round()


def one_settled(world: World) -> None:
    """Settle a round in which every model takes part."""
    world.settle(world.sealed_round())


def two_settled(world: World) -> None:
    """Settle two rounds, one after the other."""
    one_settled(world)
    one_settled(world)


def begins(begin: Callable[[World], None]) -> pytest.MarkDecorator:
    """Have a test's world begin with something, such as `one_sealed`."""
    return pytest.mark.begins(begin=begin)


def _deployed(anvil: Anvil, count: int, more: Sequence[Stake] = ()) -> DeployedTournament:
    return deploy_tournament(anvil, [*stakes(anvil, count), *more], preset("classic"))


def _world_on(anvil: Anvil, deployed: DeployedTournament, out: Path) -> World:
    rules = in_the_clear(preset("classic"))
    return World(run_tournament(anvil, deployed, out, shows_bundles=True), rules, out)
