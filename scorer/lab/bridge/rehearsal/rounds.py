"""A round on the second chain whose burns are destroyed on the first, and whose result is read there."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from scorer.chain.bulk import read_view
from scorer.chain.records import RoundState
from scorer.lab.bridge.chains import STRANGER
from scorer.lab.bridge.rehearsal.context import BridgeRehearsal
from scorer.lab.demo.files import write_submission
from scorer.lab.in_process import (
    InProcessTournament,
    deploy_tournament,
    owners_of,
    run_tournament,
    tournament_document,
)
from scorer.lab.population import Stake
from scorer.lab.rehearsal.context import expect
from scorer.lab.suite import BridgedToken
from scorer.protocol.rules import Rules, preset
from scorer.rewards.allocation import SHARE_FLAG
from scorer.submission.validity import Universe
from scorer.units import nano_from_nmr

MINUTE: Final = 60
HOUR: Final = 3600
WINDOW: Final = 24 * HOUR
"""The challenge window: the least that a deployment file for Polygon may have, seconds."""
MODELS: Final = 6
IDS: Final = tuple(f"id{number:03}" for number in range(60))


@dataclass(frozen=True)
class BridgedTournament:
    """The tournament with its rules."""

    play: InProcessTournament
    rules: Rules


def deploy(rehearsal: BridgeRehearsal, admin: tuple[str, int] | None = None) -> BridgedTournament:
    """Deploy a tournament whose stakes are the bridged token, and enter its models."""
    chains = rehearsal.chains
    rules = preset("classic").model_copy(update={"secrecy": None})
    bridged = BridgedToken(chains.addresses.child.token, chains.addresses.child.burn_sink)
    document = tournament_document(chains.child, rules, bridged=bridged, admin=admin, challenge_window=WINDOW)
    owners = list(owners_of(chains.child, ("owner_0", "owner_1")).values())
    stakes = [
        Stake(owners[number % len(owners)], nano_from_nmr(100), SHARE_FLAG | 1_000_000)
        for number in range(MODELS)
    ]
    deployed = deploy_tournament(chains.child, stakes, rules, document)
    play = run_tournament(chains.child, deployed, rehearsal.out / "tournament", shows_bundles=True)
    rehearsal.tournaments.append(str(play.suite.tournament.address))
    return BridgedTournament(play, rules)


def by_the_chain(tournament: BridgedTournament) -> BridgedTournament:
    """Return a tournament whose rules have the cap of the chain, which a vote may have changed."""
    cap = int(read_view(tournament.play.suite.tournament.functions.cap()))
    stake = tournament.rules.stake.model_copy(update={"cap": cap})
    return BridgedTournament(tournament.play, tournament.rules.model_copy(update={"stake": stake}))


def settle_a_round(rehearsal: BridgeRehearsal, tournament: BridgedTournament) -> int:
    """Play a round to its end on the second chain, and send on what it burned, wei."""
    burned = settle(rehearsal, tournament, play_to_report(rehearsal, tournament))
    play = tournament.play
    play.sender(STRANGER).send(play.suite.tournament.functions.sendBurned())
    return burned


def play_to_report(rehearsal: BridgeRehearsal, tournament: BridgedTournament) -> int:
    """Play a round until a quorum of the committee reported it; its id."""
    play, anvil = tournament.play, rehearsal.chains.child
    now = int(anvil.w3.eth.get_block("latest")["timestamp"])
    times = (now, now + HOUR, now + 9 * HOUR, now + 60 * HOUR)
    round_id = play.open_round(tournament.rules, IDS, times)
    for participant in play.participants:
        values = np.random.default_rng([participant.model_id, round_id]).random(len(IDS))
        content = write_submission(_series(values), "csv")
        file = f"{participant.model_id}.csv"
        play.submit(
            participant, round_id, Universe(IDS, {}), content, file, kind=tournament.rules.submissions
        )
    anvil.advance_to(times[1])
    play.seal_round(round_id)
    anvil.advance_to(times[2])
    target = np.random.default_rng(7).choice([0.0, 0.25, 0.5, 0.75, 1.0], len(IDS))
    for member in play.members:
        play.publish_target(member, round_id, IDS, target)
    _cycle(rehearsal, play)
    return round_id


def settle(rehearsal: BridgeRehearsal, tournament: BridgedTournament, round_id: int) -> int:
    """Let the challenge window of a reported round pass, and settle it; what it burned, wei."""
    play, anvil = tournament.play, rehearsal.chains.child
    proposal = play.suite.proposal(round_id, anvil.w3.eth.block_number)
    expect("a report of the round", True, proposal is not None)
    anvil.advance_to((0 if proposal is None else proposal.challenge_until) + MINUTE)
    _cycle(rehearsal, play)
    record = play.suite.round(round_id, anvil.w3.eth.block_number)
    expect("the round's state", RoundState.SETTLED, record.state)
    burned = record.burned * 10**9
    expect("something burned in the round", True, burned > 0)
    return burned


def burn_at_home(rehearsal: BridgeRehearsal, burned: int) -> None:
    """Let the relayer carry the burns home, where the supply falls by exactly them."""
    chains = rehearsal.chains
    supply, home = chains.root_end.token.functions.totalSupply, chains.root_end.burn_sink.address
    before = read_view(supply())
    chains.child.finalise()
    rehearsal.relay_until("the sink flushed", lambda: bool(rehearsal.undelivered()))
    chains.heimdall.checkpoint()
    rehearsal.relay_until("the burns destroyed", lambda: read_view(supply()) < before)
    expect("what is left in the sink at home", 0, read_view(chains.root_end.token.functions.balanceOf(home)))
    expect("by how much the supply fell", burned, before - read_view(supply()))
    rehearsal.balance()


def result_on_root(rehearsal: BridgeRehearsal, tournament: BridgedTournament) -> None:
    """Read the round's result on the first chain, where anything can act on it."""
    play, results = tournament.play, rehearsal.chains.root_end.results.functions
    address = str(play.suite.tournament.address)
    report = play.members[0].bundle(1).report()
    rehearsal.relay_until(
        "the result proved", lambda: bool(read_view(results.wasSettledBy(address, report.to_contract())))
    )
    found = read_view(results.resultOf(address, 1))
    record = play.suite.round(1, play.anvil.w3.eth.block_number)
    expect("what the round paid and burned", (record.paid, record.burned), (found.paid, found.burned))


def _cycle(rehearsal: BridgeRehearsal, play: InProcessTournament) -> None:
    for member in play.members:
        member.cycle()
        rehearsal.chains.child.finalise()


def _series(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> "pd.Series[float]":
    return pd.Series(values, index=list(IDS))
