"""Gas of a tournament on a local chain under Prague's rules, of its peers, and both at Polygon's prices.

``python benchmarks/gas/bench.py`` measures, writes build/bench/gas.json and prints the tables. ``--update``
also renews the committed snapshot and the tables of docs/gas.md. ``--check`` fails when a figure differs from
the snapshot, or the page from it: nothing here depends on the machine or the hour, so equal means equal.
``--quick`` leaves out the largest size, of peers all but the smallest, and prints single calls alone.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.gas.metered import Gas
from benchmarks.gas.peers import claims, multisend, payments
from benchmarks.gas.rounds import (
    ADMIN,
    MEMBERS,
    NMR,
    PPM,
    STAKER,
    RoundGas,
    Tournament,
    play,
    play_rolled,
    play_void,
    stage,
)
from benchmarks.gas.tables import calls, page_with, printed
from scorer.lab.anvil import run_anvil
from scorer.rewards.allocation import SHARE_FLAG
from scorer.units import wei_from_nano

SIZES = (1, 100, 2_048, 10_000)
USUAL = 2_048
PEERS_QUICKLY = SIZES[:2]
"""No commit changes what peers cost: how they grow need not be measured each time."""
LANES = 4
START = 1_800_000_000
GAS_LIMIT = 30_000_000
ETHEREUM_LIMIT, POLYGON_LIMIT = 16_777_216, 33_554_432
"""The most gas of one transaction: EIP-7825, and Polygon's value of it."""
INTERVAL: Any = "anvil_setBlockTimestampInterval"
OUT = Path("build/bench/gas.json")
SNAPSHOT = Path("benchmarks/snapshots/gas.json")
PAGE = Path("docs/gas.md")


def everybody(models: int) -> NDArray[np.bool_]:
    return np.ones(models, dtype=np.bool_)


def entry(gas: Gas, models: int) -> dict[str, Any]:
    """Totals and shares of what a number of models cost."""
    return {
        "ethereum": gas.ethereum,
        "polygon": gas.polygon,
        "transactions": gas.transactions,
        "per_model": round(gas.ethereum / models, 1),
        "per_model_on_polygon": round(gas.polygon / models, 1),
    }


def described(measured: RoundGas) -> dict[str, Any]:
    """A round, step by step."""
    steps = {
        "open": measured.open,
        "lock": measured.lock,
        "end_lock": measured.end_lock,
        "seal": measured.seal,
        "attest": sum(measured.attest, Gas()),
        "begin": measured.begin,
        "settle": measured.settle,
        "void": measured.void,
        "cycle": measured.cycle,
        "whole": measured.whole,
    }
    found = {name: entry(gas, measured.models) for name, gas in steps.items() if gas.transactions}
    if measured.attest:
        found["attest"] |= {"first": entry(measured.attest[0], 1), "last": entry(measured.attest[-1], 1)}
    largest = {"ethereum": measured.whole.largest, "polygon": measured.whole.largest_on_polygon}
    return {"models": measured.models, **found, "largest_transaction": largest}


def rounds_of(tournament: Tournament, sizes: tuple[int, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Every kind of round; and what settling one and locking another costs in the same transactions."""
    found: dict[str, Any] = {}
    rolled: dict[str, Any] = {}
    for models in sizes:
        tournament.grow_to(models)
        if models == USUAL:
            found["short pool"] = described(play(tournament, everybody(models)))
            assert tournament.functions.pool().call() < models, "expected the pool to be short"
            tournament.fund_pool()
        found[f"{models}"] = described(play(tournament, everybody(models)))
        if models == USUAL:
            found |= kinds(tournament)
        if models >= USUAL:
            rolled[f"{models}"] = entry(play_rolled(tournament, everybody(models)), models)
    return found, rolled


def kinds(tournament: Tournament) -> dict[str, Any]:
    """Rounds of the usual size that are not as usual."""
    models = tournament.models
    found = {
        "every other model silent": play(tournament, np.arange(models) % 2 == 0),
        "half the slots silent": play(tournament, np.arange(models) < models // 2),
        "void": play_void(tournament, everybody(models)),
    }
    before = tournament.allocations()
    tournament.allocate(np.full(models, SHARE_FLAG + PPM, dtype=np.uint64))
    found["all stakes at risk, whole"] = play(tournament, everybody(models))
    tournament.allocate(before)
    return {name: described(measured) for name, measured in found.items()}


def single_calls(tournament: Tournament) -> dict[str, Any]:
    """What stakers do, one call each: of two new models, in a slot of their own beside another."""
    tournament.grow_to(LANES)
    token, registry = tournament.suite.token.functions, tournament.suite.registry.functions
    owner, calls = tournament.account(STAKER).address, tournament.functions
    everything = wei_from_nano(1_000 * NMR)
    tournament.meter.send(tournament.account(ADMIN), token.transfer(owner, everything))
    approve = token.approve(tournament.suite.tournament.address, everything)
    tournament.meter.send(tournament.account(STAKER), approve)
    first = registry.modelCount().call() + 1
    amount = wei_from_nano(123_456_789_012)

    def of(call: Any) -> dict[str, int]:
        gas = tournament.measure(STAKER, call)
        return {"ethereum": gas.ethereum, "polygon": gas.polygon}

    return {
        "register": of(registry.register(owner)),
        "register another": of(registry.register(owner)),
        "deposit, first of a slot": of(calls.deposit(first, amount)),
        "deposit, first of a model": of(calls.deposit(first + 1, amount)),
        "deposit": of(calls.deposit(first, amount)),
        "withdraw": of(calls.withdraw(first, amount // 2 // 10**9 * 10**9, owner)),
        "setAllocation, first of a slot": of(calls.setAllocation(first, 34 * NMR)),
        "setAllocation, first of a model": of(calls.setAllocation(first + 1, SHARE_FLAG + 250_000)),
        "setAllocation": of(calls.setAllocation(first, 23 * NMR)),
    }


def round_calls(rounds: dict[str, Any]) -> dict[str, Any]:
    """What a round is called with once, whatever its models."""
    usual, void = rounds[f"{USUAL}"], rounds["void"]
    named = {
        "openRound": usual["open"],
        f"seal, {MEMBERS} signatures": usual["seal"],
        "attest": usual["attest"]["first"],
        "attest, reaching the quorum": usual["attest"]["last"],
        "beginSettlement": usual["begin"],
        "voidRound": void["void"],
    }
    return {name: {"ethereum": gas["ethereum"], "polygon": gas["polygon"]} for name, gas in named.items()}


def peers_of(tournament: Tournament, sizes: tuple[int, ...], modules: Path) -> dict[str, Any]:
    """Both peers at every number of recipients, all of whom hold some of the token before."""
    paid = payments(max(sizes))
    multisend(tournament, modules, paid, measured=False)
    found: dict[str, Any] = {}
    for models in sizes:
        gas, count = claims(tournament, modules, payments(models))
        found[f"claim of {models}"] = entry(gas, count)
        found[f"multisend to {models}"] = entry(
            multisend(tournament, modules, paid[:models], measured=True), models
        )
    return found


def measure(sizes: tuple[int, ...], peers: tuple[int, ...], modules: Path) -> dict[str, Any]:
    """Everything, of these sizes."""
    with run_anvil(timestamp=START) as anvil:
        anvil.w3.provider.make_request(INTERVAL, [1])
        tournament = stage(anvil, GAS_LIMIT, "rounds")
        rounds, rolled = rounds_of(tournament, sizes)
        found = {
            "hardfork": "prague",
            "cycle_per_model": rounds[f"{USUAL}"]["cycle"]["per_model"],
            "rolled_per_model": rolled[f"{USUAL}"]["per_model"],
            "rolled_per_model_on_polygon": rolled[f"{USUAL}"]["per_model_on_polygon"],
        }
        found |= {
            "rounds": rounds,
            "rolled": rolled,
            "calls": {**single_calls(stage(anvil, GAS_LIMIT, "calls")), **round_calls(rounds)},
        }
        return found | {"peers": peers_of(tournament, peers, modules)}


def beyond_limits(found: dict[str, Any]) -> list[str]:
    """Rounds with a transaction that a chain would not take."""
    return [
        name
        for name, measured in found["rounds"].items()
        if measured["largest_transaction"]["ethereum"] > ETHEREUM_LIMIT
        or measured["largest_transaction"]["polygon"] > POLYGON_LIMIT
    ]


def flat(found: Any, path: str = "") -> dict[str, Any]:
    """Every figure by its path."""
    if not isinstance(found, dict):
        return {path: found}
    return {k: v for name, part in found.items() for k, v in flat(part, f"{path}/{name}").items()}


def differences(
    found: dict[str, Any], snapshot: dict[str, Any], sizes: tuple[int, ...], peers: tuple[int, ...]
) -> list[str]:
    """Figures of these sizes that are not the snapshot's."""

    def is_measured(path: str) -> bool:
        left_out = set(SIZES) - set(peers if path.startswith("/peers/") else sizes)
        return not {f"{size}" for size in left_out} & set(re.split("[/ ]", path))

    new, old = (
        {path: figure for path, figure in flat(side).items() if is_measured(path)}
        for side in (found, snapshot)
    )
    return [
        f"{path}: expected {old.get(path)}, found {new.get(path)}"
        for path in sorted(new.keys() | old.keys())
        if new.get(path) != old.get(path)
    ]


def compare(found: dict[str, Any], sizes: tuple[int, ...], peers: tuple[int, ...]) -> int:
    """Whether snapshot and page still say what was measured: the exit code."""
    snapshot = json.loads(SNAPSHOT.read_text())
    wrong = differences(found, snapshot, sizes, peers)
    if PAGE.read_text() != page_with(PAGE.read_text(), snapshot):
        wrong.append(f"{PAGE}: its tables are not those of {SNAPSHOT}")
    for line in wrong:
        print(line)
    if wrong:
        print("run `python benchmarks/gas/bench.py --update` and commit what changed, if it is meant")
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="fail when a figure is not the snapshot's")
    what.add_argument("--update", action="store_true", help="renew the snapshot and the page's tables")
    parser.add_argument("--quick", action="store_true", help="without the largest sizes; not with --update")
    parser.add_argument("--modules", type=Path, default=Path("node_modules"), help="where npm's packages are")
    arguments = parser.parse_args()
    if arguments.quick and arguments.update:
        parser.error("expected --update without --quick: a snapshot has every size")
    sizes, peers = (SIZES[:-1], PEERS_QUICKLY) if arguments.quick else (SIZES, SIZES)
    found = measure(sizes, peers, arguments.modules)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(found, indent=1) + "\n")
    print(calls(found) if arguments.quick else printed(found))
    if too_large := beyond_limits(found):
        print(f"expected every transaction to fit both chains' limits, found larger ones in: {too_large}")
        return 1
    if arguments.update:
        SNAPSHOT.parent.mkdir(parents=True, exist_ok=True)
        SNAPSHOT.write_text(json.dumps(found, indent=1) + "\n")
        PAGE.write_text(page_with(PAGE.read_text(), found))
    return compare(found, sizes, peers) if arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
