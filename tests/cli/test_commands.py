"""The commands are listed without being imported, and each is what the list says."""

import re
import subprocess
import sys

import pytest

from scorer.cli.commands import COMMANDS, load

SLOW_TO_IMPORT = ("web3", "pandas", "scipy", "sqlalchemy", "rich", "numpy")
LISTED = f"""
import sys
from scorer.cli import app
try:
    app(["--help"])
except SystemExit as ended:
    print("imported:", [name for name in {SLOW_TO_IMPORT} if name in sys.modules], ended.code)
"""


def test_help_lists_every_command_and_imports_none() -> None:
    command = [sys.executable, "-c", LISTED]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "imported: [] 0" in found
    listed = re.findall(r"^  (\S+)", found, re.MULTILINE)
    assert [name for name in listed if name in COMMANDS] == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_found_and_its_line_of_help_is_its_own(name: str) -> None:
    command = load(name)
    assert command.name == name
    if command.help:
        assert command.help.startswith(COMMANDS[name][1])
