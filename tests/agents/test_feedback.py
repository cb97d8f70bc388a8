"""Feedback at a reputation registry: what the chain says of a model, given once."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from web3 import Web3
from web3.providers.base import JSONBaseProvider

from scorer.agents.reputation import Given, RegistryError, ReputationRegistry
from scorer.failpoints import KILLED, VARIABLE
from scorer.lab.agents.registries import Registries
from scorer.lab.plain_sender import Sender
from scorer.lab.processes import Fork
from scorer.lab.rehearsal.accounts import write_keystore
from scorer.storage.bundle import META_MODEL, REPORT, Bundle
from tests.chains import Chains
from tests.cli.test_cupel import run, write_deployment
from tests.world import World, lent_world, one_settled

REPOSITORY = Path(__file__).parents[2]
GIVER, BUYER = 30, 31
MODEL = 1


@dataclass(frozen=True)
class Feedbacks:
    """A settled round, registries on its chain, and what an account needs to give feedback."""

    world: World
    registries: Registries
    agent: int
    meta: int
    where: list[str]

    @property
    def giver(self) -> Sender:
        return Sender(self.world.suite.w3, self.world.anvil.account(GIVER))

    @property
    def owner(self) -> Sender:
        return Sender(self.world.suite.w3, self.world.tournament.participants[MODEL - 1].account)

    def command(self, *arguments: object) -> list[str]:
        place = ["--registry", self.registries.reputation.address, *self.where]
        return ["agent", "feedback", *map(str, arguments), *place]

    def model(self, *arguments: object) -> tuple[int, str]:
        return run(*self.command(MODEL, "--link", self.registries.link.address, *arguments))

    def given(self, agent: int) -> list[tuple[int, str]]:
        return self.registries.given(agent, self.giver.address)

    def tag(self, whose: object = MODEL) -> str:
        """The second tag of a feedback in the first round."""
        return f"{self.world.suite.addresses.tournament[2:10].lower()}/{whose}/round-1"

    @property
    def score(self) -> int:
        scores = self.world.members[0].bundle(1).scores()
        return int(scores["reward_score"][scores["model_id"].tolist().index(MODEL)])


@pytest.fixture
def feedbacks(chains: Chains, tmp_path: Path) -> Iterator[Feedbacks]:
    """A world with one settled round, and model 1 linked to an agent of its owner's."""
    with lent_world(chains, tmp_path / "world", begin=one_settled) as world:
        world.anvil.finalise()
        owner = Sender(world.suite.w3, world.tournament.participants[MODEL - 1].account)
        registries = Registries.deploy(owner, REPOSITORY, world.suite)
        # Agents count from 0: the first one is nobody's model.
        meta, agent = registries.register(owner), registries.register(owner)
        owner.send(registries.link.functions.link(MODEL, agent))
        keystore, password = write_keystore(tmp_path, world.anvil.account(GIVER))
        where = ["--endpoint", world.anvil.url, "--deployment", str(write_deployment(world))]
        where += ["--keystore", str(keystore), "--password-file", str(password)]
        where += ["--rounds", str(world.members[0].paths.rounds)]
        yield Feedbacks(world, registries, agent, meta, where)


def test_a_score_is_given_with_its_evidence_and_not_twice(feedbacks: Feedbacks) -> None:
    code, said = feedbacks.model("--url", "https://example.org/rounds/")
    assert code == 0, said
    assert "dry run: nothing was sent" in said
    assert feedbacks.given(feedbacks.agent) == []

    code, said = feedbacks.model("--url", "https://example.org/rounds/", "--send", "--yes")
    assert code == 0, said
    assert feedbacks.given(feedbacks.agent) == [(feedbacks.score, feedbacks.tag())]
    (log,) = feedbacks.registries.reputation.events.NewFeedback().get_logs(from_block=0)
    report = feedbacks.world.members[0].bundle(1).report()
    assert log["args"]["feedbackHash"] == report.evidence_hash
    tournament = feedbacks.world.suite.addresses.tournament
    assert log["args"]["feedbackURI"] == f"https://example.org/rounds/{tournament}/1"
    assert (log["args"]["valueDecimals"], log["args"]["tag1"]) == (6, "cupel")

    code, said = feedbacks.model("--send", "--yes")
    assert code == 0, said
    assert "nothing to do" in said
    assert len(feedbacks.given(feedbacks.agent)) == 1


def test_the_meta_model_s_score_is_given_to_an_agent_that_is_named(feedbacks: Feedbacks) -> None:
    code, said = run(*feedbacks.command("meta", "--agent", feedbacks.meta, "--send", "--yes"))
    assert code == 0, said
    ((value, tag),) = feedbacks.given(feedbacks.meta)
    assert tag == feedbacks.tag("meta")
    assert 0 < abs(value) < 10**6
    code, said = feedbacks.model("--agent", feedbacks.agent)
    assert code == 1
    assert "expected a model with --link, or meta with --agent" in said


@pytest.mark.parametrize(
    "label", ["before-sign-commit", "signed", "before-broadcast", "broadcast", "executed"]
)
def test_a_command_that_is_killed_goes_on_and_gives_nothing_twice(
    feedbacks: Feedbacks, label: str, tmp_path: Path
) -> None:
    command = feedbacks.command(MODEL, "--link", feedbacks.registries.link.address, "--send", "--yes")

    def killed() -> None:
        os.environ[VARIABLE] = label
        run(*command)

    assert Fork.of(killed, tmp_path / "crash").wait() == KILLED
    code, said = run(*command)
    assert code == 0, said
    code, said = run(*command)
    assert code == 0, said
    assert feedbacks.given(feedbacks.agent) == [(feedbacks.score, feedbacks.tag())]


def test_attack_a_model_is_sold_and_its_agent_kept_so_that_its_scores_adorn_another(
    feedbacks: Feedbacks,
) -> None:
    buyer = str(feedbacks.world.anvil.account(BUYER).address)
    functions = feedbacks.world.suite.registry.functions
    feedbacks.owner.send(functions.transferFrom(feedbacks.owner.address, buyer, MODEL))
    code, said = feedbacks.model("--send", "--yes")
    assert code == 1
    assert f"expected a link whose model and agent have one owner, found {buyer} of the model" in said
    assert feedbacks.given(feedbacks.agent) == []


def test_a_model_without_a_link_and_a_link_of_other_registries_are_refused(feedbacks: Feedbacks) -> None:
    code, said = run(*feedbacks.command(2, "--link", feedbacks.registries.link.address))
    assert code == 1
    assert "model 2: expected a link to an agent, found none" in said
    others = Registries.deploy(feedbacks.owner, REPOSITORY, feedbacks.world.suite)
    code, said = run(*feedbacks.command(MODEL, "--link", others.link.address))
    assert code == 1
    assert "expected one of the agents of" in said


def test_attack_an_owner_praises_an_agent_of_his_own(feedbacks: Feedbacks) -> None:
    identity = feedbacks.registries.identity.functions
    feedbacks.owner.send(identity.setApprovalForAll(feedbacks.giver.address, True))
    code, said = feedbacks.model("--send", "--yes")
    assert code == 1
    assert "an operator of its owner" in said
    assert "nobody gives feedback on an agent of his own" in said


def test_a_bundle_of_another_report_than_the_chain_s_is_refused(feedbacks: Feedbacks) -> None:
    bundle = feedbacks.world.members[0].bundle(1)
    other = replace(bundle.report(), total_payout=bundle.report().total_payout + 1)
    (bundle.folder / REPORT).write_text(json.dumps(other.to_json()))
    code, said = feedbacks.model("--send", "--yes")
    assert code == 1, said
    assert "that the chain accepted" in said
    assert feedbacks.given(feedbacks.agent) == []


def test_attack_a_bundle_with_a_meta_model_that_the_report_does_not_commit_to(feedbacks: Feedbacks) -> None:
    bundle = Bundle(feedbacks.world.members[0].bundle(1).folder)
    ids = bundle.universe()
    bundle.write_meta_model(ids, bundle.targets(ids)[bundle.rules().targets[0]], "0x" + "00" * 32)
    assert (bundle.folder / META_MODEL).exists()
    code, said = run(*feedbacks.command("meta", "--agent", feedbacks.meta, "--send", "--yes"))
    assert "left out" in said, (code, said)
    assert feedbacks.given(feedbacks.meta) == []


def test_another_value_in_the_registry_is_named_and_a_revoked_one_is_left(feedbacks: Feedbacks) -> None:
    functions = feedbacks.registries.reputation.functions
    wrong = feedbacks.agent, feedbacks.score + 1, 6, "cupel", feedbacks.tag(), "", "", bytes(32)
    feedbacks.giver.send(functions.giveFeedback(*wrong))
    code, said = feedbacks.model("--send", "--yes")
    assert code == 1
    assert "revoke that first" in said
    feedbacks.giver.send(functions.revokeFeedback(feedbacks.agent, 1))
    code, said = feedbacks.model("--send", "--yes")
    assert code == 0, said
    assert "nothing to do" in said
    assert feedbacks.given(feedbacks.agent) == []


def test_a_round_of_another_tournament_is_another_round(feedbacks: Feedbacks) -> None:
    """A new version of the contracts counts its rounds from one again, for the same models and agents."""
    former = f"00c0ffee/{MODEL}/round-1"
    given = feedbacks.agent, feedbacks.score + 1, 6, "cupel", former, "", "", bytes(32)
    feedbacks.giver.send(feedbacks.registries.reputation.functions.giveFeedback(*given))
    code, said = feedbacks.model("--send", "--yes")
    assert code == 0, said
    both = [(feedbacks.score + 1, former), (feedbacks.score, feedbacks.tag())]
    assert feedbacks.given(feedbacks.agent) == both


def test_attack_an_agent_is_linked_to_whichever_model_did_best(feedbacks: Feedbacks) -> None:
    """So it would have the scores of one model until that fails, and then those of a newer one."""
    code, said = feedbacks.model("--send", "--yes")
    assert code == 0, said
    other = MODEL + 1
    buyer = Sender(feedbacks.world.suite.w3, feedbacks.world.tournament.participants[other - 1].account)
    identity, link = feedbacks.registries.identity.functions, feedbacks.registries.link
    feedbacks.owner.send(identity.transferFrom(feedbacks.owner.address, buyer.address, feedbacks.agent))
    buyer.send(link.functions.link(other, feedbacks.agent))
    code, said = run(*feedbacks.command(other, "--link", link.address, "--send", "--yes"))
    assert code == 1, said
    assert f"found {feedbacks.tag()}" in said
    assert feedbacks.given(feedbacks.agent) == [(feedbacks.score, feedbacks.tag())]


class HostileRegistry(JSONBaseProvider):
    """Answers every call with the same feedback."""

    def __init__(self, *arrays: list[Any]) -> None:
        super().__init__()
        types = ["address[]", "uint64[]", "int128[]", "uint8[]", "string[]", "string[]", "bool[]"]
        self.answer = "0x" + encode(types, arrays).hex()

    def make_request(self, method: Any, params: Any) -> Any:
        return {"jsonrpc": "2.0", "id": 1, "result": self.answer}


def test_attack_a_registry_passes_others_feedback_off_as_the_account_s() -> None:
    account, other = f"0x{1:040x}", f"0x{2:040x}"
    tags = ["cupel", "cupel", "x"], ["a"] * 3
    arrays = [account, other, account], [1] * 3, [7, 8, 9], [6] * 3, *tags, [False] * 3
    registry = ReputationRegistry(Web3(HostileRegistry(*arrays)), f"0x{9:040x}")
    assert registry.given(0, account) == {"a": [Given(7, 6, False)]}


def test_a_registry_whose_lists_do_not_fit_is_refused() -> None:
    account = f"0x{1:040x}"
    arrays = [account], [1], [7, 8], [6], ["cupel"], ["a"], [False]
    registry = ReputationRegistry(Web3(HostileRegistry(*arrays)), f"0x{9:040x}")
    with pytest.raises(RegistryError, match="expected lists of one length"):
        registry.given(0, account)
