"""Two members with other libraries have the same files and the same targets, to the bit.

``OTHER_PYTHON`` names a Python with other versions: see ``make same-bits`` and ``make pandas3``.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from scorer.data.build import Build
from scorer.data.obfuscation import Identifiers
from scorer.data.rounds import Rebuilder
from scorer.data.sources.assemble import panel_of
from scorer.data.sources.document import Repairs
from scorer.storage.bundle import Bundle
from tests.data.markets import KEY, market, recipe, table_of

OTHER_PYTHON = os.environ.get("OTHER_PYTHON")


def digests() -> dict[str, str]:
    """Digests of a version's files, of its panel and of a member's targets; names wide enough for a grid."""
    raw = market(names=1100, days=150)
    names = [f"A{number:04d}" for number in range(raw["close"].shape[1])]
    panel = panel_of("24/7", [table_of(raw, names)], [], Repairs(splits="find")).panel
    inputs = {
        "groups": ["sector"],
        "features": ["beta_40"],
        "volatility": "volatility_10",
        "risk_sessions": 30,
    }
    rules = recipe(splits={"validation": "2020-03-20"}, inputs=inputs)
    with tempfile.TemporaryDirectory() as folder:
        manifest = Build(rules, KEY, panel, Path(folder), "v1.0").run()
        files = {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted((Path(folder) / "v1.0").iterdir())
        }
        own = Rebuilder(rules, Identifiers(rules, KEY), panel)
        data = own.of(own.known[-1])
        data.write(Bundle(Path(folder)))
        targets = Bundle(Path(folder)).targets(data.table.ids)
    columns = {
        f"{name}.{column}": values
        for name, table in data.inputs().items()
        for column, values in table.items()
    }
    found = {
        name: hashlib.sha256(values.tobytes()).hexdigest() for name, values in {**targets, **columns}.items()
    }
    return {"manifest": manifest.digest().hex(), "era": data.table.digest, **files, **found}


def digests_of(python: str) -> dict[str, str]:
    """The same in a process of another Python."""
    code = f"import json; from {__name__} import digests; print(json.dumps(digests()))"
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root}
    done = subprocess.run(
        [python, "-W", "ignore", "-c", code],
        env=environment,
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def versions_of(python: str) -> list[str]:
    code = "import numpy, pandas, pyarrow; print(numpy.__version__, pandas.__version__, pyarrow.__version__)"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.skipif(OTHER_PYTHON is None, reason="OTHER_PYTHON is not set; see make same-bits")
def test_members_with_other_library_versions_have_equal_digests() -> None:
    assert versions_of(str(OTHER_PYTHON)) != versions_of(sys.executable)
    ours, theirs = digests(), digests_of(str(OTHER_PYTHON))
    assert len(ours) > 12
    assert theirs == ours
