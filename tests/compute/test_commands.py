"""``cupel compute``: from an empty folder to a submission, and what is written for other machines."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from scorer.cli.compute import app
from scorer.client.keystore import write_keystore
from scorer.compute import deployment
from scorer.compute.configuration import load_compute_config
from scorer.compute.infrastructure import machine
from scorer.daemon.config_errors import ConfigError
from scorer.files import write_secret
from tests.compute.models import GOOD, PYTHON, Site, model, script
from tests.world import World


@pytest.fixture
def site(world: World, tmp_path: Path) -> Site:
    return Site(world, tmp_path / "node")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


def initialised(site: Site, tmp_path: Path, *more: object) -> Result:
    """``init`` with the key of model 1's owner."""
    write_keystore(tmp_path / "key.json", bytes(site.world.participants[0].account.key), "secret")
    write_secret(tmp_path / "password", "secret\n")
    (tmp_path / "deployment.json").write_text(json.dumps(site.world.suite.addresses.to_json()))
    site.world.operator.inbox.mkdir(parents=True, exist_ok=True)
    named = ("--model", 1, "--endpoint", site.world.anvil.url, "--deployment", tmp_path / "deployment.json")
    keys = ("--keystore", tmp_path / "key.json", "--password-file", tmp_path / "password")
    places = ("--rounds", site.world.operator.published, "--inbox", site.world.operator.inbox)
    return run("init", site.folder, *named, *keys, *places, "--python", PYTHON, *more)


def test_from_an_empty_folder_to_a_submission(site: Site, tmp_path: Path) -> None:
    made = initialised(site, tmp_path, "--json")
    assert made.exit_code == 0, made.output
    config = site.folder / "compute.toml"
    assert json.loads(made.stdout) == {"configuration": str(config), "model": 1}
    text = config.read_text().replace("[submit]\n", "[submit]\nin_the_clear = true\n")
    config.write_text(text)
    round_id = site.open()
    checked = run("check", "--config", config)
    assert checked.exit_code == 0, checked.output
    assert "signs for 1 models" in checked.output
    tried = run("test", 1, "--config", config, "--json")
    assert tried.exit_code == 0, tried.output
    document = json.loads(tried.stdout)
    assert [each["outcome"] for each in document["runs"]] == ["GOOD", "GOOD"]
    assert document["same"]
    assert site.inbox(round_id, 1) == []
    done = run("once", "--config", config, "--seconds", 120, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"missing": 0}
    assert len(site.inbox(round_id, 1)) == 1
    shown = json.loads(run("status", "--config", config, "--json").stdout)
    assert [(row["round"], row["model"], row["state"]) for row in shown] == [(round_id, 1, "delivered")]


def test_a_folder_that_holds_something_is_left_as_it_is(site: Site, tmp_path: Path) -> None:
    site.folder.mkdir()
    (site.folder / "mine").write_text("x")
    refused = initialised(site, tmp_path)
    assert refused.exit_code == 1
    assert "expected a new folder" in refused.output
    assert sorted(path.name for path in site.folder.iterdir()) == ["mine"]


def test_an_unknown_template_and_two_ways_at_once_write_nothing(site: Site, tmp_path: Path) -> None:
    assert "expected one of ridge" in initialised(site, tmp_path, "--template", "magic").output
    assert not site.folder.exists()


def test_a_model_that_draws_at_random_is_warned_of_in_a_trial(site: Site, tmp_path: Path) -> None:
    random = GOOD.replace("(place + 0.5) / len(ids)", "__import__('random').random()")
    site.write([model(1, script(site.folder / "one", random))])
    site.open()
    tried = run("test", 1, "--config", site.folder / "compute.toml")
    assert "WARNING: the same input gave other predictions" in tried.output


def test_a_model_that_fails_is_shown_with_what_it_printed_and_gives_exit_code_1(site: Site) -> None:
    site.write([model(1, script(site.folder / "one", "print('looking'); raise SystemExit('no idea')"))])
    site.open()
    tried = run("test", 1, "--config", site.folder / "compute.toml")
    assert tried.exit_code == 1
    assert "looking" in tried.output
    assert "expected exit code 0, found 1: no idea" in tried.output


def test_a_missing_model_is_named(site: Site) -> None:
    site.write([model(1, script(site.folder / "one", GOOD))])
    assert "expected one of 1, found 7" in run("test", 7, "--config", site.folder / "compute.toml").output


BAD = {
    'kind = "script"': ('kind = "magic"', "models.0.kind"),
    'entry = "model.py"': ('entry = "../model.py"', "expected a file in the model's folder"),
    "model = 1": ("model = 0", "models.0.model"),
    "in_the_clear = true": ("in_the_dark = true", "expected no field of this name"),
}


@pytest.mark.parametrize("good", BAD)
def test_a_wrong_configuration_names_the_field(site: Site, good: str) -> None:
    site.write([model(1, script(site.folder / "one", GOOD))])
    path = site.folder / "compute.toml"
    bad, message = BAD[good]
    assert good in path.read_text()
    path.write_text(path.read_text().replace(good, bad))
    with pytest.raises(ConfigError, match=message):
        load_compute_config(path)


@pytest.mark.parametrize(
    ("section", "changes", "message"),
    [
        ("submit", {"server": "http://x"}, "expected either inbox or server"),
        ("rounds", {"server": "http://x"}, "expected either published or server"),
        ("rounds", {"data": "s3://b/d"}, "expected data and signer together"),
        ("run", {"concurrent": 0}, "run.concurrent"),
    ],
)
def test_what_does_not_go_together_is_refused(
    site: Site, section: str, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        site.write([model(1, script(site.folder / "one", GOOD))], **{section: changes})


def test_the_same_model_twice_is_refused(site: Site) -> None:
    folder = script(site.folder / "one", GOOD)
    with pytest.raises(ConfigError, match="expected each model once"):
        site.write([model(1, folder), model(1, folder)])


def test_a_container_needs_an_image_by_its_digest(site: Site) -> None:
    folder = script(site.folder / "one", GOOD)
    with pytest.raises(ConfigError, match="either image, by its digest, or rootfs"):
        site.write([model(1, folder, provider="podman")])
    with pytest.raises(ConfigError, match=r"models\.0\.image"):
        site.write([model(1, folder, provider="podman", image="python:3.11")])
    site.write([model(1, folder, provider="podman", image="python@sha256:" + "0" * 64)])


def deployed(site: Site, target: str, out: Path) -> str:
    """What ``deploy`` writes for a target."""
    site.write([model(1, script(site.folder / "one", GOOD))])
    done = run("deploy", target, "--config", site.folder / "compute.toml", "--out", out)
    assert done.exit_code == 0, done.output
    (file,) = (path for path in out.iterdir() if path.name not in ("words.txt", ".made-by-cupel"))
    return file.read_text()


def test_the_unit_runs_the_node_as_another_user_with_cgroups_of_its_own(site: Site, tmp_path: Path) -> None:
    unit = deployed(site, "systemd", tmp_path / "out")
    assert f"compute run --config {site.folder / 'compute.toml'}" in unit
    lines = unit.splitlines()
    assert {"User=cupel", "Delegate=memory pids", "ProtectSystem=strict"} <= set(lines)
    assert "MemoryMax=3072M" in lines
    if shutil.which("systemd-analyze"):
        path = tmp_path / "out" / machine.UNIT
        done = subprocess.run(
            ["systemd-analyze", "verify", str(path)], capture_output=True, text=True, check=False
        )
        # Older ones do not know it, and say so; the node then bounds runs by process.
        unknown = [line for line in done.stderr.splitlines() if "Unknown" in line]
        assert all("DelegateSubgroup" in line for line in unknown)


def test_the_line_of_cron_submits_what_is_missing_when_it_runs(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line's own command, by a shell as cron starts it."""
    made = initialised(site, tmp_path)
    assert made.exit_code == 0, made.output
    config = site.folder / "compute.toml"
    config.write_text(config.read_text().replace("[submit]\n", "[submit]\nin_the_clear = true\n"))
    done = run("deploy", "cron", "--config", config, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    line = (tmp_path / "out" / "cupel-compute.cron").read_text()
    times, command = line.split(" flock ", 1)
    assert times == "*/10 * * * *"
    assert "%" not in command  # to cron, the end of the line
    (site.folder / "state").mkdir(exist_ok=True)
    round_id = site.open()
    ran = subprocess.run(
        ["/bin/sh", "-c", f"flock {command}"], capture_output=True, text=True, check=False, timeout=300
    )
    assert ran.returncode == 0, ran.stderr
    assert len(site.inbox(round_id, 1)) == 1


def test_the_workflow_is_valid_holds_no_secret_and_its_steps_are_shell_that_parses(
    site: Site, tmp_path: Path
) -> None:
    yaml = pytest.importorskip("yaml")
    document = yaml.safe_load(deployed(site, "github", tmp_path / "out"))
    assert document["permissions"] == {"contents": "read"}
    (job,) = document["jobs"].values()
    for step in job["steps"]:
        if "uses" in step:
            _, _, revision = step["uses"].partition("@")
            assert len(revision) == 40
        else:
            assert "secrets." not in step["run"]
            subprocess.run(["/bin/bash", "-n", "-c", step["run"]], check=True)
    assert shlex.split(job["steps"][-1]["run"])[:3] == [".venv/bin/cupel", "compute", "once"]


def test_the_workflow_s_own_steps_submit_what_is_missing(site: Site, tmp_path: Path) -> None:
    """The steps that write secrets and run the node, in a checkout, as a hosted machine runs them."""
    yaml = pytest.importorskip("yaml")
    site.world.operator.inbox.mkdir(parents=True, exist_ok=True)
    keys = {"keystore": "submitter.json", "password_file": "keys/submitter.password"}
    site.write([model(1, script(site.folder / "one", GOOD))], submitter=keys)
    (site.folder / "keys").mkdir()
    (site.folder / ".venv").symlink_to(Path(sys.prefix))
    done = run("deploy", "github", "--config", site.folder / "compute.toml", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    document = yaml.safe_load((tmp_path / "out" / "cupel-compute.yml").read_text())
    *_, write, once = document["jobs"]["submit"]["steps"]
    write_keystore(tmp_path / "key.json", bytes(site.world.participants[0].account.key), "secret")
    secrets = {"CUPEL_KEYSTORE": (tmp_path / "key.json").read_text(), "CUPEL_PASSWORD": "secret"}
    assert set(write["env"]) == set(secrets)
    round_id = site.open()
    for step, variables in ((write, secrets), (once, {})):
        environment = {**os.environ, **variables}
        command = ["/bin/bash", "-e", "-c", step["run"]]
        ran = subprocess.run(
            command,
            cwd=site.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert ran.returncode == 0, ran.stderr
    assert (site.folder / "keys" / "submitter.password").stat().st_mode & 0o077 == 0
    assert len(site.inbox(round_id, 1)) == 1


def test_destroy_removes_what_deploy_wrote_and_nothing_else(site: Site, tmp_path: Path) -> None:
    deployed(site, "cron", tmp_path / "out")
    done = run("destroy", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "crontab -e" in done.output
    assert not (tmp_path / "out").exists()
    config, out = site.folder / "compute.toml", tmp_path / "out"
    written = run("deploy", "cron", "--config", config, "--out", out, "--json")
    assert all(Path(file).is_file() for file in json.loads(written.stdout)["files"])
    assert json.loads(run("destroy", "--out", out, "--json").stdout)["removed"] == str(out)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine").write_text("x")
    refused = run("destroy", "--out", tmp_path / "other")
    assert refused.exit_code == 1
    assert (tmp_path / "other" / "mine").exists()


def test_every_target_is_written_from_a_configuration(site: Site, tmp_path: Path) -> None:
    for target in set(deployment.TARGETS) - {"aws"}:  # which needs a section of its own: test_aws_template.py
        assert deployed(site, target, tmp_path / target)
    assert "expected one of" in run("deploy", "moon", "--config", site.folder / "compute.toml").output
