"""What is refused before it is attested, and what only a human may let pass."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from scorer.evaluation.inputs import RoundTerms
from scorer.lab.member import LocalMember
from scorer.oracle import soundness
from scorer.oracle.actions import Alarm, Attest
from scorer.oracle.policy import MemberPolicy
from scorer.oracle.recomputation import Recomputation
from scorer.oracle.recompute import DISAGREES, main
from scorer.oracle.sanity import NoVerdict, SanityLimits, Summary, recomputed_elsewhere, refusals, summary
from scorer.protocol.report import Report
from scorer.protocol.rules import preset
from scorer.storage.bundle import REPORT
from tests.world import FIRST, World, begins, one_sealed

REPORT_OF_5 = Report(31337, "0x" + "11" * 20, 5, 1, b"\1" * 32, 30, 50, b"\2" * 32)
TERMS = RoundTerms(31337, "0x" + "11" * 20, 5, b"", b"", b"", b"", b"", 3000, 3000, 10**6, 50_000, 10**12, 0)
BEFORE = Summary(paid=10_000, burned=16_666, models=3)
Scores = dict[str, NDArray[Any]]


def table(**changes: object) -> Scores:
    columns: dict[str, object] = {
        "model_id": np.array([1, 2, 3]),
        "position": np.array([1000, 1000, 1000], dtype=np.uint64),
        "corr_target": np.array([0.03, -0.05, 0.0]),
        "reward_score": np.array([30_000, -50_000, 0]),
        "payout": np.array([30, 0, 0], dtype=np.uint64),
        "burn": np.array([0, 50, 0], dtype=np.uint64),
    }
    return {name: np.asarray(column) for name, column in (columns | changes).items()}


def found(scores: Scores, report: Report = REPORT_OF_5, before: Summary | None = BEFORE) -> tuple[str, ...]:
    return refusals(report, TERMS, scores, before, SanityLimits())


def test_a_sound_report_passes() -> None:
    assert found(table()) == ()
    assert found(table(), before=None) == ()
    assert summary(table()) == BEFORE


@pytest.mark.parametrize(
    ("scores", "report", "says"),
    [
        (table(), replace(REPORT_OF_5, total_payout=31), "conservation: total payout: expected 31, found 30"),
        (table(), replace(REPORT_OF_5, total_burn=49), "conservation: total burn: expected 49, found 50"),
        (table(), replace(REPORT_OF_5, round_id=6), "conservation: round: expected 5, found 6"),
        (
            table(position=[1000, 1000, 999]),
            REPORT_OF_5,
            "conservation: stake at risk: expected 3000, found 2999",
        ),
        (table(model_id=[1, 2, 2]), REPORT_OF_5, "conservation: rows a model: expected 3, found 2"),
        (
            table(payout=[51, 0, 0]),
            replace(REPORT_OF_5, total_payout=51),
            "cap: model 1: expected at most 50 nano-NMR, found 51",
        ),
        (
            table(burn=[0, 51, 0]),
            replace(REPORT_OF_5, total_burn=51),
            "cap: model 2: expected at most 50 nano-NMR, found 51",
        ),
        (
            table(payout=[30, 20, 0]),
            replace(REPORT_OF_5, total_payout=50),
            "cap: model 2: expected a payout or a burn, found both",
        ),
        (
            table(reward_score=[2**23, 0, 0]),
            REPORT_OF_5,
            "cap: model 1: expected a score of 24 bits, found 8388608",
        ),
        (
            table(corr_target=[0.03, np.nan, np.nan]),
            REPORT_OF_5,
            "coverage: expected at most 200000 ppm of the stake without a score, found 666666",
        ),
    ],
)
def test_what_is_not_sound_is_named(scores: Scores, report: Report, says: str) -> None:
    assert any(says in each for each in found(scores, report))


@pytest.mark.parametrize(
    ("before", "says"),
    [
        (
            replace(BEFORE, paid=110_001),
            "the share paid within 100000 ppm of the last round's 110001",
        ),
        (replace(BEFORE, burned=116_667), "the share burned within"),
        (replace(BEFORE, models=7), "about as many staked models as last round's 7, found 3"),
    ],
)
def test_a_round_unlike_the_last_one_is_refused_until_a_human_looked(before: Summary, says: str) -> None:
    (only,) = found(table(), before=before)
    assert says in only
    looked_at = SanityLimits(accepted=frozenset({"0x" + REPORT_OF_5.hash().hex().upper()}))
    assert refusals(REPORT_OF_5, TERMS, table(), before, looked_at) == ()


def test_a_human_cannot_let_pass_what_does_not_add_up() -> None:
    report = replace(REPORT_OF_5, total_payout=31)
    looked_at = SanityLimits(accepted=frozenset({report.hash().hex()}))
    assert refusals(report, TERMS, table(), BEFORE, looked_at) != ()


@pytest.mark.parametrize("before", [replace(BEFORE, paid=110_000), replace(BEFORE, models=2)])
def test_a_change_within_the_band_passes(before: Summary) -> None:
    assert found(table(), before=before) == ()


@begins(one_sealed)
def test_a_fresh_process_comes_to_the_same_report_or_says_what_it_found(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    round_id = FIRST
    world.resolve(round_id)
    world.cycle(0)
    bundle = world.members[0].bundle(round_id)
    assert recomputed_elsewhere(bundle.folder) is None
    assert main(bundle.folder) == 0
    path = bundle.folder / REPORT
    path.write_text(path.read_text().replace('"total_burn": "', '"total_burn": "1'))
    assert "a fresh process expected another report: 0x" in str(recomputed_elsewhere(bundle.folder))
    assert main(bundle.folder) == DISAGREES
    assert "report.json says 0x" in capsys.readouterr().out
    (bundle.folder / "rules.json").write_bytes(preset("crypto").canonical_json())
    assert "a fresh process expected another report: " in str(recomputed_elsewhere(bundle.folder))


def test_a_bundle_that_is_not_there_gives_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(NoVerdict, match=r"expected a verdict of a fresh process, found 1: .*BundleError"):
        recomputed_elsewhere(tmp_path)


@pytest.mark.parametrize(
    ("script", "says"), [("kill -9 $$", "found -9: it said nothing"), (None, "No such file or directory")]
)
def test_a_process_that_is_killed_or_does_not_begin_gives_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, says: str
) -> None:
    python = tmp_path / "python"
    if script is not None:
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(python))
    with pytest.raises(NoVerdict, match=says):
        recomputed_elsewhere(tmp_path)


@begins(one_sealed)
def test_a_report_that_got_no_verdict_is_judged_again_in_the_next_cycle(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_id = FIRST
    world.resolve(round_id)
    member = replace(world.members[0], policy=MemberPolicy(recomputes=True))
    with monkeypatch.context() as without:
        without.setattr("sys.executable", "/nonexistent/python")
        (step,) = member.cycle()
    assert isinstance(step.action, Alarm)
    assert step.outcome.endswith("it is tried again")
    assert [type(step.action) for step in member.cycle()] == [Attest]


def recomputing(world: World) -> LocalMember:
    """A member, with a round to report on, that recomputes its reports."""
    world.resolve(world.sealed_round())
    return replace(world.members[0], policy=MemberPolicy(recomputes=True))


def test_a_report_that_was_recomputed_beside_ours_is_not_recomputed_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = recomputing(world)

    def again(bundle: Path) -> str:
        return f"{bundle} was recomputed a second time"

    monkeypatch.setattr(soundness, "recomputed_elsewhere", again)
    assert [type(step.action) for step in member.cycle()] == [Attest]


@pytest.mark.parametrize("fault", ["killed", "other terms", "late"])
def test_a_process_beside_ours_that_does_not_agree_decides_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    member, begin, asked = recomputing(world), Recomputation.begin, []

    def faulty(folder: Path, terms: RoundTerms) -> Recomputation | None:
        begun = begin(folder, replace(terms, cap=terms.cap + 1) if fault == "other terms" else terms)
        if begun is not None and fault == "killed":
            begun.process.kill()
        return begun

    def again(bundle: Path) -> str | None:
        asked.append(bundle)
        return recomputed_elsewhere(bundle)

    monkeypatch.setattr(Recomputation, "begin", faulty)
    monkeypatch.setattr(soundness, "recomputed_elsewhere", again)
    if fault == "late":
        monkeypatch.setattr(soundness, "RECOMPUTE_TIMEOUT", 0.0)
    assert [type(step.action) for step in member.cycle()] == [Attest]
    assert len(asked) == 1
    assert not member.cache.recomputations
