"""The commands of an operator: set up, run, kill, rebuild, back up, restore."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from structlog.testing import capture_logs
from typer.testing import CliRunner

from scorer.cli import app
from scorer.client.signing_service import SigningUnavailable
from scorer.server.serving import await_socket
from scorer.server.setup import CONFIG
from tests.world import World, begins, one_settled

pytestmark = begins(one_settled)

JOIN = 'mutation ($c: String!) { acceptInvitation(code: $c, username: "bob") { publicId secretKey } }'
ACCOUNT = "query { account { username } }"


def cupel(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


def free_port() -> int:
    """A free port that no outgoing connection gets meanwhile: those of Linux begin at 32,768."""
    for port in random.Random().sample(range(20_000, 32_000), 50):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("expected a free port, found none of 50")


@pytest.fixture
def config(world: World, tmp_path: Path) -> Path:
    """A server that was set up for a world with one settled round."""
    world.anvil.finalise()
    deployment = tmp_path / "deployment.json"
    deployment.write_text(json.dumps(world.suite.addresses.to_json()))
    port = free_port()
    folder = tmp_path / "s"
    initialise(world, folder, deployment, port)
    return folder / CONFIG


def initialise(world: World, folder: Path, deployment: Path, port: int) -> None:
    bundles = world.members[0].paths.rounds
    cupel(
        *(
            "server",
            "init",
            folder,
            "--endpoint",
            world.anvil.url,
            "--deployment",
            deployment,
            "--port",
            port,
        ),
        *("--inbox", world.operator.inbox, "--published", world.operator.published, "--bundles", bundles),
    )


@contextmanager
def running(config: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """The server in a process of its own."""
    command = [
        sys.executable,
        "-c",
        "from scorer.cli import app; app()",
        "server",
        "run",
        "--config",
        str(config),
    ]
    said = config.with_name("said")
    with said.open("wb") as file:
        child = subprocess.Popen(command, stdout=file, stderr=file)
    url = next(line.split('"')[1] for line in config.read_text().splitlines() if line.startswith("url"))
    try:
        until = time.monotonic() + 600  # on a machine that is busy; most often some seconds
        while not _is_ready(url):
            assert child.poll() is None, f"expected a server, found that it ended: {said.read_text()}"
            assert time.monotonic() < until, f"expected a server within 600 s, found none: {said.read_text()}"
            time.sleep(0.2)
        yield url, child
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(30)


def _is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/status", timeout=5).status_code == 200
    except requests.RequestException:
        return False


def ask(url: str, query: str, key: dict[str, str] | None = None, **variables: str) -> Any:
    headers = {"Authorization": f"Token {key['publicId']}${key['secretKey']}"} if key else {}
    return requests.post(
        url, json={"query": query, "variables": variables}, headers=headers, timeout=30
    ).json()


def leaders(url: str) -> list[dict[str, Any]]:
    """The first three models, once the first round is scored."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        answer = ask(url, "query { v2Leaderboard(limit: 3, offset: 0) { username rank } }")
        rows: list[dict[str, Any]] = answer["data"]["v2Leaderboard"]
        if rows:
            return rows
        time.sleep(0.2)
    return []


def test_a_server_is_set_up_run_killed_backed_up_and_restored(config: Path, tmp_path: Path) -> None:
    code = json.loads(cupel("server", "invite", "--config", config, "--json"))["invitation"]
    with running(config) as (url, child):
        key = ask(url, JOIN, c=code)["data"]["acceptInvitation"]
        assert ask(url, ACCOUNT, key)["data"]["account"]["username"] == "bob"
        board = leaders(url)
        assert [row["rank"] for row in board] == [1, 2, 3]
        assert requests.get(f"{url}/health", timeout=5).json() == {"is_up": True}
        status = requests.get(f"{url}/status", timeout=5)
        assert status.json()["oldest_unanswered_seconds"] is None
        assert status.headers["x-content-type-options"] == "nosniff"
        backup = tmp_path / "backup"
        copied = json.loads(cupel("server", "backup", backup, "--config", config, "--json"))
        assert copied == {"copy": str(backup)}
        os.kill(child.pid, signal.SIGKILL)
        child.wait(30)
    shutil.rmtree(config.parent)
    backup.rename(config.parent)
    assert "1 rounds scored" in cupel("server", "rebuild", "--config", config)
    with running(config) as (url, child):
        assert ask(url, ACCOUNT, key)["data"]["account"]["username"] == "bob"
        assert leaders(url) == board
        held = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
        held.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{")
        assert requests.get(f"{url}/health", timeout=5).ok  # by now the held request has begun
    held.close()
    assert child.returncode == 0, "a connection that is held does not keep a server from its end"
    others = [path for path in config.parent.glob("*") if path.suffix in (".password", ".secret", ".json")]
    assert others
    assert all(path.stat().st_mode & 0o077 == 0 for path in others)


def test_the_process_that_signs_is_waited_for_as_long_as_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine it takes minutes to start, which once ended the server."""
    monkeypatch.setattr("scorer.server.serving.PATIENCE", 0.1)
    place = tmp_path / "sign"
    with (
        subprocess.Popen(["sh", "-c", f"sleep 1; : > {place}; exec sleep 60"]) as child,
        capture_logs() as lines,
    ):
        await_socket(place, child)
        child.kill()
    assert {line["event"] for line in lines} == {"waiting for the signing process"}


def test_a_process_that_signs_no_more_is_said_to_have_ended(tmp_path: Path) -> None:
    with (
        subprocess.Popen(["sh", "-c", "exit 3"]) as child,
        pytest.raises(SigningUnavailable, match=r"ended \(3\)"),
    ):
        await_socket(tmp_path / "sign", child)


def test_a_second_init_keeps_what_is_there(config: Path, world: World, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in config.parent.glob("*.*") if "sqlite" not in path.name}
    initialise(world, config.parent, tmp_path / "deployment.json", 1)
    assert before == {
        path.name: path.read_bytes() for path in config.parent.glob("*.*") if path.name in before
    }


def test_work_follows_the_chain_apart_from_the_web(config: Path) -> None:
    cupel("server", "work", "--config", config, "--steps", 1)
    assert "1 rounds scored" in cupel("server", "rebuild", "--config", config)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('kind = "classic"', 'kind = "chess"'), "tournament.kind"),
        (("port = ", "ports = "), "port"),
        (('url = "http://127', 'url = "//127'), "tournament.url"),
    ],
)
def test_a_wrong_configuration_is_refused_by_its_field(
    config: Path, change: tuple[str, str], words: str
) -> None:
    text = config.read_text()
    assert change[0] in text
    config.write_text(text.replace(*change))
    assert words in cupel("server", "invite", "--config", config, code=1)


def test_a_secret_that_others_can_read_is_refused(config: Path) -> None:
    (config.parent / "url.secret").chmod(0o644)
    assert "url.secret" in cupel("server", "invite", "--config", config, code=1)


def test_a_model_is_held_for_an_account_of_this_server_alone(config: Path) -> None:
    assert "found none named 'bob'" in cupel("server", "hold", "1", "bob", "--config", config, code=1)
