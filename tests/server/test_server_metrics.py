"""What Prometheus reads of the server, and where."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
import requests

from scorer.server.application import application, numbers
from scorer.server.server_metrics import ServerMetrics, served_metrics
from tests.server.loopback import served
from tests.server.site import Site
from tests.server.site import site as site
from tests.server.test_submissions import frame, hosted


def value_of(page: str, name: str) -> float:
    (found,) = re.findall(rf"^{re.escape(name)} (\S+)$", page, re.MULTILINE)
    return float(found)


def test_requests_and_submissions_are_counted_and_strangers_make_no_labels(site: Site) -> None:
    hosted(site).upload_predictions(model_id="1", df=frame(site))
    metrics = ServerMetrics()
    metrics.watch(lambda: numbers(site.services))
    with served(metrics.measured(application(site.services))) as url, served_metrics(metrics, 0) as port:
        assert requests.post(url, json={"query": "{ tournaments { name } }"}, timeout=10).status_code == 200
        for path in ("health", "evil-1", "evil-2", "data/none"):
            requests.get(f"{url}/{path}", timeout=10)
        page = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text
        assert requests.get(f"{url}/metrics", timeout=10).status_code == 404
    counted = 'cupel_server_requests_total{route="%s",status="%s"}'
    assert value_of(page, counted % ("graphql", 200)) == 1
    assert value_of(page, counted % ("other", 404)) == 2
    assert value_of(page, counted % ("data", 404)) == 1
    assert "evil" not in page
    assert value_of(page, "cupel_server_submissions_accepted") == 1
    assert value_of(page, "cupel_server_submissions_refused") == 0
    assert value_of(page, "cupel_server_oldest_unanswered_seconds") == 0
    assert value_of(page, "cupel_server_ready") == 1
    assert (
        value_of(page, "cupel_server_mirrored_block")
        == site.world.anvil.w3.eth.get_block("finalized")["number"]
    )


def test_an_answer_that_fails_is_counted_too() -> None:
    metrics = ServerMetrics()

    async def broken(*_arguments: object) -> Any:
        raise RuntimeError("a defect")

    async def asked() -> None:
        await metrics.measured(broken)({"type": "http", "path": "/"}, broken, broken)

    with pytest.raises(RuntimeError, match="a defect"):
        asyncio.run(asked())
    assert value_of(metrics.page().decode(), 'cupel_server_request_seconds_count{route="graphql"}') == 1
    assert (
        value_of(metrics.page().decode(), 'cupel_server_requests_total{route="graphql",status="none"}') == 1
    )


def test_without_a_port_nothing_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prometheus_client.start_http_server", None)
    with served_metrics(ServerMetrics(), None) as port:
        assert port is None
