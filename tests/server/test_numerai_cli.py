"""A node of numerai-cli 1.1.7 against the server: its webhook is called, and its container submits.

The documents are those of ``numerai node test``; the container is a script in the form of its examples, run
unchanged with the variables that its image and its function set.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numerapi import base_api

from scorer.compute.setup import FOLDER as TEMPLATES
from scorer.server.data_sets import DataSets
from tests.processes import compiled_once
from tests.server.site import IN_THE_CLEAR, Site, running_gateway, running_site
from tests.server.test_submissions import inbox
from tests.waiting import eventually
from tests.world import IDS, World

FEATURES = ["feature_a", "feature_b"]
TRIGGER = "mutation ( $modelId: String! ) { triggerModelWebhook( modelId: $modelId ) }"
SUBMISSIONS = """query ( $modelId: String! ) {
    submissions( modelId: $modelId ){
        round{ number, tournament },
        triggerId
        insertedAt
    }
}"""
# An image of numerai-cli asks Numerai itself; here the one thing that differs is whom it asks.
REDIRECTED = (
    "import runpy, sys; from numerapi import base_api; base_api.API_TOURNAMENT_URL = sys.argv[1]; "
    "runpy.run_path(sys.argv[2], run_name='__main__')"
)


def live_data(folder: Path) -> DataSets:
    """Version v5.0 of a data set, as the examples ask for it."""
    version = folder / "v5.0"
    version.mkdir(parents=True)
    random = np.random.default_rng(3)
    table = pd.DataFrame(random.random((len(IDS), 2)), columns=FEATURES, index=pd.Index(IDS, name="id"))
    table.to_parquet(version / "live.parquet")
    (version / "features.json").write_text(json.dumps({"feature_sets": {"small": FEATURES}}))
    return DataSets(folder)


@pytest.fixture
def site(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    data = live_data(tmp_path / "data")
    with running_site(world, tmp_path / "server", data=data, calls_private=True) as running:
        world.open()
        running.step()
        with running_gateway(running, tmp_path / "receipts", IN_THE_CLEAR) as url:
            monkeypatch.setattr(base_api, "API_TOURNAMENT_URL", url)
            yield running


@contextmanager
def node(key: Any, folder: Path) -> Iterator[tuple[str, list[int]]]:
    """The function that a node's webhook reaches, and the container that it starts; exit codes of those."""
    ended: list[int] = []
    folder.mkdir()

    def container(trigger: str) -> None:
        keys = {"NUMERAI_PUBLIC_ID": key.public_id, "NUMERAI_SECRET_KEY": key.secret}
        given = {
            "MODEL_ID": "1",
            "TRIGGER_ID": trigger,
            "PATH": os.environ["PATH"],
            **keys,
            **compiled_once(),
        }
        script = TEMPLATES / "numerai_example" / "predict.py"
        command = [sys.executable, "-c", REDIRECTED, base_api.API_TOURNAMENT_URL, str(script)]
        ended.append(subprocess.run(command, env=given, cwd=folder, check=False, timeout=180).returncode)

    class Function(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            threading.Thread(target=container, args=[body["triggerId"]], daemon=True).start()
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Function)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", ended
    finally:
        server.shutdown()
        server.server_close()


def test_an_open_round_wakes_the_node_and_numerai_node_test_passes(site: Site, tmp_path: Path) -> None:
    key = site.key(site.account_of(1))
    api: Any = site.client(key)
    with node(key, tmp_path / "container") as (url, ended):
        assert api.set_submission_webhook("1", url) is True
        site.services.webhooks.step()
        eventually(lambda: len(ended) == 1, "the end of the container that the round started", 180)
        asked = api.raw_query(TRIGGER, variables={"modelId": "1"}, authorization=True)
        trigger_id = asked["data"]["triggerModelWebhook"]
        assert site.services.webhooks.step() == 1
        eventually(lambda: len(ended) == 2, "the end of the container that the test started", 180)
    assert ended == [0, 0]
    found = api.raw_query(SUBMISSIONS, variables={"modelId": "1"}, authorization=True)
    current = api.get_current_round()
    rows = [row for row in found["data"]["submissions"] if row["round"]["number"] == current]
    newest = max(rows, key=lambda row: str(row["insertedAt"]))
    assert newest["triggerId"] == trigger_id
    assert len(rows) == 2
    assert len(inbox(site)) == 2
