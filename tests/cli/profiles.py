"""Commands that read a profile, in an environment that says nothing else."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scorer.cli import app
from scorer.cli.profile import NAMES, VARIABLE


def profile_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the profile would be, which is not there yet; the environment says nothing of its own."""
    for name in NAMES:
        monkeypatch.setenv(name, "remembered, so that it is restored")
        monkeypatch.delenv(name)
    path = folder / "home" / "profile.env"
    monkeypatch.setenv(VARIABLE, str(path))
    return path


def cupel(*arguments: object, code: int = 0) -> str:
    """Return what a command said in a process whose environment has no trace of the one before."""
    before = dict(os.environ)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    os.environ.clear()
    os.environ.update(before)
    assert result.exit_code == code, result.output
    return result.output
