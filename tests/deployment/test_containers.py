"""The containers' files, held against what they run: no engine is needed to see that they fit together."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from scorer import __version__
from scorer.cli import app
from scorer.daemon.configuration import load_config
from scorer.daemon.health import served
from scorer.daemon.metrics import Liveness, Metrics

yaml = pytest.importorskip("yaml")
REPOSITORY = Path(__file__).parent.parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
DAEMONS = ("oracle", "operator")
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()


def port_of(name: str) -> int:
    return load_config(REPOSITORY / "ops" / "compose" / f"{name}.toml").run.port


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_runs_as_root_or_may_become_it(name: str) -> None:
    service = SERVICES[name]

    assert int(service["user"].split(":")[0]) > 0
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_says_how_it_is_and_comes_back(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_has_a_version(name: str) -> None:
    _, _, version = SERVICES[name]["image"].partition(":")

    assert re.search(r"\d", version)
    assert not SERVICES[name]["image"].startswith("cupel") or version == __version__


def test_nothing_is_open_to_other_machines() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]

    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_all_share_the_network_of_one_container_so_that_the_daemons_can_be_asked() -> None:
    assert {SERVICES[name].get("network_mode") for name in SERVICES if name != "pod"} == {"service:pod"}


@pytest.mark.parametrize("name", DAEMONS)
def test_a_daemons_command_is_one_that_cupel_has(name: str) -> None:
    words = SERVICES[name]["command"]
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    known = {option for parameter in command.params for option in parameter.opts}

    assert {word for word in words if word.startswith("--")} <= known
    assert f"/config/{name}.toml" in words


@pytest.mark.parametrize("name", DAEMONS)
def test_what_a_daemons_configuration_names_is_mounted(name: str) -> None:
    config = load_config(REPOSITORY / "ops" / "compose" / f"{name}.toml")
    mounts = {volume.split(":")[1]: volume for volume in SERVICES[name]["volumes"]}
    secrets = {f"/run/secrets/{secret}" for secret in SERVICES[name]["secrets"]}

    assert f"/config/{config.chain.deployment.name}" in mounts
    named = [config.key.keystore, config.key.password_file, config.journal.url_file]
    named += [config.encryption.file] if config.encryption else []
    assert set(map(str, named)) == secrets
    folders = [folder for _, folder in config.files if isinstance(folder, Path)]
    for folder in (*folders, *config.files.peers):
        assert any(folder.is_relative_to(mount) for mount in mounts), folder
    assert SERVICES[name]["read_only"]


def test_only_the_operator_writes_what_is_published() -> None:
    assert "published:/published:ro" in SERVICES["oracle"]["volumes"]
    assert "published:/published" in SERVICES["operator"]["volumes"]


@pytest.mark.parametrize("name", DAEMONS)
def test_prometheus_and_the_health_check_ask_where_a_daemon_answers(name: str) -> None:
    prometheus = yaml.safe_load((REPOSITORY / "ops" / "compose" / "prometheus.yml").read_text())
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in prometheus["scrape_configs"]}

    assert targets[name] == [f"127.0.0.1:{port_of(name)}"]
    assert f":{port_of(name)}/healthz" in SERVICES[name]["healthcheck"]["test"][-1]
    assert port_of("oracle") != port_of("operator")


def test_what_prometheus_raises_reaches_somebody() -> None:
    folder = REPOSITORY / "ops" / "compose"
    prometheus, manager = (
        yaml.safe_load((folder / f"{name}.yml").read_text()) for name in ("prometheus", "alertmanager")
    )
    (target,) = prometheus["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    raised = set(re.findall(r"severity: (\w+)", (REPOSITORY / "ops" / "alerts.yml").read_text()))
    receivers = {receiver["name"]: receiver for receiver in manager["receivers"]}

    assert f"--web.listen-address={target}" in SERVICES["alertmanager"]["command"]
    assert "page" in raised
    assert {route["receiver"] for route in (manager["route"], *manager["route"]["routes"])} <= set(receivers)
    urls = [hook["url_file"] for each in receivers.values() for hook in each["webhook_configs"]]
    assert urls == ["/run/secrets/alert_webhook"]
    assert SERVICES["alertmanager"]["profiles"] == SERVICES["prometheus"]["profiles"]


def test_the_page_says_who_must_be_able_to_read_each_secret() -> None:
    page = (REPOSITORY / "docs" / "deployment.md").read_text()
    for name, service in SERVICES.items():
        for secret in service.get("secrets", ()):
            user, file = service["user"].split(":")[0], Path(COMPOSE["secrets"][secret]["file"]).name
            names = "secrets/o*" if name in DAEMONS else f"secrets/{file}"
            assert f"chown {user} {names}" in page


@pytest.mark.parametrize("is_alive", [True, False])
def test_the_health_check_passes_a_daemon_that_goes_round_and_no_other(is_alive: bool) -> None:
    program = SERVICES["oracle"]["healthcheck"]["test"][-1]
    pulse = Liveness(longest=60 if is_alive else -1)

    with served(0, Metrics(), pulse) as port:
        command = [sys.executable, "-c", program.replace(f":{port_of('oracle')}/", f":{port}/")]
        done = subprocess.run(command, check=False, capture_output=True)

    assert (done.returncode == 0) == is_alive


def test_every_mounted_file_is_there_but_for_what_must_be_filled_in() -> None:
    mounted = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", ())
        if volume.startswith("./")
    }

    assert {name for name in mounted if not (REPOSITORY / name).is_file()} == {"./deployment.json"}


def test_every_secret_is_declared_outside_of_the_repository() -> None:
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", ())}

    assert used == set(COMPOSE["secrets"])
    assert all(each["file"].startswith("./secrets/") for each in COMPOSE["secrets"].values())


def test_every_journal_has_a_database_of_its_own() -> None:
    text = (REPOSITORY / "ops" / "compose" / "journals.sql").read_text()

    assert re.findall(r"CREATE DATABASE (\w+);", text) == ["operator", "oracle"]


def test_every_volume_is_declared() -> None:
    named = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", ())
        if not volume.startswith("./")
    }

    assert named == set(COMPOSE["volumes"])


def test_the_image_ends_without_root_and_takes_packages_by_their_hash() -> None:
    last = DOCKERFILE.rsplit("FROM ", 1)[1]

    assert re.findall(r"^USER (.+)$", last, re.MULTILINE) == ["10001:10001"]
    assert "--require-hashes" in DOCKERFILE
    assert all(":" in line.split()[1] for line in re.findall(r"^FROM .+$", DOCKERFILE, re.MULTILINE))
    assert "latest" not in DOCKERFILE


def test_the_image_is_built_from_what_is_there_and_from_nothing_secret() -> None:
    copied = [
        shlex.split(line)[1:-1] for line in re.findall(r"^COPY (?!--from).+$", DOCKERFILE, re.MULTILINE)
    ]
    allowed = (REPOSITORY / ".dockerignore").read_text().splitlines()

    for name in (name for names in copied for name in names):
        assert (REPOSITORY / name).exists()
        assert f"!{name}" in allowed
    assert allowed[0] == "*"


def test_the_dashboard_is_one() -> None:
    assert json.loads((REPOSITORY / "ops" / "grafana.json").read_text())["panels"]
