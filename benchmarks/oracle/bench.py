"""Where the time goes from outcome known to the last chunk settled, and what an idle cycle costs.

10,000 models x 6,000 ids on a local chain with blocks of two seconds; 64 and 500 open rounds for the idle
cycle, and for the first one after a restart. ``python benchmarks/oracle/bench.py [models] [ids]`` for another
size. Written to build/bench/oracle.json, with a picture of where the time goes.
"""

import io
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.oracle.picture import draw
from scorer.chain.records import RoundState
from scorer.daemon import assembly
from scorer.daemon.configuration import NodeConfig, load_config
from scorer.daemon.logging import configure_logging
from scorer.lab.anvil import Anvil, run_anvil
from scorer.lab.drill.submissions import publish_submissions
from scorer.lab.drill.waiting import posted
from scorer.lab.local_tournament import FIRST_MEMBER, HOUR, OPERATOR, LocalTournament
from scorer.lab.proxy import Proxy, proxy_of
from scorer.oracle import reporting
from scorer.oracle.member_cycle import MemberCycle
from scorer.oracle.publication import PublicationWatch
from scorer.oracle.recomputation import Recomputation
from scorer.storage.bundle import Bundle
from scorer.transactions.manager import TransactionManager

OPEN_ROUNDS = (64, 500)
IDLE_CYCLES = 5
BLOCK_TIME = 2
MOST_CYCLES = 10
"""Cycles of operator and member until a round that closed is sealed: some four."""
GRACE = 10 * HOUR
OUT = Path("build/bench/oracle")


def main(models: int, ids: int) -> None:
    configure_logging(io.StringIO())
    results = {"models": models, "ids": ids, **settle(models, ids), "idle": idle()}
    (OUT.parent / "oracle.json").write_text(json.dumps(results, indent=1) + "\n")
    draw(results, OUT.parent / "oracle-time.png")
    print(json.dumps(results, indent=1))


def settle(models: int, ids: int) -> dict[str, Any]:
    """One member with a quorum of its own: what one of many needs."""
    shutil.rmtree(OUT, ignore_errors=True)
    with run_anvil(accounts=20) as anvil:
        local = LocalTournament.build(anvil, OUT, members=1, models=0)
        local.enter(models, deposit="10", allocation="2")
        round_id = opened(local, models, ids)
        config = load_config(large(local, "member-0", FIRST_MEMBER))
        began = time.monotonic()
        seal(local, round_id, config)
        sealed = time.monotonic()
        anvil.advance_to(local.record(round_id).resolve_at)
        targets = np.random.default_rng(7).choice([0.0, 0.25, 0.5, 0.75, 1.0], ids)
        Bundle(local.folder("member-0/targets", round_id)).write_targets(
            names(ids), {"target_20d2l": targets}
        )
        request(anvil, "evm_setIntervalMining", BLOCK_TIME)
        with assembly.oracle(config, send=True) as member, clocked() as spans:
            outcome = time.monotonic()
            member.daemon.cycle()
            attested = time.monotonic()
            while not posted(local, round_id)():
                member.daemon.cycle()
            request(anvil, "evm_increaseTime", 7 * HOUR)
            wait_final(local)
            final = time.monotonic()
            while local.record(round_id).state != RoundState.SETTLED:
                member.daemon.cycle()
            settled = time.monotonic()
        tournament = local.suite.tournament.events
        locks, settles = (
            gas_of(local, tournament.PositionsLocked()),
            gas_of(local, tournament.ChunkSettled()),
        )
    return {
        "collect_lock_seal_s": round(sealed - began, 1),
        "score_and_attest_s": round(attested - outcome, 1),
        "settle_s": round(settled - final, 1),
        "outcome_to_settled_s": round(attested - outcome + settled - final, 1),
        "where": seconds_by_part(spans),
        "spans": [asdict(span) for span in work_alone(spans, attested - outcome, final - outcome)],
        "chunks": len(settles),
        "largest_lock_gas": max(locks),
        "largest_settle_gas": max(settles),
        "settle_to_lock": round(max(settles) / max(locks), 2),
    }


def seal(local: LocalTournament, round_id: int, member_config: NodeConfig) -> None:
    """Lock the round by the operator, sign its seal by the member, and seal it."""
    operator_config = load_config(large(local, "operator", OPERATOR))
    with (
        assembly.operator(operator_config, send=True) as operator,
        assembly.oracle(member_config, send=True) as member,
    ):
        for _ in range(MOST_CYCLES):
            operator.daemon.cycle()
            local.anvil.finalise()
            member.daemon.cycle()
            if local.record(round_id).state == RoundState.SEALED:
                # Members run all the time: what they do with a sealed round is done before its outcome.
                local.anvil.finalise()
                member.daemon.cycle()
                return
    state = local.record(round_id).state
    sys.exit(f"expected round {round_id} sealed after {MOST_CYCLES} cycles, found {state.name}")


PARTS = {
    "read what is published": (PublicationWatch, "watch"),
    "read the chain's events": (reporting, "read_sealed"),
    "score and check signatures": (reporting, "evaluate"),
    "wait for the recomputation beside it": (Recomputation, "agrees"),
    "publish the bundle": (MemberCycle, "_publish"),
    "sign, send, and wait for blocks": (TransactionManager, "deliver"),
}
"""What a member spends its time in, by the function that does it."""


@dataclass(frozen=True)
class Span:
    """One call of a part, in seconds since a clock's start."""

    part: str
    begin: float
    end: float


@contextmanager
def clocked() -> Iterator[list[Span]]:
    """Note when each part ran while the context lasts."""
    spans: list[Span] = []
    start = time.monotonic()
    before = {part: getattr(owner, name) for part, (owner, name) in PARTS.items()}

    def timed(part: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            began = time.monotonic() - start
            try:
                return before[part](*arguments, **named)
            finally:
                spans.append(Span(part, began, time.monotonic() - start))

        return call

    for part, (owner, name) in PARTS.items():
        setattr(owner, name, timed(part))
    try:
        yield spans
    finally:
        for part, (owner, name) in PARTS.items():
            setattr(owner, name, before[part])


def work_alone(spans: list[Span], voted: float, final: float) -> list[Span]:
    """Leave out the wait for the challenge window, between the vote and finality; what is left moves up."""
    early = [span for span in spans if span.begin < voted]
    late = [span for span in spans if span.begin >= final]
    return early + [
        replace(span, begin=span.begin - final + voted, end=span.end - final + voted) for span in late
    ]


def seconds_by_part(spans: list[Span]) -> dict[str, float]:
    """Add up the seconds of each part; nested ones count in both."""
    return {
        part: round(sum(span.end - span.begin for span in spans if span.part == part), 1) for part in PARTS
    }


def idle() -> list[dict[str, float]]:
    """Cycles in which nothing is to be done for many open rounds: HTTP requests, calls in them, and time."""
    shutil.rmtree(OUT, ignore_errors=True)
    with run_anvil(accounts=20) as anvil, proxy_of(anvil.url) as proxy:
        local = LocalTournament.build(anvil, OUT, members=1, models=0, url=proxy.url)

        def at(url: str) -> Path:
            account = anvil.account(FIRST_MEMBER)
            return local.configure("member-0", account, chain__endpoint=url, run__stagger=20)

        results = []
        for rounds in OPEN_ROUNDS:
            while local.suite.round_count(anvil.w3.eth.block_number) < rounds:
                local.open()
            anvil.finalise()
            results.append({"open_rounds": rounds, **idle_cycles(at(proxy.url), proxy)})
            results[-1]["ms"] = idle_ms(at(anvil.url))
    return results


def idle_cycles(config: Path, proxy: Proxy) -> dict[str, float]:
    """What the first cycle of a process and a later one ask."""
    found: dict[str, float] = {}
    with assembly.oracle(load_config(config), send=True) as member:
        for which in ("restart_", ""):
            proxy.asked.clear()
            proxy.requests.clear()
            member.daemon.cycle()
            found |= {f"{which}requests": len(proxy.requests), f"{which}calls": len(proxy.asked)}
    return found


def idle_ms(config: Path) -> float:
    """Milliseconds of an idle cycle, without the proxy, which only counts."""
    with assembly.oracle(load_config(config), send=True) as member:
        member.daemon.cycle()
        began = time.monotonic()
        for _ in range(IDLE_CYCLES):
            member.daemon.cycle()
        return round((time.monotonic() - began) / IDLE_CYCLES * 1000)


def request(anvil: Anvil, method: Any, *parameters: object) -> None:
    anvil.w3.provider.make_request(method, list(parameters))


def large(local: LocalTournament, name: str, account: int) -> Path:
    return local.configure(name, local.anvil.account(account), run__slots_per_chunk=512, run__recompute=True)


def names(ids: int) -> tuple[str, ...]:
    return tuple(f"n{number:06}" for number in range(ids))


def opened(local: LocalTournament, models: int, ids: int) -> int:
    """A closed round whose submissions are published already: signing them is not what is measured."""
    now = local.now
    times = (now, now + HOUR, now + 2 * HOUR, now + 2 * HOUR + GRACE)
    round_id = local.open_at(times, names(ids))
    publish_submissions(local, round_id, names(ids), models)
    local.close(round_id)
    return round_id


def wait_final(local: LocalTournament) -> None:
    """Until the finalised block is past the challenge window of a report whose evidence is public."""
    while True:
        block = local.anvil.w3.eth.get_block("finalized")
        accepted = local.suite.proposal(1, block["number"])
        if accepted is not None and accepted.is_final(block["timestamp"]):
            return
        time.sleep(0.2)


def gas_of(local: LocalTournament, event: object) -> list[int]:
    found = event.get_logs(from_block=0, to_block="latest")  # type: ignore[attr-defined]
    receipt = local.anvil.w3.eth.get_transaction_receipt
    return [int(receipt(each["transactionHash"])["gasUsed"]) for each in found]


if __name__ == "__main__":
    main(*(int(each) for each in sys.argv[1:3] or ("10000", "6000")))
