"""What may happen to daemons, a scenario each: afterwards everything was done once, and nothing is stuck."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scorer.chain.anvil import Anvil, run_anvil
from scorer.chain.contracts import ProposalStatus, RoundState
from scorer.chain.killpoints import KILLED, LABELS
from scorer.drill.playground import FIRST_MEMBER, OPERATOR, Playground, wait
from scorer.drill.proxy import Forward, NoAnswer, Proxy, Request, Response, proxy_of

START: Final = 1_700_000_000
TRIES: Final = 30
DEEP: Final = 5
"""Slots an epoch of a chain on which ten blocks may be reorganised."""
FILE_LABELS: Final = {
    "report-computed": "attest",
    "report-written": "attest",
    "submissions-collected": "lock",
    "submissions-published": "lock",
}
OUTBOX_LABELS: Final = tuple(label for label in LABELS if label not in FILE_LABELS)
DRILLED: Final = ("signed", "broadcast", "mined-recorded")
PATIENCE: Final = 120.0
Done = Callable[[], bool]


@dataclass(frozen=True)
class Result:
    """How a scenario ended: what was done twice, what was not done at all, and what never came to an end."""

    name: str
    duplicated: int = 0
    lost: int = 0
    stuck: int = 0
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Whether all is well."""
        return not (self.duplicated or self.lost or self.stuck)

    def __str__(self) -> str:
        counts = f"{self.duplicated} duplicated, {self.lost} lost, {self.stuck} stuck"
        return (
            f"{'pass' if self.ok else 'FAIL'} {self.name}: {counts}{', ' if self.detail else ''}{self.detail}"
        )


class Stuck(Exception):
    """A stage of a round did not come to its end."""


@dataclass(frozen=True)
class Tally:
    """What was on the chain before a round, to count what came after."""

    ground: Playground
    operator: int
    members: tuple[int, ...]

    @classmethod
    def of(cls, ground: Playground) -> "Tally":
        """As of now."""
        members = tuple(ground.sent_by(FIRST_MEMBER + index) for index in range(ground.members))
        return cls(ground, ground.sent_by(OPERATOR), members)

    def result(self, name: str, round_id: int, detail: str = "", challenges: int = 0) -> Result:
        """Hold what was sent for a settled round against what was needed.

        Every transaction counts that was mined, also one that did nothing: a vote that reverts is a vote too
        many.
        """
        suite, ground = self.ground.suite, self.ground
        events = suite.tournament.events
        locked = _slots(ground.events(events.PositionsLocked()), round_id)
        settled = _slots(ground.events(events.ChunkSettled()), round_id)
        attested = [e for e in ground.events(suite.committee.events.Attested()) if e["roundId"] == round_id]
        sent_operator = ground.sent_by(OPERATOR) - self.operator
        now = Tally.of(ground).members
        sent_members = sum(now) - sum(self.members)
        votes = len(attested)
        # An opening, the chunks and the seal; votes, the beginning and the chunks.
        extra = sent_operator - (len(locked) + 2)
        extra += sent_members - (votes + challenges + 1 + len(settled))
        twice = sum(count - 1 for count in (Counter(locked) + Counter(settled)).values()) - len(set(locked))
        lost = len(set(locked) ^ set(settled)) + max(ground.members // 2 + 1 - votes, 0)
        lost += ground.record(round_id).state != RoundState.SETTLED
        return Result(name, duplicated=max(extra, 0) + max(twice, 0), lost=lost, detail=detail)


def _slots(events: Sequence[dict[str, object]], round_id: int) -> list[object]:
    return [event["fromSlot"] for event in events if event["roundId"] == round_id]


def drive(ground: Playground, name: str, done: Done, *, kill_at: str | None = None, kills: int = 0) -> int:
    """Let a daemon do cycle after cycle until `done`; end it `kills` times at a label on the way.

    Returns
    -------
    int
        How often it was ended.

    Raises
    ------
    Stuck
        When it does not get there, or ends in another way.
    """
    killed = 0
    for _ in range(TRIES + kills):
        wanted = kill_at if killed < kills else None
        code = ground.run(name, kill_at=wanted)
        if code not in (0, KILLED):
            crash = ground.out / name / "crash"
            raise Stuck(f"{name} ended with {code}: {crash.read_text() if crash.exists() else 'no word'}")
        killed += code == KILLED
        ground.anvil.finalise()
        if done() and code == 0 and _nothing_open(ground, name):
            return killed
    raise Stuck(f"{name} did not get there in {TRIES + kills} cycles, {killed} of them ended")


def _nothing_open(ground: Playground, name: str) -> bool:
    """Whether all that a daemon signed is final, by its own journal."""
    import sqlite3

    with sqlite3.connect(f"file:{ground.out / name / 'journal.sqlite'}?mode=ro", uri=True) as journal:
        (waiting,) = journal.execute(
            "select count(*) from intent where state in ('sent', 'mined')"
        ).fetchone()
    return int(waiting) == 0


def play(ground: Playground, name: str, kill: Callable[[str], str | None], kills: int = 4) -> Result:
    """A round from opening to the last chunk, with daemons that are ended on the way.

    Parameters
    ----------
    kill
        The kill point for each of the actions lock, seal, attest, begin and settle; None for none.
    """
    tally = Tally.of(ground)
    killed = 0
    try:
        round_id = ground.open()
        ground.close(round_id)
        at = kill("lock") or kill("seal")
        killed += drive(ground, "operator", _sealed(ground, round_id), kill_at=at, kills=kills)
        ground.resolve(round_id)
        for index in range(ground.members):
            at = kill("attest") if index == 0 else None
            killed += drive(ground, f"member-{index}", lambda: True, kill_at=at, kills=kills)
        ground.pass_challenge_window()
        at = kill("begin") or kill("settle")
        killed += drive(ground, "member-0", _settled(ground, round_id), kill_at=at, kills=kills)
    except Stuck as stuck:
        return Result(name, stuck=1, detail=str(stuck))
    return tally.result(name, round_id, f"{killed} times ended")


def _sealed(ground: Playground, round_id: int) -> Done:
    return lambda: ground.record(round_id).state >= RoundState.SEALED


def _settled(ground: Playground, round_id: int) -> Done:
    return lambda: ground.record(round_id).state == RoundState.SETTLED


def killed_everywhere(label: str, ground: Playground, kills: int = 4) -> Result:
    """A round in which the daemons are ended at one label, `kills` times in every action that reaches it.

    Lock and seal come in one cycle, and so do begin and settle: each is ended in a round of its own.
    """
    only = FILE_LABELS.get(label)
    parts = []
    for actions in (("lock", "attest", "begin"), ("seal", "settle")):
        wanted = {a: (label if only else f"{label}@{a}") for a in actions if only in (None, a)}
        if wanted:
            parts.append(play(ground, f"killed at {label}", wanted.get, kills))
    return Result(
        f"killed at {label}",
        duplicated=sum(part.duplicated for part in parts),
        lost=sum(part.lost for part in parts),
        stuck=sum(part.stuck for part in parts),
        detail="; ".join(part.detail for part in parts),
    )


def reorganised(depth: int, ground: Playground) -> Result:
    """A round in which the chain forgets its newest blocks after every lock, vote and settlement."""
    name = f"reorganised {depth} deep"
    tally = Tally.of(ground)
    try:
        round_id = ground.open()
        ground.close(round_id)
        _then_forget(ground, "operator", depth, _sealed(ground, round_id))
        ground.resolve(round_id)
        for index in range(ground.members):
            _then_forget(ground, f"member-{index}", depth, lambda: True)
        ground.pass_challenge_window()
        _then_forget(ground, "member-0", depth, _settled(ground, round_id))
    except Stuck as stuck:
        return Result(name, stuck=1, detail=str(stuck))
    return tally.result(name, round_id)


def _then_forget(ground: Playground, name: str, depth: int, done: Done) -> None:
    if ground.run(name) != 0:
        raise Stuck(f"{name} did not end well")
    ground.anvil.reorganise(depth)
    drive(ground, name, done)


def finality_stands_still(ground: Playground, proxy: Proxy) -> Result:
    """Finality stops for hours: nothing is sent, an alarm is up, and it goes on alone."""
    name = "finality stands still"
    tally = Tally.of(ground)
    try:
        round_id = _to_outcome(ground)
        frozen = ground.anvil.w3.eth.get_block("finalized")["number"]

        def freeze(request: Request, forward: Forward) -> Response | None:
            if request["params"][0] != "finalized":
                return None
            return forward({**request, "params": [hex(frozen), False]})

        proxy.misbehave("eth_getBlockByNumber", freeze)
        ground.anvil.advance_to(ground.now + 3 * 3600)
        before = sum(Tally.of(ground).members)
        with running(ground, "member-0"):
            _await(lambda: "FINALITY_STALLED" in (ground.out / "member-0" / "log").read_text())
            if sum(Tally.of(ground).members) != before:
                return Result(name, duplicated=1, detail="something was sent meanwhile")
            proxy.misbehave("eth_getBlockByNumber", None)
            _await(lambda: ground.sent_by(FIRST_MEMBER) > tally.members[0])
        _to_end(ground, round_id)
    except Stuck as stuck:
        return Result(name, stuck=1, detail=str(stuck))
    return tally.result(name, round_id)


def endpoint_is_lost(ground: Playground, proxy: Proxy) -> Result:
    """Every request is cut off for a while, at the worst moment: after the node took a transaction."""
    name = "endpoint is lost"
    tally = Tally.of(ground)

    def cut(request: Request, forward: Forward) -> Response:
        if request["method"] == "eth_sendRawTransaction":
            forward(request)
            for method in ("eth_getBlockByNumber", "eth_getTransactionReceipt", "eth_chainId"):
                proxy.misbehave(method, cut)
        raise NoAnswer

    try:
        round_id = _to_outcome(ground)
        proxy.misbehave("eth_sendRawTransaction", cut)
        with running(ground, "member-0"):
            _await(lambda: "CANNOT_REACH_CHAIN" in (ground.out / "member-0" / "log").read_text())
            proxy.manners.clear()
            _await(lambda: _nothing_sent_waits(ground, "member-0"))
        _to_end(ground, round_id)
    except Stuck as stuck:
        return Result(name, stuck=1, detail=str(stuck))
    return tally.result(name, round_id)


def _nothing_sent_waits(ground: Playground, name: str) -> bool:
    ground.anvil.finalise()
    return _nothing_open(ground, name)


def _to_outcome(ground: Playground) -> int:
    round_id = ground.open()
    ground.close(round_id)
    drive(ground, "operator", _sealed(ground, round_id))
    ground.resolve(round_id)
    return round_id


def _to_end(ground: Playground, round_id: int) -> None:
    for index in range(ground.members):
        drive(ground, f"member-{index}", lambda: True)
    ground.pass_challenge_window()
    drive(ground, "member-0", _settled(ground, round_id))


@contextmanager
def running(ground: Playground, *names: str) -> Iterator[None]:
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


def _await(condition: Done) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > until:
            raise Stuck("what was waited for did not come")
        time.sleep(0.1)


def five_daemons(ground: Playground, seed: int = 0) -> Result:
    """Five members at once: one silent, one lying, one late, one ended at random; relays race."""
    name = "five daemons"
    tally = Tally.of(ground)
    dice = random.Random(seed)  # noqa: S311 - what happens must be the same for a seed
    try:
        round_id = ground.open()
        ground.close(round_id)
        drive(ground, "operator", _sealed(ground, round_id))
        ground.resolve(round_id, liars=[1], absent=[0])
        with running(ground, "member-1", "member-2"):
            for _ in range(6):
                ground.run("member-4", kill_at=dice.choice(OUTBOX_LABELS))
                ground.anvil.finalise()
            drive(ground, "member-4", lambda: True)
            drive(ground, "member-3", _accepted(ground, round_id))
        ground.pass_challenge_window()
        with running(ground, "member-1", "member-2", "member-3", "member-4"):
            _await(lambda: _mined_and(ground, _settled(ground, round_id)))
            ground.anvil.finalise()
        lied = (ground.out / "member-1" / "log").read_text().count("the committee accepted the report")
    except Stuck as stuck:
        return Result(name, stuck=1, detail=str(stuck))
    raced = tally.result(name, round_id)
    # Losing a race may cost a transaction that does nothing; what is settled twice would be on the chain.
    settled = _slots(ground.events(ground.suite.tournament.events.ChunkSettled()), round_id)
    twice = len(settled) - len(set(settled))
    return Result(name, twice, raced.lost, int(not lied), f"{raced.duplicated} lost races")


def _mined_and(ground: Playground, done: Done) -> bool:
    ground.anvil.finalise()
    return done()


def _accepted(ground: Playground, round_id: int) -> Done:
    def accepted() -> bool:
        return ground.suite.proposal(round_id, ground.anvil.w3.eth.block_number) is not None

    return accepted


def wrong_report_overturned(ground: Playground) -> Result:
    """A lying quorum: the one who knows better challenges, the others learn, and the right report settles."""
    name = "wrong report overturned"
    tally = Tally.of(ground)
    try:
        round_id = ground.open()
        ground.close(round_id)
        drive(ground, "operator", _sealed(ground, round_id))
        ground.resolve(round_id, liars=[0, 1])
        for index in (0, 1):
            drive(ground, f"member-{index}", lambda: True)
        account = ground.anvil.account(FIRST_MEMBER + 2)
        ground.configure("member-2", account, run__challenge=True)
        drive(ground, "member-2", _status(ground, round_id, ProposalStatus.DISPUTED))
        ground.resolve(round_id)
        for index in (0, 1):
            (ground.folder(f"member-{index}/rounds", round_id) / "report.json").unlink()
            drive(ground, f"member-{index}", lambda: True)
        drive(ground, "member-2", _settled(ground, round_id))
    except Stuck as stuck:
        return Result(name, stuck=1, detail=str(stuck))
    return tally.result(name, round_id, challenges=1)


def _status(ground: Playground, round_id: int, status: ProposalStatus) -> Done:
    def reached() -> bool:
        proposal = ground.suite.proposal(round_id, ground.anvil.w3.eth.block_number)
        return proposal is not None and proposal.status >= status

    return reached


@contextmanager
def on_a_chain(out: Path, *, members: int = 3, deep: bool = False) -> Iterator[tuple[Playground, Proxy]]:
    """A playground on a chain of its own; its daemons see the chain through a proxy."""
    with (
        run_anvil(timestamp=START, accounts=20, slots_in_epoch=DEEP if deep else 1) as anvil,
        proxy_of(anvil.url) as proxy,
    ):
        yield _built(anvil, out, members, proxy), proxy


def _built(anvil: Anvil, out: Path, members: int, proxy: Proxy) -> Playground:
    ground = Playground.build(anvil, out, members=members, url=proxy.url)
    anvil.finalise()
    return ground


def run_drill(out: Path) -> list[Result]:
    """The scenarios that an operator can try in a few minutes."""
    results = []
    with on_a_chain(out, deep=True) as (ground, proxy):
        results += [killed_everywhere(label, ground, kills=1) for label in DRILLED]
        results.append(reorganised(3, ground))
        results.append(endpoint_is_lost(ground, proxy))
        results.append(finality_stands_still(ground, proxy))
        results.append(wrong_report_overturned(ground))
    return results
