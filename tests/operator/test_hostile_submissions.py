"""Files that once ended the operator, or kept a round from being sealed, keep nobody out but themselves."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scorer.chain.records import RoundState
from scorer.isolation import IsolatedReader, IsolationUnavailable
from scorer.operator.intake import Intake
from scorer.storage.bundle import round_folder
from scorer.submission.reader import CheckedSubmission, SubmissionReader
from scorer.submission.validity import Universe
from tests.cli.test_cupel import write_config
from tests.operator.test_intake import SIGNED, SIGNER, TOURNAMENT, intake, send
from tests.world import World

FILES = Path("tests/hostile/files/submissions")
CUPEL = "from scorer.cli import app; app()"
HOSTILE = ["abort1.parquet", "escapes.parquet", "abort-one-bit.parquet", "encrypted-column.parquet"]


def test_a_round_is_locked_and_sealed_whatever_lies_in_its_inbox(world: World) -> None:
    round_id = world.open()
    world.submit_all(round_id)
    inbox = round_folder(world.out / "inbox", str(world.suite.tournament.address), round_id)
    for number, file in enumerate(HOSTILE):  # whose signature is of another file
        (inbox / f"3.z{number}.parquet").write_bytes((FILES / file).read_bytes())
        (inbox / f"3.z{number}.signature.json").write_bytes((inbox / "3.signature.json").read_bytes())
    for each in inbox.glob("3.z*"):
        os.utime(each, (world.now, world.now))
    config = write_config(world, 2, account=1)
    config = config.rename(config.with_name("operator.toml"))
    key = config.parent / "operator-key"
    key.write_text(world.anvil.account(1).key.hex())
    key.chmod(0o600)
    config.write_text(config.read_text().replace('"key"', '"operator-key"'))
    world.anvil.advance_to(world.record(round_id).close_at)
    said = ""
    for _ in range(2):  # once to lock, and once to end that when it is final
        done = subprocess.run(
            [sys.executable, "-c", CUPEL, "operator", "once", "--config", str(config), "--send"],
            capture_output=True,
            text=True,
            timeout=200,
        )
        said += done.stdout + done.stderr
        assert done.returncode == 0, said
        world.anvil.finalise()
    world.cycle()
    assert world.record(round_id).state == RoundState.SEALED
    for number in range(len(HOSTILE)):
        assert f"3.z{number}.parquet: expected " in said
    published = world.operator.collector.collect(world.record(round_id))
    assert len(published.submissions.entries) == 10
    assert len(published.refusals) == len(HOSTILE)


def inbox_with(tmp_path: Path, content: bytes) -> Path:
    """A good file of the models 7 and 8, and another one of the model 7."""
    send(tmp_path, "7.csv", [0.1, 0.2, 0.3], 2_000)
    folder = send(tmp_path, "8.csv", [0.1, 0.2, 0.3], 2_000)
    (folder / "7.bad.parquet").write_bytes(content)
    (folder / "7.bad.signature.json").write_bytes((folder / "7.signature.json").read_bytes())
    for each in folder.glob("7.bad*"):
        os.utime(each, (3_000, 3_000))
    return folder


@pytest.mark.parametrize("file", sorted(FILES.iterdir()), ids=lambda file: str(file.name))
def test_each_of_them_is_refused_beside_good_ones(tmp_path: Path, file: Path) -> None:
    arrivals, (refusal,) = intake().take(inbox_with(tmp_path, file.read_bytes()))
    assert [each.submission.model_id for each in arrivals] == [7, 8]
    assert refusal.reason.startswith("7.bad.parquet: expected ")
    assert not refusal.is_defect


def test_what_fails_in_this_program_on_one_file_is_a_defect_and_refuses_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = inbox_with(tmp_path, b"spoils")
    real = SubmissionReader.read

    def failing(reader: SubmissionReader, content: bytes, name: str) -> object:
        if content == b"spoils":
            raise ZeroDivisionError
        return real(reader, content, name)

    monkeypatch.setattr(SubmissionReader, "read", failing)
    arrivals, (refusal,) = intake().take(folder)
    assert [each.submission.model_id for each in arrivals] == [7, 8]
    assert refusal.reason == (
        "7.bad.parquet: expected a file that can be read, "
        "found one at which the program failed (ZeroDivisionError)"
    )
    assert refusal.is_defect
    assert set(refusal.document()) == {"model_id", "file", "reason"}


def test_a_signature_that_cannot_be_one_has_nothing_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = inbox_with(tmp_path, b"x")
    for spoiled in ("0x" + "00" * 65, "0x" + "11" * 64 + "00", "0x" + "ff" * 64 + "1b", "0x1b", "0x"):
        signature = folder / "7.bad.signature.json"
        signature.write_text(json.dumps(SIGNED | {"signature": spoiled}))
        os.utime(signature, (3_000, 3_000))
        arrivals, (refusal,) = intake().take(folder)
        assert len(arrivals) == 2
        assert "expected a signature in 7.bad.signature.json of 65 bytes" in refusal.reason


def test_a_good_file_with_a_bad_signature_is_refused_by_who_signed(tmp_path: Path) -> None:
    folder = inbox_with(tmp_path, b"id,prediction\na,0.1\nb,0.2\nc,0.3\n")
    (folder / "7.bad.signature.json").write_text(json.dumps(SIGNED))
    _, (refusal,) = intake().take(folder)
    assert f"expected the signature of {SIGNER}, found that of " in refusal.reason


def test_who_may_not_sign_for_a_model_has_nothing_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = inbox_with(tmp_path, b"x")
    for number in range(20):
        (folder / f"7.{number}.csv").write_bytes(b"x")
        (folder / f"7.{number}.signature.json").write_text(json.dumps(SIGNED))
    parsed, read = [], SubmissionReader.read

    def counted(reader: SubmissionReader, content: bytes, name: str) -> CheckedSubmission:
        parsed.append(name)
        return read(reader, content, name)

    monkeypatch.setattr(SubmissionReader, "read", counted)
    arrivals, refusals = intake().take(folder)
    assert sorted(parsed) == ["7.bad.parquet", "7.csv", "8.csv"]
    assert (len(arrivals), len(refusals)) == (2, 21)


def test_other_predictions_than_those_that_were_signed_are_refused(tmp_path: Path) -> None:
    folder = inbox_with(tmp_path, b"id,prediction\na,0.1\nb,0.2\nc,0.4\n")
    (folder / "7.bad.parquet").rename(folder / "7.bad.csv")
    arrivals, (refusal,) = intake().take(folder)
    assert len(arrivals) == 2
    assert "7.bad.csv: expected the predictions that were signed, of the content hash 0x" in refusal.reason


@pytest.mark.parametrize("claimed", [None, 5, "", "0x", "0x" + "AB" * 32, "0x" + "ab" * 31, ["0x"]])
def test_a_signature_of_no_content_is_refused(tmp_path: Path, claimed: object) -> None:
    folder = inbox_with(tmp_path, b"x")
    signature = folder / "7.bad.signature.json"
    signature.write_text(json.dumps(SIGNED | {"content_hash": claimed}))
    _, (refusal,) = intake().take(folder)
    assert "expected a signature in 7.bad.signature.json, found none that can be read" in refusal.reason


def test_no_model_is_refused_because_this_machine_can_open_no_more_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = inbox_with(tmp_path, b"x")

    system = os.open

    def opened(path: str, *arguments: int) -> int:
        if str(path).endswith(".csv"):
            raise OSError(errno.EMFILE, "Too many open files")
        return system(path, *arguments)

    monkeypatch.setattr(os, "open", opened)
    with pytest.raises(IsolationUnavailable, match="Too many open files"):
        intake().take(folder)


def test_an_empty_inbox_starts_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scorer.operator.intake.SHARED_READER", IsolatedReader())
    monkeypatch.delattr("scorer.isolation.zygote_process.ZygoteProcess.__init__")
    empty = Intake(31337, TOURNAMENT, 1, None, Universe(("a",), {}), {7: SIGNER}, 0, 9, tmp_path)
    assert empty.take(tmp_path) == ([], ())
