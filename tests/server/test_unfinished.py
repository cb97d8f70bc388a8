"""Submissions left half-way, late ones, and ones of the same second: none is stuck or counts twice."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from numerapi import base_api

from scorer.failpoints import KILLED
from scorer.operator.inbox_files import submission_files
from scorer.server.read_model import clear
from scorer.server.submission_records import ACCEPTED, DELIVERING, REFUSED, LeaseLost
from scorer.storage.bundle import round_folder
from tests.server.site import Site, running_site
from tests.server.site import site as site
from tests.server.test_submissions import LATER, fork_and_submit, frame, hosted, inbox, listed
from tests.world import World


def left_half_way(site: Site, label: str = "submission-delivering") -> None:
    """Let a process die in the middle of a submission."""
    client = hosted(site)
    granted = client._upload_auth("submission_upload_auth", "p.csv", 8, "1")
    requests.put(granted["url"], data=frame(site).to_csv(index=False).encode(), timeout=10)
    assert fork_and_submit(site, granted["filename"], label) == KILLED


def test_a_submission_that_another_process_works_at_is_left_alone(site: Site) -> None:
    left_half_way(site)
    assert site.services.submissions.recover() == 0
    assert listed(site)[0]["state"] == DELIVERING
    site.world.anvil.advance_to(site.world.now + LATER)
    assert site.services.submissions.recover() == 1
    assert listed(site)[0]["state"] == ACCEPTED


def test_of_many_processes_one_takes_a_submission_over(site: Site) -> None:
    left_half_way(site)
    site.world.anvil.advance_to(site.world.now + LATER)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: site.services.submissions.records.take_over(), range(8)))
    assert sum(len(held) for held in found) == 1


def test_a_process_that_was_too_slow_changes_nothing_any_more(site: Site) -> None:
    left_half_way(site)
    records = site.services.submissions.records
    site.world.anvil.advance_to(site.world.now + LATER)
    ((slow, _),) = records.take_over()
    site.world.anvil.advance_to(site.world.now + LATER)
    ((fast, _),) = records.take_over()
    records.become(fast, REFUSED, "taken over")
    with pytest.raises(LeaseLost, match="another process"):
        records.become(slow, ACCEPTED)
    assert listed(site)[0]["state"] == REFUSED


def test_a_delivery_that_failed_is_tried_again_while_the_server_runs(site: Site) -> None:
    client = hosted(site)
    folder = round_folder(site.world.operator.inbox, site.world.suite.addresses.tournament, 1)
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_bytes(b"a file where the folder should be")
    with pytest.raises(ValueError, match="tried again until the round closes"):
        client.upload_predictions(model_id="1", df=frame(site))
    (row,) = listed(site)
    assert (row["state"], row["receipt"]) == (DELIVERING, None)
    folder.unlink()
    site.world.anvil.advance_to(site.world.now + LATER)
    site.services.submissions.recover()
    (row,) = listed(site)
    assert row["state"] == ACCEPTED
    assert row["receipt"]
    assert len(inbox(site)) == 1


def test_of_submissions_in_one_second_the_last_one_counts_here_and_in_the_inbox(site: Site) -> None:
    client = hosted(site)
    made = [client.upload_predictions(model_id="1", df=frame(site, 1 + number)) for number in range(5)]
    rows = listed(site)
    assert len({row["receipt"]["receivedAt"] for row in rows}) == 1
    assert [row["id"] for row in rows] == made[::-1]
    assert [row["selected"] for row in rows] == [True, False, False, False, False]
    folder = round_folder(site.world.operator.inbox, site.world.suite.addresses.tournament, 1)
    assert [file.name.split(".")[2] for file in submission_files(folder)] == made


def test_a_server_whose_clock_is_late_gives_no_receipt_after_the_chain_closed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_site(world, tmp_path / "server", clock=lambda: world.now - 300) as site:
        monkeypatch.setattr(base_api, "API_TOURNAMENT_URL", site.url)
        client = hosted(site)
        world.anvil.advance_to(world.record(1).close_at - 1)
        assert client.upload_predictions(model_id="1", df=frame(site))
        world.anvil.advance_to(world.record(1).close_at + 1)
        monkeypatch.setattr("scorer.server.chain_time.KEPT", -1.0)
        with pytest.raises(ValueError, match="before the round closed"):
            client.upload_predictions(model_id="1", df=frame(site))
        rows = listed(site)
        assert [(row["state"], bool(row["receipt"])) for row in rows] == [(REFUSED, False), (ACCEPTED, True)]
        assert len(inbox(site)) == 1


def test_nothing_is_refused_while_the_read_model_is_made_anew(site: Site) -> None:
    left_half_way(site)
    site.world.anvil.advance_to(site.world.now + LATER)
    with site.services.database.writing() as connection:
        clear(connection)
    site.services.submissions.recover()
    site.step()
    assert listed(site)[0]["state"] == DELIVERING
    site.world.anvil.advance_to(site.world.now + LATER)
    site.services.submissions.recover()
    assert listed(site)[0]["state"] == ACCEPTED
