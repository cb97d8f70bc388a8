"""A node in a small tournament: every model takes part in every round once, whatever goes wrong."""

from pathlib import Path

import pytest

from scorer.compute.assembly import AssembledNode
from scorer.compute.status import log_of, status_of
from tests.compute.models import GOOD, Site, model, script
from tests.waiting import eventually
from tests.world import World


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
