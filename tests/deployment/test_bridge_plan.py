"""The plan of a bridge names every contract and call of both chains, and depends on nothing else."""

import tomli_w

from scorer.bridge.messages import interoperable
from scorer.deployment.bridge_document import read_bridge_document
from scorer.deployment.bridge_plan import BridgePlan, bridge_plan
from tests.deployment.test_bridge_document import GOVERNOR, TERMS, document

DEPLOYER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


def plan(**changes: object) -> BridgePlan:
    text = tomli_w.dumps(document(**changes))
    return bridge_plan(read_bridge_document(text, {}, "bridge.toml"), DEPLOYER)


def test_each_end_knows_the_other_and_ethereum_s_comes_first() -> None:
    made = plan()
    root, child = made.root.addresses, made.child.addresses
    gateway = next(each for each in made.child.creations if each.label == "gateway")
    assert gateway.arguments["remote"] == root["gateway"]
    token = next(each for each in made.child.creations if each.label == "token")
    assert token.arguments["links"] == [(child["gateway"], interoperable(1, root["lockbox"]))]
    sink = next(each for each in made.child.creations if each.label == "burn_sink")
    assert sink.arguments["home_sink"] == root["burn_sink"]
    assert not any(
        set(child.values()) & set(map(str, each.arguments.values())) for each in made.root.creations
    )
    assert [call.key for call in made.root.calls][:2] == ["connect", "link"]


def test_the_real_nmr_has_its_own_sink() -> None:
    assert plan(root__sink="nmr").root.contracts["burn_sink"] == "NmrBurnSink"
    assert plan().root.contracts["burn_sink"] == "BurnSink"


def test_who_takes_over_is_the_last_step_and_the_deployer_keeps_nothing() -> None:
    for end in (plan().root, plan().child):
        assert [call.key.split(":")[0] for call in end.calls][-2:] == ["grant", "renounce"]
        assert end.admin[1] == 7 * 86_400


def test_votes_are_the_admin_here_and_their_arm_over_there() -> None:
    suite = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
    made = plan(root__admin=GOVERNOR, child__admin=GOVERNOR, governor=TERMS, child__governed=[suite])
    assert made.root.admin[0] == made.root.addresses["governor"]
    assert made.child.admin[0] == made.child.addresses["remote_admin"]
    arms = {each.label: each.arguments for each in made.child.creations if each.contract == "RemoteAdmin"}
    assert arms["remote_admin.1"]["authority"] == suite
    assert arms["remote_admin"]["governor"] == interoperable(1, made.root.addresses["governor"])


def test_another_instance_is_another_bridge() -> None:
    first, second = plan(), plan(instance=2)
    assert not set(first.child.addresses.values()) & set(second.child.addresses.values())
    # The token is the file's, and so the same.
    assert set(first.root.addresses.values()) & set(second.root.addresses.values()) == {
        first.root.addresses["numeraire"]
    }
