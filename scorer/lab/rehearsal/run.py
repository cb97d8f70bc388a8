"""The rehearsal from the first transaction to the last check."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from web3.contract import Contract

from scorer.lab.market import SyntheticMarket
from scorer.lab.nodes import ENCRYPTION_KEY
from scorer.lab.processes import ProcessGroup
from scorer.lab.rehearsal.accounts import ACCOUNTS, DAEMONS, accounts_of
from scorer.lab.rehearsal.admin import TimelockAdmin
from scorer.lab.rehearsal.amoy_node import BLOCK_TIME, run_amoy_node
from scorer.lab.rehearsal.context import Rehearsal, expect
from scorer.lab.rehearsal.rounds import RehearsedRounds
from scorer.lab.rehearsal.setup import check_hand_over, deploy, fund, start_daemons
from scorer.lab.rehearsal.timetable import ROUNDS, Timetable
from scorer.lab.rehearsal.verdict import EXPECTED, RehearsalVerdict, all_final, check_suite, read_verdict
from scorer.owned_files import make_owned_folder
from scorer.protocol.rules import DEFAULT_PRESET, preset
from scorer.storage.contents import inbox_at, node_at, rounds_in

MODELS: Final = 500
MADE_BY: Final = "scripts/rehearse.py"
CONTENTS: Final = (
    *("logs/*.log", "logs/*.pid", "deployer/keystore.json", "deployer/password"),
    *("deployment/manifest.json*", "deployment/*.deployment.json*", "deployment/journal.sqlite*"),
    *inbox_at("inbox"),
    *rounds_in("published"),
    *(pattern for name in DAEMONS for pattern in node_at(name, "keystore.json", "password", ENCRYPTION_KEY)),
)
"""Everything that a rehearsal writes into its folder."""
KEYS: Final = ("*/keystore.json", "*/password", f"*/{ENCRYPTION_KEY}")
"""Files in it that hold keys of the chain's own accounts."""
SOON: Final = 20
"""Seconds until the first round is to open."""


def rehearse(
    out: Path, repository: Path, report: Callable[[str], None], models: int = MODELS
) -> RehearsalVerdict:
    """Run it all, with every file in `out`.

    Raises
    ------
    scorer.lab.rehearsal.context.Unexpected
        At the first thing that is not as it should be.
    scorer.files.FolderInUse
        When `out` holds anything that no rehearsal wrote.
    """
    make_owned_folder(out, MADE_BY, CONTENTS, keys=KEYS)
    processes = ProcessGroup(out / "logs")
    processes.folder.mkdir()
    with ended_by_signals(), run_amoy_node(ACCOUNTS, BLOCK_TIME) as node:
        rehearsal = Rehearsal(out, repository, node, accounts_of(node.anvil), processes, report)
        try:
            _play(rehearsal, models)
            expect("how the daemons ended", dict.fromkeys(reversed(DAEMONS), 0), processes.stop_all())
            rehearsal.say("the daemons ended; the manifest and the invariants are compared with the chain")
            check_suite(rehearsal)
            return read_verdict(rehearsal)
        finally:
            processes.stop_all()


def _play(rehearsal: Rehearsal, models: int) -> None:
    timelock = deploy(rehearsal)
    check_hand_over(rehearsal)
    rehearsal.say("deployed, handed over, and the deployer holds no role")
    participants = fund(rehearsal, models)
    rehearsal.say(f"{len(participants)} models are registered and staked, four members have their bonds")
    market, timetable = SyntheticMarket(), Timetable(rehearsal.node.now + SOON)
    admin = _admin(rehearsal, timelock)
    timetable.write(rehearsal.out / "operator" / "plans", market, preset(DEFAULT_PRESET))
    start_daemons(rehearsal)
    rounds = RehearsedRounds(rehearsal, market, participants, timetable, admin)
    rounds.open_and_seal()
    rounds.report()
    rounds.dispute()
    rounds.report_last()
    expect("parameters set by the admin, through the timelock and after its delay", 1, admin.changes())
    rounds.settle()
    rounds.give_up()
    rehearsal.until("everything that was signed final", lambda: all_final(rehearsal))
    expect("rounds", ROUNDS, rehearsal.suite().round_count(rehearsal.node.anvil.w3.eth.block_number))


def _admin(rehearsal: Rehearsal, timelock: Contract) -> TimelockAdmin:
    admin = TimelockAdmin(rehearsal.suite_of_people(), rehearsal.sender("signer"), timelock)
    refusal = admin.refusal(rehearsal.sender("deployer"))
    expect("the deployer's attempt to set parameters", "AccessManagedUnauthorized", refusal)
    return admin


def judged(verdict: RehearsalVerdict, report: Callable[[str], None]) -> int:
    """Report the verdict, or how it differs from what was expected; the exit code."""
    if verdict != EXPECTED:
        report(f"rehearsal: expected {EXPECTED}, found {verdict}")
        return 1
    report(str(verdict))
    return 0


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM raise an exception, as a key at the terminal does, so that everything is stopped."""

    def end(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
