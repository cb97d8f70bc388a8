"""Many overlapping rounds under random faults, and daemons whose memory does not grow."""

import random
import shutil
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
from scorer.lab.drill.outcome import ScenarioResult, Stuck, Tally
from scorer.lab.drill.scenarios import DEEP, MANAGER_LABELS, START
from scorer.lab.drill.submissions import publish_submissions
from scorer.lab.drill.waiting import BEAT, Done, accepted, await_that, nothing_open, sealed, settled
from scorer.lab.faults import RateLimits, takes_and_does_not_answer
from scorer.lab.local_tournament import FIRST_MEMBER, OPERATOR, LocalTournament
from scorer.lab.processes import Fork, stop_forks
from scorer.lab.proxy import Forward, NoAnswer, Proxy, Request, Response, proxy_of
from scorer.lab.rounds import write_plan

STEP: Final = 7200
"""Seconds of chain time between two rounds."""
CLOSES, RESOLVES, SETTLES = 4, 6, 10
"""Steps after its opening: the challenge window of six hours is three steps, and one to settle in."""
MEMBER_LABELS: Final = (*MANAGER_LABELS, "report-computed", "report-written")
STEADY: Final = ("operator", "member-0", "member-1")
RESTARTED: Final = "member-2"
SEND: Final = "eth_sendRawTransaction"
LARGEST_GROWTH: Final = 0.10
"""The largest ratio of the last quarter's median memory to the second quarter's."""
DEPOSIT, ALLOCATION = "100", "5"
"""Amount in NMR."""
GRACE: Final = 24 * 3600
HISTORY: Final = 2048
"""Blocks whose states are kept: all that a daemon asks for while finality stands still, and no more."""


@dataclass
class DaemonPool:
    """Daemons that run all the while, and one that is ended at random and started anew."""

    local: LocalTournament
    dice: random.Random
    processes: dict[str, Fork] = field(default_factory=dict)
    ended: int = 0
    memory: dict[str, list[int]] = field(default_factory=dict)

    def start(self) -> None:
        """Start what does not run."""
        for name in (*STEADY, RESTARTED):
            if name not in self.processes:
                kill_at = self.dice.choice(MEMBER_LABELS) if name == RESTARTED else None
                self.processes[name] = self.local.start(name, cycles=None, kill_at=kill_at)

    def calm(self) -> None:
        """End the one that is ended at random a last time, and start it to stay."""
        if RESTARTED in self.processes:
            self.processes[RESTARTED].kill()
            self.ended += 1
        self.processes[RESTARTED] = self.local.start(RESTARTED, cycles=None)

    def look(self) -> None:
        """Note which daemon has ended, and measure the memory of the others."""
        if self.processes[RESTARTED].has_ended():
            del self.processes[RESTARTED]
            self.ended += 1
        for name in STEADY:
            self.memory.setdefault(name, []).append(self.processes[name].memory())

    def stop(self) -> None:
        """Ask all to end; those that run all the while must end well."""
        codes = stop_forks(self.processes)
        bad = {name: code for name, code in codes.items() if code and name in STEADY}
        if bad:
            raise Stuck(f"expected daemons to end well when asked to, found {bad}")

    def growth(self) -> dict[str, float]:
        """Return the relative growth of each one's memory: the last quarter's median against the second's."""
        return {name: _growth(samples) for name, samples in self.memory.items()}


def _growth(samples: list[int]) -> float:
    quarter = len(samples) // 4
    if not quarter:
        return 0.0
    before, after = samples[quarter : 2 * quarter], samples[-quarter:]
    return median(after) / median(before) - 1


def soak(out: Path, rounds: int = 200, models: int = 1000, seed: int = 0) -> ScenarioResult:
    """Rounds of `models` models, ten at a time, under random faults; every one settles, each thing once."""
    with (
        run_anvil(timestamp=START, accounts=20, slots_in_epoch=DEEP, history=HISTORY) as anvil,
        proxy_of(anvil.url) as proxy,
    ):
        local = LocalTournament.build(anvil, out, models=0, url=proxy.url)
        for index in range(local.members):
            local.configure(f"member-{index}", anvil.account(FIRST_MEMBER + index), run__stagger=10)
        local.configure("operator", anvil.account(OPERATOR), run__slots_per_chunk=128)
        local.enter(models, deposit=DEPOSIT, allocation=ALLOCATION)
        dice = random.Random(seed)  # noqa: S311 - what happens must be the same for a seed
        return _soaked(local, proxy, DaemonPool(local, dice), rounds, models)


def _soaked(
    local: LocalTournament, proxy: Proxy, pool: DaemonPool, rounds: int, models: int
) -> ScenarioResult:
    name = f"soak of {rounds} rounds"
    tally, began = Tally.of(local), local.now + STEP
    try:
        with _kept(pool):
            for step in range(rounds + SETTLES + 1):
                pool.start()
                with _with_fault(local, proxy, pool.dice):
                    _step(local, step, began, rounds, models)
                _forget(local, proxy, pool.dice)
                _come_further(local, step, rounds)
                pool.look()
                _report(step, pool)
            pool.calm()
            _rest(local)
    except Stuck as stuck:
        return ScenarioResult(name, stuck=1, detail=str(stuck))
    growth = pool.growth()
    said = ", ".join(f"{who} {100 * rate:+.1f} %" for who, rate in growth.items())
    grown = sum(rate > LARGEST_GROWTH for rate in growth.values())
    result = tally.raced(name, range(1, rounds + 1), f"{pool.ended} times ended, memory {said}")
    return replace(result, stuck=grown)


def _step(local: LocalTournament, step: int, began: int, rounds: int, models: int) -> None:
    """Open one round, and take those before it one state further."""
    at, plans = began + step * STEP, local.out / "operator" / "plans"
    if step < rounds:
        times = (at, at + CLOSES * STEP, at + RESOLVES * STEP, at + RESOLVES * STEP + GRACE)
        write_plan(plans / str(at), local.rules, local.market.universe, times)
    local.anvil.advance_to(at)
    if step < rounds:
        await_that(_opened(local, step + 1), f"round {step + 1}: opened", mine=local)
        publish_submissions(local, step + 1, local.market.universe, models)
        local.publish_outcome(step + 1)
    _come_further(local, step, rounds)
    for plan in sorted(plans.iterdir())[:-CLOSES]:
        shutil.rmtree(plan)


def _come_further(local: LocalTournament, step: int, rounds: int) -> None:
    """Wait until everything that is due by this step is done."""
    await_that(_opened(local, min(step + 1, rounds)), "the rounds of each step to be open", mine=local)
    for stage, reached in ((CLOSES, sealed), (RESOLVES, accepted), (SETTLES, settled)):
        number = step - stage + 1
        if 1 <= number <= rounds:
            await_that(reached(local, number), f"round {number}: {reached.__name__}", mine=local)


def _forget(local: LocalTournament, proxy: Proxy, dice: random.Random) -> None:
    """Have the chain forget its newest blocks in one step of four; what was in them is done again.

    It does so while nothing is sent and nothing waits to be mined: see `Proxy.still`.
    """
    if dice.random() < 0.25:
        with proxy.still():
            await_that(lambda: local.anvil.waiting() == 0, "the pool to be empty", mine=local)
            time.sleep(BEAT)  # What was taken from the pool may still be on its way into a block.
            local.anvil.reorganise(dice.randrange(1, 8))


def _opened(local: LocalTournament, count: int) -> Done:
    """Return a condition: so many rounds are open, and none more."""
    return lambda: local.suite.round_count(local.anvil.w3.eth.block_number) == count


def _rest(local: LocalTournament) -> None:
    """Wait until all that was ever signed is final."""
    for name in (*STEADY, RESTARTED):
        await_that(partial(nothing_open, local, name), f"{name} to come to rest", mine=local)


@contextmanager
def _kept(pool: DaemonPool) -> Iterator[None]:
    try:
        yield
    finally:
        pool.stop()


@contextmanager
def _with_fault(local: LocalTournament, proxy: Proxy, dice: random.Random) -> Iterator[None]:
    """Inject a fault that lasts for a step; in one of three, none."""
    faults: list[Callable[[], None]] = [
        lambda: None,
        lambda: None,
        lambda: _limit(proxy),
        lambda: _lose_answers(proxy),
        lambda: _cut(proxy, dice.randrange(20, 120)),
        lambda: _freeze(local, proxy, dice.randrange(50, 300)),
    ]
    dice.choice(faults)()
    yield
    proxy.faults.clear()
    _forget(local, proxy, dice)


def _limit(proxy: Proxy) -> None:
    limits = RateLimits()
    for method in ("eth_call", "eth_getBlockByNumber", SEND):
        proxy.misbehave(method, limits)


def _lose_answers(proxy: Proxy) -> None:
    proxy.misbehave(SEND, takes_and_does_not_answer)


def _cut(proxy: Proxy, requests: int) -> None:
    """Leave so many requests without an answer."""
    left = [requests]

    def cut(_request: Request, _forward: Forward) -> Response | None:
        left[0] -= 1
        if left[0] > 0:
            raise NoAnswer
        return None

    for method in ("eth_call", "eth_getBlockByNumber", SEND):
        proxy.misbehave(method, cut)


def _freeze(local: LocalTournament, proxy: Proxy, requests: int) -> None:
    """Let finality stand still for so many requests."""
    frozen = hex(local.anvil.w3.eth.get_block("finalized")["number"])
    left = [requests]

    def freeze(request: Request, forward: Forward) -> Response | None:
        left[0] -= 1
        is_frozen = left[0] > 0 and request["params"][0] == "finalized"
        return forward({**request, "params": [frozen, False]}) if is_frozen else None

    proxy.misbehave("eth_getBlockByNumber", freeze)


def _report(step: int, pool: DaemonPool) -> None:
    held = ", ".join(f"{name} {samples[-1] >> 20} MiB" for name, samples in pool.memory.items())
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} step {step}: {held}, {pool.ended} times ended\n")
