"""The shell completes names of commands without importing one; the version is printed by an option."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from scorer import __version__
from scorer.cli.commands import COMMANDS
from tests.cli.test_cupel import run

HEAVY = ("numpy", "web3", "pandas", "sqlalchemy", "pyarrow")


def completed(*words: str) -> tuple[list[str], set[str]]:
    """What bash is offered for the last of some words, and which heavy packages that imported."""
    code = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print('|'.join(m for m in {HEAVY} if m in sys.modules), file=sys.stderr))\n"
        "from scorer.cli import app\n"
        "sys.argv = ['cupel']\n"
        "app(prog_name='cupel')\n"
    )
    environment = {
        **os.environ,
        "_CUPEL_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(("cupel", *words)),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout.split(), set(filter(None, done.stderr.strip().split("|")))


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("ver", ["verify"]),
        ("de", ["demand", "demo", "deployment", "devnet"]),
        ("zz", []),
        ("", list(COMMANDS)),
    ],
)
def test_names_of_commands_are_completed_without_importing_any(typed: str, expected: list[str]) -> None:
    found, imported = completed(typed)
    assert sorted(found) == sorted(expected)
    assert imported == set()


def test_commands_of_a_group_are_completed() -> None:
    assert completed("stake", "depo")[0] == ["deposit"]


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert run("--version") == (0, f"cupel {__version__}\n")
    assert project["version"] == __version__
