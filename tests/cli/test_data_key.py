"""``cupel data key share``: shared with the keys that the chain has, again after a rotation."""

from pathlib import Path

from scorer.data.obfuscation import load_key
from tests.cli.test_cupel import run, write_config, write_deployment
from tests.world import World


def test_the_key_reaches_the_members_by_the_keys_that_they_published(world: World, tmp_path: Path) -> None:
    key, shared, config = tmp_path / "data.key", tmp_path / "data.key.age", write_config(world, 0)
    chain = ("--endpoint", world.anvil.url, "--deployment", write_deployment(world))
    assert run("data", "key", "new", "--out", key)[0] == 0
    share = ("data", "key", "share", "--key", key, "--out", shared, *chain)
    check = ("data", "key", "check", shared, "--key", key, *chain)
    count = len(world.members)
    assert run(*share) == (0, f"{shared} was written for the keys of {count} members\n")
    assert run(*check)[0] == 0
    identities = config.parent / "encryption.key"
    assert run("oracle", "encryption-key", "new", identities)[0] == 0
    assert run("oracle", "encryption-key", "publish", "--config", config, "--yes")[0] == 0
    code, said = run(*check)
    assert (code, "where a member joined or rotated its key" in said) == (1, True)
    before = shared.read_bytes()
    assert run(*share)[0] == run(*check)[0] == 0
    assert shared.read_bytes() != before
    opened = tmp_path / "opened.key"
    code, said = run("data", "key", "open", shared, "--identities", identities, "--out", opened)
    assert code == 0, said
    assert load_key(opened) == load_key(key)
    assert run("data", "key", "share", "--key", key, "--out", shared)[0] == 1
