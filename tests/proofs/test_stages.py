"""The first stage of a court: its proofs bar a report, and take no bonds."""

from collections.abc import Iterator

import pytest

from scorer.chain.records import RoundState
from scorer.lab.anvil import run_anvil
from scorer.units import wei_from_nano
from tests.proofs.court_world import BONDS, MEMBERS, PLAIN, STRANGER, TIED, CourtWorld, build
from tests.proofs.test_score_court import DISPROVEN, NEVER, accept, refusal


@pytest.fixture
def world() -> Iterator[CourtWorld]:
    with run_anvil(accounts=12) as anvil:
        yield build(anvil, slashes=False)


def test_a_proof_bars_the_report_for_ever_returns_every_stake_and_takes_nobodys_bond(
    world: CourtWorld,
) -> None:
    committee, tournament = world.suite.committee.functions, world.suite.tournament.functions
    lie = world.honest | {PLAIN: world.honest[PLAIN] + 5}
    evidence = accept(world, lie)
    call = world.court.functions.disproveScore(*world.score_arguments(evidence, lie, PLAIN))
    world.prove(call)
    assert committee.proposalOf(world.tournament, world.round_id).call().status == DISPROVEN
    bond = wei_from_nano(BONDS.member)
    assert [committee.bondOf(world.address(member)).call() for member in MEMBERS] == [bond] * 3
    assert committee.creditOf(world.address(STRANGER)).call() == 0
    assert refusal(world.attest, evidence, MEMBERS[2:] * 2) == "AlreadyAccepted"
    report = evidence.report
    assert committee.finalFrom(world.tournament, world.round_id, report.hash()).call() == NEVER
    assert refusal(world.send, tournament.beginSettlement(report.to_contract())) == "ReportNotFinal"
    world.send(tournament.voidRound(world.round_id))
    assert tournament.round(world.round_id).call().state == RoundState.VOIDED
    # Nothing holds the bonds of those who voted, either.
    assert [committee.openVotesOf(world.address(member)).call() for member in MEMBERS] == [0] * 3


def test_what_is_right_is_proven_wrong_in_no_stage(world: CourtWorld) -> None:
    assert not world.court.functions.slashes().call()
    evidence = accept(world, world.honest)
    for model in (PLAIN, TIED):
        arguments = world.score_arguments(evidence, world.honest, model)
        assert refusal(world.prove, world.court.functions.disproveScore(*arguments)) == "NotWrong"
