"""The integer mirror of settlement against the contract itself: random scores, settled on a real EVM."""

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from scorer.chain.records import RoundState
from scorer.deployment.fields import NOBODY
from scorer.evaluation.inputs import Positions
from scorer.lab.anvil import Anvil
from scorer.lab.in_process import FIRST_MEMBER, QUORUM, deploy_tournament, run_tournament, tournament_document
from scorer.observation.observe import finalised_block, read_sealed
from scorer.protocol.chunks import pack_scores, positions_heads, scores_heads
from scorer.protocol.report import REPORT_VERSION, Report
from scorer.protocol.rules import Rules, preset, rules_from
from scorer.rewards import Settlement, settle
from scorer.rewards.allocation import SHARE_FLAG
from tests.world import NMR, World, stakes

MODELS = 10
EDGES = (-(2**23), 2**23 - 1, -1_000_000, 1_000_000, -1, 0, 1, 49_999, -50_001)
ROUNDS = 6


def rules_with(cap: str, threshold: str) -> Rules:
    document = json.loads(preset("classic").canonical_json())
    document["stake"] |= {"cap": cap, "threshold": threshold}
    return rules_from(document, "test")


def world_of(anvil: Anvil, rules: Rules, deposit_nmr: int, out: Path) -> World:
    """Ten models that put odd shares of their idle stake at risk."""
    odd = [
        replace(stake, deposit=deposit_nmr * NMR, allocation=SHARE_FLAG | 305_000 + 10_000 * number)
        for number, stake in enumerate(stakes(anvil, MODELS))
    ]
    # Without a court, before which scores that are drawn at random would have no evidence.
    document = tournament_document(anvil, rules)
    alone = document.committee.model_copy(update={"court": NOBODY})
    deployed = deploy_tournament(anvil, odd, rules, document.model_copy(update={"committee": alone}))
    return World(run_tournament(anvil, deployed, out), rules, out)


def random_scores(stream: random.Random, count: int) -> NDArray[np.int64]:
    """Reward scores of every size that 24 bits hold, edges among them."""
    return np.array(
        [
            stream.choice(EDGES)
            if stream.random() < 0.3
            else stream.randint(-(2 ** stream.randint(1, 23)), 10**6)
            for _ in range(count)
        ],
        dtype=np.int64,
    )


def settle_on_chain(
    world: World, round_id: int, positions: Positions, scores: list[NDArray[np.int64]]
) -> None:
    """Let a quorum attest these scores, whatever they are worth, and settle by them."""
    suite, anvil = world.suite, world.anvil
    expected = mirror(world, round_id, positions, scores)
    heads = scores_heads(positions.chunks, scores)
    report = Report(
        suite.addresses.chain_id,
        str(suite.tournament.address),
        round_id,
        REPORT_VERSION,
        heads[-1],
        expected.total_payout,
        expected.total_burn,
        b"\1" * 32,
    )
    senders = [world.tournament.sender(FIRST_MEMBER + index) for index in range(QUORUM)]
    for sender in senders:
        sender.send(suite.committee.functions.attest(suite.tournament.address, report.to_contract()))
    world.pass_challenge_window()
    if suite.tournament.functions.pool().call() < expected.total_payout:
        anvil.advance_to(anvil.w3.eth.get_block("latest")["timestamp"] + world.record(round_id).funding_grace)
    senders[0].send(suite.tournament.functions.beginSettlement(report.to_contract()))
    before = positions_heads(positions.chunks)
    for index in reversed(range(len(positions.chunks))):
        chunk = positions.chunks[index]
        senders[0].send(
            suite.tournament.functions.settle(
                round_id,
                chunk.from_slot,
                before[index],
                list(chunk.words),
                heads[index],
                pack_scores(scores[index]),
            )
        )


def mirror(
    world: World,
    round_id: int,
    positions: Positions,
    scores: list[NDArray[np.int64]],
    available: int | None = None,
) -> Settlement:
    record = world.record(round_id)
    return settle(
        np.concatenate([chunk.positions for chunk in positions.chunks]),
        np.concatenate(scores),
        factor=record.payout_factor,
        cap=record.cap,
        available=available,
    )


@pytest.mark.parametrize(
    ("cap", "threshold", "deposit_nmr"),
    [("0.05", "72000", 100), ("1", "123.456789012", 100), ("1", "11000000", 30_000)],
    ids=["capped", "scaled down", "short of pool"],
)
def test_the_contract_pays_and_burns_what_the_mirror_says_to_the_unit(
    cap: str, threshold: str, deposit_nmr: int, anvil: Anvil, tmp_path: Path
) -> None:
    world = world_of(anvil, rules_with(cap, threshold), deposit_nmr, tmp_path)
    stream = random.Random(f"{cap} {threshold}")
    short = 0
    for _ in range(ROUNDS):
        round_id = world.sealed_round()
        world.anvil.advance_to(world.record(round_id).resolve_at)
        world.anvil.finalise()
        record, before = world.record(round_id), world.idle()
        positions = read_sealed(world.suite, record, finalised_block(world.suite)).positions
        scores = [random_scores(stream, len(chunk.positions)) for chunk in positions.chunks]
        settle_on_chain(world, round_id, positions, scores)
        record = world.record(round_id)
        assert record.state == RoundState.SETTLED
        found = mirror(world, round_id, positions, scores, record.reserved)
        assert (record.paid, record.burned) == (found.total_payout, found.total_burn)
        short += record.reserved < record.total_payout
        changes = dict.fromkeys(range(1, MODELS + 1), 0)
        amounts = np.concatenate([chunk.positions for chunk in positions.chunks]).tolist()
        for model, position, payout, burn in zip(
            positions.models, amounts, found.payouts.tolist(), found.burns.tolist(), strict=True
        ):
            if model:
                changes[model] += position + payout - burn
        after = world.idle()
        assert [now - was for now, was in zip(after, before, strict=True)] == list(changes.values())
    assert (short > 0) == (deposit_nmr == 30_000)
