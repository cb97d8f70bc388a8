"""The profile's API key goes to its own server, and a shell reads from a profile what was written."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scorer.cli.commands import COMMANDS, load
from scorer.cli.gateway import _foreign_secrets
from scorer.cli.mcp import _authorization
from scorer.cli.profile import (
    KEY,
    NAMES,
    SERVER,
    VARIABLE,
    ProfileError,
    known_keys,
    load_profile,
    read_profile,
    write_profile,
)

HERE, ELSEWHERE = "https://host.example/t/7", "https://other.example"
OWN = {SERVER: HERE, "CUPEL_RPC_URL": "http://127.0.0.1:1", KEY[0]: "PUBLIC", KEY[1]: "OWNSECRET"}


@pytest.fixture(autouse=True)
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a profile with a key, in an environment that says nothing else."""
    for name in NAMES:
        monkeypatch.setenv(name, "remembered, so that it is restored")
        monkeypatch.delenv(name)
    path = tmp_path / "profile.env"
    monkeypatch.setenv(VARIABLE, str(path))
    write_profile(path, OWN)
    return path


def said(server: str) -> str | None:
    load_profile()
    return _authorization(server)


def test_the_profile_s_key_goes_to_the_profile_s_server_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(HERE) == "Token PUBLIC$OWNSECRET"
    assert said(ELSEWHERE) is None
    assert "is not sent to another server" in capsys.readouterr().err
    assert not set(KEY) & set(os.environ), "what a command starts has it not either"
    assert os.environ["CUPEL_RPC_URL"] == OWN["CUPEL_RPC_URL"]


def test_a_gateway_for_another_server_knows_the_keys_that_it_must_not_pass_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (_foreign_secrets(HERE), _foreign_secrets(ELSEWHERE)) == ((), ("OWNSECRET",))
    monkeypatch.setenv(KEY[0], "ANOTHER")
    monkeypatch.setenv(KEY[1], "SECRET2")
    assert _foreign_secrets(ELSEWHERE) == ("OWNSECRET",)
    monkeypatch.setenv(SERVER, "https://third.example")
    assert _foreign_secrets(ELSEWHERE) == ("SECRET2", "OWNSECRET")


def test_a_shell_that_read_the_profile_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OWN.items():
        monkeypatch.setenv(name, value)
    assert said(HERE) == "Token PUBLIC$OWNSECRET"
    assert said(ELSEWHERE) is None


def test_the_environment_s_own_key_goes_where_its_user_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY[0], "ANOTHER")
    with pytest.raises(ProfileError, match="found one of them"):
        known_keys()
    monkeypatch.setenv(KEY[1], "SECRET2")
    assert said(HERE) == said(ELSEWHERE) == "Token ANOTHER$SECRET2"


def test_a_server_beside_a_key_in_the_environment_is_the_key_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SERVER, "https://third.example/")
    monkeypatch.setenv(KEY[0], "ANOTHER")
    monkeypatch.setenv(KEY[1], "SECRET2")
    assert said("https://third.example") == "Token ANOTHER$SECRET2"
    assert said(ELSEWHERE) is None
    assert said(HERE) is None


def test_an_environment_that_names_another_server_has_no_key_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SERVER, ELSEWHERE)
    assert said(ELSEWHERE) is None


def test_a_key_for_no_server_is_none(profile: Path) -> None:
    write_profile(profile, {name: value for name, value in OWN.items() if name != SERVER})
    with pytest.raises(ProfileError, match=SERVER):
        known_keys()
    write_profile(profile, {SERVER: HERE})
    assert known_keys() == ()


HOSTILE = (
    "x;{touch,TARGET}",
    "$(touch TARGET)",
    "`touch TARGET`",
    "a b|touch TARGET",
    "x&touch TARGET",
    "~/key",
    '"quoted"',
    "\\",
    "#no comment",
    "https://host/?key=1&network=2",
    "*",
)


@pytest.mark.parametrize("value", HOSTILE)
def test_a_shell_reads_what_was_written_and_runs_none_of_it(
    profile: Path, tmp_path: Path, value: str
) -> None:
    """A server says what an account's key is."""
    target = tmp_path / "target"
    written = value.replace("TARGET", str(target))
    write_profile(profile, {KEY[1]: written})
    assert read_profile(profile) == {KEY[1]: written}
    script = f'set -a; . "{profile}"; printf %s "${KEY[1]}"'
    for shell in ("sh", "bash"):
        done = subprocess.run([shell, "-c", script], capture_output=True, check=True, cwd=tmp_path)
        assert done.stdout.decode() == written
    assert not target.exists()


@pytest.mark.parametrize("value", ["", "a\nCUPEL_RPC_URL=b", "it's", "a\x1b[2J", "a\u2028b"])
def test_what_fits_no_line_is_not_written(profile: Path, value: str) -> None:
    before = profile.read_bytes()
    with pytest.raises(ProfileError, match="one line without quotes"):
        write_profile(profile, {KEY[1]: value})
    assert profile.read_bytes() == before


def environment_of(command: Any) -> set[str]:
    """The variables that a command, or a command of a group, reads."""
    if hasattr(command, "commands"):
        return set().union(*map(environment_of, command.commands.values()))
    return {parameter.envvar for parameter in command.params if isinstance(parameter.envvar, str)}


def test_no_command_reads_the_base_url_of_numerapi_s_scripts_as_its_server_s() -> None:
    """On a devnet CUPEL_URL names the gateway, which would else be a gateway of itself."""
    found = {name: environment_of(load(name)) for name in COMMANDS}
    assert {name for name, variables in found.items() if SERVER in variables} == {"gateway", "mcp"}
    assert not {name for name, variables in found.items() if "CUPEL_URL" in variables}
    assert "CUPEL_URL" not in NAMES
