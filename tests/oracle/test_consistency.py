"""A report that was kept is used again only where the chain still says what it rests on."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from scorer.evaluation.evaluate import evaluate
from scorer.evaluation.inputs import Positions, RoundInputs
from scorer.observation.observe import Sealed
from scorer.oracle.actions import Attest
from scorer.oracle.cache import MemberCache
from scorer.oracle.consistency import disagreement
from scorer.storage.bundle import POSITIONS, REPORT, SIGNATURES, Bundle
from tests.small_round import AMOUNTS, SmallRound, address_of, positions_of
from tests.world import FIRST, World, begins, one_sealed

INPUTS = SmallRound().inputs()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("bundle") / "5"
    Bundle(folder).write(INPUTS, evaluate(INPUTS))
    return folder


@pytest.fixture
def bundle(original: Path, tmp_path: Path) -> Bundle:
    """A copy to spoil."""
    return Bundle(Path(shutil.copytree(original, tmp_path / "5")))


def found(bundle: Bundle, inputs: RoundInputs = INPUTS) -> str | None:
    return disagreement(bundle, Sealed(9, inputs.terms, inputs.positions), inputs.submitters)


def test_a_report_by_what_the_chain_says_stands(bundle: Bundle) -> None:
    assert found(bundle) is None


def test_a_lane_that_a_model_takes_later_changes_nothing(bundle: Bundle) -> None:
    models = tuple(model or 50 + lane for lane, model in enumerate(INPUTS.positions.models))
    assert found(bundle, replace(INPUTS, positions=Positions(INPUTS.positions.chunks, models))) is None


def swapped(positions: Positions) -> Positions:
    first, second, *others = positions.models
    return Positions(positions.chunks, (second, first, *others))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (replace(INPUTS, terms=replace(INPUTS.terms, chain_id=137)), "chain id 137, found 31337"),
        (replace(INPUTS, terms=replace(INPUTS.terms, tournament="0x" + "22" * 20)), "tournament 0x2222"),
        (replace(INPUTS, terms=replace(INPUTS.terms, round_id=6)), "round 6, found 5"),
        (replace(INPUTS, terms=replace(INPUTS.terms, cap=1)), "terms RoundTerms("),
        (replace(INPUTS, positions=swapped(INPUTS.positions)), "models of the positions of 8 models"),
        (replace(INPUTS, positions=positions_of(dict(AMOUNTS) | {1: 5})), "models of the positions"),
        (replace(INPUTS, submitters={**INPUTS.submitters, 2: address_of(3)}), "submitters of 9 models"),
        (replace(INPUTS, submitters={2: address_of(2)}), "submitters of 9 models"),
    ],
)
def test_a_report_that_rests_on_anything_else_does_not_stand(
    bundle: Bundle, changed: RoundInputs, says: str
) -> None:
    problem = found(bundle, changed)
    assert problem is not None
    assert f"{bundle.folder}: expected the chain's {says}" in problem


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("file", [REPORT, POSITIONS, SIGNATURES, "manifest.json"])
@pytest.mark.parametrize("spoil", [empty, Path.unlink])
def test_a_report_that_cannot_be_read_does_not_stand(
    bundle: Bundle, file: str, spoil: Callable[[Path], None]
) -> None:
    spoil(bundle.folder / file)
    assert file in str(found(bundle))


def test_signatures_that_are_no_list_of_entries_do_not_stand(bundle: Bundle) -> None:
    (bundle.folder / SIGNATURES).write_text(json.dumps({"model_id": 1}))
    assert SIGNATURES in str(found(bundle))


def test_a_bundle_is_put_aside_whole_and_never_onto_another(bundle: Bundle) -> None:
    files = sorted(each.name for each in bundle.folder.iterdir())
    first = bundle.set_aside()
    assert not bundle.folder.exists()
    assert sorted(each.name for each in first.iterdir()) == files
    bundle.folder.mkdir()
    assert [first.name, bundle.set_aside().name] == ["5.aside-1", "5.aside-2"]


@begins(one_sealed)
def test_a_report_of_other_positions_is_kept_aside_reported_and_computed_anew(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    alarms: list[tuple[str, str]] = []
    member = replace(
        world.members[0],
        sender=None,
        raise_alarm=lambda reason, detail: alarms.append((reason.name, detail)),
        cache=MemberCache(),
    )
    (step,) = member.cycle()
    assert isinstance(step.action, Attest)
    bundle = member.bundle(round_id)
    columns = swapped(bundle.positions()).columns()
    # As a lie about the models would have left it.
    bundle._write_table(POSITIONS, columns)
    assert [step.action for step in member.cycle()] == [step.action]
    assert alarms == []
    again = replace(member, cache=MemberCache())
    assert [step.action for step in again.cycle()] == [step.action]
    ((kind, detail),) = alarms
    assert kind == "SET_ASIDE"
    assert f"it is kept as {round_id}.aside-1" in detail
    assert (
        Bundle(bundle.folder.with_name(f"{round_id}.aside-1")).positions().columns().keys() == columns.keys()
    )
