"""A seal that counts what provably must not: no honest member attests over it, and one ends the report."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from scorer.chain.records import ProposalStatus, RoundState
from scorer.oracle import reporting, sealing
from scorer.oracle.actions import ActionResult, AnnounceProof, Attest, PostEvidence, ProveWrong, VoidRound
from tests.oracle.test_sealed_rounds import Watched, published, spoil
from tests.world import World

HONEST, LIARS = 2, (0, 1)
SPOILED = 4


@contextmanager
def lying(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let whoever acts meanwhile refuse nothing, and attest whatever was sealed."""
    with monkeypatch.context() as patched:
        patched.setattr(sealing, "refusals_of", lambda *_: {})
        patched.setattr(reporting, "check_verdicts", lambda _: None)
        yield


def kinds(steps: list[ActionResult]) -> list[type]:
    return [type(step.action) for step in steps]


def falsely_sealed(world: World, monkeypatch: pytest.MonkeyPatch, honest: Watched) -> int:
    """Two of three members count a submission that nobody signed."""
    round_id = world.locked_round()
    spoil(published(world, round_id), SPOILED)
    with lying(monkeypatch):
        world.cycle(*LIARS)
    honest.cycle()
    # It signs what a quorum says, so as not to be absent, and calls a human.
    assert {"REFUSED_SUBMISSION", "OVERRULED"} <= honest.raised
    with lying(monkeypatch):
        world.pass_half_of_the_lock_window(round_id)
        world.cycle(*LIARS)
    assert world.record(round_id).state == RoundState.SEALED
    world.resolve(round_id)
    return round_id


def test_who_did_not_lie_attests_to_no_report_over_the_seal_and_proves_others_wrong(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Watched(world, HONEST, peers=world.members[HONEST].paths.peers)
    round_id = falsely_sealed(world, monkeypatch, honest)
    before, at_risk = world.idle(), world.record(round_id).at_risk
    assert Attest not in kinds(honest.cycle())
    assert "NO_REPORT" in honest.raised
    with lying(monkeypatch):
        steps = [*world.cycle(*LIARS), *world.cycle(*LIARS)]
    assert {Attest, PostEvidence} <= set(kinds(steps))
    assert AnnounceProof in kinds(honest.cycle())
    assert any(f"model {SPOILED} counts by the seal" in detail for _, detail in honest.alarms)
    assert ProveWrong in kinds(honest.cycle())
    assert world.proposal_status(round_id) == ProposalStatus.DISPROVEN
    assert VoidRound in kinds(honest.cycle())
    honest.cycle()
    assert sum(world.idle()) == sum(before) + at_risk


def test_a_change_of_submitter_in_the_second_of_the_close_changes_nothing(world: World) -> None:
    """Whoever asks later must find those that members judged by, also where blocks share a second."""
    round_id = world.open()
    close_at = world.record(round_id).close_at
    before = world.suite.submitters_before(close_at, world.anvil.w3.eth.block_number)
    world.anvil.advance_to(close_at - 1)
    other = str(world.anvil.account(39).address)
    request: Any = world.anvil.w3.provider.make_request
    request("evm_setNextBlockTimestamp", [close_at])
    sender = type(world.operator_sender)(world.suite.w3, world.participants[0].account)
    sender.send(world.suite.registry.functions.setSubmitter(1, other))
    block = world.anvil.w3.eth.block_number
    changed = [world.suite.submitters(at, block)[1] == other for at in (close_at - 1, close_at)]
    assert changed == [False, True]
    assert world.suite.submitters_before(close_at, block) == before
