"""What is taken from an inbox, and what is kept of the decision."""

import errno
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from eth_account import Account

from scorer.operator.collection import Collection, Refusal, read_collection, write_collection
from scorer.operator.intake import Intake
from scorer.operator.plans import PlanFolder, publish
from scorer.oracle.gatekeeper import check_gate_tables
from scorer.protocol.digest import content_hash
from scorer.protocol.predictions import SpoolUnavailable, StoredRow
from scorer.protocol.rules import preset
from scorer.protocol.signature import SubmissionDigest
from scorer.protocol.submissions import Submission, Submissions
from scorer.storage.bundle import NAMES, SIGNATURES, Bundle, BundleError, round_folder
from scorer.storage.inbox import SIGNATURE_SUFFIX, submit
from scorer.submission.table import most_bytes
from scorer.submission.validity import Universe
from tests.round_tables import tables
from tests.small_round import IDS

OPEN, UNTIL = 1_000, 9_000
TOURNAMENT = "0x" + "11" * 20
KEY = bytes(31) + b"\x07"
SIGNER = str(Account.from_key(KEY).address)
UNIVERSE = Universe(("a", "b", "c"), {})
SIGNED = {"content_hash": "0x" + "22" * 32, "signature": "0x" + "11" * 64 + "1b"}
"""What may be a signature, of something."""
SPOOL = Path(tempfile.gettempdir())


def intake() -> Intake:
    return Intake(31337, TOURNAMENT, 1, None, UNIVERSE, {7: SIGNER, 8: SIGNER}, OPEN, UNTIL, SPOOL)


def send(inbox: Path, file: str, values: Sequence[float], at: int) -> Path:
    content = pd.DataFrame({"id": UNIVERSE.ids, "prediction": values}).to_csv(index=False).encode()
    model = int(file.split(".")[0])
    digest = SubmissionDigest(31337, TOURNAMENT, 1, model, content_hash(UNIVERSE.ids, np.array(values)))
    submit(inbox, digest, KEY, file, content, received_at=at)
    return round_folder(inbox, TOURNAMENT, 1)


def test_a_file_arrives_when_it_was_modified_last(tmp_path: Path) -> None:
    folder = send(tmp_path, "7.csv", [0.1, 0.2, 0.3], 2_000)
    arrivals, refusals = intake().take(folder)
    assert [(each.received_at, each.submission.model_id) for each in arrivals] == [(2_000, 7)]
    assert refusals == ()


def test_a_signature_that_comes_later_than_its_file_counts(tmp_path: Path) -> None:
    folder = send(tmp_path, "7.csv", [0.1, 0.2, 0.3], 2_000)
    os.utime(folder / f"7{SIGNATURE_SUFFIX}", (5_000, 5_000))
    assert [each.received_at for each in intake().take(folder)[0]] == [5_000]


def test_what_lay_in_the_inbox_at_the_opening_arrived_with_it(tmp_path: Path) -> None:
    folder = send(tmp_path, "7.csv", [0.1, 0.2, 0.3], OPEN - 500)
    assert [each.received_at for each in intake().take(folder)[0]] == [OPEN]


def test_what_comes_from_the_collection_on_is_refused_by_both_times(tmp_path: Path) -> None:
    folder = send(tmp_path, "7.csv", [0.1, 0.2, 0.3], UNTIL)
    arrivals, (refusal,) = intake().take(folder)
    assert arrivals == []
    assert "7.csv: expected a file that arrived before 9000" in refusal.reason
    assert refusal.reason.endswith("found one of 9000")


def test_files_of_a_model_with_labels_stand_side_by_side_in_the_order_of_arrival(tmp_path: Path) -> None:
    send(tmp_path, "7.csv", [0.3, 0.2, 0.1], 4_000)
    send(tmp_path, "8.csv", [0.5, 0.2, 0.1], 4_000)
    folder = send(tmp_path, "7.second.csv", [0.1, 0.2, 0.3], 3_000)
    arrivals, _ = intake().take(folder)
    found = [(each.submission.model_id, each.received_at) for each in arrivals]
    assert found == [(7, 3_000), (7, 4_000), (8, 4_000)]


def test_a_bad_file_is_refused_beside_a_good_one_of_the_same_model(tmp_path: Path) -> None:
    folder = send(tmp_path, "7.csv", [0.1, 0.2, 0.3], 2_000)
    (folder / "7.later.csv").write_text("id,prediction\na,2\n")
    arrivals, refusals = intake().take(folder)
    assert [each.submission.model_id for each in arrivals] == [7]
    assert [(each.model_id, each.file) for each in refusals] == [(7, "7.later.csv")]


@pytest.mark.parametrize(
    "name",
    [
        "99999999999999999999.csv",
        "007.csv",
        "0.csv",
        "\u0667.csv",
        "7.a b.csv",
        os.fsdecode(b"7.\xff.csv"),
        "7." + "x" * 101 + ".csv",
        "7..csv.parquet.",
    ],
)
def test_a_name_that_is_no_models_is_refused_and_can_be_published(tmp_path: Path, name: str) -> None:
    folder = send(tmp_path, "7.csv", [0.1, 0.2, 0.3], 2_000)
    (folder / name).write_bytes(b"x")
    arrivals, refusals = intake().take(folder)
    assert [each.submission.model_id for each in arrivals] == [7]
    if name.endswith("."):
        assert refusals == ()
        return
    assert [(each.model_id, each.file) for each in refusals] == [(0, ascii(name)[1:-1][:60])]
    submissions = Submissions(UNIVERSE.ids, (arrivals[0].submission,))
    taken = Collection(submissions, refusals, frozenset({7}))
    Bundle(tmp_path / "published").write_universe(UNIVERSE.ids)
    write_collection(Bundle(tmp_path / "published"), taken)
    again = read_collection(Bundle(tmp_path / "published"))
    assert again is not None
    assert again.refusals == refusals


def test_what_is_no_regular_file_is_refused_and_waited_for_by_nobody(tmp_path: Path) -> None:
    folder = send(tmp_path, "7.csv", [0.1, 0.2, 0.3], 2_000)
    for label in ("folder", "gone", "link", "pipe"):
        (folder / f"7.{label}{SIGNATURE_SUFFIX}").write_text((folder / f"7{SIGNATURE_SUFFIX}").read_text())
    (folder / "7.folder.csv").mkdir()
    (folder / "7.gone.csv").symlink_to(tmp_path / "nowhere")
    (folder / "7.link.csv").symlink_to(folder / "7.csv")
    os.mkfifo(folder / "7.pipe.csv")
    arrivals, refusals = intake().take(folder)
    assert [each.submission.model_id for each in arrivals] == [7]
    assert sorted(each.reason for each in refusals) == [
        "7.folder.csv: expected a file that can be read, found IsADirectoryError",
        "7.gone.csv: expected a file that can be read, found OSError",
        "7.link.csv: expected a file that can be read, found OSError",
        f"7.pipe.csv: expected a file of at most {most_bytes(3)} bytes, found something else",
    ]


def test_a_file_is_read_as_far_as_it_may_be_large(tmp_path: Path) -> None:
    folder = send(tmp_path, "7.csv", [0.1, 0.2, 0.3], 2_000)
    size = (folder / "7.csv").stat().st_size
    assert len(replace(intake(), largest=size).take(folder)[0]) == 1
    arrivals, (refusal,) = replace(intake(), largest=size - 1).take(folder)
    assert arrivals == []
    assert refusal.reason == f"7.csv: expected a file of at most {size - 1} bytes, found more"


def test_predictions_wait_on_the_disk_and_not_in_memory(tmp_path: Path) -> None:
    send(tmp_path, "7.csv", [0.1, 0.2, 0.3], 2_000)
    folder = send(tmp_path, "8.csv", [0.4, 0.5, 0.6], 2_000)
    arrivals, _ = replace(intake(), spool=folder).take(folder)
    rows = [each.submission.predictions for each in arrivals]
    assert [type(row) for row in rows] == [StoredRow, StoredRow]
    assert sorted(np.asarray(row).tolist() for row in rows) == [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]
    assert sorted(path.suffix for path in folder.iterdir()) == [".csv", ".csv", ".json", ".json"]


def test_a_full_disk_is_no_files_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    folder = send(tmp_path, "7.csv", [0.1, 0.2, 0.3], 2_000)
    monkeypatch.setattr("scorer.protocol.predictions.os.pwrite", full)
    with pytest.raises(SpoolUnavailable, match="No space left on device"):
        intake().take(folder)


def test_a_file_of_nobody_or_without_a_signature_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = send(tmp_path, "9.csv", [0.1, 0.2, 0.3], 2_000)
    for name in ("7.csv", "8.csv"):
        (folder / name).write_bytes(b"id,prediction\n")
    (folder / f"8{SIGNATURE_SUFFIX}").write_text("[" * 4_000)
    monkeypatch.delattr("scorer.submission.reader.SubmissionReader.read")
    assert [each.reason for each in intake().take(folder)[1]] == [
        "7.csv: expected a signature in 7.signature.json, found none that can be read",
        "8.csv: expected a signature in 8.signature.json, found none that can be read",
        "9.csv: expected the number of a registered model, found 9",
    ]


def collection() -> Collection:
    entries = tuple(Submission(m, np.array([0.1, 0.2, 0.3]), bytes(32), SIGNER, b"") for m in (1, 2, 3))
    refused = (Refusal(9, "9.csv", "9.csv: expected a CSV or Parquet file, found an empty file"),)
    return Collection(Submissions(UNIVERSE.ids, entries), refused, frozenset({1, 3}))


def test_what_was_decided_is_read_back_as_it_was_published(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path)
    bundle.write_universe(UNIVERSE.ids)
    write_collection(bundle, collection())
    again = read_collection(bundle)
    assert again is not None
    assert again.selection() == collection().selection()
    assert again.selection()["late"] == [2]
    assert again.refusals == collection().refusals


def test_a_publication_that_was_cut_short_counts_as_none(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path)
    bundle.write_universe(UNIVERSE.ids)
    write_collection(bundle, collection())
    (tmp_path / SIGNATURES).unlink()
    assert read_collection(bundle) is None


def test_submissions_published_without_a_selection_all_stake(tmp_path: Path) -> None:
    Bundle(tmp_path).write_universe(UNIVERSE.ids)
    Bundle(tmp_path).write_submissions(collection().submissions)
    again = read_collection(Bundle(tmp_path))
    assert again is not None
    assert again.staked == {1, 2, 3}


@pytest.mark.parametrize("change", [{"staked": [1, 4]}, {"late": []}, {"staked": [1]}, {"staked": [1, 2, 3]}])
def test_a_selection_that_is_not_of_its_submissions_is_refused(
    tmp_path: Path, change: dict[str, object]
) -> None:
    Bundle(tmp_path).write_universe(UNIVERSE.ids)
    write_collection(Bundle(tmp_path), collection())
    document = json.loads((tmp_path / "selection.json").read_text())
    (tmp_path / "selection.json").write_text(json.dumps(document | change))
    with pytest.raises(BundleError, match=r"selection.json: expected every submission once"):
        read_collection(Bundle(tmp_path))


def test_names_are_read_in_the_order_of_the_ids_with_their_gaps(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path)
    bundle.write_universe(("a", "b"))
    assert bundle.named_universe() == Universe(("a", "b"), {})
    bundle.write_names(("b", "a"), {"sedol": ["two", None]})
    assert bundle.named_universe() == Universe(("a", "b"), {"sedol": [None, "two"]})


def test_names_of_other_ids_are_refused(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path)
    bundle.write_universe(("a", "b"))
    bundle.write_names(("a", "c"), {"sedol": ["one", "two"]})
    with pytest.raises(BundleError, match=r"universe_names.parquet: expected a row for each of the"):
        bundle.named_universe()


def test_gates_without_a_table_they_need_are_reported_before_the_round_opens(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path)
    bundle.write_universe(IDS)
    bundle.write_table("neutralizers", IDS, tables()["neutralizers"])
    check_gate_tables(preset("classic"), bundle)
    with pytest.raises(BundleError, match=r"sample_weights.parquet: expected a table, which gates"):
        check_gate_tables(preset("signals"), bundle)


def test_a_plan_publishes_names_and_tables_with_its_universe(tmp_path: Path) -> None:
    plan = Bundle(tmp_path / "plans" / "weekly")
    plan.write_rules(preset("signals"))
    plan.write_universe(IDS)
    plan.write_names(IDS, {"numerai_ticker": IDS})
    for name in ("neutralizers", "sample_weights"):
        plan.write_table(name, IDS, tables()[name])
    times = {"open_at": 1, "close_at": 2, "resolve_at": 3, "deadline": 4}
    (plan.folder / "schedule.json").write_text(json.dumps(times))
    target = Bundle(tmp_path / "published")
    (read,) = PlanFolder(tmp_path / "plans").plans(lambda *_: None)
    assert publish(read, target)
    check_gate_tables(preset("signals"), target)
    assert target.has(NAMES)
    assert not publish(read, target)
