"""The rehearsal from the first transaction to the last check."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from web3.contract import Contract

from scorer.files import make_owned_folder
from scorer.lab.devnet.market import SyntheticMarket
from scorer.lab.processes import ProcessGroup
from scorer.lab.rehearsal.accounts import ACCOUNTS, DAEMONS, cast_of
from scorer.lab.rehearsal.admin import TimelockAdmin
from scorer.lab.rehearsal.amoy_node import BLOCK_TIME, stand_in
from scorer.lab.rehearsal.scenario import Acts
from scorer.lab.rehearsal.setup import check_hand_over, found, fund, start_daemons
from scorer.lab.rehearsal.stage import RehearsalStage, expect
from scorer.lab.rehearsal.timetable import ROUNDS, Timetable
from scorer.lab.rehearsal.verdict import EXPECTED, RehearsalVerdict, all_final, check_suite, verdict
from scorer.protocol.rules import preset
from scorer.storage.contents import inbox_at, node_at, rounds_in

MODELS: Final = 500
MADE_BY: Final = "scripts/rehearse.py"
CONTENTS: Final = (
    *("logs/*.log", "logs/*.pid", "deployer/keystore.json", "deployer/password"),
    *("deployment/manifest.json*", "deployment/*.deployment.json*", "deployment/journal.sqlite*"),
    *inbox_at("inbox"),
    *rounds_in("published"),
    *(pattern for name in DAEMONS for pattern in node_at(name, "keystore.json", "password")),
)
"""What a rehearsal writes into its folder."""
KEYS: Final = ("*/keystore.json", "*/password")
"""Where in it keys of the chain's own accounts are."""
SOON: Final = 20
"""Seconds until the first round is to open."""


def rehearse(
    out: Path, repository: Path, tell: Callable[[str], None], models: int = MODELS
) -> RehearsalVerdict:
    """Play it all, with everything that was written in `out`.

    Raises
    ------
    scorer.lab.rehearsal.stage.Unexpected
        At the first thing that is not as it should be.
    scorer.files.FolderInUse
        When `out` holds anything that no rehearsal wrote.
    """
    make_owned_folder(out, MADE_BY, CONTENTS, keys=KEYS)
    crew = ProcessGroup(out / "logs")
    crew.folder.mkdir()
    with ended_by_signals(), stand_in(ACCOUNTS, BLOCK_TIME) as standin:
        stage = RehearsalStage(out, repository, standin, cast_of(standin.anvil), crew, tell)
        try:
            _play(stage, models)
            expect("how the daemons ended", dict.fromkeys(reversed(DAEMONS), 0), crew.stop_all())
            stage.say("the daemons ended; the manifest and the invariants are held against the chain")
            check_suite(stage)
            return verdict(stage)
        finally:
            crew.stop_all()


def _play(stage: RehearsalStage, models: int) -> None:
    timelock = found(stage)
    check_hand_over(stage)
    stage.say("deployed, handed over, and the deployer holds no role")
    entrants = fund(stage, models)
    stage.say(f"{len(entrants)} models are registered and staked, four members have their bonds")
    market, timetable = SyntheticMarket(), Timetable(stage.standin.now + SOON)
    admin = _admin(stage, timelock)
    timetable.write(stage.out / "operator" / "plans", market, preset("classic"))
    start_daemons(stage)
    acts = Acts(stage, market, entrants, timetable, admin)
    acts.open_and_seal()
    acts.report()
    acts.dispute()
    acts.report_last()
    expect("parameters set by the admin, through the timelock and after its delay", 1, admin.changes())
    acts.settle()
    acts.give_up()
    stage.until("everything that was signed final", lambda: all_final(stage))
    expect("rounds", ROUNDS, stage.suite().round_count(stage.standin.anvil.w3.eth.block_number))


def _admin(stage: RehearsalStage, timelock: Contract) -> TimelockAdmin:
    admin = TimelockAdmin(stage.suite_of_people(), stage.sender("signer"), timelock)
    refusal = admin.refusal(stage.sender("deployer"))
    expect("the deployer's attempt to set parameters", "AccessManagedUnauthorized", refusal)
    return admin


def judged(found: RehearsalVerdict, tell: Callable[[str], None]) -> int:
    """The exit code, after what was expected and found where they differ, and the last line."""
    if found != EXPECTED:
        tell(f"rehearsal: expected {EXPECTED}, found {found}")
        return 1
    tell(str(found))
    return 0


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM ends as a key at the terminal does: by an exception, so that everything is stopped."""

    def end(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
