"""Daemons taken from one stage of a round to the next, and what is waited for meanwhile."""

import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final

from scorer.chain.contracts import ProposalStatus, RoundState
from scorer.failpoints import KILLED
from scorer.lab.drill.local_tournament import FIRST_MEMBER, LocalTournament, wait
from scorer.lab.drill.outcome import Stuck
from scorer.storage.bundle import LOCKED, Bundle

TRIES: Final = 30
PATIENCE: Final = 240.0
BEAT: Final = 0.4
Done = Callable[[], bool]


def always() -> bool:
    """What is done when a daemon's own journal says that nothing waits."""
    return True


def drive(ground: LocalTournament, name: str, done: Done = always, *, kill_at: Sequence[str] = ()) -> None:
    """Let a daemon do cycle after cycle until `done`; end it once at each kill point on the way, in order.

    Raises
    ------
    Stuck
        When it does not get there, ends in another way, or a kill point is never reached.
    """
    left = list(kill_at)
    for _ in range(TRIES + len(left)):
        code = ground.run(name, kill_at=left[0] if left else None)
        if code not in (0, KILLED):
            raise Stuck(f"{name} ended with {code}: {_last_word(ground, name)}")
        if code == KILLED:
            del left[0]
        ground.anvil.finalise()
        if code == 0 and done() and nothing_open(ground, name):
            break
    else:
        raise Stuck(f"{name} did not get there in {TRIES + len(kill_at)} cycles")
    if left:
        ended = len(kill_at) - len(left)
        raise Stuck(f"expected {name} to be ended {len(kill_at)} times, found {ended}: never at {left[0]}")


def _last_word(ground: LocalTournament, name: str) -> str:
    crash = ground.out / name / "crash"
    return crash.read_text() if crash.exists() else "no word"


def nothing_open(ground: LocalTournament, name: str) -> bool:
    """Whether all that a daemon signed is final, by its own journal."""
    return not unfinished(ground, name)


def unfinished(ground: LocalTournament, name: str) -> list[str]:
    """The keys of what a daemon signed and what is not final."""
    path = ground.out / name / "journal.sqlite"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as journal:
        rows = journal.execute("select key from intent where state in ('sent', 'mined')").fetchall()
    return [str(key) for (key,) in rows]


def said(ground: LocalTournament, name: str, what: str) -> int:
    """How often a daemon's log says something."""
    return (ground.out / name / "log").read_text().count(what)


def rung(ground: LocalTournament, name: str, reason: str) -> Done:
    """Whether a daemon has called a human for a reason."""

    def has_rung() -> bool:
        path = ground.out / name / "log"
        lines = path.read_text().splitlines() if path.exists() else []
        return any(f'"reason": "{reason}"' in line and json.loads(line)["event"] == "alarm" for line in lines)

    return has_rung


def locked(ground: LocalTournament, *rounds: int) -> Done:
    """Whether the operator says of rounds that nothing more is to be locked."""
    return lambda: all(Bundle(ground.folder("published", each)).has(LOCKED) for each in rounds)


def sealed(ground: LocalTournament, *rounds: int) -> Done:
    """Whether rounds are sealed, and not void."""
    wanted = (RoundState.SEALED, RoundState.SETTLING, RoundState.SETTLED)
    return lambda: all(ground.record(each).state in wanted for each in rounds)


def in_settlement(ground: LocalTournament, round_id: int) -> Done:
    """Whether the settlement of a round has begun."""
    return lambda: ground.record(round_id).state == RoundState.SETTLING


def settled(ground: LocalTournament, *rounds: int) -> Done:
    """Whether rounds are settled."""
    return lambda: all(ground.record(each).state == RoundState.SETTLED for each in rounds)


def accepted(
    ground: LocalTournament, round_id: int, status: ProposalStatus = ProposalStatus.ACCEPTED
) -> Done:
    """Whether a report was accepted, and has come as far as `status`."""

    def reached() -> bool:
        proposal = ground.suite.proposal(round_id, ground.anvil.w3.eth.block_number)
        return proposal is not None and proposal.status >= status

    return reached


def voted(ground: LocalTournament, index: int, *rounds: int) -> Done:
    """Whether a member voted on rounds, or others carried a report without it."""
    member = ground.anvil.account(FIRST_MEMBER + index).address

    def has_voted(round_id: int) -> bool:
        return ground.suite.vote(round_id, member, ground.anvil.w3.eth.block_number) is not None

    return lambda: all(has_voted(each) or accepted(ground, each)() for each in rounds)


def to_outcome(ground: LocalTournament, count: int = 1) -> list[int]:
    """Rounds opened, closed, sealed by a good operator, and their outcome known."""
    rounds = to_close(ground, count)
    lock_and_seal(ground, rounds)
    resolve(ground, rounds)
    return rounds


def lock_and_seal(ground: LocalTournament, rounds: Sequence[int]) -> None:
    """The operator locks rounds, and the members seal them."""
    drive(ground, "operator", locked(ground, *rounds))
    seal(ground, rounds)


def seal(ground: LocalTournament, rounds: Sequence[int], *, kill_at: Sequence[str] = ()) -> None:
    """Every member signs the seals of rounds, and the last one sends them."""
    last = ground.members - 1
    for index in range(last):
        drive(ground, f"member-{index}")
    drive(ground, f"member-{last}", sealed(ground, *rounds), kill_at=kill_at)


def to_close(ground: LocalTournament, count: int = 1) -> list[int]:
    """Rounds opened, and their submissions closed."""
    rounds = [ground.open() for _ in range(count)]
    ground.close(rounds[-1])
    return rounds


def resolve(ground: LocalTournament, rounds: Sequence[int]) -> None:
    """Every member learns the outcome of rounds."""
    for round_id in rounds:
        ground.resolve(round_id)


def to_end(ground: LocalTournament, rounds: Sequence[int]) -> None:
    """Every member votes, and the first one settles."""
    for index in range(ground.members):
        drive(ground, f"member-{index}", voted(ground, index, *rounds))
    ground.pass_challenge_window()
    drive(ground, "member-0", settled(ground, *rounds))


def to_end_while_running(ground: LocalTournament, rounds: Sequence[int]) -> None:
    """As `to_end`, with daemons that run all the while, on a chain that goes on."""
    names = [f"member-{index}" for index in range(ground.members)]
    before = sent_by_members(ground)
    with running(ground, *names):
        wanted = before + ground.quorum * len(rounds)
        await_that(lambda: sent_by_members(ground) >= wanted, "every vote", mine=ground)
        for name in names:
            await_that(partial(nothing_open, ground, name), "a final vote", mine=ground)
    ground.pass_challenge_window()
    with running(ground, "member-0"):
        await_that(settled(ground, *rounds), "the rounds to settle", mine=ground)
        await_that(partial(nothing_open, ground, "member-0"), "a final settlement", mine=ground)


@contextmanager
def running(ground: LocalTournament, *names: str) -> Iterator[None]:
    """Daemons that run all the while, and are asked to end by SIGTERM; they must end well."""
    processes = {name: ground.start(name, cycles=None) for name in names}
    try:
        yield
    finally:
        for process in processes.values():
            os.kill(process, signal.SIGTERM)
        codes = {name: wait(process) for name, process in processes.items()}
    if set(codes.values()) != {0}:
        raise Stuck(f"expected daemons to end well when asked to, found {codes}")


def await_that(condition: Done, what: str, *, mine: LocalTournament | None = None) -> None:
    """Wait until something is so; on a chain that goes on meanwhile, where `mine` says which.

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


def sent_by_members(ground: LocalTournament) -> int:
    """How many transactions of all members were mined."""
    return sum(ground.sent_by(FIRST_MEMBER + index) for index in range(ground.members))
