"""The notebooks run from their first cell to their last, as they are kept: without outputs."""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from scorer.evaluation.evaluate import evaluate
from scorer.protocol.rules import preset
from scorer.storage.bundle import Bundle
from tests.docs.pages import ROOT
from tests.small_round import SmallRound, in_the_clear

site = import_module("scripts.docs_site")
NOTEBOOKS = sorted((ROOT / "docs/notebooks").glob("*.ipynb"))
RUNNER = """
import json, sys
names = {}
for cell in json.load(open(sys.argv[1]))["cells"]:
    if cell["cell_type"] == "code":
        exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
"""


def document(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def run_cells(path: Path, folder: Path) -> str:
    """Run a notebook's cells in a folder, one after the other in one process; what they printed."""
    given = os.environ | {"PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, path],
        cwd=folder,
        env=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The notebooks' folder in a checkout in which the demo was played."""
    inputs = SmallRound(rules=in_the_clear(preset("cupel"))).inputs()
    bundle = Bundle(tmp_path / "build/demo/rounds/5")
    bundle.write(inputs, evaluate(inputs))
    found = tmp_path / "docs/notebooks"
    found.mkdir(parents=True)
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_its_first_cell_to_its_last(path: Path, folder: Path) -> None:
    printed = run_cells(path, folder)
    cells = [cell for cell in document(path)["cells"] if "print(" in "".join(cell["source"])]
    assert len(printed.splitlines()) >= len(cells)


def test_a_cell_that_fails_is_named(folder: Path, tmp_path: Path) -> None:
    broken = document(NOTEBOOKS[0])
    broken["cells"] = [{"cell_type": "code", "id": "cell-9", "source": ["assert 1 == 2\n"]}]
    (tmp_path / "broken.ipynb").write_text(json.dumps(broken))
    with pytest.raises(AssertionError, match="cell-9"):
        run_cells(tmp_path / "broken.ipynb", folder)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs_and_in_one_form(path: Path) -> None:
    found = document(path)
    code = [cell for cell in found["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert path.read_text() == json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def test_the_site_shows_the_text_and_the_code_of_a_notebook() -> None:
    shown = site.notebook(NOTEBOOKS[0])
    for cell in document(NOTEBOOKS[0])["cells"]:
        assert "".join(cell["source"]) in shown
    assert "```python\nimport subprocess" in shown
