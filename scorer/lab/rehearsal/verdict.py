"""The verdict on a rehearsal, by the chain and by the commands that anybody can type."""

import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from scorer.chain.records import ProposalStatus, RoundState
from scorer.lab.rehearsal.accounts import DAEMONS
from scorer.lab.rehearsal.context import Rehearsal, Unexpected, expect
from scorer.lab.rehearsal.setup import HONEST
from scorer.observation.audit import audit
from scorer.observation.observe import finalised_block

AT_ONCE: Final = 2


@dataclass(frozen=True)
class RehearsalVerdict:
    """Numbers of rounds by their end."""

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


def all_final(rehearsal: Rehearsal) -> bool:
    """Return whether everything that daemons signed is final by their journals."""
    return not any(_open_intents(rehearsal, name) for name in DAEMONS)


def _open_intents(rehearsal: Rehearsal, name: str) -> int:
    journal_file = rehearsal.out / name / "journal.sqlite"
    with closing(sqlite3.connect(f"file:{journal_file}?mode=ro", uri=True)) as journal:
        query = "select count(*) from intent where state in ('sent', 'mined')"
        return int(journal.execute(query).fetchone()[0])


def check_suite(rehearsal: Rehearsal) -> None:
    """Check that the manifest agrees with the chain, and that every invariant holds."""
    rehearsal.run("deployment", "check", str(rehearsal.manifest), "--endpoint", rehearsal.endpoint)
    for name, holds in audit(rehearsal.suite(), finalised_block(rehearsal.suite())).items():
        expect(f"invariant, {name}", True, holds)


def read_verdict(rehearsal: Rehearsal) -> RehearsalVerdict:
    """Read every round's end from the chain, and verify every one."""
    suite, block = rehearsal.suite(), rehearsal.node.anvil.w3.eth.block_number
    count = suite.round_count(block)
    records = [suite.round(number, block) for number in range(1, count + 1)]
    proposals = [suite.proposal(record.round_id, block) for record in records]
    void = [record.round_id for record in records if record.state == RoundState.VOIDED and record.is_over]
    return RehearsalVerdict(
        rounds=count,
        settled=sum(record.state == RoundState.SETTLED for record in records),
        void=len(void),
        overturned=sum(
            proposal is not None and proposal.status == ProposalStatus.OVERTURNED for proposal in proposals
        ),
        verified=_verified(rehearsal, [record.round_id for record in records], void),
    )


def _verified(rehearsal: Rehearsal, rounds: Sequence[int], void: Sequence[int]) -> int:
    """Count the rounds that ``cupel verify`` agrees with, a void one by what was published of it."""

    def agrees(number: int) -> bool:
        root = "published" if number in void else f"{HONEST}/rounds"
        chain = ["--endpoint", rehearsal.node.gates.urls[1], "--deployment", str(rehearsal.manifest)]
        try:
            said = rehearsal.run("verify", str(rehearsal.folder(root, number)), *chain)
        except Unexpected as problem:
            rehearsal.say(str(problem))
            return False
        rehearsal.say(said.strip())
        return True

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(agrees, rounds))
