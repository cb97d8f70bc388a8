"""A node in a small tournament: every model takes part in every round once, whatever goes wrong."""

import errno
import shutil
from pathlib import Path

import numpy as np
import pytest

from scorer.compute.assembly import AssembledNode
from scorer.compute.job import RunOutcome
from scorer.compute.journal import JournalInUse, ModelRound
from scorer.compute.status import log_of, status_of
from scorer.lab.proxy import EVERY, Forward, NoAnswer, Request, Response, proxy_of
from scorer.operator.inbox_files import read_signature
from scorer.oracle.alarm_reasons import AlarmReason
from scorer.protocol.digest import content_hash
from tests.compute.models import FAST, GOOD, NAN, WRITE, Site, model, script, write_live
from tests.waiting import eventually
from tests.world import IDS, World

RAMP = (np.arange(len(IDS)) + 0.5) / len(IDS)
"""What the script `GOOD` predicts."""


def is_gone(_request: Request, _forward: Forward) -> Response:
    raise NoAnswer


@pytest.fixture
def site(world: World, tmp_path: Path) -> Site:
    return Site(world, tmp_path / "node")


def until_delivered(site: Site, node: AssembledNode, round_id: int, *models: int) -> None:
    """Run cycles until models have a submission in the inbox."""

    def done() -> bool:
        node.node.cycle()
        return all(site.inbox(round_id, each) for each in models)

    eventually(done, "submissions", 240)


def test_a_model_takes_part_in_a_round_that_opened_and_its_stake_is_locked(site: Site) -> None:
    config = site.write([model(1, script(site.folder / "one", GOOD + "print('hello')\n"))])
    round_id = site.open()
    with site.node(config) as node:
        until_delivered(site, node, round_id, 1)
        node.node.cycle()
        assert node.node.missing == 0
    assert [row.state for row in status_of(config)] == ["delivered"]
    assert log_of(config, 1) == b"hello\n"
    site.arrive(round_id)
    site.world.close_and_seal(round_id)
    assert site.world.record(round_id).at_risk > 0


def test_what_a_model_predicts_is_what_the_operator_takes_and_its_record_names_all_digests(
    site: Site,
) -> None:
    config = site.write([model(1, script(site.folder / "one", GOOD))])
    round_id = site.open()
    with site.node(config) as node:
        until_delivered(site, node, round_id, 1)
        record = node.node.runs.journal.of(node.node.site.tournament, round_id, 1).record(1)
    assert record is not None
    assert set(record.files) == {"live.parquet", "round.json", "rules.json", "universe.parquet"}
    assert record.predictions == content_hash(site.world.ids, RAMP).hex()
    digests = (record.code, record.inputs, record.output, *record.files.values())
    assert all(len(digest) == 64 for digest in digests)


def test_a_node_that_starts_again_submits_nothing_twice(site: Site) -> None:
    config = site.write([model(1, script(site.folder / "one", GOOD))])
    round_id = site.open()
    for _ in range(2):
        with site.node(config) as node:
            until_delivered(site, node, round_id, 1)
            for _ in range(3):
                node.node.cycle()
    assert len(site.inbox(round_id, 1)) == 1
    assert [row.runs for row in status_of(config)] == [1]


def test_what_was_signed_before_a_crash_is_handed_in_as_it_is(site: Site) -> None:
    config = site.write([model(1, script(site.folder / "one", GOOD))])
    round_id = site.open()
    inbox = site.world.operator.inbox
    inbox.rename(inbox.with_name("away"))
    with site.node(config) as node:
        of_round = node.node.runs.journal.of(node.node.site.tournament, round_id, 1)

        def is_signed() -> bool:
            node.node.cycle()
            return of_round.progress().is_signed

        eventually(is_signed, "a signature", 120)
        signed = of_round.submission()
        assert AlarmReason.NOT_DELIVERED in node.alarms.raised
    inbox.with_name("away").rename(inbox)
    with site.node(config) as node:
        until_delivered(site, node, round_id, 1)
    (file,) = site.inbox(round_id, 1)
    assert file.read_bytes() == signed.content
    assert read_signature(file).signature == signed.signature


def test_a_node_that_lost_its_state_finds_what_was_handed_in_before(site: Site) -> None:
    config = site.write(
        [model(1, script(site.folder / "one", GOOD)), model(2, script(site.folder / "two", GOOD))]
    )
    round_id = site.open()
    with site.node(config) as node:
        until_delivered(site, node, round_id, 1, 2)
    shutil.rmtree(config.root)
    site.inbox(round_id, 2)[0].unlink()
    with site.node(config) as node:
        until_delivered(site, node, round_id, 1, 2)
    assert [len(site.inbox(round_id, each)) for each in (1, 2)] == [1, 1]
    assert [row.runs for row in status_of(config)] == [0, 1]


def test_a_run_that_the_node_did_not_survive_is_made_again(site: Site) -> None:
    config = site.write([model(1, script(site.folder / "one", GOOD))])
    round_id = site.open()
    with site.node(config) as node:
        node.node.cycle()
    with site.node(config) as node:
        until_delivered(site, node, round_id, 1)
        progress = node.node.runs.journal.of(node.node.site.tournament, round_id, 1).progress()
    assert [each.outcome for each in progress.attempts] == [RunOutcome.INTERRUPTED, RunOutcome.GOOD]


def test_a_hostile_model_holds_no_other_up_and_is_reported(site: Site) -> None:
    models = [
        model(1, script(site.folder / "nan", NAN)),
        model(2, script(site.folder / "good", GOOD)),
        model(
            3,
            script(
                site.folder / "other", GOOD.replace("for place in range(len(ids))", "for place in range(9)")
            ),
        ),
    ]
    config = site.write(models, run={"pause": 1000})
    round_id = site.open()
    with site.node(config) as node:
        until_delivered(site, node, round_id, 2)
        journal, tournament = node.node.runs.journal, node.node.site.tournament

        def have_ended() -> bool:
            node.node.cycle()
            return all(journal.of(tournament, round_id, each).record(1) for each in (1, 3))

        eventually(have_ended, "two ends", 120)
        records = [journal.of(tournament, round_id, each).record(1) for each in (1, 3)]
    assert [record and record.outcome for record in records] == [RunOutcome.REFUSED, RunOutcome.FAILED]
    assert records[0] is not None
    assert "NaN" in records[0].reason
    assert [row.state for row in status_of(config)] == ["failed", "delivered", "failed"]


def test_the_last_good_code_is_run_for_a_model_that_fails_and_is_marked_as_stale(site: Site) -> None:
    folder = script(site.folder / "one", GOOD)
    config = site.write([model(1, folder)], run={"attempts": 1})
    first = site.open()
    with site.node(config) as node:
        until_delivered(site, node, first, 1)
        script(folder, "raise SystemExit('no idea today')")
        second = site.open()
        until_delivered(site, node, second, 1)
        of_round = node.node.runs.journal.of(node.node.site.tournament, second, 1)
        assert of_round.submission().stale
        assert AlarmReason.STALE_SUBMISSION in node.alarms.raised
    states = {row.round_id: (row.state, row.stale) for row in status_of(config)}
    assert states == {first: ("delivered", False), second: ("delivered", True)}


def test_earlier_predictions_are_repeated_where_the_new_round_has_the_same_ids(site: Site) -> None:
    """As rounds of tickers do; where ids are new in every round, the check refuses them."""
    once = GOOD + "import os\nif os.environ['CUPEL_ROUND'] != '1': raise SystemExit(2)\n"
    config = site.write([model(1, script(site.folder / "one", once))], run={"attempts": 1})
    first = site.open()
    with site.node(config) as node:
        until_delivered(site, node, first, 1)
        second = site.open()
        until_delivered(site, node, second, 1)
        assert node.node.runs.journal.of(node.node.site.tournament, second, 1).submission().stale


def test_a_model_that_draws_without_a_seed_is_warned_of(site: Site) -> None:
    random = FAST + "import random\nvalues = [random.random() for _ in ids]\n" + WRITE
    config = site.write([model(1, script(site.folder / "one", random))])
    round_id = site.open()
    with site.node(config) as node:
        until_delivered(site, node, round_id, 1)
        runs, tournament = node.node.runs, node.node.site.tournament
        shutil.rmtree(runs.journal.of(tournament, round_id, 1).folder)

        def has_ended() -> bool:
            node.node.cycle()
            return runs.journal.of(tournament, round_id, 1).record(1) is not None

        eventually(has_ended, "an end", 120)
        record = runs.journal.of(tournament, round_id, 1).record(1)
    assert record is not None
    assert record.warning.endswith("does the model draw random numbers without a seed?")


def test_files_other_than_those_that_the_chain_committed_to_are_not_shown_to_any_model(site: Site) -> None:
    config = site.write([model(1, script(site.folder / "one", GOOD))])
    round_id = site.open()
    bundle = site.bundle(round_id)
    bundle.write_universe((*site.world.ids[1:], "stranger"))
    with site.node(config) as node:
        node.node.cycle()
        assert AlarmReason.INPUTS_MISSING in node.alarms.raised
        assert node.node.missing == 1
        bundle.write_universe(site.world.ids)
        until_delivered(site, node, round_id, 1)


def test_a_model_waits_for_live_data_that_come_later(site: Site) -> None:
    config = site.write([model(1, script(site.folder / "one", GOOD))])
    round_id = site.world.open()
    site.world.operator.inbox.mkdir(parents=True, exist_ok=True)
    site.world.anvil.finalise()
    with site.node(config) as node:
        node.node.cycle()
        assert AlarmReason.INPUTS_MISSING in node.alarms.raised
        write_live(site.published(round_id), site.world.ids)
        until_delivered(site, node, round_id, 1)


def test_a_round_in_the_clear_is_left_alone_unless_its_owner_agreed(site: Site) -> None:
    config = site.write([model(1, script(site.folder / "one", GOOD))], submit={"in_the_clear": False})
    site.open()
    with site.node(config) as node:
        node.node.cycle()
        assert AlarmReason.INPUTS_MISSING in node.alarms.raised


def test_a_human_is_called_when_the_close_is_near_and_when_it_has_passed(site: Site) -> None:
    config = site.write([model(1, script(site.folder / "one", "raise SystemExit(1)"))], run={"pause": 10_000})
    round_id = site.open()
    record = site.world.record(round_id)
    with site.node(config) as node:

        def has_failed() -> bool:
            node.node.cycle()
            return AlarmReason.MODEL_FAILED in node.alarms.raised

        eventually(has_failed, "a failure", 120)
        assert AlarmReason.NO_SUBMISSION not in node.alarms.raised
        site.world.anvil.advance_to(record.close_at - 900)
        look_again(node)
        assert AlarmReason.NO_SUBMISSION in node.alarms.raised
        site.world.anvil.advance_to(record.close_at)
        look_again(node)
        assert AlarmReason.MISSED_ROUND in node.alarms.raised


def look_again(node: AssembledNode) -> None:
    """Run a cycle that looks at the chain, however short ago the last one was."""
    node.node._seen = None
    node.node.cycle()


def test_an_endpoint_that_is_away_stops_no_model(site: Site) -> None:
    with proxy_of(site.world.anvil.url) as proxy:
        config = site.write(
            [model(1, script(site.folder / "one", GOOD))], chain={"endpoint": proxy.url, "timeout": 1.0}
        )
        round_id = site.open()
        with site.node(config) as node:
            node.node.cycle()
            proxy.misbehave(EVERY, is_gone)
            until_delivered(site, node, round_id, 1)
            assert AlarmReason.CANNOT_REACH_CHAIN in node.alarms.raised


def test_a_second_node_in_the_same_folder_is_refused(site: Site) -> None:
    config = site.write([model(1, script(site.folder / "one", GOOD))])
    with site.node(config), pytest.raises(JournalInUse, match="end it first"), site.node(config):
        pass


def test_a_new_model_is_tried_on_the_last_round_before_the_first_real_one(site: Site) -> None:
    folder = script(site.folder / "one", "raise SystemExit('no features')")
    config = site.write([model(1, folder)])
    round_id = site.open()
    site.world.anvil.advance_to(site.world.record(round_id).close_at)
    with site.node(config) as node:

        def is_reported() -> bool:
            node.node.cycle()
            return AlarmReason.MODEL_FAILED in node.alarms.raised

        eventually(is_reported, "an alarm", 120)
        assert not (config.root / "runs").joinpath(node.node.site.tournament.lower()).exists()
        script(folder, GOOD)
        journal = node.node.rehearsals.journal

        def is_good() -> bool:
            node.node.cycle()
            return journal.of(node.node.site.tournament, round_id, 1).progress().good is not None

        eventually(is_good, "a good rehearsal", 120)
    assert site.inbox(round_id, 1) == []


def test_once_ends_when_nothing_is_missing(site: Site) -> None:
    config = site.write([model(1, script(site.folder / "one", GOOD))])
    with site.node(config) as node:
        assert node.once(60) == 0
        round_id = site.open()
        look_again(node)
        assert node.once(120) == 0
    assert site.inbox(round_id, 1)


def test_a_folder_with_a_link_is_no_model_and_its_last_good_code_is_run(site: Site) -> None:
    folder = script(site.folder / "one", GOOD)
    config = site.write([model(1, folder)])
    first = site.open()
    with site.node(config) as node:
        until_delivered(site, node, first, 1)
        (folder / "data").symlink_to("/etc")
        second = site.open()
        until_delivered(site, node, second, 1)
        assert AlarmReason.MODEL_FAILED in node.alarms.raised
        assert node.node.runs.journal.of(node.node.site.tournament, second, 1).submission().stale


def test_a_disk_that_is_full_at_the_end_of_a_run_loses_no_predictions(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = site.write([model(1, script(site.folder / "one", GOOD))])
    round_id = site.open()
    with site.node(config) as node, monkeypatch.context() as full:
        ends = ModelRound.end

        def end(*_given: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        full.setattr(ModelRound, "end", end)

        def is_reported() -> bool:
            node.node.cycle()
            return AlarmReason.BROKEN_FILE in node.alarms.raised

        eventually(is_reported, "an alarm", 120)
        full.setattr(ModelRound, "end", ends)
        until_delivered(site, node, round_id, 1)
    assert [row.runs for row in status_of(config)] == [1]
