"""Data sets: numerapi lists, downloads whole and resumed, and filters; no other file is served."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import requests
from numerapi import base_api

from scorer.server.data_sets import DataSets
from tests.server.site import Site, running_site
from tests.world import World


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    for version in ("v1.9", "v1.10", "v1.10.live/0007", "v1.10.live/0008", ".draft", "v2.draft"):
        (root / version).mkdir(parents=True)
    table = pd.DataFrame({"era": ["0001", "0002"] * 50, "feature_a": np.arange(100)})
    table.to_parquet(root / "v1.10" / "train.parquet")
    (root / "v1.10" / "features.json").write_text('{"feature_sets": {"small": ["feature_a"]}}')
    (root / "v1.10" / "live.parquet").write_bytes(b"first")
    (root / "v1.10.live" / "0008" / "live.parquet").write_bytes(b"newest")
    (root / "v1.10.live" / "0007" / "live.parquet").write_bytes(b"older")
    (root / "v1.9" / "train.parquet").write_bytes(b"old")
    (root / ".draft" / "train.parquet").write_bytes(b"draft")
    (root / "v1.9" / "secret.key").write_bytes(b"key")
    (tmp_path / "outside.json").write_text("{}")
    (root / "v1.9" / "link.json").symlink_to(tmp_path / "outside.json")
    return root


@pytest.fixture
def site(world: World, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with running_site(world, tmp_path / "server", data=DataSets(folder)) as running:
        monkeypatch.setattr(base_api, "API_TOURNAMENT_URL", running.url)
        yield running


def test_files_of_versions_and_their_aliases_are_listed(folder: Path) -> None:
    assert DataSets(folder).names() == [
        *("numerai_live_data.parquet", "numerai_training_data.parquet", "signals/v1.0/live.parquet"),
        *("v1.10/features.json", "v1.10/live.parquet", "v1.10/train.parquet", "v1.9/train.parquet"),
    ]
    assert DataSets(folder).path("v1.10/live.parquet").read_bytes() == b"newest"
    assert DataSets(None).names() == []


@pytest.mark.parametrize(
    "name",
    [
        "../outside.json",
        "v1.9/link.json",
        "v1.9/secret.key",
        ".draft/train.parquet",
        "/etc/passwd",
        "",
        "v1.9",
    ],
)
def test_nothing_else_is_served(site: Site, name: str) -> None:
    client = site.client()
    with pytest.raises(ValueError, match="one of listDatasets"):
        client.download_dataset(name)
    assert requests.get(f"{site.url}/data/{name}", timeout=10).status_code == 404


def test_numerapi_downloads_whole_resumed_and_filtered(site: Site, folder: Path, tmp_path: Path) -> None:
    client, target = site.client(), tmp_path / "train.parquet"
    content = (folder / "v1.10" / "train.parquet").read_bytes()
    assert client.list_datasets() == DataSets(folder).names()
    client.download_dataset("v1.10/train.parquet", str(target))
    assert target.read_bytes() == content
    target.rename(tmp_path / "whole")
    (tmp_path / "train.parquet.temp").write_bytes(content[:100])
    client.download_dataset("numerai_training_data.parquet", str(target))
    assert target.read_bytes() == content
    kept = target.stat().st_mtime_ns
    client.download_dataset("v1.10/train.parquet", str(target))
    assert target.stat().st_mtime_ns == kept, "a file of the right size is not fetched again"
    client.download_dataset(
        "v1.10/train.parquet", str(tmp_path / "some.parquet"), filters=[("era", "==", "0001")]
    )
    assert set(pd.read_parquet(tmp_path / "some.parquet")["era"]) == {"0001"}


def test_files_go_out_with_their_size_and_uncompressed(site: Site, folder: Path) -> None:
    url = f"{site.url}/data/v1.10/features.json"
    whole = requests.get(url, headers={"Accept-Encoding": "gzip"}, timeout=10)
    head = requests.head(url, timeout=10)
    size = str((folder / "v1.10" / "features.json").stat().st_size)
    assert whole.headers["content-length"] == head.headers["content-length"] == size
    assert "content-encoding" not in whole.headers
    assert whole.headers["etag"] == head.headers["etag"]
    part = requests.get(url, headers={"Range": "bytes=5-"}, timeout=10)
    assert part.status_code == 206
    assert part.content == whole.content[5:]
