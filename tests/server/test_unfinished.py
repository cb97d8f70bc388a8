"""Submissions left half-way, late ones, and ones of the same second: none is stuck or counts twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from numerapi import base_api

from scorer.failpoints import KILLED
from scorer.operator.inbox_files import submission_files
from scorer.server import submissions
from scorer.server.read_model import clear
from scorer.server.submission_records import ACCEPTED, DELIVERING, REFUSED, LeaseLost
from scorer.server.submission_window import SubmissionWindow
from scorer.storage.bundle import round_folder
from scorer.storage.inbox import deliver
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


def stall_at(monkeypatch: pytest.MonkeyPatch, label: str, meanwhile: Callable[[], object]) -> None:
    """Let something else happen, once, when a process that submits comes to a fail point."""
    waiting = [meanwhile]

    def reach(at: str, _key: str = "") -> None:
        if at == label and waiting:
            waiting.pop()()

    monkeypatch.setattr(submissions, "reach", reach)


def everything_in(site: Site) -> list[str]:
    """Every file of round 1 in the operator's inbox, signatures too."""
    folder = round_folder(site.world.operator.inbox, site.world.suite.addresses.tournament, 1)
    return sorted(path.name for path in folder.glob("*"))


def close_and_recover(site: Site) -> None:
    site.world.anvil.advance_to(site.world.record(1).close_at + LATER)
    site.services.submissions.recover()


def test_a_process_that_stalls_past_the_close_delivers_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = hosted(site)
    close_at = site.world.record(1).close_at
    stall_at(monkeypatch, "submission-delivering", lambda: site.world.anvil.advance_to(close_at))
    with pytest.raises(ValueError, match="before the round closed"):
        client.upload_predictions(model_id="1", df=frame(site))
    (row,) = listed(site)
    assert (row["state"], row["receipt"], everything_in(site)) == (REFUSED, None, [])


@pytest.mark.parametrize("label", ["submission-received", "submission-delivering"])
def test_a_process_that_stalls_until_another_refused_delivers_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, label: str
) -> None:
    client = hosted(site)
    stall_at(monkeypatch, label, lambda: close_and_recover(site))
    with pytest.raises(ValueError, match="expected"):
        client.upload_predictions(model_id="1", df=frame(site))
    (row,) = listed(site)
    assert (row["state"], row["receipt"], everything_in(site)) == (REFUSED, None, [])


def test_a_process_that_stalls_until_another_delivered_delivers_nothing_more(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, before = hosted(site), list[str]()

    def recover() -> None:
        site.world.anvil.advance_to(site.world.now + LATER)
        assert site.services.submissions.recover() == 1
        before.extend(everything_in(site))
        monkeypatch.setattr(submissions, "deliver", None)

    stall_at(monkeypatch, "submission-delivering", recover)
    with pytest.raises(ValueError, match="another process took it over"):
        client.upload_predictions(model_id="1", df=frame(site))
    (row,) = listed(site)
    assert (row["state"], everything_in(site)) == (ACCEPTED, before)
    assert row["receipt"]
    assert len(inbox(site)) == 1


def test_what_is_delivered_after_another_process_refused_it_is_taken_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stall is between the last look at the clock and the file."""
    client = hosted(site)

    def late(*arguments: Any, **more: Any) -> Path:
        close_and_recover(site)
        return deliver(*arguments, **more)

    monkeypatch.setattr(submissions, "deliver", late)
    with pytest.raises(ValueError, match="another process took it over"):
        client.upload_predictions(model_id="1", df=frame(site))
    (row,) = listed(site)
    assert (row["state"], row["receipt"], everything_in(site)) == (REFUSED, None, [])


def test_what_is_delivered_while_another_process_refuses_it_is_taken_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one looked at the inbox before, and the first one at the state before."""
    left_half_way(site)
    require_time, service = SubmissionWindow.require_time, site.services.submissions

    def meanwhile(window: SubmissionWindow, of_round: Any, received_at: int) -> None:
        row = service.records.newest([1])
        assert row is not None
        folder = round_folder(service.inbox, service.records.place.tournament, 1)
        folder.mkdir(parents=True, exist_ok=True)
        for name in (row.inbox_file, row.inbox_file.replace(".csv", ".signature.json")):
            (folder / name).write_bytes(b"delivered")
        require_time(window, of_round, received_at)

    monkeypatch.setattr(SubmissionWindow, "require_time", meanwhile)
    close_and_recover(site)
    (row,) = listed(site)
    assert (row["state"], row["receipt"], everything_in(site)) == (REFUSED, None, [])
