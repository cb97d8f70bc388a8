"""Daemons import at their start what they need to wait for a round, and no more.

Each module costs CPU and memory. What is listed took a twentieth of a start or more, or is of other programs.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.test_cupel import write_config
from tests.world import World

TABLES = ("pandas", "scipy", "pyarrow")
"""For files of others, or in the hands of a child process."""
TERMINAL = ("rich", "pygments")
OTHER_DATABASE = ("sqlalchemy.dialects.postgresql",)
OTHER_PROGRAMS = ("scorer.lab", "scorer.server", "scorer.compute", "scorer.client", "scorer.bridge")
RECORDED = """
import json, sys
from pathlib import Path
from scorer.cli import app
try:
    app(sys.argv[2:])
finally:
    Path(sys.argv[1]).write_text(json.dumps(sorted(sys.modules)))
"""


def imported(report: Path, command: Sequence[object]) -> set[str]:
    """The modules that a command of cupel has imported when it ends, which must be well."""
    said = [sys.executable, "-c", RECORDED, str(report), *map(str, command)]
    done = subprocess.run(said, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    return set(json.loads(report.read_text()))


def unwanted(found: set[str], *names: str) -> list[str]:
    """The modules among those that were found that are, or are in, what is named."""
    return sorted(module for module in found if any(f"{module}.".startswith(f"{name}.") for name in names))


@pytest.mark.parametrize("who", ["oracle", "operator"])
def test_a_cycle_without_a_round_imports_neither_tables_nor_other_programs(world: World, who: str) -> None:
    account = {"oracle": 3, "operator": 1}[who]
    config = write_config(world, 0, account=account)
    found = imported(world.out / "modules", [who, "run", "--config", config, "--send", "--cycles", 1])
    assert "web3" in found
    assert unwanted(found, *TABLES, *TERMINAL, *OTHER_DATABASE, *OTHER_PROGRAMS) == []


@pytest.mark.parametrize("command", [("server", "run"), ("compute", "run")])
def test_a_server_and_a_node_import_no_tables_before_they_begin(
    tmp_path: Path, command: tuple[str, str]
) -> None:
    found = imported(tmp_path / "modules", [*command, "--help"])
    assert "web3" in found
    assert unwanted(found, *TABLES, "scorer.lab") == []


@pytest.mark.parametrize("command", ["verify", "explain"])
def test_what_only_reads_the_chain_imports_no_database_and_no_daemon(tmp_path: Path, command: str) -> None:
    found = imported(tmp_path / "modules", [command, "--help"])
    assert "web3" in found
    assert unwanted(found, *TABLES, "sqlalchemy", "scorer.daemon.daemon", "scorer.lab") == []


@pytest.mark.parametrize("module", ["scorer.submission.child", "scorer.storage.published"])
def test_a_process_that_reads_strangers_files_imports_nothing_that_signs_or_asks(module: str) -> None:
    code = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = set(json.loads(done.stdout))
    assert module in found
    assert unwanted(found, "web3", "eth_account", "eth_keyfile", "requests", "sqlalchemy", "pandas") == []
