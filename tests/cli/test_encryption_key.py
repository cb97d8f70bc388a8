"""``cupel oracle encryption-key``: a member's key is made, kept beside older ones, and published once."""

import json
import stat
from pathlib import Path

from scorer.encryption import read_identities
from scorer.encryption.keys import spell_public
from tests.cli.test_cupel import run, write_config
from tests.world import World


def test_a_new_key_comes_first_in_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    file = tmp_path / "encryption.key"
    for count in (1, 2):
        code, said = run("oracle", "encryption-key", "new", file)
        assert code == 0
        found = read_identities(file)
        assert len(found) == count
        assert spell_public(found[0].public) in said
        assert not any(each.spelled() in said for each in found)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    code, said = run("oracle", "encryption-key", "new", file)
    assert (code, "expected a file that nobody but its owner can read" in said) == (1, True)
    assert len(file.read_text().splitlines()) == 4


def test_a_member_publishes_its_newest_key_once_and_rounds_to_come_have_it(world: World) -> None:
    config = write_config(world, 0)
    publish = ("oracle", "encryption-key", "publish", "--config", config, "--yes")
    code, said = run(*publish)
    assert (code, "expected another key than the one on the chain" in said) == (1, True)
    file = config.parent / "encryption.key"
    code, made = run("oracle", "encryption-key", "new", file, "--json")
    assert code == 0, made
    code, said = run(*publish)
    assert code == 0, said
    newest = read_identities(file)[0].public
    assert json.loads(made) == {"file": str(file), "recipient": spell_public(newest)}
    block = world.suite.w3.eth.block_number
    assert world.suite.encryption_key(world.members[0].address, block) == newest
    members = world.suite.member_set(world.suite.member_set_id(block), block)
    assert members.encryption_keys[0] == newest


def test_without_a_key_in_the_configuration_nothing_is_published(world: World) -> None:
    config = write_config(world, 0)
    config.write_text(config.read_text().replace('[encryption]\nfile = "encryption.key"\n', ""))
    code, said = run("oracle", "encryption-key", "publish", "--config", config, "--yes")
    assert (code, "expected encryption.file in the configuration" in said) == (1, True)
