"""Two local chains with Polygon's contracts: a breach pages, proofs are taken, and commands work."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomli_w
from typer.testing import CliRunner

from scorer.bridge.addresses import read_bridge
from scorer.bridge.observe import Observer
from scorer.bridge.relayer import Relayer, RelayLimits
from scorer.chain.binding import bound
from scorer.chain.bulk import read_view
from scorer.chain.endpoints import Endpoints
from scorer.cli.bridge import app
from scorer.daemon.alarms import Alarms
from scorer.daemon.bridge_watch import BridgeWatch
from scorer.daemon.metrics import Metrics
from scorer.deployment.blueprint import selector
from scorer.deployment.bridge_document import load_bridge_document
from scorer.deployment.bridge_plan import bridge_plan
from scorer.files import write_secret
from scorer.lab.bridge.chains import ADMIN, DAY, STRANGER, BridgedChains, bridged_chains, wei
from scorer.lab.bridge.rehearsal.run import rehearse_bridge

REPOSITORY = Path(__file__).parents[2]
BALANCES = 0
"""Storage slot of a token's balances, by address; its supply lies two slots after."""


@pytest.fixture(scope="module")
def chains() -> Iterator[BridgedChains]:
    with bridged_chains(REPOSITORY) as bridged:
        yield bridged


@pytest.fixture
def config(chains: BridgedChains, tmp_path: Path) -> Path:
    """The relayer's files, with the admin's key."""
    (tmp_path / "bridge.json").write_text(json.dumps(chains.addresses.to_json()))
    write_secret(tmp_path / "key", chains.root.account(ADMIN).key.hex())
    sections = {
        name: {"endpoint": anvil.url, "chain_id": int(anvil.w3.eth.chain_id), "tip_gwei": 1}
        for name, anvil in (("root", chains.root), ("child", chains.child))
    }
    document = {
        "bridge": "bridge.json",
        "key": {"file": "key"},
        "run": {"finality_stall": 86_400, "interval": 0.1},
        "limits": {"checkpoint_age": 10**9, "slow": 10**9},
        **sections,
    }
    (tmp_path / "bridge.toml").write_text(tomli_w.dumps(document))
    return tmp_path / "bridge.toml"


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.output


def carried(chains: BridgedChains) -> None:
    chains.heimdall.sync()
    chains.heimdall.checkpoint()


def test_people_send_tokens_over_and_home_by_commands(chains: BridgedChains, config: Path) -> None:
    receiver = str(chains.root.account(STRANGER).address)
    admin = str(chains.root.account(ADMIN).address)
    where = ("--config", str(config))
    assert run("transfer", "5", "--to", admin, *where)[1].startswith("dry run")
    assert read_view(chains.root_end.lockbox.functions.locked()) == 0
    code, said = run("transfer", "5", "--to", admin, *where, "--send")
    assert code == 0, said
    carried(chains)
    assert read_view(chains.child_end.token.functions.balanceOf(admin)) == wei("5")
    code, said = run("transfer", "2", "--to", receiver, "--home", *where, "--send")
    assert code == 0, said
    carried(chains)
    before = read_view(chains.root_end.token.functions.balanceOf(receiver))
    code, said = run("run", *where, "--send", "--cycles", "1")
    assert code == 0, said
    assert read_view(chains.root_end.token.functions.balanceOf(receiver)) == before + wei("2")
    carried(chains)
    code, said = run("status", *where, "--json")
    document = json.loads(said)
    assert (code, document["conserved"], document["left"]) == (0, True, [])
    assert (document["locked"], document["supply"]) == (str(wei("3")),) * 2
    assert "bridge: conserved" in run("status", *where)[1]


def test_the_way_of_messages_is_summed_up_by_a_command(chains: BridgedChains, config: Path) -> None:
    code, said = run("latency", "--config", str(config), "--json")
    assert code == 0, said
    (to_polygon, to_ethereum), own = json.loads(said)["messages"], json.loads(said)["transactions"]
    assert (to_polygon["sent"], to_ethereum["sent"]) == (1, 1)
    assert to_ethereum["arrival"]["longest"] >= to_ethereum["checkpoint"]["longest"] >= 0
    assert to_polygon["checkpoint"] is None
    assert own == [], "this configuration's journals are new"
    code, said = run("latency", "--config", str(config), "--days", "1")
    assert "latency: 2 messages, 0 under way" in said, said


def test_a_transfer_of_nothing_or_to_nobody_is_refused(config: Path) -> None:
    where = ("--config", str(config), "--send")
    for words, expected in (
        (("0", "--to", "0x" + "12" * 20), "expected more than 0 NMR"),
        (("1", "--to", "0x12"), "--to: expected an address"),
    ):
        code, said = run("transfer", *words, *where)
        assert code == 1
        assert expected in said


def test_a_proof_is_printed_for_a_log_that_is_in_a_checkpoint(chains: BridgedChains, config: Path) -> None:
    admin = str(chains.child.account(ADMIN).address)
    chains.send_down(ADMIN, admin, "3")
    carried(chains)
    receipt = chains.send_home(ADMIN, admin, "1")
    transaction = receipt["transactionHash"].hex()
    code, said = run("prove", transaction, "--log", "1", "--config", str(config))
    assert (code, "expected it in a checkpoint" in said) == (1, True)
    carried(chains)
    code, said = run("prove", transaction, "--log", "1", "--config", str(config))
    assert code == 0, said
    assert int(json.loads(said)["blockNumber"]) == receipt["blockNumber"]
    for words in ((transaction, "--log", "9"), ("0x" + "00" * 32,), ("0x12",)):
        assert run("prove", *words, "--config", str(config))[0] == 1


def test_a_transfer_that_does_not_arrive_is_named_and_measured(chains: BridgedChains, config: Path) -> None:
    admin, metrics = str(chains.child.account(ADMIN).address), Metrics()
    alarms = Alarms(metrics)
    ends = [Endpoints([anvil.url], int(anvil.w3.eth.chain_id)) for anvil in (chains.root, chains.child)]
    limits = RelayLimits(slow=10**9, checkpoint_age=10**9, under_way=DAY)
    relayer = Relayer(Observer(chains.addresses), limits=limits)
    watch = BridgeWatch(relayer, ends[0], ends[1], alarms, every=0.0)
    chains.send_home(ADMIN, admin, "1")
    chains.pass_time(DAY // 2)
    watch.look()
    assert not alarms.raised
    chains.pass_time(DAY)
    watch.look()
    assert {reason.name for reason in alarms.raised} == {"TRANSFER_OVERDUE"}
    (age,) = re.findall(r'cupel_bridge_oldest_seconds{direction="up"} ([\d.]+)', metrics.page().decode())
    assert DAY < float(age) < 2 * DAY
    carried(chains)
    code, said = run("run", "--config", str(config), "--send", "--cycles", "3")
    assert code == 0, said
    chains.root.finalise()
    alarms.begin_cycle()
    watch.look()
    assert not alarms.raised
    page = metrics.page().decode()
    assert 'cupel_bridge_oldest_seconds{direction="up"} 0.0' in page
    for leg in ("checkpoint", "arrival"):
        assert re.search(f'bridge_transit_seconds_count{{direction="up",leg="{leg}"}} [1-9]', page), leg


def test_tokens_that_nothing_is_locked_for_page_a_member(chains: BridgedChains, config: Path) -> None:
    addresses, metrics = read_bridge(config.parent / "bridge.json"), Metrics()
    alarms = Alarms(metrics)
    root, child = (
        Endpoints([anvil.url], int(anvil.w3.eth.chain_id)) for anvil in (chains.root, chains.child)
    )
    watch = BridgeWatch(Relayer(Observer(addresses)), root, child, alarms, every=0.0)
    watch.look()
    assert not alarms.raised
    assert b"cupel_bridge_conservation 1.0" in metrics.page()
    supply = hex(read_view(chains.child_end.token.functions.totalSupply()) + 1)
    slot, word = hex(2), "0x" + supply[2:].rjust(64, "0")
    chains.child.w3.provider.make_request(
        "anvil_setStorageAt",  # type: ignore[arg-type]
        [addresses.child.token, slot, word],
    )
    chains.child.finalise()
    watch.look()
    assert {reason.name for reason in alarms.raised} == {"BRIDGE_BROKEN"}
    assert b"cupel_bridge_conservation 0.0" in metrics.page()
    alarms.begin_cycle()
    watch.every = 1e9
    watch.look()
    assert {reason.name for reason in alarms.raised} == {"BRIDGE_BROKEN"}, "until the next look"
    code, said = run("status", "--config", str(config))
    assert (code, "NOT CONSERVED" in said) == (1, True)


def test_a_bridge_is_deployed_from_its_file_and_held_against_both_chains(
    chains: BridgedChains, tmp_path: Path
) -> None:
    settings, admin = chains.plan.document, chains.root.account(ADMIN)
    (tmp_path / "bridge.toml").write_text(tomli_w.dumps(_second_bridge(chains)))
    write_secret(tmp_path / "key", admin.key.hex())
    ends = ("--root-endpoint", chains.root.url, "--child-endpoint", chains.child.url)
    words = ("deploy", str(tmp_path / "bridge.toml"), *ends, "--key", str(tmp_path / "key"))
    code, said = run(*words, "--out", str(tmp_path / "out"), "--yes")
    assert code == 0, said
    found = read_bridge(tmp_path / "out" / "bridge.json")
    assert found.root.root_chain == settings.root.root_chain
    assert found.root.gateway != chains.addresses.root.gateway
    sent = chains.root.w3.eth.get_transaction_count(admin.address)
    assert run(*words, "--out", str(tmp_path / "out"), "--yes")[0] == 0
    assert chains.root.w3.eth.get_transaction_count(admin.address) == sent, "nothing is done twice"
    file = str(tmp_path / "bridge.toml")
    check = ("check", file, *ends, "--bridge", str(tmp_path / "out" / "bridge.json"), "--deployer")
    code, said = run(*check, str(admin.address))
    assert (code, said) == (0, "check: second agrees\n")
    authority = bound(
        chains.root.w3, "Authority", _authority_of(tmp_path / "bridge.toml", str(admin.address))
    )
    stranger = chains.root.account(STRANGER).address
    chains.on_root(ADMIN).send(authority.functions.grantRole(0, stranger, 0))
    code, said = run(*check, str(admin.address))
    assert code == 1
    assert f"root.roles.0.{stranger}: expected no role, found the role" in said
    moved = authority.functions
    for call in (
        moved.setTargetFunctionRole(found.root.gateway, [selector("RootGateway", "unpause")], 2),
        moved.setTargetClosed(found.root.gateway, True),
        moved.setRoleAdmin(2, 2),
    ):
        chains.on_root(ADMIN).send(call)
    said = run(*check, str(admin.address))[1]
    for line in (
        "root.roles.gateway.unpause: expected admin, found role 2",
        "root.roles.gateway: expected a contract that is open, found closed by the admin",
        "root.roles.guardian.getRoleAdmin: expected admin, found role 2",
    ):
        assert line in said


def _second_bridge(chains: BridgedChains) -> dict[str, object]:
    """A file for another bridge over the same contracts of Polygon's."""
    document = chains.plan.document
    key = {"kind": "key", "holder": "deployer", "delay": "0 seconds"}
    return {
        "version": 1,
        "name": "second",
        "daily_cap": "100",
        "largest_transfer": "50",
        "checkpoint_step": 1,
        "root": {
            "chain_id": document.root.chain_id,
            "fx_root": document.root.fx_root,
            "root_chain": document.root.root_chain,
            "token": chains.addresses.root.token,
            "guardians": [str(chains.root.account(STRANGER).address)],
            "admin": key,
        },
        "child": {
            "chain_id": document.child.chain_id,
            "fx_child": document.child.fx_child,
            "guardians": ["deployer"],
            "admin": key,
        },
    }


def _authority_of(file: Path, deployer: str) -> str:
    return bridge_plan(load_bridge_document(file, {}), deployer).root.addresses["authority"]


@pytest.mark.long
def test_the_rehearsal_delivers_every_message_once(tmp_path: Path) -> None:
    verdict = rehearse_bridge(tmp_path / "rehearsal", REPOSITORY, print)
    assert verdict.is_good
    assert str(verdict).startswith("rehearse-bridge: conserved, ")
