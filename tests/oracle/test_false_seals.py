"""A seal that counts what provably must not: no honest member attests over it, and one ends the report."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from scorer.chain.records import ProposalStatus, RoundState
from scorer.observation.observe import Block, awaits_seal
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


def test_a_member_judges_only_when_the_second_of_the_close_is_over(world: World) -> None:
    """Whoever asks later for the submitters of that second must find those that it judged by."""
    round_id = world.locked_round()
    record, number = world.record(round_id), world.anvil.w3.eth.block_number
    assert record.state == RoundState.LOCKED
    seen = [awaits_seal(record, Block(number, record.close_at + later)) for later in (-1, 0, 1)]
    assert seen == [False, False, True]
