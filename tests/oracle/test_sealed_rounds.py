"""Whole rounds on a chain whose operator equivocates, withholds or changes files: what members see and do."""

import json
import os
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from scorer.chain.records import ProposalStatus, RoundState
from scorer.cli import app
from scorer.evaluation.evaluate import evaluate
from scorer.isolation import ReadLimits
from scorer.oracle.actions import ActionResult, Attest, Challenge
from scorer.oracle.cache import MemberCache
from scorer.oracle.evidence import PeerReports, doubt
from scorer.oracle.policy import MemberPolicy
from scorer.oracle.stamps import REREAD
from scorer.protocol.report import Report, evidence_hash
from scorer.storage.bundle import MANIFEST, REPORT, SIGNATURES, SUBMISSIONS, Bundle, round_folder
from scorer.transactions.request import TransactionRequest
from tests.cli.test_cupel import write_deployment
from tests.world import FIRST, IDS, NMR, World, begins, one_locked, one_sealed

PLAIN = MemberPolicy()
WILLING = MemberPolicy(challenges=True, largest_bond=100 * 10**18)


@dataclass
class Watched:
    """A member of its own memory whose alarms are heard."""

    world: World
    index: int
    policy: MemberPolicy = PLAIN
    published: Path | None = None
    peers: tuple[Path, ...] = ()
    alarms: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        member = self.world.members[self.index]
        paths = replace(member.paths, published=self.published or member.paths.published, peers=self.peers)
        self.member = replace(
            member,
            paths=paths,
            policy=self.policy,
            raise_alarm=lambda reason, detail: self.alarms.append((reason.name, detail)),
            cache=MemberCache(),
        )

    def cycle(self) -> list[ActionResult]:
        """One cycle; the alarms are those of this cycle alone."""
        self.alarms.clear()
        steps = self.member.cycle()
        self.world.anvil.finalise()
        return steps

    @property
    def raised(self) -> set[str]:
        return {kind for kind, _ in self.alarms}

    def votes(self, round_id: int) -> bytes | None:
        return self.world.suite.vote(round_id, self.member.address, self.world.anvil.w3.eth.block_number)


def published(world: World, round_id: int, root: Path | None = None) -> Bundle:
    root = root or world.members[0].paths.published
    return Bundle(round_folder(root, str(world.suite.tournament.address), round_id))


def spoil(bundle: Bundle, *models: int) -> None:
    """Zeros in place of the signatures of some models."""
    entries = json.loads((bundle.folder / SIGNATURES).read_text())
    for entry in entries:
        if entry["model_id"] in models:
            entry["signature"] = "0x" + "00" * 65
    (bundle.folder / SIGNATURES).write_text(json.dumps(entries))


def fair_burn(world: World, round_id: int) -> tuple[int, int]:
    """The model that burns most by what was sealed, and the whole burn, nano-NMR."""
    scores = world.members[0].bundle(round_id).scores()
    return int(scores["model_id"][int(np.argmax(scores["burn"]))]), int(scores["burn"].sum())


def to_end(world: World, *members: Watched) -> None:
    for _ in range(2):
        for member in members:
            member.cycle()
        world.pass_challenge_window()
    for member in members:
        member.cycle()


@begins(one_sealed)
def test_signatures_spoiled_after_the_outcome_spare_no_loser(world: World) -> None:
    round_id = FIRST
    crew = [Watched(world, index) for index in range(3)]
    for each in crew:
        each.cycle()
        assert each.raised == set()
    world.resolve(round_id)
    spoil(published(world, round_id), 4, 5, 6)
    crew[0].cycle()
    assert crew[0].raised == {"PUBLISHED_CHANGED"}
    assert SIGNATURES in crew[0].alarms[0][1]
    to_end(world, *crew)
    assert world.record(round_id).state == RoundState.SETTLED
    loser, burn = fair_burn(world, round_id)
    assert world.members[0].bundle(round_id).manifest()["refused"] == []
    assert world.record(round_id).burned == burn > 0
    write_deployment(world)
    command = ["verify", str(world.members[0].bundle(round_id).folder), "--endpoint", world.anvil.url]
    said = CliRunner().invoke(app, [*command, "--deployment", str(world.out / "deployment.json")])
    assert said.exit_code == 0, said.output
    spoil(world.members[0].bundle(round_id), loser)
    said = CliRunner().invoke(app, [*command, "--deployment", str(world.out / "deployment.json")])
    assert said.exit_code == 1
    assert f"digest of the signature of model {loser}" in said.output


def test_who_sees_a_spoiled_signature_only_after_the_outcome_makes_no_report_of_it(world: World) -> None:
    round_id = world.sealed_without(0)
    good = published(world, round_id)
    kept = shutil.copytree(good.folder, good.folder.with_name("good"))
    spoil(good, 4)
    world.resolve(round_id)
    late = Watched(world, 0)
    for _ in range(2):
        late.cycle()
        assert late.raised == {"PUBLISHED_MISMATCH", "NO_REPORT"}
        assert "submissions root" in late.alarms[0][1]
        assert late.votes(round_id) is None
    shutil.rmtree(good.folder)
    kept.rename(good.folder)
    assert [type(step.action) for step in late.cycle()] == [Attest]
    assert late.raised == set()


def shown(world: World, round_id: int, root: Path, *spoiled: int) -> Path:
    """Another copy of what is published, with the signatures of some models spoiled."""
    folder = round_folder(root, str(world.suite.tournament.address), round_id)
    shutil.copytree(published(world, round_id).folder, folder)
    spoil(Bundle(folder), *spoiled)
    return root


def in_touch(world: World, index: int, published: Path | None = None) -> Watched:
    """A member that reads the others' bundles."""
    return Watched(world, index, published=published, peers=world.members[index].paths.peers)


@begins(one_locked)
def test_a_quorum_seals_what_it_was_shown_and_the_rest_takes_that_over(world: World, tmp_path: Path) -> None:
    """Two are shown a spoiled signature: its model does not count, for anybody, and loses nothing."""
    round_id = FIRST
    root = shown(world, round_id, tmp_path / "shown", 3)
    crew = [in_touch(world, 0, root), in_touch(world, 1, root), in_touch(world, 2)]
    for each in crew:
        each.cycle()
    assert world.record(round_id).state == RoundState.LOCKED
    assert [each.raised for each in crew] == [{"REFUSED_SUBMISSION"}, {"REFUSED_SUBMISSION"}, {"OVERRULED"}]
    world.pass_half_of_the_lock_window(round_id)
    crew[0].cycle()
    assert world.record(round_id).state == RoundState.SEALED
    crew[2].cycle()
    assert crew[2].raised == {"PUBLISHED_MISMATCH", "ABSENT"}
    seen, other = (published(world, round_id, each).folder for each in (None, root))
    shutil.copytree(other, seen, dirs_exist_ok=True)
    crew[2].cycle()
    assert crew[2].raised == {"REFUSED_SUBMISSION"}  # it finds the same now, and hands its signature in
    assert world.suite.absences([world.members[2].address], world.suite.w3.eth.block_number) == [0]
    world.resolve(round_id)
    to_end(world, *crew)
    assert world.record(round_id).state == RoundState.SETTLED
    assert len({each.member.bundle(round_id).report().hash() for each in crew}) == 1
    assert crew[2].member.bundle(round_id).refused() == {3}
    assert world.idle()[2] == 100 * NMR


def test_members_that_are_all_shown_other_files_seal_nothing_and_all_returns_whole(
    world: World, tmp_path: Path
) -> None:
    before = world.idle()
    round_id = world.locked_round()
    roots = [None, *(shown(world, round_id, tmp_path / str(model), model) for model in (3, 4))]
    crew = [in_touch(world, index, root) for index, root in enumerate(roots)]
    for _ in range(2):
        for each in crew:
            each.cycle()
        world.pass_half_of_the_lock_window(round_id)
    assert world.record(round_id).state == RoundState.LOCKED
    world.pass_the_lock_window(round_id)
    for _ in range(2):
        crew[0].cycle()
    assert world.record(round_id).state == RoundState.VOIDED
    assert world.idle() == before


def test_files_that_are_withheld_are_asked_for_in_time_and_void_the_round(world: World) -> None:
    before = world.idle()
    round_id = world.locked_round()
    folder = published(world, round_id).folder
    folder.rename(folder.with_name("hidden"))
    crew = [in_touch(world, index) for index in range(3)]
    for each in crew:
        each.cycle()
        assert each.raised == set()
    world.pass_half_of_the_lock_window(round_id)
    for each in crew:
        each.cycle()
        assert each.raised == {"NOT_PUBLISHED"}
        assert SUBMISSIONS in each.alarms[0][1]
    world.pass_the_lock_window(round_id)
    for _ in range(2):
        for each in crew:
            each.cycle()
    assert world.record(round_id).state == RoundState.VOIDED
    assert world.idle() == before
    crew[1].cycle()
    assert crew[1].raised == set()


@begins(one_locked)
def test_files_that_come_in_the_second_half_of_the_lock_window_are_still_sealed(world: World) -> None:
    round_id = FIRST
    folder = published(world, round_id).folder
    hidden = folder.rename(folder.with_name("hidden"))
    world.pass_half_of_the_lock_window(round_id)
    world.cycle()
    hidden.rename(folder)
    world.cycle()
    assert world.record(round_id).state == RoundState.SEALED


def test_files_withheld_once_a_quorum_has_taken_them_over_change_nothing(world: World) -> None:
    round_id = world.sealed_without(2)
    shutil.rmtree(published(world, round_id).folder)
    crew = [Watched(world, index) for index in range(3)]
    for each in crew:
        each.cycle()
    assert [each.raised for each in crew] == [{"PUBLISHED_CHANGED"}, {"PUBLISHED_CHANGED"}, {"ABSENT"}]
    world.anvil.advance_to(world.now + (world.record(round_id).resolve_at - world.now) // 2)
    for each in crew:
        each.cycle()
    late = {"NOT_PUBLISHED", "ABSENT"}
    assert [each.raised for each in crew] == [{"PUBLISHED_CHANGED"}, {"PUBLISHED_CHANGED"}, late]
    assert SUBMISSIONS in dict(crew[2].alarms)["NOT_PUBLISHED"]
    world.resolve(round_id)
    to_end(world, *crew)
    assert world.record(round_id).state == RoundState.SETTLED
    assert world.record(round_id).burned == fair_burn(world, round_id)[1]
    assert not crew[2].member.bundle(round_id).has(REPORT)


@begins(one_sealed)
def test_a_report_put_aside_is_made_anew_from_what_was_taken_over(world: World) -> None:
    round_id = FIRST
    watched = Watched(world, 0)
    watched.cycle()
    shutil.rmtree(published(world, round_id).folder)
    world.resolve(round_id)
    watched.cycle()
    first = watched.votes(round_id)
    (watched.member.bundle(round_id).folder / "positions.parquet").write_bytes(b"broken")
    restarted = Watched(world, 0)
    restarted.cycle()
    assert "SET_ASIDE" in restarted.raised
    assert restarted.member.bundle(round_id).report().hash() == first


@begins(one_sealed)
def test_targets_that_change_before_a_report_is_accepted_change_the_vote(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id, {0: 1.0 - world.target})
    watched = Watched(world, 0)
    watched.cycle()
    first = watched.votes(round_id)
    watched.cycle()
    assert watched.raised == set()
    world.tournament.publish_target(watched.member, round_id, IDS, world.target)
    watched.cycle()
    assert watched.raised == {"TARGETS_CHANGED"}
    assert str(first and first.hex()) in watched.alarms[0][1]
    second = watched.votes(round_id)
    assert second == watched.member.bundle(round_id).report().hash() != first
    watched.cycle()
    assert watched.raised == set()
    world.tournament.publish_target(watched.member, round_id, IDS, 1.0 - world.target)
    watched.cycle()
    assert watched.votes(round_id) == first
    world.tournament.publish_target(watched.member, round_id, IDS, world.target)
    watched.cycle()
    world.cycle(1)
    assert world.proposal_status(round_id) == ProposalStatus.ACCEPTED
    world.tournament.publish_target(watched.member, round_id, IDS, 1.0 - world.target)
    for fresh in (watched, Watched(world, 0)):
        for _ in range(2):
            fresh.cycle()
            assert fresh.raised == {"TARGETS_CHANGED"}
            assert "no vote can change any more" in fresh.alarms[0][1]
    assert watched.member.bundle(round_id).report().hash() == second


@begins(one_sealed)
def test_targets_that_are_written_anew_or_become_unusable_change_no_vote(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    watched = Watched(world, 0)
    watched.cycle()
    first = watched.votes(round_id)
    world.tournament.publish_target(watched.member, round_id, IDS, world.target)
    watched.cycle()
    assert watched.raised == set()
    world.tournament.publish_target(watched.member, round_id, IDS, np.full(len(IDS), np.nan))
    for _ in range(2):
        watched.cycle()
        assert watched.raised == {"TARGETS_CHANGED"}
    source = round_folder(watched.member.paths.targets, str(world.suite.tournament.address), round_id)
    (source / "targets.parquet").write_bytes(b"cut")
    watched.cycle()
    assert watched.raised == {"TARGETS_CHANGED"}
    shutil.rmtree(source)
    watched.cycle()
    assert watched.raised == set()
    assert watched.votes(round_id) == first


@begins(one_sealed)
def test_an_outcome_is_left_some_time_until_others_have_reported(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    slow = Watched(world, 0, MemberPolicy(outcome_delay=3600))
    slow.cycle()
    assert slow.votes(round_id) is None
    world.anvil.advance_to(world.record(round_id).resolve_at + 3600)
    slow.cycle()
    assert slow.votes(round_id) is not None
    second = world.sealed_round()
    world.resolve(second)
    slow.cycle()
    assert not slow.member.bundle(second).has(REPORT)
    world.cycle(1, 2)
    slow.cycle()
    assert slow.member.bundle(second).has(REPORT)


def lie(world: World, round_id: int, inputs_from: NDArray[np.float64] | None = None) -> bytes:
    """Members 1 and 2 vote for a report of too large a payout; the first one's bundle is its evidence."""
    member = world.members[1]
    if inputs_from is not None:
        world.tournament.publish_target(member, round_id, IDS, inputs_from)
    watched = Watched(world, 1)
    watched.member = replace(watched.member, sender=None)
    watched.cycle()
    bundle = member.bundle(round_id)
    report = replace(bundle.report(), total_payout=bundle.report().total_payout + 1)
    (bundle.folder / REPORT).write_text(json.dumps(report.to_json()))
    attest = world.suite.committee.functions.attest(world.suite.tournament.address, report.to_contract())
    for index in (1, 2):
        sender = world.members[index].sender
        assert sender is not None
        sender.deliver(TransactionRequest.of(attest, "lie"))
    world.anvil.finalise()
    assert world.proposal_status(round_id) == ProposalStatus.ACCEPTED
    return report.hash()


def challenged(steps: list[ActionResult]) -> bool:
    return any(isinstance(step.action, Challenge) for step in steps)


@begins(one_sealed)
def test_no_report_is_disputed_unless_a_human_says_so_and_the_alarm_says_what_is_known(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    accepted = lie(world, round_id)
    blind = Watched(world, 0, WILLING)
    assert not challenged(blind.cycle())
    details = [detail for kind, detail in blind.alarms if kind == "REPORT"]
    assert any("no bundle with the accepted report is at hand" in detail for detail in details)
    assert any(f"add 0x{accepted.hex()} to run.dispute" in detail for detail in details)
    seeing = Watched(world, 0, WILLING, peers=(world.out / "nobody", world.members[1].paths.rounds))
    assert not challenged(seeing.cycle())
    assert any("it rests on the same inputs" in detail for kind, detail in seeing.alarms if kind == "REPORT")
    assert world.proposal_status(round_id) == ProposalStatus.ACCEPTED


@begins(one_sealed)
def test_no_bond_is_bet_on_other_targets_unless_a_human_says_so(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    accepted = lie(world, round_id, 1.0 - world.target)
    peers = (world.members[1].paths.rounds,)
    careful = Watched(world, 0, WILLING, peers=peers)
    assert not challenged(careful.cycle())
    assert "PEERS_DIFFER" in careful.raised
    details = [detail for kind, detail in careful.alarms if kind == "REPORT"]
    assert any("it rests on other inputs: digest of targets, target_20d2l" in detail for detail in details)
    told_so = replace(WILLING, disputed=frozenset({"0x" + accepted.hex().upper()}))
    assert challenged(Watched(world, 0, told_so).cycle())
    assert world.proposal_status(round_id) == ProposalStatus.DISPUTED


@begins(one_sealed)
def test_memory_of_a_chain_that_is_no_more_is_forgotten(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    watched = Watched(world, 0)
    watched.cycle()
    cache = watched.member.cache
    basis = cache.basis.block
    assert basis is not None
    cache.rounds.unfinished.discard(round_id)
    assert watched.cycle() == []
    assert cache.basis.block is not None
    cache.basis.block = replace(cache.basis.block, hash=b"\1" * 32)
    assert [step.round_id for step in watched.cycle()] == [round_id]
    assert round_id in cache.rounds.unfinished


@begins(one_sealed)
def test_what_was_read_of_a_block_that_was_replaced_is_read_anew(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    watched = Watched(world, 0)
    reporter = watched.member.member.in_cycle(watched.member.context).reporter
    right = reporter.sealed(world.record(round_id))
    cache = watched.member.cache
    for stale in (
        replace(right, terms=replace(right.terms, positions_head=b"\1" * 32)),
        replace(right, terms=replace(right.terms, submissions_root=b"\1" * 32)),
        replace(right, terms=replace(right.terms, at_risk=1)),
    ):
        cache.sealed[round_id] = stale
        assert reporter.sealed(world.record(round_id)).terms == right.terms
    stale = replace(right, positions=replace(right.positions, chunks=(), models=()))
    cache.sealed[round_id] = stale
    watched.cycle()
    assert watched.raised == {"INCOMPLETE_LOGS", "NO_REPORT"}
    assert watched.votes(round_id) is None
    watched.cycle()
    assert watched.raised == set()
    assert watched.votes(round_id) is not None


@pytest.fixture
def two_bundles(world: World) -> tuple[World, int]:
    round_id = world.sealed_round()
    world.resolve(round_id)
    world.cycle()
    return world, round_id


def test_evidence_is_only_a_manifest_that_the_accepted_report_names(two_bundles: tuple[World, int]) -> None:
    world, round_id = two_bundles
    mine, theirs = world.members[0].bundle(round_id), world.members[1].bundle(round_id)
    peers = PeerReports()

    def doubted(accepted: bytes) -> str | None:
        return doubt(accepted, peers.read(mine, [theirs.folder.with_name("nothing"), theirs.folder]))

    accepted = theirs.report().hash()
    assert doubted(accepted) is None
    assert "no bundle" in str(doubted(b"\1" * 32))
    manifest = theirs.manifest()

    def state(**changed: object) -> bytes:
        """A report on a manifest with some parts changed, consistently."""
        stated = {**manifest, **changed}
        (theirs.folder / MANIFEST).write_text(json.dumps(stated))
        report = replace(theirs.report(), evidence_hash=evidence_hash(stated))
        (theirs.folder / REPORT).write_text(json.dumps(report.to_json()))
        return report.hash()

    assert "refused: ours [], theirs [3]" in str(doubted(state(refused=[3])))
    for name in ("rules", "universe", "positions"):
        other = {**manifest["digests"], name: "0x" + "11" * 32}
        assert f"digest of {name}" in str(doubted(state(digests=other)))
    for name in ("submissions", "signatures", "targets"):
        entries = dict(list(manifest["digests"][name].items())[1:])
        other = {**manifest["digests"], name: entries}
        assert f"digest of {name}, " in str(doubted(state(digests=other)))
    other = {**manifest["digests"], "tables": {"features": "0x" + "11" * 32}}
    assert "digest of tables" in str(doubted(state(digests=other)))
    assert "round, cap" in str(doubted(state(round={**manifest["round"], "cap": 1})))
    assert doubted(state(digests={**manifest["digests"], "scores": "0x"})) is None
    accepted = state()
    (theirs.folder / MANIFEST).write_text(json.dumps({**manifest, "refused": [3]}))
    assert "no bundle" in str(doubted(accepted))
    for junk in (b"", b"[" * 100_000, b"{}", b'{"digests": []}'):
        (theirs.folder / MANIFEST).write_bytes(junk)
        assert "no bundle" in str(doubted(accepted))
    os.truncate(theirs.folder / MANIFEST, 2**40)
    assert "no bundle" in str(doubted(accepted))


def test_evidence_that_could_not_be_read_in_time_is_read_again_later(
    two_bundles: tuple[World, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, round_id = two_bundles
    mine, theirs = world.members[0].bundle(round_id), world.members[1].bundle(round_id)
    now = [0.0]
    peers = PeerReports(clock=lambda: now[0])
    with monkeypatch.context() as busy:
        busy.setattr("scorer.oracle.evidence.limits_for", lambda _: ReadLimits(wall=0.001))
        assert peers.read(mine, [theirs.folder]) == {}
    assert peers.read(mine, [theirs.folder]) == {}
    now[0] = REREAD
    assert list(peers.read(mine, [theirs.folder])) == [theirs.folder]


def test_a_peer_cannot_fill_the_log_or_write_lines_of_its_own(two_bundles: tuple[World, int]) -> None:
    world, round_id = two_bundles
    mine, theirs = world.members[0].bundle(round_id), world.members[1].bundle(round_id)
    stated = {**theirs.manifest(), "refused": ["forged\n" * 100_000]}
    (theirs.folder / MANIFEST).write_text(json.dumps(stated))
    report = replace(theirs.report(), evidence_hash=evidence_hash(stated))
    (theirs.folder / REPORT).write_text(json.dumps(report.to_json()))
    (found,) = PeerReports().read(mine, [theirs.folder]).values()
    assert "refused: " in found.gaps
    assert len(found.gaps) < 2_000
    assert found.gaps.isprintable()


@begins(one_sealed)
def test_members_with_other_targets_hear_of_each_other_before_a_report_is_accepted(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id, {0: 1.0 - world.target})
    folders = [member.paths.rounds for member in world.members]
    first, second = Watched(world, 0, peers=(folders[1],)), Watched(world, 1, peers=(folders[0], folders[1]))
    first.cycle()
    assert first.raised == set()
    for _ in range(2):
        second.cycle()
        assert second.raised == {"PEERS_DIFFER"}
        assert "digest of targets, target_20d2l" in second.alarms[0][1]
    world.tournament.publish_target(first.member, round_id, IDS, world.target)
    first.cycle()
    second.cycle()
    assert second.raised == set()
    assert world.proposal_status(round_id) == ProposalStatus.ACCEPTED


def test_a_bad_signature_that_was_sealed_scores_nothing_and_stays_so(world: World) -> None:
    """An operator of bad will publishes what no intake takes: refused by the seal, it comes back whole."""
    round_id = world.open()
    world.submit_all(round_id)
    world.anvil.advance_to(world.record(round_id).close_at)
    operator = world.operator
    collection = operator.collector.collect(world.record(round_id))
    first, *others = collection.submissions.entries
    spoiled = replace(collection.submissions, entries=(replace(first, signature=bytes(65)), *others))
    good = first.signature
    operator.collector.publish(round_id, replace(collection, submissions=spoiled))
    world.tournament.lock_round(round_id)
    world.anvil.finalise()
    world.cycle(0, 2)
    world.pass_half_of_the_lock_window(round_id)
    world.cycle(0)
    assert world.record(round_id).state == RoundState.SEALED
    crew = [Watched(world, index) for index in range(3)]
    entries = json.loads((published(world, round_id).folder / SIGNATURES).read_text())
    entries[0]["signature"] = "0x" + good.hex()
    (published(world, round_id).folder / SIGNATURES).write_text(json.dumps(entries))
    world.resolve(round_id)
    crew[1].cycle()
    assert crew[1].raised == {"PUBLISHED_MISMATCH", "NO_REPORT"}
    crew[0].cycle()
    assert crew[0].raised == {"PUBLISHED_CHANGED"}
    bundle = crew[0].member.bundle(round_id)
    assert bundle.manifest()["refused"] == [1]
    assert isinstance(bundle.report(), Report)
    assert evaluate(bundle.inputs()).report.hash() == bundle.report().hash()
