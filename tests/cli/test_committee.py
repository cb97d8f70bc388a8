"""``cupel oracle challenge`` and ``remove-absent``: what is sent once, what is refused, and what it costs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scorer import failpoints
from scorer.chain.records import ProposalStatus
from scorer.cli import app
from scorer.client.committee_actions import CHALLENGE_GAS, CHALLENGE_GAS_OF_MEMBER
from scorer.protocol.seal import Seal
from scorer.storage.bundle import Bundle, round_folder
from tests.chains import Chains
from tests.cli.test_bond import Cut, Seat, seat
from tests.cli.test_cupel import run
from tests.committee import CHALLENGE, FIRST_MEMBER, Committee, deploy_committee
from tests.world import HOUR

MEMBERS, QUORUM = 6, 4
STRANGER = 20
LIMIT = 3
ROUNDS = 5
"""On which a member may have a vote open at once, with so many bonds."""


@pytest.fixture(scope="module")
def committee(chains: Chains) -> Iterator[Committee]:
    with chains.bare() as chain:
        found = deploy_committee(chain, MEMBERS)
        for _ in range(ROUNDS):
            found.post_bonds()
        yield found


def accepted(committee: Committee, payout: int = 0) -> int:
    """A round whose report a quorum accepted."""
    round_id, functions = committee.due_round(), committee.suite.committee.functions
    report = committee.report(round_id, payout).to_contract()
    for member in committee.members[:QUORUM]:
        member.send(functions.attest(committee.suite.tournament.address, report))
    return round_id


def types(seat: Seat, *command: object) -> tuple[int, str]:
    return run("oracle", *command, "--config", seat.config)


def sends(seat: Seat, *command: object) -> dict[str, Any]:
    typed = ["oracle", *map(str, command), "--config", str(seat.config), "--yes", "--json"]
    result = CliRunner().invoke(app, typed)
    assert result.exit_code == 0, (result.output, result.exception)
    return dict(json.loads(result.stdout))


def refused(seat: Seat, *command: object) -> str:
    before = seat.committee.suite.w3.eth.block_number
    code, said = types(seat, *command, "--yes")
    assert code == 1, said
    assert seat.committee.suite.w3.eth.block_number == before
    return said


def status(committee: Committee, round_id: int) -> ProposalStatus:
    proposal = committee.suite.proposal(round_id, committee.anvil.w3.eth.block_number)
    assert proposal is not None
    return proposal.status


def with_own_report(seat: Seat, round_id: int, payout: int) -> None:
    """The seat's daemon reported on the round."""
    text = seat.config.read_text()
    seat.config.write_text(text.replace("[files]\n", '[files]\nrounds = "rounds"\n'))
    tournament = str(seat.committee.suite.tournament.address)
    bundle = Bundle(round_folder(seat.config.parent / "rounds", tournament, round_id))
    bundle.folder.mkdir(parents=True)
    document = seat.committee.report(round_id, payout).to_json()
    (bundle.folder / "report.json").write_text(json.dumps(document))


# challenge


def test_a_challenge_shows_its_bond_and_what_it_risks_and_sends_nothing_unasked(
    committee: Committee, tmp_path: Path
) -> None:
    round_id = accepted(committee)
    stranger = seat(committee, STRANGER, tmp_path, CHALLENGE)
    code, said = types(stranger, "challenge", "--round", round_id, "--dry-run")
    shown = " ".join(said.replace("│", " ").split())
    assert code == 0, said
    assert "allow the committee to take 40 NMR" in shown
    assert f"with a bond of {CHALLENGE} NMR" in shown
    assert "only if 4 of 6 vote for one other report, and half of it if no report gets so many" in shown
    assert "note: you hold no report of this round" in shown
    code, said = types(stranger, "challenge", "--round", round_id)
    assert (code, "expected --yes or a terminal to ask at" in said) == (1, True)
    assert status(committee, round_id) == ProposalStatus.ACCEPTED


def test_a_challenge_is_sent_with_its_bond_and_a_second_one_is_refused(
    committee: Committee, tmp_path: Path
) -> None:
    round_id = accepted(committee)
    stranger = seat(committee, STRANGER + 1, tmp_path, 2 * CHALLENGE)
    with_own_report(stranger, round_id, payout=1)
    found = sends(stranger, "challenge", "--round", round_id)
    assert [transaction["title"].split(" 0x")[0] for transaction in found["done"]] == [
        "allow the committee to take 40 NMR",
        "challenge the report",
    ]
    own = committee.report(round_id, 1).hash().hex()
    assert found["notes"][0] == f"your report is 0x{own}"
    assert found["done"][1]["gas"] <= CHALLENGE_GAS + MEMBERS * CHALLENGE_GAS_OF_MEMBER
    assert (found["report"], stranger.tokens()) == ("disputed", CHALLENGE * 10**18)
    assert status(committee, round_id) == ProposalStatus.DISPUTED
    assert "found one that is disputed already" in refused(stranger, "challenge", "--round", round_id)


def test_a_challenge_that_is_cut_off_is_sent_once_when_it_is_typed_again(
    committee: Committee, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_id = accepted(committee)
    stranger = seat(committee, STRANGER + 2, tmp_path, 2 * CHALLENGE)

    def die() -> None:
        raise Cut

    monkeypatch.setattr(failpoints, "_die", die)
    monkeypatch.setenv(failpoints.VARIABLE, "broadcast@challenge")
    with pytest.raises(Cut):
        types(stranger, "challenge", "--round", round_id, "--yes")
    monkeypatch.delenv(failpoints.VARIABLE)
    code, said = types(stranger, "challenge", "--round", round_id, "--yes")
    assert (code, "(sent by an earlier command)" in said, "nothing more was sent" in said) == (0, True, True)
    assert stranger.tokens() == CHALLENGE * 10**18


def test_what_cannot_be_challenged_is_refused_with_the_reason(committee: Committee, tmp_path: Path) -> None:
    poor = seat(committee, STRANGER + 3, tmp_path)
    count = committee.suite.round_count(committee.anvil.w3.eth.block_number)
    assert f"expected one of {count} rounds, found 99" in refused(poor, "challenge", "--round", 99)
    unreported = committee.due_round()
    said = refused(poor, "challenge", "--round", unreported)
    assert f"round {unreported}: expected an accepted report, found none" in said
    round_id = accepted(committee, payout=2)
    said = refused(poor, "challenge", "--round", round_id)
    assert f"challenge: expected at least {CHALLENGE} NMR for the bond at {poor.address}, found 0 NMR" in said
    with_own_report(poor, round_id, payout=2)
    assert "expected a report that differs from yours" in refused(poor, "challenge", "--round", round_id)
    committee.anvil.advance_to(committee.now + HOUR)
    assert "on the chain: the report is final" in refused(poor, "challenge", "--round", round_id)


def test_a_report_that_was_upheld_is_challenged_no_more(committee: Committee, tmp_path: Path) -> None:
    round_id, functions = accepted(committee), committee.suite.committee.functions
    stranger = seat(committee, STRANGER + 4, tmp_path, 2 * CHALLENGE)
    sends(stranger, "challenge", "--round", round_id)
    report = committee.report(round_id).to_contract()
    for member in committee.members[:QUORUM]:
        member.send(functions.attest(committee.suite.tournament.address, report))
    assert status(committee, round_id) == ProposalStatus.UPHELD
    assert "found one that was disputed and upheld" in refused(stranger, "challenge", "--round", round_id)


def test_a_tournament_that_the_configuration_does_not_name_is_refused(
    committee: Committee, tmp_path: Path
) -> None:
    stranger = seat(committee, STRANGER + 5, tmp_path)
    said = refused(stranger, "challenge", "--round", 1, "--tournament", "other")
    assert "--tournament: expected one of 0x" in said


# remove-absent


def seal_without(committee: Committee, *absent: int) -> None:
    """A round with nothing locked, sealed by all but some of the members."""
    functions, now = committee.suite.tournament.functions, committee.now
    times = (now, now + HOUR, now + 2 * HOUR, now + 30 * HOUR)
    committee.admin.send(functions.openRound(*times, (b"\1" * 32, bytes(32), b"\1" * 32)))
    round_id, addresses = int(functions.roundCount().call()), committee.suite.addresses
    committee.anvil.advance_to(times[1])
    committee.admin.send(functions.endLock(round_id))
    seal = Seal(addresses.chain_id, addresses.tournament, round_id, bytes(32), b"\2" * 32, 0)
    there = [index for index in range(len(committee.members)) if index not in absent]
    signatures = b"".join(committee.members[index].sign_message(seal.message) for index in there)
    signers = sum(1 << index for index in there)
    committee.admin.send(functions.seal(round_id, seal.submissions_root, 0, signers, signatures))


def members(committee: Committee) -> list[str]:
    return committee.suite.committee_members(committee.anvil.w3.eth.block_number)


def test_a_member_absent_too_often_is_removed_by_anybody_and_is_refused_before(
    chains: Chains, tmp_path: Path
) -> None:
    with chains.bare() as chain:
        committee = deploy_committee(chain, 5)
        stranger, absent = seat(committee, STRANGER, tmp_path), committee.members[4].address
        for count in range(LIMIT):
            said = refused(stranger, "remove-absent", absent)
            assert f"expected a member absent from {LIMIT} seals in a row or more" in said
            assert f"found {absent} absent from {count}" in said
            seal_without(committee, 4)
        said = refused(stranger, "remove-absent", absent)
        assert f"found {absent} to be removable from" in said
        committee.anvil.advance_to(committee.now + 7 * 86_400)
        code, said = types(stranger, "remove-absent", absent, "--dry-run")
        assert (code, "take 3 of 4 members" in " ".join(said.split())) == (0, True), said
        found = sends(stranger, "remove-absent", absent)
        assert found["done"][0]["title"] == f"remove the member {absent}, absent from 3 seals in a row"
        assert found["committee"]["quorum"] == 3
        assert absent not in members(committee)
        assert "expected one of the 4 members" in refused(stranger, "remove-absent", absent)
        for _ in range(LIMIT):
            seal_without_of_four(committee)
        committee.anvil.advance_to(committee.now + 7 * 86_400)
        last = committee.members[3].address
        said = refused(stranger, "remove-absent", last)
        assert "expected more than 4 members, found 4: the admin alone" in said


def seal_without_of_four(committee: Committee) -> None:
    """Seal without the last of the four members that are left."""
    seal_without(committee, 3, 4)


def test_who_is_no_member_or_no_address_is_refused(committee: Committee, tmp_path: Path) -> None:
    stranger = seat(committee, STRANGER + 6, tmp_path)
    said = refused(stranger, "remove-absent", stranger.address)
    assert f"expected one of the {MEMBERS} members, found {stranger.address}" in said
    said = refused(stranger, "remove-absent", committee.members[0].address.lower())
    assert "MEMBER: expected an address with its checksum" in said


def test_a_check_says_who_was_absent_and_fails_for_ourselves(chains: Chains, tmp_path: Path) -> None:
    with chains.bare() as chain:
        committee = deploy_committee(chain, 5)
        seal_without(committee, 1)
        committee.anvil.finalise()
        (folder := tmp_path / "other").mkdir()
        absent, other = seat(committee, FIRST_MEMBER + 1, tmp_path), seat(committee, FIRST_MEMBER, folder)
        _, said = types(absent, "check")
        assert (
            "FAIL absences: expected our signature in the last seal, found 1 seals in a row without" in said
        )
        assert "ok   absences of others: none" in said
        _, said = types(other, "check")
        assert "ok   absences: 0 seals in a row" in said
        assert f"ok   absences of others: {absent.address} 1" in said
