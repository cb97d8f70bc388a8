"""Keys in encrypted files."""

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from scorer.client.keystore import KeystoreError, Wallet, new_key, read_key, write_keystore

KEY = b"\x21" * 32
PASSWORD = "correct horse"


def wallet(path: Path, password: str = PASSWORD) -> Wallet:
    return Wallet(path, lambda: password)


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text("something")
    with pytest.raises(KeystoreError, match=r"mine.json: expected no file, as a key is never overwritten"):
        write_keystore(path, KEY, PASSWORD)
    assert path.read_text() == "something"
    (tmp_path / "link.json").symlink_to(tmp_path / "nowhere")
    with pytest.raises(KeystoreError, match="never overwritten"):
        write_keystore(tmp_path / "link.json", KEY, PASSWORD)


def test_a_key_without_a_password_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeystoreError, match="expected a password for the keystore, found none"):
        write_keystore(tmp_path / "mine.json", KEY, "")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_comes_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.json"
    quick = Account.encrypt

    def slow(key: bytes, password: str, **work: Any) -> object:
        path.write_text("another's")
        return quick(key, password, **work)

    monkeypatch.setattr(Account, "encrypt", slow)
    with pytest.raises(KeystoreError, match="never overwritten"):
        write_keystore(path, KEY, PASSWORD)
    assert path.read_text() == "another's"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.json"]


def test_a_key_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeystoreError, match="expected to write a file there, found"):
        write_keystore(tmp_path / "file" / "mine.json", KEY, PASSWORD)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", "other content"),
        ("0x12", "other content"),
        ("zz" * 32, "other content"),
        ("00" * 32, "other content"),
        ('{"version": 3}', "a keystore, which can be used as it is"),
    ],
)
def test_a_file_without_a_key_is_refused_and_not_shown(tmp_path: Path, content: str, found: str) -> None:
    (tmp_path / "key").write_text(content)
    with pytest.raises(
        KeystoreError, match=f"expected a private key in hex .64 digits., found {found}"
    ) as error:
        read_key(tmp_path / "key")
    assert not content or content not in str(error.value)


def test_another_password_is_reported_in_words(tmp_path: Path) -> None:
    write_keystore(tmp_path / "mine.json", KEY, PASSWORD)
    with pytest.raises(KeystoreError, match="expected the password of this keystore, found another"):
        str(wallet(tmp_path / "mine.json", "battery staple").account.key)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 1}', KEY.hex()])
def test_a_file_that_is_no_keystore_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "mine.json").write_text(content)
    with pytest.raises(KeystoreError, match="expected a keystore"):
        str(wallet(tmp_path / "mine.json").address)


def test_a_keystore_without_a_key_is_refused_before_its_password_is_asked_for(tmp_path: Path) -> None:
    def ask() -> str:
        pytest.fail("asked for a password")

    path = tmp_path / "mine.json"
    path.write_text('{"version": 3}')
    path.chmod(0o600)
    with pytest.raises(KeystoreError, match="expected a keystore, found one without a key"):
        str(Wallet(path, ask).address)


def test_a_keystore_that_is_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("[" * 200_000)
    with pytest.raises(KeystoreError, match="expected a keystore, found JSON of more levels"):
        str(wallet(tmp_path / "mine.json").address)


def test_a_keystore_without_a_key_is_refused_without_a_password(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text('{"version": 3}')
    with pytest.raises(KeystoreError, match="found one without a key"):
        wallet(tmp_path / "mine.json").check()


@pytest.mark.parametrize("change", [{"crypto": {}}, {"crypto": {"kdf": "md5"}}, {"crypto": 7}])
def test_a_damaged_keystore_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "mine.json"
    write_keystore(path, KEY, PASSWORD)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(KeystoreError, match="expected a keystore of version 3"):
        str(wallet(path).account.key)


def test_a_keystore_with_anothers_address_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    write_keystore(path, KEY, PASSWORD)
    other = Account.from_key(b"\x22" * 32).address
    path.write_text(json.dumps(json.loads(path.read_text()) | {"address": other}))
    assert wallet(path).address == other
    with pytest.raises(KeystoreError, match="somebody changed the file"):
        str(wallet(path).account.key)


def test_a_keystore_is_read_by_its_owner_alone_and_holds_the_key(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "mine.json"
    address = write_keystore(path, KEY, PASSWORD)
    assert path.stat().st_mode & 0o777 == 0o600
    assert address == Account.from_key(KEY).address
    assert wallet(path).address == address
    assert bytes(wallet(path).account.key) == KEY
    assert json.loads(path.read_text())["version"] == 3
    assert [path.name for path in path.parent.iterdir()] == ["mine.json"]


def test_a_keystore_that_states_no_address_is_decrypted_for_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    address = write_keystore(path, KEY, PASSWORD)
    stated = json.loads(path.read_text())
    del stated["address"]
    path.write_text(json.dumps(stated))
    assert wallet(path).address == address


def test_new_keys_differ_and_can_be_read_back(tmp_path: Path) -> None:
    first, second = new_key(), new_key()
    assert first != second
    (tmp_path / "key").write_text("0x" + first.hex() + "\n")
    assert read_key(tmp_path / "key") == first
