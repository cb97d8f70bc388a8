"""The fast part of the campaign of tampering; ``python -m tests.hostile.tampering`` is the whole."""

from collections.abc import Iterator
from itertools import islice

import pytest

from scorer.isolation import IsolatedReader
from scorer.storage.verification import verify_bundle
from tests.hostile.tampering import (
    Ground,
    all_tampers,
    folder_tampers,
    forgery_tampers,
    ground,
    outcome,
    void_tampers,
)

FAST = 60
"""How many of the tampers of every kind are tried here."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return ground(tmp_path_factory.mktemp("tampering"))


@pytest.fixture(scope="module")
def reader() -> Iterator[IsolatedReader]:
    with IsolatedReader() as reader:
        yield reader


def test_bundles_that_nobody_touched_agree(found: Ground, reader: IsolatedReader) -> None:
    for kind, folder in found.folders.items():
        verdict = verify_bundle(folder, found.chains[kind], reader)
        assert (verdict.count, verdict.not_covered) == (0, ()), kind


def test_tampers_of_every_kind_are_noticed_or_mean_the_same(found: Ground, reader: IsolatedReader) -> None:
    tampers = list(all_tampers(found, regions=2, every=60))
    some = islice(tampers, 0, None, len(tampers) // FAST)
    outcomes = [outcome(tamper, found, reader) for tamper in some]
    assert [o.tamper.what for o in outcomes if o.kind not in ("named", "same")] == []
    assert len(outcomes) >= FAST


def test_forgeries_folders_and_void_rounds_are_judged_by_what_they_are(
    found: Ground, reader: IsolatedReader
) -> None:
    tampers = [*forgery_tampers(), *folder_tampers(), *void_tampers(found.folders["settled"])]
    outcomes = [outcome(tamper, found, reader) for tamper in tampers]
    assert [o.tamper.what for o in outcomes if o.kind not in ("named", "same")] == []
