"""The test-suite of numerai_tools itself, run against our functions.

It is not part of the package, so this needs a checkout: set NUMERAI_TOOLS_CHECKOUT to its folder.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = os.environ.get("NUMERAI_TOOLS_CHECKOUT")

REPLACE_ALL_OF_OURS = """
import numerai_tools.scoring
import numerai_tools.signals

import scorer.scoring as ours

for module in (numerai_tools.scoring, numerai_tools.signals):
    for name in set(ours.__all__) & set(dir(module)):
        setattr(module, name, getattr(ours, name))
"""


@pytest.mark.skipif(CHECKOUT is None, reason="NUMERAI_TOOLS_CHECKOUT is not set")
def test_the_reference_suite_passes_with_our_functions_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(REPLACE_ALL_OF_OURS)
    for name in ("test_scoring.py", "test_signals.py"):
        shutil.copy(Path(str(CHECKOUT)) / "tests" / name, tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    found = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout
