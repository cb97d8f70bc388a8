"""The daemons' commands: run, check, recompute; and what their configuration may say."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from eth_account import Account

from scorer.daemon import assembly
from scorer.daemon.config_errors import ConfigError
from scorer.daemon.configuration import load_config
from scorer.daemon.daemon import OracleDaemon
from scorer.encryption.keys import spell_public
from scorer.lab.encryption import local_identity
from scorer.lab.proxy import Forward, Proxy, Request, Response, proxy_of
from tests.cli.test_cupel import run, write_config
from tests.world import World


def resolved_world(world: World) -> int:
    round_id = world.sealed_round()
    world.resolve(round_id)
    return round_id


def recent(world: World) -> World:
    """A world whose clock is the machine's."""
    import time

    world.anvil.advance_to(int(time.time()))
    return world


def test_a_dry_run_goes_round_and_sends_nothing(world: World) -> None:
    resolved_world(world)
    block = world.anvil.w3.eth.block_number
    code, _ = run("oracle", "run", "--config", write_config(world, 0), "--cycles", 1)
    assert code == 0
    assert world.anvil.w3.eth.block_number == block


def test_a_run_that_sends_attests_once(world: World) -> None:
    round_id = resolved_world(world)
    config = write_config(world, 0)
    config.write_text(config.read_text() + "\n[run]\ninterval = 0.01\nrecompute = true\n")
    code, _ = run("oracle", "run", "--config", config, "--send", "--cycles", 2)
    assert code == 0
    member = world.members[0]
    vote = world.suite.vote(round_id, member.address, world.suite.w3.eth.block_number)
    assert vote == member.bundle(round_id).report().hash()


def test_two_processes_cannot_run_with_one_journal(world: World) -> None:
    config = write_config(world, 0)
    with assembly.oracle(load_config(config), send=True):
        code, said = run("oracle", "once", "--config", config, "--send")
    assert code == 1
    assert "found another process at work with it" in said


def test_check_says_that_everything_is_in_order(world: World) -> None:
    code, said = run("oracle", "check", "--config", write_config(recent(world), 0))
    assert said.endswith("check: everything is in order\n"), said
    assert code == 0


def test_check_names_a_broken_endpoint_in_one_line(world: World) -> None:
    config = write_config(recent(world), 0)
    text = config.read_text().replace(
        f'endpoint = "{world.anvil.url}"',
        f'agreement = 1\nendpoints = ["http://127.0.0.1:9/secret", "{world.anvil.url}"]',
    )
    config.write_text(text)
    code, said = run("oracle", "check", "--config", config)
    failed = [line for line in said.splitlines() if line.startswith("FAIL")]
    assert code == 1
    assert len(failed) == 1
    assert failed[0].startswith("FAIL endpoint 127.0.0.1:9: endpoint 127.0.0.1:9: expected an answer")
    assert "secret" not in said


def test_check_names_a_wrong_chain_id_in_one_line(world: World) -> None:
    config = write_config(recent(world), 0)
    with proxy_of(world.anvil.url) as proxy:
        proxy.misbehave("eth_chainId", lambda request, forward: {"result": "0x89"})
        config.write_text(config.read_text().replace(world.anvil.url, proxy.url))
        code, said = run("oracle", "check", "--config", config)
    assert code == 1
    assert "expected chain id 31337 (as configured), found 137" in said
    assert sum(line.startswith("FAIL endpoint 127") for line in said.splitlines()) == 1


def test_check_names_an_empty_balance_and_a_stranger_in_one_line_each(world: World) -> None:
    config = write_config(recent(world), 0)
    stranger = Account.from_key(b"\x77" * 32)
    (config.parent / "key").write_text(stranger.key.hex())
    ours = spell_public(local_identity(world.anvil.account(3)).public)
    code, said = run("oracle", "check", "--config", config)
    failed = [line for line in said.splitlines() if line.startswith("FAIL")]
    assert code == 1
    assert failed == [
        f"FAIL committee: expected {stranger.address} among the 3 members, found it is none",
        f"FAIL encryption key: expected {ours} on the chain, found none; publish it with "
        "cupel oracle encryption-key publish",
        f"FAIL gas of key: expected at least 1 wei at {stranger.address}, found 0; send it some",
    ]


def test_check_names_an_unknown_contract_version_in_one_line(world: World) -> None:
    config = write_config(recent(world), 0)
    selector = "0xffa1ad74"

    with proxy_of(world.anvil.url) as proxy:

        def newer(request: Request, forward: Forward) -> Response | None:
            call = request["params"][0]
            return {"result": "0x" + f"{3:064x}"} if call.get("data") == selector else None

        proxy.misbehave("eth_call", newer)
        config.write_text(config.read_text().replace(world.anvil.url, proxy.url))
        code, said = run("oracle", "check", "--config", config)
        failed = [line for line in said.splitlines() if line.startswith("FAIL")]
        assert code == 1
        assert failed == [
            "FAIL contract version: expected tournament and committee of version 2, found 3 and 3; "
            "install the release of this program that knows them"
        ]
        code, said = run("oracle", "once", "--config", config, "--send")
        assert code == 1
        assert "expected tournament and committee of version 2, found 3 and 3" in said


def in_a_shell(*arguments: object) -> tuple[int, list[str]]:
    """Type a command in a process of its own; its exit code and the lines on standard output."""
    command = [str(Path(sys.executable).parent / "cupel"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


@contextmanager
def newer_contracts(url: str) -> Iterator[Proxy]:
    """The chain at `url`, with contracts of version 2."""

    def newer(request: Request, forward: Forward) -> Response | None:
        asked = request["params"][0].get("data")
        return {"result": "0x" + f"{3:064x}"} if asked == "0xffa1ad74" else None

    with proxy_of(url) as proxy:
        yield proxy.misbehave("eth_call", newer)


@pytest.mark.parametrize(("who", "index"), [("oracle", 3), ("operator", 1)])
def test_a_check_names_four_faults_at_once_in_a_line_each(world: World, who: str, index: int) -> None:
    anvil = recent(world).anvil
    config = write_config(world, 0, account=index)
    address = anvil.account(index).address
    anvil._request("anvil_setBalance", address, "0x0")
    with newer_contracts(anvil.url) as newer, proxy_of(anvil.url) as other:
        other.misbehave("eth_chainId", lambda request, forward: {"result": "0x89"})
        dead = "http://127.0.0.1:9"
        several = f'agreement = 1\nendpoints = ["{dead}/secret", "{other.url}", "{newer.url}"]'
        config.write_text(config.read_text().replace(f'endpoint = "{anvil.url}"', several))
        code, lines = in_a_shell(who, "check", "--config", config)
        host = other.url.removeprefix("http://")
    failed = [line for line in lines if line.startswith("FAIL")]
    assert failed == [
        "FAIL endpoint 127.0.0.1:9: endpoint 127.0.0.1:9: expected an answer within 30 s, "
        "found nobody who answers there; is the node up, and is the URL right?",
        f"FAIL endpoint {host}: endpoint {host}: expected chain id 31337 (as configured), found 137; "
        "nothing was sent",
        "FAIL contract version: expected tournament and committee of version 2, found 3 and 3; "
        "install the release of this program that knows them",
        f"FAIL gas of key: expected at least 1 wei at {address}, found 0; send it some",
    ]
    assert (code, lines[-1]) == (1, "check: 4 failed")


def test_an_operators_check_says_that_everything_is_in_order(world: World) -> None:
    code, lines = in_a_shell("operator", "check", "--config", write_config(recent(world), 0, account=1))
    assert lines[-5:-2] + lines[-1:] == [
        "ok   right to openRound: held",
        "ok   right to lock: held",
        "ok   right to endLock: held",
        "check: everything is in order",
    ]
    assert code == 0


def test_an_operators_check_names_a_key_without_the_role(world: World) -> None:
    code, said = run("operator", "check", "--config", write_config(recent(world), 0))
    failed = [line for line in said.splitlines() if line.startswith("FAIL")]
    member = world.anvil.account(3).address
    assert code == 1
    assert failed == [
        f"FAIL right to {call}: expected {member} to hold the operator's role, "
        f"found that it may not call {call}"
        for call in ("openRound", "lock", "endLock")
    ]


def test_a_drill_passes_on_a_fresh_chain_of_its_own(tmp_path: Path) -> None:
    out = tmp_path / "drill"
    code, lines = in_a_shell("oracle", "drill", "--out", out, "--only", "reorganised")
    assert lines[0].startswith("pass reorganised 3 deep: 0 duplicated, 0 lost, 0 stuck")
    assert (code, lines[-1]) == (0, "drill: all 1 passed")
    assert (out / "member-0" / "journal.sqlite").is_file()


def test_a_drill_of_nothing_does_not_pass(tmp_path: Path) -> None:
    code, said = run("oracle", "drill", "--out", tmp_path / "drill", "--only", "earthquake")
    assert code == 1
    assert "expected the name of a scenario, or a part of it, found 'earthquake'" in said
    assert run("oracle", "drill", "--out", tmp_path / "drill", "--only", "earthquake", "--json")[0] == 1


@pytest.mark.long
def test_the_whole_drill_passes(tmp_path: Path) -> None:
    code, lines = in_a_shell("oracle", "drill", "--out", tmp_path / "drill")
    assert (code, lines[-1]) == (0, "drill: all 7 passed"), lines


def test_recompute_prints_the_digest_and_compares_model_by_model(world: World) -> None:
    round_id = resolved_world(world)
    world.cycle()
    config = write_config(world, 0)
    own = world.members[0].bundle(round_id)
    other = world.members[1].bundle(round_id).folder
    code, said = run("oracle", "recompute", "--config", config, "--round", round_id, "--against", other)
    assert code == 0
    assert said == (
        f"round {round_id}: report 0x{own.report().hash().hex()}\nrecompute: the reports are equal\n"
    )
    target = world.members[1].paths.targets
    changed = shutil.copytree(other, world.out / "changed")
    report = json.loads((changed / "report.json").read_text())
    (changed / "report.json").write_text(json.dumps(report | {"total_burn": "1"}))
    import pandas as pd

    table = pd.read_parquet(changed / "scores.parquet")
    table.loc[table["model_id"] == 3, "reward_score"] += 7
    table.to_parquet(changed / "scores.parquet", index=False)
    code, said = run("oracle", "recompute", "--config", config, "--round", round_id, "--against", changed)
    assert code == 1
    assert "model 3, reward_score: ours" in said
    assert "recompute: 2 differences" in said
    assert target.exists()


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ('file = "key"\nkeystore = "x"', "expected file, or keystore and password_file"),
        ('keystore = "x"', "expected file, or keystore and password_file"),
        (
            'remote = "http://127.0.0.1:1"\npublic_key = "0x12"',
            "key.public_key: expected a public key in hex .128 digits., found text of 4 characters",
        ),
    ],
)
def test_a_key_is_given_in_one_way(world: World, key: str, expected: str) -> None:
    config = write_config(world, 0)
    config.write_text(config.read_text().replace('file = "key"', key))
    with pytest.raises(ConfigError, match=expected):
        load_config(config)


def test_a_key_may_be_in_an_encrypted_keystore(world: World) -> None:
    config = write_config(world, 0)
    account = Account.from_key(b"\x09" * 32)
    keystore = Account.encrypt(account.key, "pass word", kdf="pbkdf2", iterations=10)
    (config.parent / "keystore.json").write_text(json.dumps(keystore))
    (config.parent / "password").write_text("pass word\n")
    text = config.read_text().replace(
        'file = "key"', 'keystore = "keystore.json"\npassword_file = "password"'
    )
    config.write_text(text)
    assert load_config(config).key.signer().address == account.address
    (config.parent / "password").write_text("wrong")
    with pytest.raises(ConfigError, match=r"expected the password of this keystore, found another"):
        load_config(config).key.signer()


def test_a_relay_may_have_a_key_of_its_own(world: World) -> None:
    config = write_config(world, 0)
    relay = world.anvil.account(20)
    (config.parent / "relay").write_text(relay.key.hex())
    config.write_text(config.read_text() + '\n[relay]\nfile = "relay"\n')
    round_id = resolved_world(world)
    world.cycle(0, 1)
    world.pass_challenge_window()
    count = world.suite.w3.eth.get_transaction_count
    member = world.anvil.account(3)
    before = [count(account.address) for account in (relay, member)]
    code, said = run("oracle", "once", "--config", config, "--send")
    after = [count(account.address) for account in (relay, member)]
    assert code == 0
    assert "SettleChunk" in said
    assert (after[0] - before[0], after[1] - before[1]) == (3, 0)
    assert world.record(round_id).is_over


def test_agreement_cannot_exceed_the_endpoints(world: World) -> None:
    config = write_config(world, 0)
    config.write_text(config.read_text().replace("tip_gwei = 1", "tip_gwei = 1\nagreement = 2"))
    with pytest.raises(ConfigError, match="expected agreement of at most 1"):
        load_config(config)


def test_what_a_member_waits_for_and_disputes_is_in_its_configuration(world: World) -> None:
    config = write_config(world, 0)
    text = config.read_text().replace("[files]", '[files]\npeers = ["one", "/two"]')
    settings = f'dispute = ["0x{"aB" * 32}"]\npublication_grace = 60\noutcome_delay = 1.5'
    config.write_text(f"{text}\n[run]\n{settings}\n")
    with assembly.oracle(load_config(config), send=False) as assembled:
        assert isinstance(assembled.daemon, OracleDaemon)
        member = assembled.daemon.member
    assert member.paths.peers == (config.parent / "one", Path("/two"))
    assert member.policy.disputed == {"0x" + "aB" * 32}
    assert (member.policy.publication_grace, member.policy.outcome_delay) == (60, 5400)
    config.write_text(f'{text}\n[run]\ndispute = ["0x12"]\n')
    with pytest.raises(ConfigError, match=r"run\.dispute\.0"):
        load_config(config)


def test_a_url_in_a_wrong_configuration_keeps_its_secret(world: World, tmp_path: Path) -> None:
    config = write_config(world, 0)
    config.write_text(config.read_text().replace("http://", "ftp://user:pw@h/secret"))
    with pytest.raises(ConfigError) as caught:
        load_config(config)
    assert "secret" not in str(caught.value)
    assert "pw" not in str(caught.value)
