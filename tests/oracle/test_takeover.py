"""What was published of a sealed round is taken over at once, kept, and watched."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorer.chain.records import RoundRecord, RoundState
from scorer.evaluation.evaluate import evaluate
from scorer.isolation import ReadLimits
from scorer.oracle.seen_files import SeenFiles
from scorer.oracle.stamps import REREAD, sha256_of
from scorer.oracle.takeover import Candidates, PublishedFiles, is_late, no_refusals
from scorer.protocol.predictions import HEADER_SIZE
from scorer.storage.bundle import PUBLISHED, RULES, SIGNATURES, SUBMISSIONS, UNIVERSE, Bundle, round_folder
from tests.records import record
from tests.small_round import IDS, ROUND, TOURNAMENT, SmallRound, submission, uniform

INPUTS = SmallRound().inputs()
SEALED = record(
    RoundState.SEALED,
    round_id=ROUND,
    rules_hash=INPUTS.terms.rules_hash,
    universe=INPUTS.terms.universe,
    submissions_root=INPUTS.terms.submissions_root,
)
UNSEALED = replace(SEALED, state=RoundState.LOCKING, submissions_root=bytes(32))
OTHER = SmallRound().having(submission(1, uniform(77))).inputs()


def publish(folder: Path, inputs: object = INPUTS) -> Bundle:
    bundle = Bundle(round_folder(folder, TOURNAMENT, ROUND))
    assert isinstance(inputs, type(INPUTS))
    bundle.write_rules(inputs.rules)
    bundle.write_universe(inputs.submissions.universe)
    bundle.write_submissions(inputs.submissions)
    return bundle


@pytest.fixture
def keeper(tmp_path: Path) -> PublishedFiles:
    candidates: Candidates = lambda _, __: [INPUTS.refused]  # noqa: E731
    return PublishedFiles(tmp_path / "rounds", tmp_path / "published", TOURNAMENT, lambda _: 20, candidates)


def again(keeper: PublishedFiles) -> PublishedFiles:
    """The same folders, in a process that remembers nothing."""
    return replace(keeper, seen=SeenFiles())


def own(keeper: PublishedFiles) -> Bundle:
    return Bundle(round_folder(keeper.rounds, TOURNAMENT, ROUND))


def root_of(bundle: Bundle) -> bytes:
    return bundle.submissions().root(bundle.refused())


def spoil_signature(bundle: Bundle) -> None:
    entries = json.loads((bundle.folder / SIGNATURES).read_text())
    entries[0]["signature"] = "0x" + "00" * 65
    (bundle.folder / SIGNATURES).write_text(json.dumps(entries))


def test_what_is_published_is_taken_over_and_is_what_the_seal_commits_to(keeper: PublishedFiles) -> None:
    published = publish(keeper.published)
    found = keeper.look(SEALED)
    assert (found.is_kept, found.missing, found.mismatch, found.changed) == (True, (), None, ())
    assert keeper.is_kept(SEALED)
    for file in PUBLISHED:
        assert (own(keeper).folder / file).read_bytes() == (published.folder / file).read_bytes()


def test_nothing_is_kept_of_a_round_whose_files_are_not_there(keeper: PublishedFiles) -> None:
    assert keeper.look(SEALED).missing == PUBLISHED
    published = publish(keeper.published)
    (published.folder / SUBMISSIONS).unlink()
    found = keeper.look(SEALED)
    assert (found.is_kept, found.missing) == (False, (SUBMISSIONS,))
    assert not keeper.is_kept(SEALED)


@pytest.mark.parametrize("fresh", [False, True])
def test_what_was_taken_over_stays_when_it_is_withdrawn_and_that_is_noticed(
    keeper: PublishedFiles, fresh: bool
) -> None:
    published = publish(keeper.published)
    keeper.look(SEALED)
    shutil.rmtree(published.folder)
    found = (again(keeper) if fresh else keeper).look(SEALED)
    assert (found.is_kept, found.changed) == (True, PUBLISHED)


def other_signature(bundle: Bundle) -> tuple[str, ...]:
    spoil_signature(bundle)
    return (SIGNATURES,)


def other_predictions(bundle: Bundle) -> tuple[str, ...]:
    path = bundle.folder / SUBMISSIONS
    content = bytearray(path.read_bytes())
    content[HEADER_SIZE] ^= 1  # of the first model
    path.write_bytes(content)
    return (SUBMISSIONS,)


def with_the_same_times(bundle: Bundle) -> tuple[str, ...]:
    """Another content of the same length, with the time of modification put back."""
    path = bundle.folder / SUBMISSIONS
    before = path.stat()
    other_predictions(bundle)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return (SUBMISSIONS,)


def other_rules(bundle: Bundle) -> tuple[str, ...]:
    (bundle.folder / RULES).write_bytes(b"{}")
    return (RULES,)


def a_folder_instead(bundle: Bundle) -> tuple[str, ...]:
    (bundle.folder / UNIVERSE).unlink()
    (bundle.folder / UNIVERSE).mkdir()
    return (UNIVERSE,)


def bomb(bundle: Bundle) -> None:
    """A table of some kilobytes that is gigabytes of text."""
    ids = pa.DictionaryArray.from_arrays(pa.array(np.zeros(3_000_000, np.int32)), pa.array(["x" * 4000]))
    path = bundle.folder / UNIVERSE
    pq.write_table(pa.table({"id": ids}), path, compression="zstd", store_schema=False)
    assert path.stat().st_size < 2**21


CHANGES: list[Callable[[Bundle], tuple[str, ...]]] = [
    other_signature,
    other_predictions,
    with_the_same_times,
    other_rules,
    a_folder_instead,
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("fresh", [False, True])
def test_a_file_that_changes_afterwards_is_named_until_it_is_as_before(
    keeper: PublishedFiles, change: Callable[[Bundle], tuple[str, ...]], fresh: bool
) -> None:
    published = publish(keeper.published)
    keeper.look(SEALED)
    taken = {file: (own(keeper).folder / file).read_bytes() for file in PUBLISHED}
    changed = change(published)
    keeper = again(keeper) if fresh else keeper
    assert [keeper.look(SEALED).changed for _ in range(2)] == [changed] * 2
    assert {file: (own(keeper).folder / file).read_bytes() for file in PUBLISHED} == taken
    shutil.rmtree(published.folder)
    publish(keeper.published)
    assert keeper.look(SEALED).changed == ()


def test_files_that_are_copied_anew_with_the_same_content_are_not_a_change(keeper: PublishedFiles) -> None:
    published = publish(keeper.published)
    keeper.look(SEALED)
    for file in PUBLISHED:
        content = (published.folder / file).read_bytes()
        (published.folder / file).unlink()
        (published.folder / file).write_bytes(content)
    assert keeper.look(SEALED).changed == ()
    assert again(keeper).look(SEALED).changed == ()


def test_files_without_a_new_stamp_are_not_read_again(
    keeper: PublishedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(keeper.published)
    keeper.look(SEALED)
    monkeypatch.setattr("scorer.oracle.stamps.sha256_of", lambda *_: pytest.fail("read again"))
    assert keeper.look(SEALED).changed == ()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (spoil_signature, "submissions root: expected "),
        (lambda bundle: publish(bundle.folder.parents[1], OTHER), "submissions root: expected "),
        (other_predictions, "predictions: expected those that were signed, found others from model"),
        (other_rules, "rules.json"),
        (lambda bundle: bundle.write_universe(IDS[:-1]), "expected a column for each"),
        (lambda bundle: bundle.write_universe(IDS[::-1]), "expected sorted ids"),
        (bomb, UNIVERSE),
        (lambda bundle: os.truncate(bundle.folder / SUBMISSIONS, 2**40), "bytes"),
        (lambda bundle: (bundle.folder / RULES).write_bytes(b" " * (2**20 + 1)), "at most 1048576 bytes"),
        (lambda bundle: bundle.write_universe((*IDS[:-1], "id999")), "digest of the universe"),
        (lambda bundle: (bundle.folder / SUBMISSIONS).write_bytes(b"no array"), SUBMISSIONS),
        (lambda bundle: (bundle.folder / SIGNATURES).write_bytes(b"[" * 200_000), SIGNATURES),
    ],
)
def test_what_is_not_the_seals_is_not_kept_and_is_tried_again_once_it_changes(
    keeper: PublishedFiles, spoil: Callable[[Bundle], object], says: str
) -> None:
    published = publish(keeper.published)
    spoil(published)
    for _ in range(2):
        found = keeper.look(SEALED)
        assert not found.is_kept
        assert says in str(found.mismatch)
        assert not keeper.is_kept(SEALED)
    publish(keeper.published)
    assert keeper.look(SEALED).is_kept


def test_what_was_found_wrong_is_not_read_again_before_it_changes(
    keeper: PublishedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil_signature(publish(keeper.published))
    first = keeper.look(SEALED).mismatch
    for name in ("takeover.take_over", "takeover.PublishedFiles.problem_with"):
        monkeypatch.setattr(f"scorer.oracle.{name}", lambda *_: pytest.fail("read again"))
    assert keeper.look(SEALED).mismatch == first


def test_what_did_not_fit_is_read_again_after_a_while_or_once_there_are_more_models(
    keeper: PublishedFiles,
) -> None:
    publish(keeper.published)
    models, now = [0], [0.0]
    keeper = replace(keeper, most_models=lambda _: models[0], clock=lambda: now[0])
    assert "at most 128 bytes" in str(keeper.look(SEALED).mismatch)
    models[0] = 20
    assert keeper.look(SEALED).is_kept


def test_files_that_a_child_could_not_read_in_time_are_read_again_later(
    keeper: PublishedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(keeper.published)
    now = [0.0]
    keeper = replace(keeper, clock=lambda: now[0])
    with monkeypatch.context() as patch:
        patch.setattr("scorer.storage.published.limits_for", lambda _: ReadLimits(wall=0.001))
        assert "more than 0.001 s" in str(keeper.look(SEALED).mismatch)
    assert "more than 0.001 s" in str(keeper.look(SEALED).mismatch)
    now[0] = REREAD + 1
    assert keeper.look(SEALED).is_kept


@pytest.mark.parametrize("has_report", [False, True])
def test_what_we_hold_stays_when_an_endpoint_makes_up_another_seal(
    keeper: PublishedFiles, has_report: bool
) -> None:
    spoil = publish(keeper.published)
    keeper.look(SEALED)
    if has_report:
        own(keeper).write(INPUTS, evaluate(INPUTS), has_published=True)
    spoil_signature(spoil)
    made_up = replace(SEALED, submissions_root=b"\x07" * 32)
    found = keeper.look(made_up)
    assert (found.is_kept, found.aside) == (False, None)
    assert own(keeper).has("report.json") == has_report
    assert keeper.look(SEALED).changed == (SIGNATURES,)
    assert root_of(own(keeper)) == SEALED.submissions_root


def test_files_that_change_while_they_are_copied_are_kept_where_the_copies_are_the_seals(
    keeper: PublishedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    published, right = publish(keeper.published), PublishedFiles.problem_with

    def meanwhile(keeper: PublishedFiles, bundle: Bundle, record: RoundRecord) -> str | None:
        spoil_signature(published)
        return right(keeper, bundle, record)

    monkeypatch.setattr(PublishedFiles, "problem_with", meanwhile)
    assert keeper.look(SEALED).is_kept
    assert keeper.look(SEALED).changed == (SIGNATURES,)


def test_a_file_is_watched_without_waiting_or_reading_without_end(
    keeper: PublishedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever publishes may put a pipe in place of a file between two looks at it, or write on."""
    published = publish(keeper.published)
    keeper.look(SEALED)
    path = published.folder / SUBMISSIONS
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(Path, "is_file", lambda _: True)
    assert again(keeper).look(SEALED).changed == (SUBMISSIONS,)
    with Path("/dev/zero").open("rb") as endless:
        assert len(sha256_of(endless, 2**20)) == 66


def test_a_disk_is_not_filled_with_a_file_that_took_nobody_any_room(
    keeper: PublishedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = publish(keeper.published)
    os.truncate(published.folder / SUBMISSIONS, 30 * 2**20)
    monkeypatch.setattr("shutil.disk_usage", lambda _: shutil._ntuple_diskusage(2**30, 2**30, 2**20))
    with pytest.raises(OSError, match="expected room for"):
        keeper.look(SEALED)
    monkeypatch.undo()
    publish(keeper.published)
    assert keeper.look(SEALED).is_kept


def test_files_of_another_seal_are_not_kept_for_this_one(keeper: PublishedFiles) -> None:
    publish(keeper.published)
    keeper.look(SEALED)
    other = replace(SEALED, submissions_root=OTHER.terms.submissions_root)
    assert not keeper.is_kept(other)
    assert "submissions root" in str(keeper.look(other).mismatch)
    publish(keeper.published, OTHER)
    assert keeper.look(other).is_kept


def test_files_are_taken_over_before_the_seal_and_are_the_seals_where_it_refuses_what_we_hold(
    keeper: PublishedFiles,
) -> None:
    publish(keeper.published)
    assert keeper.look(UNSEALED).is_kept
    assert own(keeper).refused() == frozenset()
    shutil.rmtree(keeper.published)
    assert not keeper.is_kept(SEALED)
    assert keeper.look(SEALED).is_kept
    assert own(keeper).refused() == INPUTS.refused
    assert keeper.is_kept(SEALED)


@pytest.mark.parametrize("change", CHANGES)
def test_files_that_were_taken_over_before_the_seal_are_watched_after_it(
    keeper: PublishedFiles, change: Callable[[Bundle], tuple[str, ...]]
) -> None:
    published = publish(keeper.published)
    assert keeper.look(UNSEALED).is_kept
    assert keeper.look(SEALED).changed == ()
    assert keeper.look(SEALED).changed == ()
    changed = change(published)
    assert keeper.look(SEALED).changed == changed


def test_a_seal_whose_verdicts_nobody_knows_is_a_mismatch(keeper: PublishedFiles) -> None:
    publish(keeper.published)
    ignorant = replace(keeper, candidates=no_refusals)
    assert ignorant.look(UNSEALED).is_kept
    assert "submissions root" in str(ignorant.look(SEALED).mismatch)
    assert ignorant.look(UNSEALED).is_kept


def test_files_of_another_universe_are_not_taken_over_before_the_seal(keeper: PublishedFiles) -> None:
    publish(keeper.published)
    found = keeper.look(replace(UNSEALED, universe=b"\1" * 32))
    assert "digest of the universe" in str(found.mismatch)


def test_a_report_on_another_seal_is_put_aside_and_not_written_over(keeper: PublishedFiles) -> None:
    bundle = own(keeper)
    bundle.write(OTHER, evaluate(OTHER))
    publish(keeper.published)
    found = keeper.look(SEALED)
    assert (found.is_kept, found.aside) == (True, f"{ROUND}.aside-1")
    aside = Bundle(bundle.folder.with_name(f"{ROUND}.aside-1"))
    assert root_of(aside) == OTHER.terms.submissions_root


def test_a_bundle_that_is_put_aside_gives_back_the_files_of_the_seal(keeper: PublishedFiles) -> None:
    published = publish(keeper.published)
    keeper.look(SEALED)
    own(keeper).set_aside()
    shutil.rmtree(published.folder)
    found = keeper.look(SEALED)
    assert found.is_kept
    assert root_of(own(keeper)) == SEALED.submissions_root
    assert keeper.look(SEALED).changed == PUBLISHED


def test_files_of_an_earlier_program_are_kept_where_they_are_the_seals(keeper: PublishedFiles) -> None:
    own(keeper).write(INPUTS, evaluate(INPUTS))
    assert keeper.look(SEALED).is_kept
    assert own(keeper).has("report.json")


def test_broken_files_of_ours_are_taken_over_once_more(keeper: PublishedFiles) -> None:
    publish(keeper.published)
    keeper.look(SEALED)
    (own(keeper).folder / SUBMISSIONS).write_bytes(b"cut")
    keeper.discard(ROUND)
    assert keeper.look(SEALED).is_kept
    assert root_of(own(keeper)) == SEALED.submissions_root


def test_a_note_that_cannot_be_read_keeps_nothing_and_is_written_anew(keeper: PublishedFiles) -> None:
    publish(keeper.published)
    keeper.look(SEALED)
    (note,) = (keeper.rounds / "taken").rglob("taken.json")
    for content in (b"", b"[]", b'{"seal": 1}', b"[" * 100_000):
        note.write_bytes(content)
        assert not keeper.is_kept(SEALED)
        assert keeper.look(SEALED).is_kept
        assert keeper.is_kept(SEALED)


def late(sealed_at: int, now: int, grace: int, resolve_at: int = 100_000) -> bool:
    at: RoundRecord = record(RoundState.SEALED, resolve_at=resolve_at)
    return is_late(at, sealed_at, now, grace)


def test_files_are_late_after_the_grace_or_a_quarter_of_the_time_to_the_outcome() -> None:
    assert not late(1_000, 4_599, 3_600)
    assert late(1_000, 4_600, 3_600)
    assert not late(1_000, 1_249, 3_600, resolve_at=2_000)
    assert late(1_000, 1_250, 3_600, resolve_at=2_000)
    assert late(3_000, 3_000, 3_600, resolve_at=2_000)
    assert late(1_000, 1_000, 0)
