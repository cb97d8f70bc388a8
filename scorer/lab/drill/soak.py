"""Many overlapping rounds under random faults, and daemons whose memory does not grow."""

import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from scorer.lab.anvil import run_anvil
from scorer.lab.drill.faults import RateLimits, takes_and_does_not_answer
from scorer.lab.drill.local_tournament import IDS, OPERATOR, LocalTournament, wait
from scorer.lab.drill.outcome import ScenarioResult, Stuck, Tally
from scorer.lab.drill.population import enter, plan_round, publish
from scorer.lab.drill.proxy import Forward, NoAnswer, Proxy, Request, Response, proxy_of
from scorer.lab.drill.scenarios import DEEP, OUTBOX_LABELS, START
from scorer.lab.drill.waiting import BEAT, Done, accepted, await_that, nothing_open, sealed, settled

STEP: Final = 7200
"""Seconds of chain time between two rounds."""
CLOSES, RESOLVES, SETTLES = 4, 6, 10
"""Steps after its opening: the challenge window of six hours is three steps, and one to settle in."""
MEMBER_LABELS: Final = (*OUTBOX_LABELS, "report-computed", "report-written")
STEADY: Final = ("operator", "member-0", "member-1")
RESTARTED: Final = "member-2"
SEND: Final = "eth_sendRawTransaction"
LARGEST_GROWTH: Final = 0.10
"""Of the last quarter's median memory over the second quarter's."""
DEPOSIT, ALLOCATION = 100, 5
GRACE: Final = 24 * 3600
HISTORY: Final = 2048
"""Blocks whose states are kept: all that a daemon asks for while finality stands still, and no more."""


@dataclass
class DaemonPool:
    """Daemons that run all the while, and one that is ended at random and started anew."""

    ground: LocalTournament
    dice: random.Random
    processes: dict[str, int] = field(default_factory=dict)
    ended: int = 0
    memory: dict[str, list[int]] = field(default_factory=dict)

    def start(self) -> None:
        """Start what does not run."""
        for name in (*STEADY, RESTARTED):
            if name not in self.processes:
                kill_at = self.dice.choice(MEMBER_LABELS) if name == RESTARTED else None
                self.processes[name] = self.ground.start(name, cycles=None, kill_at=kill_at)

    def calm(self) -> None:
        """End the one that is ended at random a last time, and start it to stay."""
        if RESTARTED in self.processes:
            os.kill(self.processes[RESTARTED], signal.SIGKILL)
            wait(self.processes[RESTARTED])
            self.ended += 1
        self.processes[RESTARTED] = self.ground.start(RESTARTED, cycles=None)

    def look(self) -> None:
        """See who has ended, and measure who has not."""
        process = self.processes[RESTARTED]
        if os.waitpid(process, os.WNOHANG)[0]:
            del self.processes[RESTARTED]
            self.ended += 1
        for name in STEADY:
            self.memory.setdefault(name, []).append(_resident(self.processes[name]))

    def stop(self) -> None:
        """Ask all to end; the steady ones must end well."""
        for process in self.processes.values():
            os.kill(process, signal.SIGTERM)
        codes = {name: wait(process) for name, process in self.processes.items()}
        bad = {name: code for name, code in codes.items() if code and name in STEADY}
        if bad:
            raise Stuck(f"expected daemons to end well when asked to, found {bad}")

    def growth(self) -> dict[str, float]:
        """By how much of it the memory of each grew: the last quarter's median against the second's."""
        return {name: _growth(samples) for name, samples in self.memory.items()}


def _growth(samples: list[int]) -> float:
    quarter = len(samples) // 4
    if not quarter:
        return 0.0
    before, after = samples[quarter : 2 * quarter], samples[-quarter:]
    return median(after) / median(before) - 1


def _resident(process: int) -> int:
    """Bytes of memory that a process holds, shared ones left out: they are its parent's."""
    fields = Path(f"/proc/{process}/statm").read_text().split()
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGESIZE")


def soak(out: Path, rounds: int = 200, models: int = 1000, seed: int = 0) -> ScenarioResult:
    """Rounds of `models` models, ten at a time, in bad weather; every one settles, each thing once."""
    with (
        run_anvil(timestamp=START, accounts=20, slots_in_epoch=DEEP, history=HISTORY) as anvil,
        proxy_of(anvil.url) as proxy,
    ):
        ground = LocalTournament.build(anvil, out, models=0, url=proxy.url)
        for index in range(ground.members):
            ground.configure(f"member-{index}", anvil.account(4 + index), run__stagger=10)
        ground.configure("operator", anvil.account(OPERATOR), run__slots_per_chunk=128)
        enter(ground, models, deposit=DEPOSIT, allocation=ALLOCATION)
        dice = random.Random(seed)  # noqa: S311 - what happens must be the same for a seed
        return _soaked(ground, proxy, DaemonPool(ground, dice), rounds, models)


def _soaked(
    ground: LocalTournament, proxy: Proxy, herd: DaemonPool, rounds: int, models: int
) -> ScenarioResult:
    name = f"soak of {rounds} rounds"
    tally, began = Tally.of(ground), ground.now + STEP
    try:
        with _kept(herd):
            for step in range(rounds + SETTLES + 1):
                herd.start()
                with _weather(ground, proxy, herd.dice):
                    _step(ground, step, began, rounds, models)
                _forget(ground, proxy, herd.dice)
                _come_further(ground, step, rounds)
                herd.look()
                _report(step, herd)
            herd.calm()
            _rest(ground)
    except Stuck as stuck:
        return ScenarioResult(name, stuck=1, detail=str(stuck))
    growth = herd.growth()
    said = ", ".join(f"{who} {100 * each:+.1f} %" for who, each in growth.items())
    grown = sum(each > LARGEST_GROWTH for each in growth.values())
    result = tally.raced(name, range(1, rounds + 1), f"{herd.ended} times ended, memory {said}")
    return replace(result, stuck=grown)


def _step(ground: LocalTournament, step: int, began: int, rounds: int, models: int) -> None:
    """One round opens, and those before it come one stage further."""
    at = began + step * STEP
    if step < rounds:
        plan_round(ground, (at, at + CLOSES * STEP, at + RESOLVES * STEP, at + RESOLVES * STEP + GRACE), IDS)
    ground.anvil.advance_to(at)
    if step < rounds:
        await_that(_opened(ground, step + 1), f"round {step + 1}: opened", mine=ground)
        publish(ground, step + 1, IDS, models)
        ground.tell(step + 1)
    _come_further(ground, step, rounds)
    for plan in sorted((ground.out / "operator" / "plans").iterdir())[:-CLOSES]:
        shutil.rmtree(plan)


def _come_further(ground: LocalTournament, step: int, rounds: int) -> None:
    """What is due by this step is done."""
    await_that(_opened(ground, min(step + 1, rounds)), "the rounds of each step to be open", mine=ground)
    for stage, reached in ((CLOSES, sealed), (RESOLVES, accepted), (SETTLES, settled)):
        number = step - stage + 1
        if 1 <= number <= rounds:
            await_that(reached(ground, number), f"round {number}: {reached.__name__}", mine=ground)


def _forget(ground: LocalTournament, proxy: Proxy, dice: random.Random) -> None:
    """In one step of four the chain forgets its newest blocks; what was in them is done again.

    It does so while nothing is sent and nothing waits to be mined: see `Proxy.still`.
    """
    if dice.random() < 0.25:
        with proxy.still():
            await_that(lambda: ground.anvil.waiting() == 0, "the pool to be empty", mine=ground)
            time.sleep(BEAT)  # What was taken from the pool may still be on its way into a block.
            ground.anvil.reorganise(dice.randrange(1, 8))


def _opened(ground: LocalTournament, count: int) -> Done:
    """Whether so many rounds are open, and none more."""
    return lambda: ground.suite.round_count(ground.anvil.w3.eth.block_number) == count


def _rest(ground: LocalTournament) -> None:
    """All that was ever signed becomes final."""
    for name in (*STEADY, RESTARTED):
        await_that(partial(nothing_open, ground, name), f"{name} to come to rest", mine=ground)


@contextmanager
def _kept(herd: DaemonPool) -> Iterator[None]:
    try:
        yield
    finally:
        herd.stop()


@contextmanager
def _weather(ground: LocalTournament, proxy: Proxy, dice: random.Random) -> Iterator[None]:
    """A fault that lasts for a step; in one of three, none."""
    faults: list[Callable[[], None]] = [
        lambda: None,
        lambda: None,
        lambda: _limit(proxy),
        lambda: _lose_answers(proxy),
        lambda: _cut(proxy, dice.randrange(20, 120)),
        lambda: _freeze(ground, proxy, dice.randrange(50, 300)),
    ]
    dice.choice(faults)()
    yield
    proxy.manners.clear()
    _forget(ground, proxy, dice)


def _limit(proxy: Proxy) -> None:
    limits = RateLimits()
    for method in ("eth_call", "eth_getBlockByNumber", SEND):
        proxy.misbehave(method, limits)


def _lose_answers(proxy: Proxy) -> None:
    proxy.misbehave(SEND, takes_and_does_not_answer)


def _cut(proxy: Proxy, requests: int) -> None:
    """Nobody answers so many requests."""
    left = [requests]

    def cut(_request: Request, _forward: Forward) -> Response | None:
        left[0] -= 1
        if left[0] > 0:
            raise NoAnswer
        return None

    for method in ("eth_call", "eth_getBlockByNumber", SEND):
        proxy.misbehave(method, cut)


def _freeze(ground: LocalTournament, proxy: Proxy, requests: int) -> None:
    """Finality stands still for so many requests."""
    frozen = hex(ground.anvil.w3.eth.get_block("finalized")["number"])
    left = [requests]

    def freeze(request: Request, forward: Forward) -> Response | None:
        left[0] -= 1
        is_frozen = left[0] > 0 and request["params"][0] == "finalized"
        return forward({**request, "params": [frozen, False]}) if is_frozen else None

    proxy.misbehave("eth_getBlockByNumber", freeze)


def _report(step: int, herd: DaemonPool) -> None:
    held = ", ".join(f"{name} {samples[-1] >> 20} MiB" for name, samples in herd.memory.items())
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} step {step}: {held}, {herd.ended} times ended\n")
