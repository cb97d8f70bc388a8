"""``cupel oracle bond``: what a member posts, what is refused, and how it comes back."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scorer import failpoints
from scorer.cli import app
from scorer.client.bond_actions import POST_GAS
from scorer.lab.plain_sender import Sender
from scorer.lab.proxy import Response, proxy_of
from scorer.transactions.intents import IntentState
from scorer.transactions.journal import Journal
from tests.chains import Chains
from tests.cli.test_cupel import run
from tests.committee import BOND, CHALLENGE, FEES, FIRST_MEMBER, Committee, deploy_committee

STRANGER = 20
MEMBERS = 6


class Cut(BaseException):
    """The power went."""


@dataclass(frozen=True)
class Seat:
    """Somebody with a daemon's configuration, who types commands about a bond."""

    committee: Committee
    config: Path
    sender: Sender

    @property
    def address(self) -> str:
        return self.sender.address

    @property
    def journal(self) -> Path:
        return self.config.parent / "journal.sqlite"

    def types(self, *command: object) -> tuple[int, str]:
        return run("oracle", "bond", *command, "--config", self.config)

    def sends(self, *command: object) -> dict[str, Any]:
        typed = ["oracle", "bond", *map(str, command), "--config", str(self.config), "--yes", "--json"]
        result = CliRunner().invoke(app, typed)
        assert result.exit_code == 0, (result.output, result.exception)
        return dict(json.loads(result.stdout))

    def shown(self) -> dict[str, Any]:
        code, said = self.types("show", "--json")
        assert code == 0, said
        return dict(json.loads(said))

    def refused(self, *command: object) -> str:
        before = self.committee.suite.w3.eth.block_number
        code, said = self.types(*command, "--yes")
        assert code == 1, said
        assert said.splitlines()[-1].startswith("cupel: "), said
        assert self.committee.suite.w3.eth.block_number == before
        return said

    def tokens(self) -> int:
        return int(self.committee.suite.token.functions.balanceOf(self.address).call())

    def approve(self, wei: int) -> None:
        functions = self.committee.suite.token.functions
        self.sender.send(functions.approve(self.committee.suite.committee.address, wei))

    def attests(self, round_id: int, payout: int = 0) -> None:
        functions, addresses = self.committee.suite.committee.functions, self.committee.suite.addresses
        report = self.committee.report(round_id, payout).to_contract()
        self.sender.send(functions.attest(addresses.tournament, report))


@pytest.fixture(scope="module")
def committee(chains: Chains) -> Iterator[Committee]:
    with chains.bare() as chain:
        yield deploy_committee(chain, MEMBERS)


def seat(committee: Committee, account: int, folder: Path, nmr: int = 0) -> Seat:
    suite, anvil = committee.suite, committee.anvil
    sender = Sender(anvil.w3, anvil.account(account), FEES)
    (folder / "deployment.json").write_text(json.dumps(suite.addresses.to_json()))
    (folder / "key").write_text(anvil.account(account).key.hex())
    (folder / "node.toml").write_text(
        f'[chain]\nendpoint = "{anvil.url}"\nchain_id = 31337\ndeployment = "deployment.json"\n'
        'tip_gwei = 1\n[files]\npublished = "published"\n[key]\nfile = "key"\n'
    )
    if nmr:
        committee.fund(sender, nmr)
    return Seat(committee, folder / "node.toml", sender)


@pytest.mark.parametrize("amount", ["1e1", "1,5", "0", "0.0000000001", "+1", "ten"])
def test_what_is_no_amount_is_refused(committee: Committee, tmp_path: Path, amount: str) -> None:
    stranger = seat(committee, STRANGER, tmp_path)
    assert repr(amount) in stranger.refused("post", amount)
    assert repr(amount) in stranger.refused("release", amount)


def test_what_cannot_be_is_refused_before_sending(committee: Committee, tmp_path: Path) -> None:
    stranger = seat(committee, STRANGER, tmp_path)
    said = stranger.refused("post", 1)
    assert f"post: expected at least 1 NMR at {stranger.address}, found 0 NMR" in said
    assert "release: expected a bond of some NMR" in stranger.refused("release", "--all")
    said = stranger.refused("release", "0.5")
    assert f"release: expected a bond of 0.5 NMR of {stranger.address}, found 0 NMR" in said
    assert "expected an amount or --all, found both" in stranger.refused("release", 1, "--all")
    assert "expected an amount or --all" in stranger.refused("release")
    assert f"expected something that {stranger.address} is owed" in stranger.refused("collect")
    token = committee.suite.token.address
    assert "where it would be lost" in stranger.refused("release", "--all", "--to", token)
    assert "where it would be lost" in stranger.refused("post", 1, "--member", token)
    lower = stranger.address.lower()
    assert "--member: expected an address with its checksum" in stranger.refused("post", 1, "--member", lower)
    assert "--to: expected an address with its checksum" in stranger.refused(
        "release", "--all", "--to", lower
    )


def test_a_bond_is_approved_and_posted_and_what_is_lacking_is_reported(
    committee: Committee, tmp_path: Path
) -> None:
    member = seat(committee, FIRST_MEMBER, tmp_path, 150)
    assert member.shown() == {
        "account": member.address,
        "member": True,
        "bond": "0",
        "least_bond": "100",
        "can_vote": False,
        "open_votes": 0,
        "held_until": 0,
        "owed": "0",
    }
    code, said = member.types("post", "99.5", "--dry-run")
    assert code == 0, said
    assert "note: with a bond of 99.5 NMR no vote counts: one takes 100 NMR" in said
    found = member.sends("post", "99.5")
    assert [transaction["title"] for transaction in found["done"]] == [
        "allow the committee to take 99.5 NMR",
        f"post 99.5 NMR as the bond of {member.address}",
    ]
    assert found["done"][1]["gas"] <= POST_GAS
    assert (found["bond"]["bond"], found["bond"]["can_vote"]) == ("99.5", False)
    assert found["account"]["nmr"] == "50.5"
    assert member.sends("post", "0.5")["bond"]["can_vote"]
    code, said = member.types("show")
    assert (code, "a member, with a bond of 100 NMR, where one vote more takes 100 NMR" in said) == (0, True)


def test_an_allowance_is_used_where_it_suffices_and_taken_back_first_where_not(
    committee: Committee, tmp_path: Path
) -> None:
    member = seat(committee, FIRST_MEMBER + 1, tmp_path, 150)
    member.approve(10**18)
    titles = [transaction["title"].split(" as ")[0] for transaction in member.sends("post", 2)["done"]]
    assert titles == ["allow the committee to take 0 NMR", "allow the committee to take 2 NMR", "post 2 NMR"]
    member.approve(10**20)
    assert len(member.sends("post", 100)["done"]) == 1
    spender = committee.suite.committee.address
    assert committee.suite.token.functions.allowance(member.address, spender).call() == 0


def test_anybody_may_post_for_anybody_and_reads_whose_it_will_be(
    committee: Committee, tmp_path: Path
) -> None:
    stranger = seat(committee, STRANGER + 1, tmp_path, 10)
    _, said = stranger.types("post", 1, "--dry-run")
    assert f"{stranger.address} is no member of the committee" in " ".join(said.split())
    member = committee.members[2].address
    code, said = stranger.types("post", 4, "--member", member, "--yes")
    assert code == 0, said
    assert f"note: the bond will belong to {member}, who alone can release it" in said
    assert committee.suite.committee.functions.bondOf(member).call() == 4 * 10**18
    assert "found 0 NMR" in stranger.refused("release", 4)


def test_a_bond_that_a_vote_holds_is_refused_until_the_vote_is_closed(
    committee: Committee, tmp_path: Path
) -> None:
    member = seat(committee, FIRST_MEMBER + 3, tmp_path, 200)
    member.sends("post", 200)
    round_id = committee.due_round()
    member.attests(round_id)
    assert member.shown()["open_votes"] == 1
    assert "found 1 votes open" in member.refused("release", "--all")
    deadline = committee.suite.round(round_id, committee.anvil.w3.eth.block_number).deadline
    committee.anvil.advance_to(deadline)
    committee.admin.send(
        committee.suite.committee.functions.closeVotes(committee.suite.addresses.tournament, round_id)
    )
    assert member.shown()["open_votes"] == 0
    said = " ".join(member.refused("release", 101).split())
    assert "expected at least 100 NMR to stay, as you are a member, found 99" in said
    assert "found 200 NMR" in member.refused("release", "200.1")
    other = committee.anvil.account(STRANGER + 2).address
    code, said = member.types("release", "20.5", "--to", other, "--yes")
    assert (code, f"note: {other} is not your address" in said) == (0, True)
    assert committee.suite.token.functions.balanceOf(other).call() == 20_500_000_000 * 10**9


def test_what_an_expired_dispute_owes_its_challenger_is_collected_by_anybody(
    committee: Committee, tmp_path: Path
) -> None:
    committee.post_bonds()
    challenger = seat(committee, STRANGER + 3, tmp_path, CHALLENGE)
    challenger.approve(CHALLENGE * 10**18)
    round_id, functions = committee.due_round(), committee.suite.committee.functions
    tournament = committee.suite.addresses.tournament
    for member in committee.members[:4]:
        member.send(functions.attest(tournament, committee.report(round_id).to_contract()))
    challenger.sender.send(functions.challenge(tournament, round_id))
    committee.anvil.advance_to(committee.now + 86_400)
    challenger.sender.send(functions.expire(tournament, round_id))
    assert challenger.shown()["owed"] == str(CHALLENGE // 2)
    (folder := tmp_path / "other").mkdir()
    found = seat(committee, STRANGER + 4, folder).sends("collect", "--member", challenger.address)
    assert found["done"][0]["title"] == f"collect {CHALLENGE // 2} NMR that {challenger.address} is owed"
    assert (found["bond"]["owed"], challenger.tokens()) == ("0", CHALLENGE // 2 * 10**18)


def test_a_command_waits_for_nobody_who_works_with_the_same_key(committee: Committee, tmp_path: Path) -> None:
    stranger = seat(committee, STRANGER + 5, tmp_path, 10)
    with Journal.open(stranger.journal):
        assert "found another process at work with it" in stranger.refused("post", 1)
        assert stranger.types("post", 1, "--dry-run")[0] == 0
        assert stranger.types("show")[0] == 0


def cut_off(label: str, member: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the power go at a fail point of posting 30 NMR."""

    def die() -> None:
        raise Cut

    monkeypatch.setattr(failpoints, "_die", die)
    monkeypatch.setenv(failpoints.VARIABLE, f"{label}@post")
    with pytest.raises(Cut):
        member.types("post", 30, "--yes")
    monkeypatch.delenv(failpoints.VARIABLE)


def test_a_bond_that_is_cut_off_is_posted_once_when_it_is_typed_again(
    committee: Committee, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = seat(committee, STRANGER + 6, tmp_path, BOND)
    cut_off("broadcast", member, monkeypatch)
    code, said = member.types("post", 30, "--yes")
    assert (code, "(sent by an earlier command)" in said, "nothing more was sent" in said) == (0, True, True)
    assert member.shown()["bond"] == "30"


def test_one_endpoints_word_on_nonces_ends_no_act_of_the_daemon(
    committee: Committee, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = seat(committee, STRANGER + 8, tmp_path, BOND)
    cut_off("before-broadcast", member, monkeypatch)
    url = committee.anvil.url
    with proxy_of(url) as liar, proxy_of(url) as honest:
        liar.misbehave("eth_getTransactionCount", lambda request, forward: _three_more(forward(request)))
        text = member.config.read_text()
        both = f'endpoints = ["{liar.url}", "{honest.url}"]\nagreement = 2'
        member.config.write_text(text.replace(f'endpoint = "{url}"', both))
        code, said = member.types("post", 30, "--yes")
    assert (code, "(sent by an earlier command)" in said) == (0, True), said
    with Journal.open(member.journal) as journal:
        assert IntentState.DISPLACED not in {intent.state for intent in journal.intents()}
    member.config.write_text(text)
    assert member.shown()["bond"] == "30"


def _three_more(answer: Response) -> Response:
    return {"result": hex(int(answer["result"], 16) + 3)}


def test_a_bond_is_seen_and_posted_through_any_endpoint_that_answers(
    committee: Committee, tmp_path: Path
) -> None:
    member = seat(committee, STRANGER + 9, tmp_path, BOND)
    url = committee.anvil.url
    both = f'agreement = 1\nendpoints = ["http://127.0.0.1:9", "{url}"]'
    member.config.write_text(member.config.read_text().replace(f'endpoint = "{url}"', both))
    assert member.shown()["bond"] == "0"
    assert member.sends("post", 1)["bond"]["bond"] == "1"


def test_without_yes_or_a_terminal_nothing_is_sent(committee: Committee, tmp_path: Path) -> None:
    stranger = seat(committee, STRANGER + 7, tmp_path, 1)
    code, said = stranger.types("post", 1)
    assert (code, "expected --yes or a terminal to ask at" in said) == (1, True)
    assert stranger.shown()["bond"] == "0"


def test_who_leaves_gets_the_bond_back_once_no_round_can_cost_it_any_more(
    chains: Chains, tmp_path: Path
) -> None:
    with chains.bare() as chain:
        committee = deploy_committee(chain, MEMBERS)
        member = seat(committee, FIRST_MEMBER, tmp_path, 200)
        member.sends("post", 200)
        round_id = committee.due_round()
        resolved = committee.suite.round(round_id, chain.w3.eth.block_number).resolve_at
        left = member.sends("leave")["bond"]
        assert not left["member"]
        assert left["held_until"] >= resolved + 30 * 86_400
        said = " ".join(member.refused("release", "--all").split())
        assert "expected a bond that no round holds any more, found one held until 20" in said
        assert "leave: expected a member of the committee" in member.refused("leave")
        chain.advance_to(left["held_until"])
        assert member.sends("release", "--all")["bond"]["bond"] == "0"
        assert member.tokens() == 200 * 10**18
