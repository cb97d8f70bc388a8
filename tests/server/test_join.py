"""A profile of a tournament: written once by cupel join, read by every other command."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scorer.cli import app
from scorer.cli.profile import (
    GATEWAY,
    KEY,
    NAMES,
    SERVER,
    VARIABLE,
    load_profile,
    profile_path,
    read_profile,
    write_profile,
)
from scorer.server.api_keys import NewKey
from tests.cli.profiles import cupel, profile_in
from tests.server.loopback import served
from tests.server.other_server import OtherServer, with_another
from tests.server.site import Site, running_site
from tests.world import World


@pytest.fixture
def site(world: World, tmp_path: Path) -> Iterator[Site]:
    """A private server of a world with an open round."""
    world.open()
    with running_site(world, tmp_path / "server", is_private=True) as running:
        yield running


@pytest.fixture(autouse=True)
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a profile in an environment that says nothing else."""
    path = profile_in(tmp_path, monkeypatch)
    path.parent.mkdir()
    return path


def joined(*arguments: object, code: int = 0) -> str:
    """Join where there is no profile: it need not be there for this command."""
    return cupel("join", *arguments, code=code)


def test_after_joining_commands_need_no_options(site: Site, profile: Path) -> None:
    code = site.services.accounts.invite()
    said = joined(site.url, "--endpoint", site.world.anvil.url, "--invitation", code, "--username", "bob")
    assert site.world.suite.addresses.tournament in said
    assert "the server's word" in said
    assert profile.stat().st_mode & 0o077 == 0
    values = read_profile(profile)
    assert values[SERVER] == site.url
    assert json.loads(Path(values["CUPEL_DEPLOYMENT"]).read_text()) == site.world.suite.addresses.to_json()
    key = NewKey(values["NUMERAI_PUBLIC_ID"], values["NUMERAI_SECRET_KEY"], ())
    assert site.ask("{ account { username } }", key)["data"]["account"] == {"username": "bob"}
    assert [row["round"] for row in json.loads(cupel("rounds", "--json"))["rounds"]] == [1]


def test_joining_says_as_json_of_which_tournament_and_where(site: Site, profile: Path) -> None:
    result = CliRunner().invoke(app, ["join", site.url, "--json"])
    found = json.loads(result.stdout)
    assert (found["profile"], found["server"]) == (str(profile), site.url)
    assert (found["tournament"], found["chain_id"]) == (site.world.suite.addresses.tournament, 31337)
    assert Path(found["deployment"]).is_file()


def test_joining_again_keeps_what_was_there(site: Site, profile: Path) -> None:
    joined(site.url, "--invitation", site.services.accounts.invite(), "--username", "bob")
    before = read_profile(profile)
    joined(site.url, "--endpoint", site.world.anvil.url)
    assert read_profile(profile) == {**before, "CUPEL_RPC_URL": site.world.anvil.url}


def test_the_environment_stands_above_the_profile(
    site: Site, profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined(site.url, "--endpoint", site.world.anvil.url)
    monkeypatch.setenv("CUPEL_RPC_URL", "http://127.0.0.1:1")
    assert "expected" in cupel("rounds", code=1)
    monkeypatch.delenv("CUPEL_RPC_URL")
    monkeypatch.setenv(VARIABLE, "")
    assert "--endpoint" in cupel("rounds", code=2)


@pytest.mark.parametrize(
    "content",
    [
        *("PATH=/tmp", f"{SERVER}=$(id)", f"{SERVER}=a b", f"{SERVER}=a;id", f"{SERVER}='a'b"),
        *(f"export {SERVER}=a", SERVER, "CUPEL_URL=http://127.0.0.1:1", "\x00=1"),
    ],
)
def test_a_profile_that_says_something_else_is_refused(profile: Path, content: str) -> None:
    profile.write_text(content)
    profile.chmod(0o600)
    assert "expected a profile of cupel use or join" in cupel("rounds", code=1)


def test_a_home_that_is_none_or_closed_has_no_profile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nowhere"))
    load_profile()

    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setattr(Path, "home", no_home)
    load_profile()
    assert profile_path() is None
    assert not set(NAMES) & set(os.environ)


def test_a_profile_that_others_can_read_is_refused(profile: Path) -> None:
    profile.write_text(f"{SERVER}=http://127.0.0.1:1\n")
    profile.chmod(0o644)
    assert "expected" in cupel("rounds", code=1)


def test_another_tournament_is_not_joined_by_mistake(site: Site, profile: Path, tmp_path: Path) -> None:
    profile.write_text("CUPEL_DEPLOYMENT=/elsewhere.json\n")
    profile.chmod(0o600)
    assert "--another" in joined(site.url, code=1)
    joined(site.url, "--another")
    before = profile.read_bytes()
    other = replace(site.world.suite.addresses, tournament=site.world.suite.addresses.registry)
    file = tmp_path / "other.json"
    file.write_text(json.dumps(other.to_json()))
    said = joined(site.url, "--deployment", file, code=1)
    assert f"expected tournament {other.tournament}, as your deployment file says" in said
    assert profile.read_bytes() == before


def test_nothing_is_written_where_the_server_is_none_or_the_chain_another(site: Site, profile: Path) -> None:
    assert "expected an answer" in joined("http://127.0.0.1:1", code=1)
    assert "expected" in joined(site.url, "--endpoint", "http://127.0.0.1:1", code=1)
    assert "together" in joined(site.url, "--username", "bob", code=1)
    assert list(profile.parent.iterdir()) == []


def test_an_invitation_that_is_none_opens_no_account(site: Site, profile: Path) -> None:
    assert "invitation" in joined(site.url, "--invitation", "x", "--username", "bob", code=1)
    assert "NUMERAI_SECRET_KEY" not in read_profile(profile)


def another_url(site: Site) -> str:
    """The same server by another name."""
    return site.url.replace("127.0.0.1", "localhost")


def test_a_key_is_not_kept_for_another_server_nor_lost_by_mistake(site: Site, profile: Path) -> None:
    joined(site.url, "--invitation", site.services.accounts.invite(), "--username", "bob")
    own = read_profile(profile) | {GATEWAY: "http://127.0.0.1:8777", "CUPEL_RPC_URL": site.world.anvil.url}
    write_profile(profile, own)
    assert "--another" in joined(another_url(site), code=1)
    assert read_profile(profile) == own
    joined(another_url(site), "--another")
    kept = {name: value for name, value in own.items() if name not in (*KEY, GATEWAY)}
    assert read_profile(profile) == {**kept, SERVER: another_url(site)}
    joined(f"{site.url}/")
    assert read_profile(profile) == kept, "a profile without a key follows its server"


def test_the_key_of_an_account_is_not_replaced_by_that_of_another_one(site: Site, profile: Path) -> None:
    invite = site.services.accounts.invite
    joined(site.url, "--invitation", invite(), "--username", "bob")
    before, code = read_profile(profile), invite()
    assert "shown once" in joined(site.url, "--invitation", code, "--username", "carol", code=1)
    assert read_profile(profile) == before
    joined(site.url, "--invitation", code, "--username", "carol", "--another")
    assert read_profile(profile)[KEY[1]] != before[KEY[1]]


def test_a_server_s_word_for_the_contracts_is_taken_once(site: Site, profile: Path, tmp_path: Path) -> None:
    real = site.world.suite.addresses
    own = tmp_path / "own.json"
    own.write_text(json.dumps(real.to_json()))
    joined(site.url, "--deployment", own)
    pinned = Path(read_profile(profile)["CUPEL_DEPLOYMENT"])
    before = pinned.read_bytes()
    for name in ("numeraire", "registry", "roller"):
        other = OtherServer(with_another(real, name, real.authority))
        with served(other) as url:
            said = joined(url, "--another", code=1)
            assert f"expected {name} {getattr(real, name)}, as your deployment file says" in said
            assert f"expected {name}" in joined(url, "--another", "--deployment", own, code=1)
    assert pinned.read_bytes() == before
    assert read_profile(profile)[SERVER] == site.url


def test_with_an_endpoint_a_server_s_word_is_compared_with_the_chain(site: Site, profile: Path) -> None:
    real = site.world.suite.addresses
    for name in ("numeraire", "registry", "committee", "burn_sink"):
        with served(OtherServer(with_another(real, name, real.authority))) as url:
            said = joined(url, "--endpoint", site.world.anvil.url, code=1)
            assert (
                f"expected {name} {real.authority}, found that the chain names {getattr(real, name)}" in said
            )
    assert list(profile.parent.iterdir()) == []


@pytest.mark.parametrize(
    "made", [None, {}, {"publicId": "A"}, {"publicId": "A", "secretKey": "B\nCUPEL_RPC_URL=http://evil"}]
)
def test_a_key_that_is_none_is_not_written(site: Site, profile: Path, made: object) -> None:
    other = OtherServer(site.world.suite.addresses, {"acceptInvitation": made})
    with served(other) as url:
        assert "expected" in joined(url, "--invitation", "x", "--username", "bob", code=1)
    assert not set(KEY) & set(read_profile(profile))


@pytest.mark.parametrize(
    "url", ["host", "ftp://host", "https://user:key@host", "https://host?x=1", "http://h:x"]
)
def test_a_url_that_is_none_of_a_server_is_refused(profile: Path, url: str) -> None:
    assert "expected a URL such as" in joined(url, code=1)
    assert not profile.exists()
