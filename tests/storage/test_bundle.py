"""A bundle on disk: it reads back as it was written, and says which file is missing or corrupt."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from eth_account import Account
from eth_hash.auto import keccak

from scorer.evaluation.evaluate import evaluate
from scorer.evaluation.inputs import RoundInputs, RoundResult
from scorer.evaluation.verify import differences
from scorer.protocol.seal import SealVote, Verdicts, seal_of
from scorer.storage.bundle import (
    MANIFEST,
    META_MODEL,
    POSITIONS,
    PUBLISHED,
    REPORT,
    RULES,
    SCORES,
    SIGNATURES,
    SUBMISSIONS,
    TARGETS,
    UNIVERSE,
    VERDICTS,
    VOTE,
    Bundle,
    BundleError,
    round_folder,
)
from scorer.storage.foreign_parquet import _column
from tests.small_round import (
    IDS,
    TARGET,
    TOURNAMENT,
    UNKNOWN,
    WRONGLY_SIGNED,
    SmallRound,
    address_of,
    key_of,
)

FILES = (
    *(RULES, UNIVERSE, SUBMISSIONS, SIGNATURES, VERDICTS),
    *(TARGETS, POSITIONS, META_MODEL, SCORES, MANIFEST, REPORT),
)
TABLES = (UNIVERSE, TARGETS, POSITIONS, META_MODEL, SCORES)
DOCUMENTS = (RULES, SIGNATURES, VERDICTS, MANIFEST, REPORT)


@pytest.fixture(scope="module")
def inputs() -> RoundInputs:
    return SmallRound().inputs()


@pytest.fixture(scope="module")
def result(inputs: RoundInputs) -> RoundResult:
    return evaluate(inputs)


@pytest.fixture(scope="module")
def original(inputs: RoundInputs, result: RoundResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("bundle") / "5"
    Bundle(folder).write(inputs, result)
    return folder


@pytest.fixture
def bundle(original: Path, tmp_path: Path) -> Bundle:
    """A copy to spoil."""
    return Bundle(Path(shutil.copytree(original, tmp_path / "5")))


def document(bundle: Bundle, file: str) -> Any:
    return json.loads((bundle.folder / file).read_text())


def test_a_bundle_is_these_files_and_nothing_else(original: Path) -> None:
    assert {path.name for path in original.iterdir()} == set(FILES)
    assert Bundle(original).has(*FILES)


def test_inputs_read_back_as_they_were_written(bundle: Bundle, inputs: RoundInputs) -> None:
    again = bundle.inputs()
    assert again.terms == inputs.terms
    assert again.rules == inputs.rules
    assert again.submissions.universe == bundle.universe() == IDS
    assert again.submissions.matrix[:].tobytes() == inputs.submissions.matrix[:].tobytes()
    for read, written in zip(again.submissions.entries, inputs.submissions.entries, strict=True):
        assert (read.model_id, read.content_hash, read.signature) == (
            written.model_id,
            written.content_hash,
            written.signature,
        )
    assert again.targets[TARGET].tobytes() == inputs.targets[TARGET].tobytes()
    assert again.positions.head == inputs.positions.head
    assert again.positions.models == inputs.positions.models
    assert again.refused == inputs.refused == {WRONGLY_SIGNED, UNKNOWN}


def test_results_read_back_as_they_were_written(bundle: Bundle, result: RoundResult) -> None:
    assert bundle.report() == result.report
    assert bundle.manifest() == result.manifest
    assert bundle.meta_model().tobytes() == result.meta_model.tobytes()
    scores = bundle.scores()
    assert list(scores) == list(result.scores)
    for name, column in result.scores.items():
        assert (scores[name].dtype, scores[name].tobytes()) == (column.dtype, column.tobytes())


def test_what_is_read_gives_the_same_report_again(bundle: Bundle, result: RoundResult) -> None:
    assert evaluate(bundle.inputs()).report == result.report


def test_the_submitters_written_are_those_that_counted(bundle: Bundle, inputs: RoundInputs) -> None:
    written = {entry["model_id"]: entry["submitter"] for entry in document(bundle, SIGNATURES)}
    assert written == {m: inputs.submitters.get(m, "") for m in inputs.submissions.model_ids}
    assert written[UNKNOWN] == ""
    assert UNKNOWN not in bundle.inputs().submitters


def test_only_the_targets_of_the_rules_are_written(inputs: RoundInputs, tmp_path: Path) -> None:
    more = {"another": np.zeros(len(IDS)), **inputs.targets}
    bundle = Bundle(tmp_path)
    spoiled = RoundInputs(**{**vars(inputs), "targets": more})
    bundle.write(spoiled, evaluate(spoiled))
    assert list(bundle.targets(IDS)) == [TARGET]
    assert list(differences(bundle.published())) == []


def test_writing_twice_gives_the_same_documents(
    bundle: Bundle, inputs: RoundInputs, result: RoundResult
) -> None:
    before = {file: (bundle.folder / file).read_bytes() for file in DOCUMENTS}
    bundle.write(inputs, result)
    assert {file: (bundle.folder / file).read_bytes() for file in DOCUMENTS} == before


def test_other_tools_read_the_tables(bundle: Bundle, result: RoundResult) -> None:
    scores = pd.read_parquet(bundle.folder / SCORES).set_index("model_id")
    assert scores.loc[1, "reward_score"] == result.scores["reward_score"][0]
    assert pq.read_schema(bundle.folder / POSITIONS).names == ["chunk", "lane", "model_id", "position"]


@pytest.mark.parametrize("settings", [{"compression": "gzip"}, {"row_group_size": 7}, {"version": "1.0"}])
def test_tables_that_another_writer_wrote_hold_the_same_but_are_named(
    bundle: Bundle, settings: dict[str, Any]
) -> None:
    """What a library notes beside the values may tell its own readers something else."""
    for file in TABLES:
        pd.read_parquet(bundle.folder / file).to_parquet(bundle.folder / file, index=False, **settings)
    assert [each.where for each in differences(bundle.published())] == [f"{file}, form" for file in TABLES]
    strict = Bundle(bundle.folder, strict=True)
    with pytest.raises(BundleError, match=r"universe\.parquet: expected a canonical Parquet file, found"):
        strict.published()


def test_documents_in_another_layout_verify_all_the_same(bundle: Bundle) -> None:
    for file in (RULES, MANIFEST, REPORT):
        content = dict(reversed(document(bundle, file).items()))
        (bundle.folder / file).write_text(json.dumps(content, indent=7, ensure_ascii=True))
    assert list(differences(bundle.published())) == []


def test_targets_are_aligned_to_the_ids_asked_for(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path)
    bundle.write_targets(("c", "a", "b"), {"x": np.array([3.0, 1.0, 2.0])})
    assert bundle.targets(("a", "b", "c"))["x"].tolist() == [1.0, 2.0, 3.0]
    assert bundle.targets(("b",))["x"].tolist() == [2.0]
    assert np.isnan(bundle.targets(("a", "z"))["x"]).tolist() == [False, True]


def test_what_an_operator_publishes_can_be_taken_over(bundle: Bundle, tmp_path: Path) -> None:
    mine = Bundle(tmp_path / "mine")
    mine.copy_published(bundle)
    assert {path.name for path in mine.folder.iterdir()} == set(PUBLISHED)
    assert mine.submissions().root() == bundle.submissions().root()
    assert not mine.has(RULES, REPORT)


def test_a_round_has_its_own_folder_whatever_the_spelling_of_the_address(tmp_path: Path) -> None:
    folder = round_folder(tmp_path, TOURNAMENT, 5)
    assert folder == tmp_path / TOURNAMENT.lower() / "5" == round_folder(tmp_path, TOURNAMENT.lower(), 5)


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file_is_named(file: str, bundle: Bundle) -> None:
    (bundle.folder / file).unlink()
    with pytest.raises(BundleError) as error:
        bundle.published()
    assert str(error.value) == f"{bundle.folder / file}: expected a file of a round's bundle, found none"


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"\xff\xfe", b"null", b"[]", b'"x"', b"5", b"{}", b"[{}]", b"[[]]"]
)
def test_a_corrupt_file_is_named(file: str, content: bytes, bundle: Bundle) -> None:
    (bundle.folder / file).write_bytes(content)
    with pytest.raises(BundleError) as error:
        bundle.published()
    # A list of no submissions is sound in itself: the rows of the other file are then too many.
    named = SUBMISSIONS if (file, content) == (SIGNATURES, b"[]") else file
    assert str(error.value).startswith(f"{bundle.folder / named}: ")


@pytest.mark.parametrize("file", FILES)
def test_a_truncated_file_is_named(file: str, bundle: Bundle) -> None:
    whole = (bundle.folder / file).read_bytes()
    (bundle.folder / file).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BundleError, match=file.replace(".", r"\.") + ": "):
        bundle.published()


def test_a_name_that_a_document_holds_twice_is_refused(bundle: Bundle) -> None:
    text = (bundle.folder / MANIFEST).read_text()
    (bundle.folder / MANIFEST).write_text(
        text.replace('"manifest_version": 3', '"manifest_version": 2, "manifest_version": 3')
    )
    with pytest.raises(
        BundleError, match=r"manifest\.json: .*expected each name once, found manifest_version again"
    ):
        bundle.published()


@pytest.mark.parametrize(
    "path", ["round", "digests", "refused", "round.cap", "round.at_risk", "digests.rules", "digests.targets"]
)
def test_a_manifest_without_a_field_is_refused(path: str, bundle: Bundle) -> None:
    manifest = document(bundle, MANIFEST)
    part, (*parents, last) = manifest, path.split(".")
    for name in parents:
        part = part[name]
    del part[last]
    (bundle.folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=rf"manifest\.json: expected '{last}', found none"):
        bundle.published()


MANIFESTS: list[tuple[str, str, Any]] = [
    ("round", "rules_hash", "12"),
    ("round", "rules_hash", None),
    ("round", "at_risk", "many"),
    ("digests", "submissions", []),
    ("digests", "rules", 5),
]


@pytest.mark.parametrize(("section", "name", "value"), MANIFESTS)
def test_a_manifest_with_a_field_of_another_kind_is_refused(
    section: str, name: str, value: Any, bundle: Bundle
) -> None:
    manifest = document(bundle, MANIFEST)
    manifest[section][name] = value
    (bundle.folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=r"manifest\.json: "):
        bundle.published()


@pytest.mark.parametrize("name", ["chain_id", "tournament", "scores_head", "total_payout", "evidence_hash"])
@pytest.mark.parametrize("value", ["delete", None, -1, [], "x"])
def test_a_report_that_cannot_be_read_is_refused(name: str, value: Any, bundle: Bundle) -> None:
    report = document(bundle, REPORT)
    report[name] = value
    if value == "delete":
        del report[name]
    (bundle.folder / REPORT).write_text(json.dumps(report))
    with pytest.raises(BundleError, match=r"report\.json: "):
        bundle.published()


def renamed(name: str, to: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda table: table.rename(columns={name: to})


SPOILED: list[tuple[str, Callable[[pd.DataFrame], pd.DataFrame], str]] = [
    (UNIVERSE, renamed("id", "ids"), r"expected the columns \['id'\], found \['ids'\]"),
    (UNIVERSE, lambda table: table.assign(more=1), r"expected the columns \['id'\], found \['id', 'more'\]"),
    (UNIVERSE, lambda table: table.assign(id=range(len(table))), "expected a column id of text, found none"),
    (
        UNIVERSE,
        lambda table: table.assign(id=table["id"].where(table.index > 0)),
        "expected a column id of text",
    ),
    (META_MODEL, renamed("meta_model", "m"), "expected the columns"),
    (
        META_MODEL,
        lambda table: table.astype({"meta_model": "float32"}),
        "expected float64 in the column meta_model, found float32",
    ),
    (TARGETS, renamed("id", "ids"), "expected a column id of text, found none"),
    (TARGETS, lambda table: pd.concat([table, table[:1]]), "expected each id once, found duplicates"),
    (
        TARGETS,
        lambda table: table.astype({TARGET: "float32"}),
        f"expected float64 in the column {TARGET}, found float32",
    ),
    (POSITIONS, renamed("lane", "lanes"), "expected 'lane', found none"),
    (
        POSITIONS,
        lambda table: table.astype({"position": "float64"}),
        "column position: expected uint64, found float64",
    ),
    (POSITIONS, lambda table: table.assign(lane=table["lane"] - 4), "expected a slot from 0 on, found -1"),
    (POSITIONS, lambda table: table[::-1], "column chunk, row 0: expected 0, found 1"),
    (POSITIONS, lambda table: table[:-1], "expected positions of whole slots of 4, found 3"),
]


@pytest.mark.parametrize(("file", "spoil", "reason"), SPOILED)
def test_a_table_of_another_form_is_named_with_what_was_expected(
    file: str, spoil: Callable[[pd.DataFrame], pd.DataFrame], reason: str, bundle: Bundle
) -> None:
    spoil(pd.read_parquet(bundle.folder / file)).to_parquet(bundle.folder / file, index=False)
    with pytest.raises(BundleError, match=file.replace(".", r"\.") + ": " + reason):
        bundle.published()


ENTRIES: list[tuple[str, Any, str]] = [
    ("model_id", "1", "expected a whole number, found '1'"),
    ("model_id", True, "expected a whole number, found True"),
    ("content_hash", "0x12", "expected 0x and 64 lower-case hex digits"),
    ("content_hash", None, ""),
    ("signature", "1x" + "00" * 65, "expected 0x and lower-case hex, found"),
    ("signature", "0x" + "AA" * 65, "expected 0x and lower-case hex, found"),
]


@pytest.mark.parametrize(("name", "value", "reason"), ENTRIES)
def test_a_signed_entry_of_another_form_is_refused(
    name: str, value: Any, reason: str, bundle: Bundle
) -> None:
    entries = document(bundle, SIGNATURES)
    entries[0][name] = value
    (bundle.folder / SIGNATURES).write_text(json.dumps(entries))
    with pytest.raises(BundleError, match=r"submissions\.json: " + reason):
        bundle.published()


def test_a_model_that_is_entered_twice_is_refused(bundle: Bundle) -> None:
    entries = document(bundle, SIGNATURES)
    (bundle.folder / SIGNATURES).write_text(json.dumps([*entries, entries[0]]))
    with pytest.raises(BundleError, match=r"submissions\.(json|npy): expected"):
        bundle.published()


def test_nobody_is_refused_while_nobody_judged(tmp_path: Path) -> None:
    assert Bundle(tmp_path).refused() == frozenset()


@pytest.mark.parametrize("models", [(), (7,), (99, 5)])
def test_refusals_read_back_and_are_written_in_one_order(models: tuple[int, ...], tmp_path: Path) -> None:
    bundle = Bundle(tmp_path)
    bundle.write_refused(models)
    assert bundle.refused() == set(models)
    assert document(bundle, VERDICTS) == {"refused": sorted(models)}


WRONG_VERDICTS: list[tuple[Any, str]] = [
    ({}, "expected 'refused', found none"),
    ({"refused": {}}, "expected a list as refused, found {}"),
    ({"refused": [99, 5]}, "expected the numbers of models, ascending and each once, found others"),
    ({"refused": [5, 5]}, "expected the numbers of models, ascending and each once, found others"),
    ({"refused": [True]}, "expected a whole number, found True"),
    ({"refused": ["5"]}, "expected a whole number, found '5'"),
    ({"refused": [-1]}, "expected a whole number, found -1"),
    ({"refused": [[5]]}, r"expected a whole number, found \[5\]"),
    ({"refused": [5, 99], "more": 1}, "expected no field but refused, found more"),
]


@pytest.mark.parametrize(("wrong", "reason"), WRONG_VERDICTS)
def test_verdicts_of_another_form_are_refused(wrong: Any, reason: str, bundle: Bundle) -> None:
    (bundle.folder / VERDICTS).write_text(json.dumps(wrong))
    with pytest.raises(BundleError, match=rf"verdicts\.json: {reason}"):
        bundle.published()


@pytest.fixture
def vote(inputs: RoundInputs) -> SealVote:
    """Of a member whose key is that of model 9."""
    terms = inputs.terms
    where = terms.chain_id, terms.tournament, terms.round_id
    verdicts = Verdicts.on(inputs.submissions, inputs.refused, *where)
    by_model = inputs.positions.by_model
    seal = seal_of(verdicts, inputs.submissions, inputs.refused, terms.positions_head, by_model)
    signatures = [
        bytes(Account.unsafe_sign_hash(keccak(each.message), key_of(9)).signature)
        for each in (verdicts, seal)
    ]
    return SealVote(address_of(9), verdicts, signatures[0], seal, signatures[1], inputs.refused)


def test_a_vote_reads_back_as_it_was_written(vote: SealVote, tmp_path: Path) -> None:
    bundle = Bundle(tmp_path, strict=True)
    bundle.write_vote(vote)
    assert bundle.vote() == vote
    assert bundle.vote().is_signed


def test_the_seal_of_a_vote_is_what_the_rounds_terms_say(vote: SealVote, inputs: RoundInputs) -> None:
    terms = inputs.terms
    assert vote.seal.submissions_root == terms.submissions_root
    assert vote.seal.valid_at_risk == terms.valid_at_risk
    assert vote.seal.positions_head == terms.positions_head


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"null", b"[]", b'"x"', b"5", b"{}", b'{"member": 1, "member": 2}']
)
def test_a_vote_that_cannot_be_read_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / VOTE).write_bytes(content)
    with pytest.raises(BundleError, match=r"vote\.json: "):
        Bundle(tmp_path).vote()


def test_a_vote_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"vote\.json: expected a file of a round's bundle, found none"):
        Bundle(tmp_path).vote()


@pytest.mark.parametrize("name", ["member", "verdicts", "refused", "submissions_root", "seal_signature"])
@pytest.mark.parametrize("value", ["delete", None, 5, "x"])
def test_a_vote_with_a_field_of_another_kind_is_refused(
    name: str, value: Any, vote: SealVote, tmp_path: Path
) -> None:
    bundle = Bundle(tmp_path)
    bundle.write_vote(vote)
    wrong = {**document(bundle, VOTE), name: value}
    if value == "delete":
        del wrong[name]
    (tmp_path / VOTE).write_text(json.dumps(wrong))
    with pytest.raises(BundleError, match=r"vote\.json: "):
        bundle.vote()


def test_rules_that_cannot_be_used_are_an_error_of_the_bundle(bundle: Bundle) -> None:
    (bundle.folder / RULES).write_text('{"version": 3}')
    with pytest.raises(BundleError, match=r"rules\.json: version: expected 1 or 2, found 3"):
        bundle.rules()


def test_a_file_appears_whole_or_not_at_all(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (bundle.folder / RULES).read_bytes()

    def full(descriptor: int) -> None:
        os.truncate(descriptor, 10)
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        bundle.write_rules(bundle.rules())
    assert (bundle.folder / RULES).read_bytes() == before


def test_a_submitter_that_was_never_registered_is_nobody(bundle: Bundle) -> None:
    entries = document(bundle, SIGNATURES)
    entries[0]["submitter"] = ""
    (bundle.folder / SIGNATURES).write_text(json.dumps(entries))
    assert 1 not in bundle.inputs().submitters
    assert address_of(1) not in bundle.inputs().submitters.values()


def test_a_bundle_over_what_was_published_is_the_same_bundle(
    original: Path, inputs: RoundInputs, result: RoundResult, tmp_path: Path
) -> None:
    """The operator's submissions are kept as they came: a large round takes longer to write than to score."""
    published, own = Bundle(tmp_path / "published"), Bundle(tmp_path / "own")
    published.write_rules(inputs.rules)
    published.write_universe(IDS)
    published.write_submissions(inputs.submissions)
    own.copy_published(published)
    own.write(inputs, result, has_published=True)
    assert {path.name for path in own.folder.iterdir()} == set(FILES)
    for file in FILES:
        assert (own.folder / file).read_bytes() == (original / file).read_bytes(), file


def test_a_file_is_on_the_disk_before_it_has_its_name_and_the_name_before_the_next_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, rename = os.fsync, Path.replace

    def noted_sync(descriptor: int) -> None:
        done.append("sync " + Path(f"/proc/self/fd/{descriptor}").readlink().name)
        sync(descriptor)

    def noted_rename(path: Path, target: Path) -> Path:
        done.append(f"rename {target.name}")
        assert path.stat().st_size > 0
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(Path, "replace", noted_rename)
    Bundle(tmp_path / "5").write_selection({})
    assert done == ["sync .selection.json.partial", "rename selection.json", "sync 5"]


@pytest.mark.parametrize(
    "kind", ["float16", "float32", "float64", "int8", "uint8", "int32", "int64", "uint64"]
)
@pytest.mark.parametrize("chunks", [(), ((1, 0, 3),), ((1, 0), (), (3,))], ids=len)
def test_numbers_of_another_form_are_those_that_pyarrow_reads(
    kind: str, chunks: tuple[tuple[int, ...], ...]
) -> None:
    given = [pa.array(np.array(chunk, dtype=kind)) for chunk in chunks]
    written = pa.chunked_array(given, type=pa.from_numpy_dtype(kind))
    found, expected = np.asarray(_column(written)), written.to_numpy()
    assert (found.dtype, found.tolist()) == (expected.dtype, expected.tolist())
    assert found.flags.writeable
