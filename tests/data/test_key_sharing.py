"""The data key reaches the members that published a key, also rotated ones, and nobody else."""

import json
import stat
from pathlib import Path

import pyrage
import pytest
from typer.testing import CliRunner

from scorer.cli import app
from scorer.data.faults import DataError
from scorer.data.key_sharing import opened_key, shared_key
from scorer.data.obfuscation import load_key
from scorer.encryption.keys import Identity, spell_public, write_identities
from tests.data.markets import KEY
from tests.data.test_commands import cupel, documents, folder

__all__ = ["folder"]

OLD, NEW, OTHER, STRANGER = (Identity(bytes([place + 1]) * 32) for place in range(4))


def publics(*identities: Identity) -> list[bytes]:
    return [each.public for each in identities]


def opened(tmp_path: Path, content: bytes, *identities: Identity) -> bytes:
    (tmp_path / "shared.age").write_bytes(content)
    return opened_key(tmp_path / "shared.age", write_identities(tmp_path / "member.key", identities))


def test_each_member_opens_the_key_and_a_stranger_does_not(tmp_path: Path) -> None:
    content = shared_key(KEY, publics(OLD, OTHER))
    assert opened(tmp_path, content, OLD) == opened(tmp_path, content, STRANGER, OTHER) == KEY
    with pytest.raises(DataError, match="expected a data key for one of 1 identities, found one for others"):
        opened(tmp_path, content, STRANGER)


def test_rage_decrypts_the_shared_key() -> None:
    tool = pyrage.x25519.Identity.from_str(OTHER.spelled())
    assert pyrage.decrypt(shared_key(KEY, publics(OLD, OTHER)), [tool]) == f"{KEY.hex()}\n".encode()


def test_the_file_is_a_function_of_key_and_recipients() -> None:
    once = shared_key(KEY, publics(OLD, OTHER))
    assert shared_key(KEY, publics(OTHER, OLD, OLD)) == once
    assert shared_key(KEY, publics(OTHER, NEW)) != once
    assert shared_key(bytes(32), publics(OLD, OTHER)) != once
    # Nothing but the key's own bytes is the same in two files.
    more = shared_key(KEY, publics(OLD, OTHER, STRANGER))
    assert not set(once.split(b"\n")[1:]) & set(more.split(b"\n")[1:])


def test_a_member_that_rotated_its_key_opens_what_was_shared_before_and_after(tmp_path: Path) -> None:
    before, after = shared_key(KEY, publics(OLD, OTHER)), shared_key(KEY, publics(NEW, OTHER))
    assert opened(tmp_path, before, NEW, OLD) == opened(tmp_path, after, NEW, OLD) == KEY
    with pytest.raises(DataError, match="ask the operator to share it with your published key"):
        opened(tmp_path, before, NEW)


@pytest.mark.parametrize("place", range(0, 320, 23))
def test_a_file_that_was_changed_is_refused(tmp_path: Path, place: int) -> None:
    content = bytearray(shared_key(KEY, publics(OLD)))
    content[place % len(content)] ^= 1
    with pytest.raises(DataError, match=r"shared\.age: expected a data key"):
        opened(tmp_path, bytes(content), OLD)


@pytest.mark.parametrize("content", [b"", b"x" * 300, KEY.hex().encode()])
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match=r"which holds no key|header|base64"):
        opened(tmp_path, content, OLD)


def test_a_key_to_which_nothing_can_be_encrypted_is_refused() -> None:
    with pytest.raises(DataError, match="expected from 1 to 64 keys of members, found 0"):
        shared_key(KEY, [])
    with pytest.raises(DataError, match="a point of low order"):
        shared_key(KEY, [bytes(32)])


def test_a_member_rebuilds_targets_with_the_key_it_was_sent(folder: Path, tmp_path: Path) -> None:
    shared, own = tmp_path / "data.key.age", tmp_path / "own.key"
    write_identities(tmp_path / "member.key", [OTHER])
    recipients = [part for each in (OLD, OTHER) for part in ("--recipient", spell_public(each.public))]
    share = ("key", "share", "--key", folder / "data.key", "--out", shared, *recipients)
    assert "was written for the keys of 2 members" in cupel(*share)
    assert "is encrypted to the keys of 2 members" in cupel(*share)
    found = CliRunner().invoke(app, ["data", *map(str, share), "--json"]).stdout
    assert [each["key"] for each in json.loads(found)["members"]] == list(recipients[1::2])
    opening = ("key", "open", shared, "--identities", tmp_path / "member.key", "--out", own)
    opened = json.loads(cupel(*opening, "--version", folder / "versions/v1.0", "--json"))
    assert opened == {"written": str(own)}
    assert load_key(own) == load_key(folder / "data.key")
    assert stat.S_IMODE(own.stat().st_mode) == 0o600
    session = ("--session", "2020-06-14")
    theirs = cupel("targets", *documents(folder), *session)
    assert cupel("targets", *documents(folder)[:-1], own, *session) == theirs
    checking = ("key", "check", shared, "--key", own, "--recipient")
    assert "expected this key for these 1 members" in cupel(*checking, spell_public(OTHER.public), code=1)


def test_a_key_of_another_data_set_is_not_taken(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "shared.age").write_bytes(shared_key(KEY, publics(OLD)))
    write_identities(tmp_path / "member.key", [OLD])
    opening = ("key", "open", tmp_path / "shared.age", "--identities", tmp_path / "member.key")
    said = cupel(*opening, "--out", tmp_path / "own.key", "--version", folder / "versions/v1.0", code=1)
    assert "was built with, found another" in said
    assert not (tmp_path / "own.key").exists()
    said = cupel(*opening, "--out", folder / "data.key", code=1)
    assert "expected no file or this key, found another key" in said
