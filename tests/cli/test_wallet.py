"""``cupel wallet``: keys of data scientists, as people type it."""

import json
from pathlib import Path

import pytest
from eth_account import Account

from scorer.lab.proxy import Forward, NoAnswer, Request, Response, proxy_of
from tests.cli.scientist import scientist, typed
from tests.cli.test_cupel import run
from tests.world import World

KEY = "0x" + "37" * 32
ADDRESS = str(Account.from_key(KEY).address)


@pytest.fixture
def password(tmp_path: Path) -> Path:
    (tmp_path / "password").write_text("a good one\n")
    return tmp_path / "password"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    (tmp_path / "key").write_text(KEY + "\n")
    return tmp_path / "key"


def test_without_password_file_or_terminal_no_key_is_made(tmp_path: Path) -> None:
    code, said = run("wallet", "new", "--keystore", tmp_path / "mine.json")
    assert code == 1
    assert "expected --password-file or a terminal to ask at, found neither" in said
    assert not (tmp_path / "mine.json").exists()


def test_a_password_is_no_option(tmp_path: Path) -> None:
    code, said = run("wallet", "new", "--keystore", tmp_path / "mine.json", "--password", "secret")
    assert code == 2
    assert "No such option" in said


def test_an_existing_file_is_refused_before_a_password_is_asked(tmp_path: Path, key_file: Path) -> None:
    for command in (["new"], ["import", key_file]):
        code, said = run("wallet", *command, "--keystore", key_file)
        assert code == 1
        assert f"{key_file}: expected no file, as a key is never overwritten, found one" in said
    assert key_file.read_text() == KEY + "\n"


def test_what_is_no_key_is_not_imported(tmp_path: Path, password: Path) -> None:
    (tmp_path / "key").write_text("not a key")
    code, said = run(
        "wallet",
        "import",
        tmp_path / "key",
        "--keystore",
        tmp_path / "mine.json",
        "--password-file",
        password,
    )
    assert code == 1
    assert "expected a private key in hex (64 digits), found other content" in said
    assert "not a key" not in said


def test_a_password_file_that_is_empty_or_missing_is_refused(tmp_path: Path, key_file: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    target = ["--keystore", tmp_path / "mine.json", "--password-file"]
    code, said = run("wallet", "import", key_file, *target, tmp_path / "empty")
    assert (code, "expected a password for the keystore, found none" in said) == (1, True)
    code, said = run("wallet", "import", key_file, *target, tmp_path / "nowhere")
    assert (code, "expected a password, found No such file or directory" in said) == (1, True)


def test_a_password_file_of_more_than_one_line_is_refused_and_not_shown(
    tmp_path: Path, key_file: Path
) -> None:
    target = ["--keystore", tmp_path / "mine.json", "--password-file", tmp_path / "long"]
    for content in ("a good one\n# made in May\n", "a good one\r\nmore", "a good one\n\nmore\n"):
        (tmp_path / "long").write_text(content)
        code, said = run("wallet", "import", key_file, *target)
        assert (code, "long: expected a password in one line, found more" in said) == (1, True)
        assert "good" not in said
    assert not (tmp_path / "mine.json").exists()
    (tmp_path / "long").write_text(" a good one \r\n\n")
    assert run("wallet", "import", key_file, *target)[0] == 0
    document = json.loads((tmp_path / "mine.json").read_text())
    assert Account.decrypt(document, " a good one ").to_0x_hex() == KEY


def test_an_endpoint_that_goes_away_is_reported_in_words(shared: World) -> None:
    def die(_request: Request, _forward: Forward) -> Response | None:
        raise NoAnswer

    with proxy_of(shared.anvil.url) as proxy:
        proxy.misbehave("eth_getBalance", die)
        owner = scientist(shared, 10, proxy.url)
        code, said = run("wallet", "show", "--keystore", owner.keystore, *owner.chain)
    assert (code, said.startswith("cupel: endpoint 127.0.0.1:")) == (1, True)
    assert "expected an answer within 30 s, found a connection that ended too early" in said


def test_an_imported_key_is_encrypted_for_its_owner_alone_and_shown_by_its_address(
    tmp_path: Path, key_file: Path, password: Path
) -> None:
    keystore = tmp_path / "mine.json"
    code, said = run("wallet", "import", key_file, "--keystore", keystore, "--password-file", password)
    assert (code, said) == (0, f"{ADDRESS}\nkey in {keystore}\n")
    assert keystore.stat().st_mode & 0o777 == 0o600
    assert KEY[2:] not in keystore.read_text()
    assert Account.decrypt(json.loads(keystore.read_text()), "a good one").to_0x_hex() == KEY
    assert run("wallet", "show", "--keystore", keystore) == (0, f"{ADDRESS}\n")


def test_new_asks_twice_at_a_terminal_and_shows_nothing_of_what_istyped(tmp_path: Path) -> None:
    keystore = tmp_path / "mine.json"
    code, said = typed(["wallet", "new", "--keystore", keystore], ["one", "another", "same", "same"])
    assert code == 0, said
    assert "The two entered values do not match" in said
    assert "same" not in said.replace("the same", "")
    address = json.loads(keystore.read_text())["address"]
    assert address.lower() in said.lower()


def test_show_prints_what_a_key_has_on_a_chain(shared: World) -> None:
    owner = scientist(shared, 10)
    code, said = run("wallet", "show", "--keystore", owner.keystore, *owner.chain)
    address, coins, tokens = said.splitlines()
    assert (code, address, tokens) == (0, owner.address, "0 NMR")
    assert coins.endswith(" ETH")
    code, said = run("wallet", "show", "--keystore", owner.keystore, *owner.chain, "--json")
    assert json.loads(said) == {
        "address": owner.address,
        "keystore": str(owner.keystore),
        "chain_id": 31337,
        "coins": coins.removesuffix(" ETH"),
        "nmr": "0",
    }


def test_show_refuses_what_is_no_keystore(tmp_path: Path, key_file: Path) -> None:
    code, said = run("wallet", "show", "--keystore", key_file)
    assert code == 1
    assert "expected a keystore, found no JSON; a key in hex becomes one by: cupel wallet import" in said
    assert KEY not in said


def test_a_wrong_password_in_a_file_is_said_before_the_chain_is_asked(world: World, tmp_path: Path) -> None:
    owner = scientist(world, 10, endpoint="http://127.0.0.1:9")
    wrong = tmp_path / "wrong"
    wrong.write_text("mistyped\n")
    key = ["--keystore", owner.keystore, "--password-file", wrong]
    code, said = run("model", "register", *owner.chain, *key, "--yes")
    assert (code, "expected the password of this keystore, found another" in said) == (1, True)
    assert "127.0.0.1" not in said
    code, said = run("model", "register", *owner.chain, *key, "--dry-run")
    assert (code, "127.0.0.1:9" in said) == (1, True), "a dry run needs no password"


def test_a_wrong_password_at_a_terminal_is_asked_for_again(world: World) -> None:
    owner = scientist(world, 10)
    command = ["model", "register", *owner.chain, "--keystore", owner.keystore, "--yes"]
    code, said = typed(command, ["mistyped", "secret"])
    assert (code, said.count("That is not the password.")) == (0, 1), said
    assert "is registered" in said
    code, said = typed(command, ["mistyped"] * 3)
    assert (code, said.count("That is not the password.")) == (1, 2)
    assert "expected the password of this keystore, found another" in said
