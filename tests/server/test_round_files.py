"""Files of rounds: unknown names cost nothing, a round is read once for all, failures are remembered."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from scorer.oracle.exchange import PUBLIC, public_files
from scorer.protocol.rules import preset
from scorer.server import settled_bundles
from scorer.storage.bundle import REPORT, SCORES, round_folder
from tests.chains import Chains
from tests.server.site import Site, running_site
from tests.server.test_statements import counted
from tests.small_round import in_the_clear
from tests.world import World, begins, lent_world, one_settled, two_settled


@pytest.fixture
def settled(chains: Chains, tmp_path: Path) -> Iterator[Site]:
    """A server of a world with one settled round."""
    with (
        lent_world(chains, tmp_path, begin=one_settled) as world,
        running_site(world, tmp_path / "server") as site,
    ):
        site.step()
        yield site


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders whose bundle is read meanwhile."""
    found: list[Path] = []
    read = settled_bundles._read

    def noted(folder: Path, *more: object) -> object:
        found.append(folder)
        return read(folder, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(settled_bundles, "_read", noted)
    return found


def status(site: Site, file: str, number: int = 1) -> int:
    return requests.get(f"{site.url}/rounds/{number}/{file}", timeout=60).status_code


def test_a_name_that_is_never_public_is_refused_before_anything_is_looked_up(
    settled: Site, reads: list[Path]
) -> None:
    with counted(settled) as statements:
        for name in ("journal.sqlite", "release.json", "report.json.bak", "REPORT.JSON", "x" * 2_000):
            assert status(settled, name) == 404
        assert status(settled, "%00") == 400  # no address has a character that no database can store
        assert statements == []
    assert reads == []
    assert status(settled, "names.json") in (200, 404)  # the operator's, for which no bundle is read
    assert reads == []


def test_a_round_is_read_once_for_all_who_ask_for_its_files(settled: Site, reads: list[Path]) -> None:
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda file: status(settled, file), [REPORT, SCORES] * 3))
    assert found == [200] * 6
    assert len(reads) == 1


def test_a_bundle_that_is_missing_is_looked_for_once_a_minute(settled: Site, reads: list[Path]) -> None:
    now = [0.0]
    settled.services.bundles._reads.clock = lambda: now[0]
    addresses = settled.world.suite.addresses
    folder = round_folder(settled.world.members[0].paths.rounds, addresses.tournament, 1)
    scores = (folder / SCORES).read_bytes()
    (folder / SCORES).write_bytes(b"PAR1")
    assert [status(settled, REPORT) for _ in range(5)] == [404] * 5
    (folder / SCORES).write_bytes(scores)
    assert status(settled, REPORT) == 404
    assert len(reads) == 1
    now[0] = 60.0
    assert status(settled, REPORT) == 200
    assert len(reads) == 2


def test_a_round_that_is_not_settled_yet_is_there_as_soon_as_it_is(settled: Site) -> None:
    world = settled.world
    number = world.sealed_round()
    settled.step()
    assert status(settled, REPORT, number) == 404
    world.settle(number)
    settled.step()
    assert status(settled, REPORT, number) == 200


@begins(two_settled)
def test_no_more_rounds_are_kept_than_there_is_room_for(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: list[Path]
) -> None:
    monkeypatch.setattr(settled_bundles, "KEPT", 1)
    with running_site(world, tmp_path / "server") as site:
        site.step()
        assert [status(site, REPORT, number) for number in (1, 1, 2, 2, 1)] == [200] * 5
    assert [folder.name for folder in reads] == ["1", "2", "1"]


def test_every_file_that_can_be_public_is_known(world: World) -> None:
    record = world.record(world.sealed_round())
    for rules in (preset("classic"), in_the_clear(preset("classic"))):
        assert set(public_files(rules, record, 2**40, has_report=True)) <= PUBLIC
