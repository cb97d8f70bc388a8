"""What came of it, seen on the chain and by the commands that anybody can type."""

import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from scorer.chain.contracts import ProposalStatus, RoundState
from scorer.lab.rehearsal.accounts import DAEMONS
from scorer.lab.rehearsal.setup import HONEST
from scorer.lab.rehearsal.stage import RehearsalStage, Unexpected, expect
from scorer.observation.audit import audit
from scorer.observation.observe import finalised_block

AT_ONCE: Final = 2


@dataclass(frozen=True)
class RehearsalVerdict:
    """How many rounds there were, and what became of them."""

    rounds: int
    settled: int
    void: int
    overturned: int
    verified: int

    def __str__(self) -> str:
        return (
            f"rehearsal: {self.rounds} rounds, {self.settled} settled, {self.void} void, "
            f"{self.overturned} dispute overturned, verified {self.verified}/{self.rounds}"
        )


EXPECTED: Final = RehearsalVerdict(5, 4, 1, 1, 5)


def all_final(stage: RehearsalStage) -> bool:
    """Whether nothing that a daemon signed is unfinished, by the journals."""
    return not any(_open_intents(stage, name) for name in DAEMONS)


def _open_intents(stage: RehearsalStage, name: str) -> int:
    with sqlite3.connect(f"file:{stage.out / name / 'journal.sqlite'}?mode=ro", uri=True) as journal:
        query = "select count(*) from intent where state in ('sent', 'mined')"
        return int(journal.execute(query).fetchone()[0])


def check_suite(stage: RehearsalStage) -> None:
    """The manifest agrees with the chain, and every invariant holds."""
    stage.run("deployment", "check", str(stage.manifest), "--endpoint", stage.endpoint)
    for name, holds in audit(stage.suite(), finalised_block(stage.suite())).items():
        expect(f"invariant, {name}", True, holds)


def verdict(stage: RehearsalStage) -> RehearsalVerdict:
    """Read every round's end from the chain, and verify every one."""
    suite, block = stage.suite(), stage.standin.anvil.w3.eth.block_number
    count = suite.round_count(block)
    records = [suite.round(number, block) for number in range(1, count + 1)]
    proposals = [suite.proposal(record.round_id, block) for record in records]
    void = [record.round_id for record in records if record.state == RoundState.VOIDED and record.is_over]
    return RehearsalVerdict(
        rounds=count,
        settled=sum(record.state == RoundState.SETTLED for record in records),
        void=len(void),
        overturned=sum(each is not None and each.status == ProposalStatus.OVERTURNED for each in proposals),
        verified=_verified(stage, [record.round_id for record in records], void),
    )


def _verified(stage: RehearsalStage, rounds: Sequence[int], void: Sequence[int]) -> int:
    """How many rounds ``cupel verify`` agrees with: a void one by what was published of it."""

    def agrees(number: int) -> bool:
        root = "published" if number in void else f"{HONEST}/rounds"
        chain = ["--endpoint", stage.standin.gates.urls[1], "--deployment", str(stage.manifest)]
        try:
            said = stage.run("verify", str(stage.folder(root, number)), *chain)
        except Unexpected as problem:
            stage.say(str(problem))
            return False
        stage.say(said.strip())
        return True

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(agrees, rounds))
