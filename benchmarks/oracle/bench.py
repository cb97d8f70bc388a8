"""Where the time goes from outcome known to the last chunk settled, and what an idle cycle costs.

10,000 models x 6,000 ids on a local chain with blocks of two seconds; 64 open rounds for the idle cycle.
``python benchmarks/oracle/bench.py [models] [ids]`` for another size. Written to build/bench/oracle.json.
"""

import io
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from eth_utils.address import to_checksum_address

from scorer.chain.anvil import Anvil, run_anvil
from scorer.chain.contracts import RoundState
from scorer.config import load_config
from scorer.drill.playground import FIRST_MEMBER, HOUR, OPERATOR, OWNER, Playground
from scorer.drill.proxy import proxy_of
from scorer.oracle import assembly
from scorer.oracle.logging import configure_logging
from scorer.rounds.digest import content_hashes
from scorer.rounds.signature import SubmissionDigest
from scorer.rounds.submissions import Submission, Submissions
from scorer.store.bundle import Bundle
from scorer.units import nano_from_nmr, wei_from_nano

OPEN_ROUNDS = 64
IDLE_CYCLES = 5
BLOCK_TIME = 2
GRACE = 10 * HOUR
OUT = Path("build/bench/oracle")


def main(models: int, ids: int) -> None:
    configure_logging(io.StringIO())
    results = {"models": models, "ids": ids, **settle(models, ids), **idle()}
    (OUT.parent / "oracle.json").write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


def settle(models: int, ids: int) -> dict[str, float]:
    """One member with a quorum of its own: what one of many needs."""
    shutil.rmtree(OUT, ignore_errors=True)
    with run_anvil(accounts=20) as anvil:
        ground = Playground.build(anvil, OUT, members=1, models=0)
        enter(ground, models)
        round_id = opened(ground, models, ids)
        began = time.monotonic()
        with assembly.operator(load_config(large(ground, "operator", OPERATOR)), send=True) as operator:
            operator.daemon.cycle()
        sealed = time.monotonic()
        anvil.advance_to(ground.record(round_id).resolve_at)
        config = load_config(large(ground, "member-0", FIRST_MEMBER))
        targets = np.random.default_rng(7).choice([0.0, 0.25, 0.5, 0.75, 1.0], ids)
        Bundle(ground.folder("member-0/targets", round_id)).write_targets(
            names(ids), {"target_20d2l": targets}
        )
        request(anvil, "evm_setIntervalMining", BLOCK_TIME)
        with assembly.oracle(config, send=True) as member:
            outcome = time.monotonic()
            member.daemon.cycle()
            attested = time.monotonic()
            request(anvil, "evm_increaseTime", 7 * HOUR)
            wait_final(ground)
            final = time.monotonic()
            while ground.record(round_id).state != RoundState.SETTLED:
                member.daemon.cycle()
            settled = time.monotonic()
        tournament = ground.suite.tournament.events
        locks, settles = (
            gas_of(ground, tournament.PositionsLocked()),
            gas_of(ground, tournament.ChunkSettled()),
        )
    return {
        "collect_lock_seal_s": round(sealed - began, 1),
        "score_and_attest_s": round(attested - outcome, 1),
        "settle_s": round(settled - final, 1),
        "outcome_to_settled_s": round(attested - outcome + settled - final, 1),
        "chunks": len(settles),
        "largest_lock_gas": max(locks),
        "largest_settle_gas": max(settles),
        "settle_to_lock": round(max(settles) / max(locks), 2),
    }


def idle() -> dict[str, float]:
    """A cycle in which nothing is to be done for 64 open rounds: requests and time."""
    with run_anvil(accounts=20) as anvil, proxy_of(anvil.url) as proxy:
        ground = Playground.build(anvil, OUT, members=1, models=0, url=proxy.url)
        for _ in range(OPEN_ROUNDS):
            ground.open()
        anvil.finalise()
        with assembly.oracle(load_config(OUT / "member-0" / "node.toml"), send=True) as member:
            member.daemon.cycle()
            proxy.asked.clear()
            member.daemon.cycle()
        # Timed without the proxy, which only counts.
        direct = ground.configure("member-0", anvil.account(FIRST_MEMBER), chain__endpoint=anvil.url)
        with assembly.oracle(load_config(direct), send=True) as member:
            member.daemon.cycle()
            began = time.monotonic()
            for _ in range(IDLE_CYCLES):
                member.daemon.cycle()
            took = (time.monotonic() - began) / IDLE_CYCLES
    return {
        "idle_open_rounds": OPEN_ROUNDS,
        "idle_requests": len(proxy.asked),
        "idle_ms": round(took * 1000),
    }


def request(anvil: Anvil, method: Any, *parameters: object) -> None:
    anvil.w3.provider.make_request(method, list(parameters))


def large(ground: Playground, name: str, account: int) -> Path:
    return ground.configure(name, ground.anvil.account(account), run__slots_per_chunk=256)


def names(ids: int) -> tuple[str, ...]:
    return tuple(f"n{number:06}" for number in range(ids))


def enter(ground: Playground, models: int) -> None:
    """Every model registers, deposits and allocates, by requests that anvil signs for its own account."""
    owner = ground.anvil.account(OWNER)
    suite, tournament = ground.suite, ground.suite.tournament
    deposit = wei_from_nano(nano_from_nmr(10))
    ground.sender(0).send(suite.token.functions.transfer(owner.address, deposit * models))
    ground.sender(OWNER).send(suite.token.functions.approve(tournament.address, deposit * models))
    w3 = ground.anvil.w3
    for model in range(1, models + 1):
        for contract, name, arguments in (
            (suite.registry, "register", [owner.address]),
            (tournament, "deposit", [model, deposit]),
            (tournament, "setAllocation", [model, nano_from_nmr(2)]),
        ):
            data = contract.encode_abi(name, arguments)
            w3.provider.make_request(
                "eth_sendTransaction",  # type: ignore[arg-type]
                [
                    {
                        "from": owner.address,
                        "to": to_checksum_address(contract.address),
                        "data": data,
                        "gas": hex(500_000),
                    }
                ],
            )
    ground.anvil.finalise()


def opened(ground: Playground, models: int, ids: int) -> int:
    """A closed round whose submissions are published already: signing them is not what is measured."""
    universe = names(ids)
    now = ground.now
    times = (now, now + HOUR, now + 2 * HOUR, now + 2 * HOUR + GRACE)
    ground.sender(OPERATOR).send(ground.suite.tournament.functions.openRound(*times, ground.rules.hash()))
    bundle = Bundle(ground.folder("published", 1))
    bundle.write_rules(ground.rules)
    bundle.write_universe(universe)
    columns = [np.random.default_rng(model).random(ids) for model in range(1, models + 1)]
    account, addresses = ground.anvil.account(OWNER), ground.suite.addresses
    entries = []
    for model, (column, content) in enumerate(
        zip(columns, content_hashes(universe, columns), strict=True), start=1
    ):
        digest = SubmissionDigest(addresses.chain_id, str(ground.suite.tournament.address), 1, model, content)
        entries.append(Submission(model, column, content, str(account.address), digest.sign(account.key)))
    bundle.write_submissions(Submissions(universe, tuple(entries)))
    ground.close(1)
    return 1


def wait_final(ground: Playground) -> None:
    """Until the finalised block is past the challenge window."""
    until = ground.suite.proposal(1, ground.anvil.w3.eth.block_number)
    while until and ground.anvil.w3.eth.get_block("finalized")["timestamp"] < until.challenge_until:
        time.sleep(0.2)


def gas_of(ground: Playground, event: object) -> list[int]:
    found = event.get_logs(from_block=0, to_block="latest")  # type: ignore[attr-defined]
    receipt = ground.anvil.w3.eth.get_transaction_receipt
    return [int(receipt(each["transactionHash"])["gasUsed"]) for each in found]


if __name__ == "__main__":
    main(*(int(each) for each in sys.argv[1:3] or ("10000", "6000")))
