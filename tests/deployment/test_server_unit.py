"""The server's unit of systemd and its service of Compose, held against what they run."""

import configparser
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from scorer.cli import app
from scorer.server.configuration import ListenSection

yaml = pytest.importorskip("yaml")
REPOSITORY = Path(__file__).parent.parent.parent
SERVICE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"][
    "server"
]


def unit() -> dict[str, str]:
    parsed = configparser.ConfigParser(strict=True, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    parsed.read_string((REPOSITORY / "ops" / "systemd" / "cupel-server.service").read_text())
    return dict(parsed["Service"])


def options_of(words: list[str]) -> tuple[set[str], list[str]]:
    """The options of the command that some words name, and the words after it."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    return {option for parameter in command.params for option in parameter.opts}, words


def test_the_unit_runs_a_command_that_cupel_has_in_the_folder_that_it_may_write() -> None:
    service = unit()
    program, *words = shlex.split(service["ExecStart"])
    known, rest = options_of(words)
    assert Path(program).name == "cupel"
    assert rest[0] == "--config"
    assert rest[0] in known
    assert any(Path(rest[1]).is_relative_to(path) for path in service["ReadWritePaths"].split())


def test_the_unit_gives_the_server_no_more_than_it_needs() -> None:
    service = unit()
    assert service["User"] != "root"
    assert service["CapabilityBoundingSet"] == ""
    for name in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "RestrictSUIDSGID"):
        assert service[name] == "yes"
    assert service["ProtectSystem"] == "strict"


def test_the_service_is_asked_where_it_listens_and_its_folders_are_mounted() -> None:
    known, rest = options_of(list(SERVICE["command"]))
    assert rest[0] in known
    mounts = {volume.split(":")[1] for volume in SERVICE["volumes"]}
    assert any(Path(rest[1]).is_relative_to(mount) for mount in mounts)
    assert f":{ListenSection().port}/health" in SERVICE["healthcheck"]["test"][-1]
    text = (REPOSITORY / "docs" / "deployment.md").read_text()
    (command,) = [part for part in text.split("```sh\n") if "run --rm server server init" in part]
    asked = shlex.split(command.partition("```")[0].replace("\\\n", " ").splitlines()[0])
    words = asked[asked.index("server", asked.index("server", asked.index("--rm")) + 1) :]
    known, rest = options_of(words)
    given = {word: rest[place + 1] for place, word in enumerate(rest) if word.startswith("--")}
    assert set(given) <= known
    for name in ("--inbox", "--published", "--bundles", "--data"):
        assert given[name] in mounts
    prometheus = yaml.safe_load((REPOSITORY / "ops" / "compose" / "prometheus.yml").read_text())
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in prometheus["scrape_configs"]}
    assert targets["server"] == [f"127.0.0.1:{given['--metrics-port']}"]
