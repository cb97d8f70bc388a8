"""``cupel data key share``: shared with the keys that the chain has, again after a rotation."""

import json
from pathlib import Path

from scorer.data.obfuscation import load_key
from scorer.encryption.keys import spell_public
from scorer.lab.proxy import proxy_of
from tests.cli.test_cupel import run, write_config, write_deployment
from tests.oracle.test_lying_endpoints import of, word
from tests.world import World


def test_the_key_reaches_the_members_by_the_keys_that_they_published(world: World, tmp_path: Path) -> None:
    key, shared, config = tmp_path / "data.key", tmp_path / "data.key.age", write_config(world, 0)
    chain = ("--endpoint", world.anvil.url, "--deployment", write_deployment(world))
    assert run("data", "key", "new", "--out", key)[0] == 0
    share = ("data", "key", "share", "--key", key, "--out", shared, *chain)
    check = ("data", "key", "check", shared, "--key", key, *chain)
    block, count = world.anvil.w3.eth.block_number, len(world.members)
    members = world.suite.committee_members(block)
    keys = [spell_public(world.suite.encryption_key(member, block)) for member in members]
    listed = "".join(f"{member} {public}\n" for member, public in zip(members, keys, strict=True))
    code, said = run(*share, answer="n\n")
    assert (code, said.startswith(listed), shared.exists()) == (1, True, False)
    code, said = run(*share, answer="y\n")
    assert (code, said.startswith(listed)) == (0, True)
    assert said.endswith(f"{shared} was written for the keys of {count} members\n")
    assert run(*check)[0] == 0
    code, said = run(*check, "--json")
    pairs = [{"member": member, "key": public} for member, public in zip(members, keys, strict=True)]
    assert (code, json.loads(said)) == (0, {"agrees": True, "members": pairs})
    identities = config.parent / "encryption.key"
    assert run("oracle", "encryption-key", "new", identities)[0] == 0
    assert run("oracle", "encryption-key", "publish", "--config", config, "--yes")[0] == 0
    assert run(*check)[0] == 0  # the new key is not final
    world.anvil.finalise()
    code, said = run(*check)
    assert (code, "where a member joined or rotated its key" in said) == (1, True)
    code, said = run(*check, "--json")
    assert (code, json.loads(said)["agrees"]) == (1, False)
    before = shared.read_bytes()
    assert run(*share, "--yes")[0] == run(*check)[0] == 0
    assert shared.read_bytes() != before
    opened = tmp_path / "opened.key"
    code, said = run("data", "key", "open", shared, "--identities", identities, "--out", opened)
    assert code == 0, said
    assert load_key(opened) == load_key(key)
    assert run("data", "key", "share", "--key", key, "--out", shared)[0] == 1


def test_the_key_is_encrypted_to_nothing_that_one_of_several_endpoints_says_alone(
    world: World, tmp_path: Path
) -> None:
    key, shared, url = tmp_path / "data.key", tmp_path / "data.key.age", world.anvil.url
    assert run("data", "key", "new", "--out", key)[0] == 0
    share = ("data", "key", "share", "--key", key, "--out", shared, "--deployment", write_deployment(world))
    member = world.suite.committee_members(world.anvil.w3.eth.block_number)[0]
    keys_of = world.suite.committee.functions.encryptionKeyOf(member)
    with proxy_of(url) as proxy:
        both = ("--endpoint", url, "--endpoint", proxy.url, "--yes")
        assert run(*share, *both)[0] == 0
        shared.unlink()
        proxy.misbehave(*of(keys_of, word(0, 9 << 200)))
        code, said = run(*share, *both)
        assert (code, "expected the same members and keys" in said, shared.exists()) == (
            1,
            True,
            False,
        )
        assert run(*share, "--endpoint", proxy.url, answer="n\n")[0] == 1
