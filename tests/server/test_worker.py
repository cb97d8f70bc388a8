"""The worker: a task that hangs or fails holds up no other, and every job ends."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from scorer.server.data_sets import DataSets
from scorer.server.diagnoses import LEASE, MOST_ATTEMPTS, MOST_WAITING, Diagnoses
from scorer.server.errors import ApiError
from scorer.server.tables import DIAGNOSIS
from scorer.server.worker import Worker, WorkerTask
from tests.server.site import Site, running_site
from tests.server.site import site as site
from tests.waiting import eventually
from tests.world import World


def test_a_job_that_takes_long_does_not_hold_up_the_chain(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ends, stop = threading.Event(), threading.Event(), threading.Event()

    def hangs(_diagnoses: object) -> None:
        begun.set()
        ends.wait(60)

    monkeypatch.setattr(Diagnoses, "step", hangs)
    worker = Worker.of(site.follower, site.services, 0.01)
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        assert begun.wait(20)
        site.world.open()
        site.world.anvil.finalise()
        eventually(lambda: site.services.queries.round(1), "the round that has opened")
    finally:
        ends.set()
        stop.set()
        thread.join(20)


def test_a_task_that_fails_ends_neither_itself_nor_others() -> None:
    done: list[str] = []

    def fails() -> None:
        done.append("fails")
        raise ZeroDivisionError

    tasks = (WorkerTask("a", fails, 0), WorkerTask("b", lambda: done.append("works"), 0))
    Worker(tasks).run(threading.Event(), steps=3)
    assert sorted(done) == ["fails"] * 3 + ["works"] * 3


def job(site: Site) -> str:
    """A diagnosis of a file that the server keeps."""
    account = site.account_of(1)
    model = site.services.accounts.model_of(account, "1")
    grant = site.services.diagnoses.grant(account, "p.csv", model)
    assert requests.put(grant["url"], data=b"id,prediction\n", timeout=10).status_code == 200
    return site.services.diagnoses.create(account, grant["filename"], model)


def row(site: Site, job_id: str) -> Any:
    with site.services.database.reading() as connection:
        return connection.execute(sa.select(DIAGNOSIS).where(DIAGNOSIS.c.id == job_id)).one()


@pytest.fixture
def data(tmp_path: Path) -> DataSets:
    """A data set whose validation eras are none."""
    folder = tmp_path / "data" / "v1.0"
    folder.mkdir(parents=True)
    (folder / "validation.parquet").write_bytes(b"")
    (folder / "features.json").write_text(json.dumps({"feature_sets": {"small": []}}))
    return DataSets(tmp_path / "data")


def test_every_diagnosis_ends_and_its_file_is_removed(
    world: World, tmp_path: Path, data: DataSets, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_site(world, tmp_path / "server", data=data) as site:
        first = job(site)

        def fails(*_arguments: object) -> None:
            raise ZeroDivisionError("inside")

        monkeypatch.setattr(Diagnoses, "_diagnose", fails)
        assert site.services.diagnoses.step() == 1
        assert row(site, first).state == "failed"
        assert "inside" not in row(site, first).message
        assert not [path for path in site.services.uploads.blobs.root.rglob("*") if path.is_file()]


def test_a_diagnosis_that_ends_its_worker_is_begun_a_few_times(
    world: World, tmp_path: Path, data: DataSets, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_site(world, tmp_path / "server", data=data) as site:
        made = job(site)

        def dies(*_arguments: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(Diagnoses, "_diagnose", dies)
        for _ in range(MOST_ATTEMPTS):
            with pytest.raises(KeyboardInterrupt):
                site.services.diagnoses.step()
            world.anvil.advance_to(world.now + LEASE + 1)
        site.services.diagnoses.step()
        assert row(site, made).state == "failed"


def test_so_many_diagnostics_of_a_model_wait(world: World, tmp_path: Path, data: DataSets) -> None:
    with running_site(world, tmp_path / "server", data=data) as site:
        for _ in range(MOST_WAITING):
            job(site)
        with pytest.raises(ApiError, match="wait for one to end"):
            job(site)
