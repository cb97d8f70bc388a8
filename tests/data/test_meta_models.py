"""meta_model.parquet has the meta models of past rounds, by the era of each."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scorer.data.build import Build
from scorer.data.compare import problems
from scorer.data.faults import DataError
from scorer.data.obfuscation import Identifiers
from scorer.data.rounds import Rebuilder
from scorer.storage.bundle import META_MODEL, Bundle
from tests.data.markets import KEY, panel, recipe
from tests.data.test_weekly import SUNDAY, folder, look, prices

__all__ = ["folder"]


def publish(rounds: Path, number: int, ids: tuple[str, ...], values: np.ndarray) -> None:
    (rounds / str(number)).mkdir(parents=True)
    bundle = Bundle(rounds / str(number))
    bundle.write_universe(ids)
    bundle.write_meta_model(ids, values, "0x" + "00" * 32)


def eras(places: slice) -> list[tuple[str, tuple[str, ...]]]:
    """Labels and ids of some eras of the synthetic market."""
    own = Rebuilder(recipe(), Identifiers(recipe(), KEY), panel())
    return [(era.label, own.of(era).table.ids) for era in own.eras[places]]


def test_each_round_is_a_stretch_of_its_era(tmp_path: Path) -> None:
    generator, rounds = np.random.default_rng(1), tmp_path / "rounds"
    expected = {}
    for number, (label, ids) in enumerate(eras(slice(10, 13)), start=1):
        values = generator.uniform(size=len(ids))
        expected[label] = dict(zip(ids, values, strict=True))
        publish(rounds, number, ids, values)
    (_, ids), again = eras(slice(10, 11))[0], 9
    publish(rounds, again, ids, np.linspace(0, 1, len(ids)))
    expected["0011"] = dict(zip(ids, np.linspace(0, 1, len(ids)), strict=True))
    publish(rounds, 10, ("other-1", "other-2"), np.array([0.1, 0.2]))
    (rounds / "11").mkdir()
    Bundle(rounds / "11").write_universe(("not-over",))
    Build(recipe(), KEY, panel(), tmp_path / "versions", "v1.0", rounds=rounds).run()
    found = pd.read_parquet(tmp_path / "versions/v1.0/meta_model.parquet")
    assert found.index.name == "id"
    assert list(found.columns) == ["era", "numerai_meta_model"]
    assert {era: rows["numerai_meta_model"].to_dict() for era, rows in found.groupby("era")} == expected
    assert list(problems(tmp_path / "versions/v1.0")) == []
    found["numerai_meta_model"] = found["numerai_meta_model"].to_numpy()[::-1]
    found.to_parquet(tmp_path / "versions/v1.0/meta_model.parquet")
    assert [line[:28] for line in problems(tmp_path / "versions/v1.0")] == ["meta_model.parquet: expected"]


def test_without_rounds_the_file_has_no_rows(tmp_path: Path) -> None:
    Build(recipe(), KEY, panel(), tmp_path, "v1.0").run()
    found = pd.read_parquet(tmp_path / "v1.0/meta_model.parquet")
    assert (list(found.columns), len(found)) == (["era", "numerai_meta_model"], 0)


def test_a_meta_model_without_a_number_for_an_id_is_refused(tmp_path: Path) -> None:
    ((_, ids),) = eras(slice(10, 11))
    publish(tmp_path / "rounds", 1, ids, np.full(len(ids), 0.5))
    Bundle(tmp_path / "rounds/1").write_meta_model(ids[1:], np.full(len(ids) - 1, 0.5), "0x" + "00" * 32)
    with pytest.raises(
        DataError, match=rf"1/{META_MODEL}: expected a number for each id, found none for some"
    ):
        Build(recipe(), KEY, panel(), tmp_path / "versions", "v1.0", rounds=tmp_path / "rounds").run()
    assert not (tmp_path / "versions/v1.0").exists()


def test_a_live_era_has_the_meta_models_to_date(folder: Path) -> None:
    prices(folder, SUNDAY + 1)
    look(folder, SUNDAY)
    ids = Bundle(folder / "plans/0019").universe()
    publish(folder / "rounds", 7, ids, np.linspace(0, 1, len(ids)))
    prices(folder, SUNDAY + 8)
    look(folder, SUNDAY + 7)
    live = folder / "versions/v1.0.live"
    assert len(pd.read_parquet(live / "0019/meta_model.parquet")) == 0
    found = pd.read_parquet(live / "0020/meta_model.parquet")
    assert set(found["era"]) == {"0019"}
    assert tuple(sorted(found.index)) == tuple(sorted(ids))
    assert list(problems(live / "0020")) == []
