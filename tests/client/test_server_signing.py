"""The process that holds a server's key: it ends with the server, and refuses a key that others can read."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_utils.address import to_checksum_address

from scorer.client.keystore import new_key, write_keystore
from scorer.client.server_signing import SigningPlace, main
from scorer.client.signing_service import SigningClient
from scorer.files import write_secret
from scorer.protocol.receipt import SubmissionReceipt
from tests.waiting import eventually

PASSWORD = "correct horse battery"
TOURNAMENT = "0x" + "77" * 20


@pytest.fixture
def place(tmp_path: Path) -> SigningPlace:
    """A key and its password."""
    write_secret(tmp_path / "password", PASSWORD + "\n")
    write_keystore(tmp_path / "key.json", new_key(), PASSWORD)
    key, password, socket = (str(tmp_path / name) for name in ("key.json", "password", "run/sign"))
    return SigningPlace(key, password, socket, chain_id=1, tournament=TOURNAMENT)


@pytest.fixture
def server(place: SigningPlace) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that started one which signs, and waits."""
    code = f"import subprocess, time; subprocess.Popen({place.command()!r}); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        yield process
        process.kill()


def test_it_signs_while_its_server_runs_and_ends_with_it(
    place: SigningPlace, server: "subprocess.Popen[bytes]"
) -> None:
    socket = Path(place.socket)
    eventually(socket.exists, "a process that signs", 300)
    stated = Path(place.keystore).read_text()
    address = next(part for part in stated.split('"') if len(part) == 40)
    client = SigningClient(socket, to_checksum_address(address))
    receipt = SubmissionReceipt(1, TOURNAMENT, 1, 2, b"\1" * 32, b"\2" * 32, b"\3" * 32, 7)
    assert receipt.signer(client.sign_receipt(receipt)) == client.address
    child = _child_of(server.pid)
    server.kill()
    eventually(lambda: not _runs(child), "the end of the process that signs", 60)


def _child_of(parent: int) -> int:
    """The process that another one started."""
    for entry in Path("/proc").glob("[0-9]*"):
        if _status(int(entry.name))[1:2] == [str(parent)]:
            return int(entry.name)
    raise AssertionError("expected a child, found none")


def _runs(process: int) -> bool:
    return _status(process)[:1] not in ([], ["Z"])


def _status(process: int) -> list[str]:
    """State, parent and so on of a process; nothing of one that ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


@pytest.mark.parametrize("kind", ["exposed", "missing"])
def test_a_password_that_others_can_read_or_nobody_is_refused_in_words(
    place: SigningPlace, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    password = Path(place.password_file)
    if kind == "exposed":
        password.chmod(0o644)
    else:
        password.unlink()
    for name in ("forbid_core_dumps", "clean_tracebacks", "end_with_parent"):  # of a process of its own
        monkeypatch.setattr(f"scorer.client.server_signing.{name}", lambda: None)
    assert main(place.command()[-1]) == 1
    said = capsys.readouterr().err
    assert "expected a password, found" in said
    assert PASSWORD not in said
    assert not Path(place.socket).exists()


def test_nothing_of_the_server_is_in_it() -> None:
    """A key is held apart from what strangers reach; and these libraries take long to read."""
    code = "import sys, scorer.client.server_signing; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=os.environ)
    names = loaded.stdout.decode().split()
    unwanted = ("scorer.server", "pandas", "sqlalchemy", "starlette")
    assert not [name for name in names if name.startswith(unwanted)]
