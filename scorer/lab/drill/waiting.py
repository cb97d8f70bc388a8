"""Takes daemons from one state of a round to the next, and waits for conditions meanwhile."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import Final

from scorer.chain.records import ProposalStatus, RoundState
from scorer.failpoints import KILLED
from scorer.lab.drill.outcome import Stuck
from scorer.lab.local_tournament import FIRST_MEMBER, LocalTournament
from scorer.lab.processes import stop_forks
from scorer.storage.bundle import RELEASE, VOTE, Bundle

TRIES: Final = 30
PATIENCE: Final = 240.0
BEAT: Final = 0.4
Done = Callable[[], bool]


def always() -> bool:
    """Ask for no more than that, by a daemon's own journal, nothing waits."""
    return True


def drive(local: LocalTournament, name: str, done: Done = always, *, kill_at: Sequence[str] = ()) -> None:
    """Let a daemon do cycle after cycle until `done`; end it once at each fail point on the way, in order.

    Raises
    ------
    Stuck
        When it does not get there, ends in another way, or a fail point is never reached.
    """
    left = list(kill_at)
    for _ in range(TRIES + len(left)):
        code = local.run(name, kill_at=left[0] if left else None)
        if code not in (0, KILLED):
            raise Stuck(f"{name} ended with {code}: {_last_error(local, name)}")
        if code == KILLED:
            del left[0]
        local.anvil.finalise()
        if code == 0 and done() and nothing_open(local, name):
            break
    else:
        raise Stuck(f"{name} did not get there in {TRIES + len(kill_at)} cycles")
    if left:
        ended = len(kill_at) - len(left)
        raise Stuck(f"expected {name} to be ended {len(kill_at)} times, found {ended}: never at {left[0]}")


def _last_error(local: LocalTournament, name: str) -> str:
    crash = local.out / name / "crash"
    return crash.read_text() if crash.exists() else "no word"


def nothing_open(local: LocalTournament, name: str) -> bool:
    """Return whether all that a daemon signed is final by its own journal."""
    return not unfinished(local, name)


def unfinished(local: LocalTournament, name: str) -> list[str]:
    """Return the keys of what a daemon signed and what is not final."""
    path = local.out / name / "journal.sqlite"
    # Closed at once: a daemon is a copy of this process. A connection that it inherits and collects takes the
    # daemon's own locks along, and the next reader cuts off the index that the daemon has in memory (SIGBUS).
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as journal:
        rows = journal.execute("select key from intent where state in ('sent', 'mined')").fetchall()
    return [str(key) for (key,) in rows]


def said(local: LocalTournament, name: str, what: str) -> int:
    """Count how often a text is in a daemon's log."""
    return (local.out / name / "log").read_text().count(what)


def rung(local: LocalTournament, name: str, reason: str) -> Done:
    """Return a condition: a daemon has raised an alarm for a reason."""

    def has_rung() -> bool:
        path = local.out / name / "log"
        lines = path.read_text().splitlines() if path.exists() else []
        return any(f'"reason": "{reason}"' in line and json.loads(line)["event"] == "alarm" for line in lines)

    return has_rung


def locked(local: LocalTournament, *rounds: int) -> Done:
    """Return a condition: nothing more of rounds can be locked."""
    return lambda: not any(local.record(number).is_lockable for number in rounds)


def sealed(local: LocalTournament, *rounds: int) -> Done:
    """Return a condition: rounds are sealed, and not void."""
    wanted = (RoundState.SEALED, RoundState.SETTLING, RoundState.SETTLED)
    return lambda: all(local.record(number).state in wanted for number in rounds)


def in_settlement(local: LocalTournament, round_id: int) -> Done:
    """Return a condition: the settlement of a round has begun."""
    return lambda: local.record(round_id).state == RoundState.SETTLING


def settled(local: LocalTournament, *rounds: int) -> Done:
    """Return a condition: rounds are settled."""
    return lambda: all(local.record(number).state == RoundState.SETTLED for number in rounds)


def accepted(local: LocalTournament, round_id: int, status: ProposalStatus = ProposalStatus.ACCEPTED) -> Done:
    """Return a condition: a report was accepted, and has come as far as `status`."""

    def reached() -> bool:
        proposal = local.suite.proposal(round_id, local.anvil.w3.eth.block_number)
        return proposal is not None and proposal.status >= status

    return reached


def posted(local: LocalTournament, *rounds: int) -> Done:
    """Return a condition: the evidence of rounds' accepted reports is public."""

    def is_posted(round_id: int) -> bool:
        proposal = local.suite.proposal(round_id, local.anvil.w3.eth.block_number)
        return proposal is not None and proposal.has_report and not proposal.awaits_evidence

    return lambda: all(map(is_posted, rounds))


def voted(local: LocalTournament, index: int, *rounds: int) -> Done:
    """Return a condition: a member voted on rounds, or others carried a report without it."""
    member = local.anvil.account(FIRST_MEMBER + index).address

    def has_voted(round_id: int) -> bool:
        return local.suite.vote(round_id, member, local.anvil.w3.eth.block_number) is not None

    return lambda: all(has_voted(number) or accepted(local, number)() for number in rounds)


def to_outcome(local: LocalTournament, count: int = 1) -> list[int]:
    """Open, close, lock, seal and resolve rounds; their ids."""
    rounds = to_close(local, count)
    lock_and_seal(local, rounds)
    resolve(local, rounds)
    return rounds


def lock_and_seal(local: LocalTournament, rounds: Sequence[int]) -> None:
    """Let the operator lock rounds, and the members seal them."""
    drive(local, "operator", locked(local, *rounds))
    seal(local, rounds)


def seal(local: LocalTournament, rounds: Sequence[int], *, kill_at: Sequence[str] = ()) -> None:
    """Let every member sign the seals of rounds, and the last one send them."""
    release(local, *rounds)
    last = local.members - 1
    sign(local, *rounds)
    drive(local, f"member-{last}", sealed(local, *rounds), kill_at=kill_at)


def release(local: LocalTournament, *rounds: int) -> None:
    """Let every member but the last release its shares of rounds that are locked: a quorum's are enough."""
    for index in range(local.members - 1 if local.rules.is_encrypted else 0):
        drive(local, f"member-{index}", published(local, index, RELEASE, *rounds))


def sign(local: LocalTournament, *rounds: int) -> None:
    """Let every member but the last sign the seals of rounds that are locked."""
    for index in range(local.members - 1):
        drive(local, f"member-{index}", published(local, index, VOTE, *rounds))


def published(local: LocalTournament, index: int, file: str, *rounds: int) -> Done:
    """Return a condition: a member has published a file of rounds for the others."""
    exchange = f"member-{index}/exchange"
    return lambda: all(Bundle(local.folder(exchange, number)).has(file) for number in rounds)


def to_close(local: LocalTournament, count: int = 1) -> list[int]:
    """Open rounds, and close their submissions; their ids."""
    rounds = [local.open() for _ in range(count)]
    local.close(rounds[-1])
    return rounds


def resolve(local: LocalTournament, rounds: Sequence[int]) -> None:
    """Publish the outcome of rounds to every member."""
    for round_id in rounds:
        local.resolve(round_id)


def to_end(local: LocalTournament, rounds: Sequence[int]) -> None:
    """Let every member vote, whoever sees the report accepted post its evidence, and the first one settle."""
    for index in range(local.members):
        drive(local, f"member-{index}", voted(local, index, *rounds))
    local.pass_challenge_window()
    drive(local, "member-0", settled(local, *rounds))


def to_end_while_running(local: LocalTournament, rounds: Sequence[int]) -> None:
    """Do as `to_end`, with daemons that run all the while, on a chain that goes on."""
    names = [f"member-{index}" for index in range(local.members)]
    before = sent_by_members(local)
    with running(local, *names):
        wanted = before + local.quorum * len(rounds)
        await_that(lambda: sent_by_members(local) >= wanted, "every vote", mine=local)
        await_that(posted(local, *rounds), "the evidence of every report", mine=local)
        for name in names:
            await_that(partial(nothing_open, local, name), "a final vote", mine=local)
    local.pass_challenge_window()
    with running(local, "member-0"):
        await_that(settled(local, *rounds), "the rounds to settle", mine=local)
        await_that(partial(nothing_open, local, "member-0"), "a final settlement", mine=local)


@contextmanager
def running(local: LocalTournament, *names: str) -> Iterator[None]:
    """Run daemons while the context lasts; asked to end by SIGTERM, they must end well."""
    processes = {name: local.start(name, cycles=None) for name in names}
    try:
        yield
    finally:
        codes = stop_forks(processes)
    if set(codes.values()) != {0}:
        raise Stuck(f"expected daemons to end well when asked to, found {codes}")


def await_that(condition: Done, what: str, *, mine: LocalTournament | None = None) -> None:
    """Wait for a condition, on a chain that goes on meanwhile where `mine` is given.

    Raises
    ------
    Stuck
        When it takes too long.
    """
    began = mined = time.monotonic()
    while not condition():
        now = time.monotonic()
        if now > began + PATIENCE:
            raise Stuck(f"expected {what}, waited {PATIENCE:.0f} s for it in vain")
        # Ten blocks a beat, of a second each: an hour of the chain takes minutes, or deadlines pass unseen.
        if mine is not None and now > mined + BEAT:
            mine.anvil.finalise()
            mined = now
        time.sleep(0.1)


def sent_by_members(local: LocalTournament) -> int:
    """Count the transactions of all members that were mined."""
    return sum(local.sent_by(FIRST_MEMBER + index) for index in range(local.members))
