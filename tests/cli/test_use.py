"""``cupel use``: one profile for all commands, below environment and options, and what is in force."""

import json
from pathlib import Path

import pytest

from scorer.cli.profile import KEY, SERVER, VARIABLE, read_profile, write_profile
from scorer.lab.devnet.layout import DevnetLayout, Settings
from tests.cli.profiles import cupel, profile_in
from tests.cli.test_cupel import write_deployment
from tests.world import World

NOBODY = "http://127.0.0.1:9"
KEYED = {SERVER: "https://host.example", KEY[0]: "PUBLIC", KEY[1]: "OWNSECRET"}


@pytest.fixture(autouse=True)
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a profile that is not there, in an environment that says nothing else."""
    return profile_in(tmp_path, monkeypatch)


@pytest.fixture
def deployment(tmp_path: Path) -> Path:
    """A deployment's file in a folder of its own."""
    names = ("authority", "numeraire", "registry", "committee", "tournament", "burn_sink", "roller")
    folder = tmp_path / "tournament"
    folder.mkdir()
    document = {**dict.fromkeys(names, "0x" + "11" * 20), "chain_id": 31337, "block": 1}
    (folder / "manifest.json").write_text(json.dumps(document))
    return folder / "manifest.json"


@pytest.fixture
def devnet(deployment: Path) -> DevnetLayout:
    """The folder of a devnet as it starts."""
    layout = DevnetLayout(deployment.parent)
    layout.write(Settings(port=9))
    return layout


def in_force() -> dict[str, tuple[object, object]]:
    """Value and source of each variable."""
    found = json.loads(cupel("use", "--json"))["settings"]
    return {each["name"]: (each["value"], each["source"]) for each in found}


def test_a_devnet_s_folder_says_all_that_five_variables_said(devnet: DevnetLayout, profile: Path) -> None:
    assert "127.0.0.1:9" in cupel("use", devnet.root)
    root = devnet.root.resolve()
    assert read_profile(profile) == {
        "CUPEL_RPC_URL": NOBODY,
        "CUPEL_DEPLOYMENT": str(root / "manifest.json"),
        "CUPEL_ROUNDS": str(root / "rounds"),
        "CUPEL_INBOX": str(root / "inbox"),
        "CUPEL_KEYSTORE": str(root.parent / "alice.json"),
    }
    assert "endpoint 127.0.0.1:9" in cupel("rounds", code=1), "a command takes what it is not told from it"


def test_a_command_s_option_stands_above_the_environment_and_that_above_the_profile(
    world: World, devnet: DevnetLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    cupel("use", devnet.root, "--endpoint", "http://127.0.0.1:1")
    assert "endpoint 127.0.0.1:1:" in cupel("rounds", code=1)
    monkeypatch.setenv("CUPEL_RPC_URL", "http://127.0.0.1:2")
    assert "endpoint 127.0.0.1:2:" in cupel("rounds", code=1)
    chain = ["--endpoint", world.anvil.url, "--deployment", write_deployment(world)]
    assert cupel("rounds", *chain) == "no rounds yet: the operator opens the first\n"


def test_what_is_in_force_is_shown_with_where_it_comes_from(
    devnet: DevnetLayout, profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "nothing is set; type cupel use FOLDER, or cupel join URL" in cupel("use")
    cupel("use", devnet.root)
    monkeypatch.setenv("CUPEL_INBOX", "elsewhere")
    monkeypatch.setenv("CUPEL_PASSWORD_FILE", "password")
    found = in_force()
    assert found["CUPEL_INBOX"] == ("elsewhere", "environment")
    assert found["CUPEL_PASSWORD_FILE"] == ("password", "environment")
    assert found["CUPEL_RPC_URL"] == ("127.0.0.1:9", "profile")
    assert found[SERVER] == (None, None)
    said = cupel("use")
    assert said.count("environment, above the profile") == 1
    assert f"profile: {profile}" in said
    assert "not set: CUPEL_SERVER_URL" in said


def test_a_deployment_s_file_or_folder_needs_an_endpoint_beside_it(deployment: Path, profile: Path) -> None:
    own = {"CUPEL_DEPLOYMENT": str(deployment.resolve()), "CUPEL_RPC_URL": NOBODY}
    for place in (deployment, deployment.parent):
        cupel("use", place, "--endpoint", NOBODY)
        assert read_profile(profile) == own
    cupel("use", "--keystore", deployment.parent / "mine.json")
    assert read_profile(profile) == own | {"CUPEL_KEYSTORE": str(deployment.parent.resolve() / "mine.json")}


def test_what_is_no_tournament_is_refused_and_the_profile_stays(devnet: DevnetLayout, profile: Path) -> None:
    cupel("use", devnet.root)
    before = profile.read_bytes()
    empty = devnet.root / "empty"
    empty.mkdir()
    assert "found none of them; cupel devnet up" in cupel("use", empty, code=1)
    (empty / "manifest.json").write_text("{}")
    assert "expected a deployment's addresses" in cupel("use", empty, code=1)
    assert "expected a deployment's addresses" in cupel("use", empty / "none.json", code=1)
    assert profile.read_bytes() == before


def test_a_folder_gives_no_key_server_or_password(devnet: DevnetLayout, profile: Path) -> None:
    write_profile(devnet.profile, read_profile(devnet.profile) | KEYED)
    said = cupel("use", devnet.root, code=1)
    assert f"found {SERVER}, {KEY[0]}, {KEY[1]}" in said
    assert "OWNSECRET" not in said
    assert not profile.exists()


def test_a_profile_is_cleared_and_an_api_key_is_not_lost_by_it(devnet: DevnetLayout, profile: Path) -> None:
    cupel("use", devnet.root)
    cupel("use", "--clear")
    assert not profile.exists()
    write_profile(profile, KEYED)
    for command in (["use", "--clear"], ["use", devnet.root]):
        assert "an API key, which would be lost" in cupel(*command, code=1)
        assert read_profile(profile) == KEYED
    assert "OWNSECRET" not in cupel("use") + cupel("use", "--json")
    cupel("use", "--keystore", "mine.json")
    assert read_profile(profile)[KEY[1]] == "OWNSECRET"
    cupel("use", devnet.root, "--lose-key")
    assert KEY[1] not in read_profile(profile)
    assert "expected --clear alone" in cupel("use", "--clear", devnet.root, code=1)


def test_the_doctor_shows_the_profile_and_what_stands_above_it(
    devnet: DevnetLayout, profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said() -> str:
        found = {each["name"]: each for each in json.loads(cupel("doctor", "--json"))}
        return str(found["profile"]["detail"])

    assert "profile.env: expected a profile of cupel use or join" in cupel("doctor", code=1)
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(profile.parent))
    assert said().startswith("none: cupel use FOLDER or cupel join URL")
    cupel("use", devnet.root)
    assert "sets CUPEL_RPC_URL, CUPEL_DEPLOYMENT" in said()
    monkeypatch.setenv("CUPEL_RPC_URL", "http://127.0.0.1:2")
    assert said().endswith("the environment stands above it in CUPEL_RPC_URL")
