"""A devnet with a server: numerapi submits with what numerapi.env says, and the round counts it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests
from numerapi import NumerAPI, base_api

from scorer.lab.anvil import free_port
from scorer.lab.devnet.layout import DevnetLayout
from scorer.storage.bundle import Bundle
from tests.cli.test_cupel import run
from tests.lab.devnet.test_devnet import clock_of
from tests.waiting import eventually

PATIENCE = 240.0


@pytest.fixture(params=[True, False], ids=("encrypted", "in the clear"))
def layout(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DevnetLayout]:
    found = DevnetLayout(tmp_path / "d")
    options = ("--port", free_port(), "--every", 3600, "--models", 1)
    run("devnet", "up", "--folder", found.root, *options, *([] if request.param else ["--in-the-clear"]))
    yield found
    run("devnet", "down", "--folder", found.root)


def test_numerapi_takes_part_in_a_devnet(layout: DevnetLayout, monkeypatch: pytest.MonkeyPatch) -> None:
    run("devnet", "serve", "--folder", layout.root, "--port", free_port(), "--gateway-port", free_port())
    lines = (layout.root / "numerapi.env").read_text().splitlines()
    environment = dict(line.split("=", 1) for line in lines)
    names = {name: f"{environment[name]}/tournament.json" for name in ("CUPEL_SERVER_URL", "CUPEL_URL")}
    found = {name: requests.get(url, timeout=10).status_code for name, url in names.items()}
    assert found == {"CUPEL_SERVER_URL": 200, "CUPEL_URL": 404}, "a server, and its gateway"
    monkeypatch.setattr(base_api, "API_TOURNAMENT_URL", environment["CUPEL_URL"])
    for name in ("NUMERAI_PUBLIC_ID", "NUMERAI_SECRET_KEY"):
        monkeypatch.setenv(name, environment[name])
    api: Any = NumerAPI(verbosity="CRITICAL", show_progress_bars=False)  # type: ignore[no-untyped-call]
    eventually(lambda: bool(api.get_models()), "the model in the server's answers", PATIENCE)
    ((_, model),) = api.get_models().items()
    assert api.check_round_open()
    current = api.get_current_round()
    ids = Bundle(layout.rounds / str(current)).universe()
    frame = pd.DataFrame({"id": ids, "prediction": np.random.default_rng(1).random(len(ids))})
    made = api.upload_predictions(df=frame, model_id=model)
    assert [row["id"] for row in api.submission_ids(model)] == [made]
    assert (layout.root / "server" / "receipts" / f"{made}.receipt.json").is_file()
    is_encrypted = not layout.settings().in_the_clear
    spellings = {np.float64(value).tobytes() for value in frame["prediction"]}
    spellings |= {repr(value)[:12].encode() for value in frame["prediction"]}
    readers = {path for path in layout.root.rglob("*") if path.is_file() and holds(path, spellings)}
    assert bool(readers) != is_encrypted, "before the lock nobody reads anything"
    clock = clock_of(layout)
    clock.anvil.advance_to(clock.record(current).close_at)
    published = next((layout.published).glob(f"0x*/{current}"))
    eventually(lambda: Bundle(published).has("submissions.json"), "the submissions", PATIENCE)
    assert int(model) in Bundle(published).submitted()


def holds(path: Path, spellings: set[bytes]) -> bool:
    content = path.read_bytes()
    return any(spelling in content for spelling in spellings)
