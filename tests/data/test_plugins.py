"""Features and sources of another package are found by their entry points, in every process."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scorer.data import features
from scorer.data.build import Build
from scorer.data.faults import DataError
from scorer.data.mappers import in_processes
from scorer.data.sources.assemble import load_panel
from tests.data.markets import FEATURES, KEY, panel, recipe
from tests.data.test_build import contents

CODE = '''
import numpy as np

from scorer.data.features import feature
from scorer.data.sources.packages import long_table
from scorer.protocol.schedule import sessions
from datetime import date


@feature("span")
def span(view, spec):
    return (view.highest(spec.window) - view.lowest(spec.window)).astype(float)


def indices(options):
    """Three indices that an exchange quotes: levels, no volume, no sector."""
    days = list(sessions("XETR", date(2024, 1, 2), date(2024, 3, 28)).days)
    levels = 1000.0 * (1 + np.arange(len(days))[:, np.newaxis] * np.array([0.001, 0.002, -0.001]))
    return long_table("indices", days, list(options["names"]), {"close": levels})


def nothing(options):
    return [1, 2, 3]
'''
ENTRIES = """
[cupel.features]
span = some_plugin
[cupel.sources]
indices = some_plugin:indices
nothing = some_plugin:nothing
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package of one module, as pip leaves it."""
    site = tmp_path / "site"
    (site / "some_plugin-1.0.dist-info").mkdir(parents=True)
    (site / "some_plugin.py").write_text(CODE)
    (site / "some_plugin-1.0.dist-info/METADATA").write_text("Name: some-plugin\nVersion: 1.0\n")
    (site / "some_plugin-1.0.dist-info/entry_points.txt").write_text(ENTRIES)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(features, "BUILT_IN", dict(features.BUILT_IN))
    monkeypatch.delitem(sys.modules, "some_plugin", raising=False)
    features._plugins.cache_clear()


def test_a_feature_of_another_package_is_built_in_every_process(package: None, tmp_path: Path) -> None:
    rules = recipe(
        features=[*FEATURES, {"kind": "span", "windows": [10, 20]}], obfuscation={"features": False}
    )
    Build(rules, KEY, panel(), tmp_path / "one", "v1.0").run()
    live = pd.read_parquet(tmp_path / "one/v1.0/live.parquet")
    assert {"feature_span_10", "feature_span_20"} <= set(live)
    assert live["feature_span_20"].nunique() == 5
    Build(rules, KEY, panel(), tmp_path / "two", "v1.0", in_processes(2)).run()
    assert contents(tmp_path / "two/v1.0") == contents(tmp_path / "one/v1.0")


def test_a_feature_that_no_package_has_is_refused() -> None:
    features._plugins.cache_clear()
    with pytest.raises(DataError, match=r"features\.kind: expected one of .*, found span"):
        recipe(features=[*FEATURES, {"kind": "span", "windows": [10]}])


def source(folder: Path, kind: str) -> Path:
    path = folder / "source.toml"
    path.write_text(
        f'version = 1\ncalendar = "XETR"\n[[tables]]\nkind = "{kind}"\n'
        'options = { names = ["A", "B", "C"] }\n'
    )
    return path


def test_a_source_of_another_package_and_another_exchange_makes_a_panel(
    package: None, tmp_path: Path
) -> None:
    found = load_panel(source(tmp_path, "indices"))
    assert found.panel.names == ("A", "B", "C")
    assert not found.report.faults
    assert found.panel.sessions[0].isoformat() == "2024-01-02"
    assert np.isfinite(found.panel.prices).all()


def test_a_source_that_returns_no_table_is_refused(package: None, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="source nothing: expected a RawTable, found list"):
        load_panel(source(tmp_path, "nothing"))
    with pytest.raises(DataError, match=r"tables\.kind: expected one of csv, .*indices.*, found 'other'"):
        load_panel(source(tmp_path, "other"))
