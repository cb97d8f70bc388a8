"""Tests shared out to copies of pytest: each once, with its outcome, its output and its warnings."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workers import next_file

REPOSITORY = Path(__file__).parents[1]

COUNTED = """
import os, sys, warnings
import pytest

OUTPUT = sys.stdout

@pytest.fixture(scope="module", autouse=True)
def begun(request):
    with open(request.config.rootpath / "begun", "a") as file:
        file.write(f"{os.getppid()} {os.getpid()} {__name__}\\n")
    yield
    with open(request.config.rootpath / "ended", "a") as file:
        file.write(f"{__name__}\\n")

def test_passes(tmp_path):
    print("nobody sees this")
    (tmp_path / "own").write_text("x")

def test_fails(tmp_path):
    print("printed by", __name__, file=OUTPUT)
    assert [*tmp_path.iterdir()] == [1]

def test_warns():
    warnings.warn("look out", RuntimeWarning)

def test_passes_at_last():
    pass
"""


def run(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run pytest on a folder of tests, with nothing of ours but the workers."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.workers",
        "--rootdir",
        str(folder),
        "-c",
        os.devnull,
    ]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        [*command, str(folder), *options, str(folder)],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_every_test_runs_once_in_one_of_two_copies_and_is_reported(tmp_path: Path) -> None:
    names = [f"test_number_{number}" for number in range(5)]
    for name in names:
        (tmp_path / f"{name}.py").write_text(COUNTED)
    done = run(tmp_path, "--workers", "2", "--basetemp", str(tmp_path / "files"))
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "5 failed, 15 passed, 5 warnings" in done.stdout
    assert done.stdout.count("RuntimeWarning: look out") == 5
    assert "nobody sees this" not in done.stdout + done.stderr
    assert all(done.stdout.count(f"printed by {name}\n") == 1 for name in names)
    begun = [line.split() for line in (tmp_path / "begun").read_text().splitlines()]
    assert sorted(name for _, _, name in begun) == names
    assert sorted((tmp_path / "ended").read_text().split()) == names
    assert len({parent for parent, _, _ in begun}) == 1
    assert len({child for _, child, _ in begun}) == 2


def test_a_copy_that_dies_is_named_with_its_test_and_ends_the_run(tmp_path: Path) -> None:
    (tmp_path / "test_dying.py").write_text("import os\ndef test_dies(): os.kill(os.getpid(), 9)\n")
    (tmp_path / "test_other.py").write_text("def test_passes(): pass\n")
    done = run(tmp_path, "--workers", "2")
    assert done.returncode == pytest.ExitCode.INTERRUPTED
    assert "a worker ended with -9 while it ran test_dying.py::test_dies" in done.stdout


def test_a_copy_that_is_stopped_ends_what_its_fixtures_began(tmp_path: Path) -> None:
    waits = """
import pathlib, time
import pytest

@pytest.fixture(scope="session", autouse=True)
def begun():
    pathlib.Path("begun").touch()
    yield
    pathlib.Path("ended").touch()

def test_waits():
    time.sleep(600)
"""
    (tmp_path / "test_waiting.py").write_text(waits)
    fails = """
import pathlib, time

def test_fails():
    while not pathlib.Path("begun").exists():
        time.sleep(0.01)
    assert False
"""
    (tmp_path / "test_failing.py").write_text(fails)
    done = run(tmp_path, "-x", "--workers", "2")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert (tmp_path / "ended").exists()


def test_a_copy_keeps_to_its_folder_then_takes_one_that_nobody_has_then_helps() -> None:
    files = [Path(name) for name in ("a/1", "b/1", "b/2", "c/1")]
    assert next_file(Path("b"), [Path("a"), Path("b")], files) == 1
    assert next_file(Path("d"), [Path("a"), Path("b"), Path("d")], files) == 3
    assert next_file(Path("d"), [Path("a"), Path("b"), Path("c"), Path("d")], files) == 0
