"""Golden bundles: every preset's rules, and every score and adjuster at once, recomputed bit by bit.

A bundle here was written once, by the code of its time. If one of these tests fails, members of a committee
that run different versions of the code disagree, and old rounds cannot be recomputed any more: what was
changed needs a new version number beside the old one. A bundle is never written again; one for a new preset
or version is added by ``python -m tests.evaluation.test_golden``, which leaves those that exist alone.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from scorer.evaluation.evaluate import evaluate
from scorer.evaluation.inputs import RoundInputs
from scorer.evaluation.restate import restate
from scorer.evaluation.verify import differences
from scorer.protocol.rules import Rules, preset
from scorer.storage.bundle import MANIFEST, REPORT, RULES, Bundle
from tests.round_tables import ADJUSTERS, ALL_SCORES, SECOND, rules_with, tables
from tests.small_round import SmallRound, in_the_clear

GOLDEN = Path(__file__).parent / "golden"
PRESETS = tuple(
    sorted(
        file.name.removesuffix(".toml") for file in (resources.files("scorer.protocol") / "presets").iterdir()
    )
)
CLEAR = "-in-the-clear"
EVERYTHING: Mapping[str, Mapping[str, Any]] = {"v1-everything": ADJUSTERS, "v2-everything": SECOND}
BUNDLES = (
    *(f"v{preset(name).version}-{name}" for name in PRESETS),
    f"v1-classic{CLEAR}",
    *EVERYTHING,
)
"""By version of the rules and name; the last three as before submissions were encrypted."""


def rules_of(bundle: str) -> Rules:
    if bundle in EVERYTHING:
        return rules_with(*ALL_SCORES, adjusters=EVERYTHING[bundle])
    name = bundle.split("-", 1)[1]
    clear = name.removesuffix(CLEAR)
    return preset(name) if clear == name else in_the_clear(preset(clear))


def inputs_of(bundle: str) -> RoundInputs:
    rules = rules_of(bundle)
    inputs = SmallRound(rules=rules).inputs()
    needed = {name: table for name, table in tables().items() if name in rules.needs}
    return replace(inputs, tables=needed)


def hashes() -> dict[str, tuple[str, str]]:
    """(rules hash, report hash) by bundle, of the list that is kept beside the bundles."""
    kept = GOLDEN / "hashes.txt"
    lines = kept.read_text().splitlines() if kept.is_file() else []
    return {name: (rules, report) for name, rules, report in (line.split() for line in lines)}


def test_every_preset_has_its_golden_bundle() -> None:
    assert set(BUNDLES) <= set(hashes())
    assert {path.name for path in GOLDEN.iterdir() if path.is_dir()} == set(hashes())


@pytest.mark.parametrize("bundle", hashes())
def test_a_golden_bundle_is_recomputed_without_a_difference(bundle: str) -> None:
    assert list(differences(Bundle(GOLDEN / bundle).published())) == []


@pytest.mark.parametrize("bundle", hashes())
def test_a_golden_bundle_has_the_hashes_that_it_was_written_with(bundle: str) -> None:
    kept, stored = hashes()[bundle], Bundle(GOLDEN / bundle)
    result = evaluate(stored.inputs())
    assert (stored.rules().hash().hex(), result.report.hash().hex()) == kept
    assert hashlib.sha256((GOLDEN / bundle / RULES).read_bytes()).hexdigest() == kept[0]


@pytest.mark.parametrize("bundle", hashes())
def test_the_outcome_of_a_golden_bundle_follows_from_its_factor_scores(bundle: str) -> None:
    assert restate(Bundle(GOLDEN / bundle).published()).report.hash().hex() == hashes()[bundle][1]


@pytest.mark.parametrize("bundle", BUNDLES)
def test_rules_were_not_changed_under_their_old_version(bundle: str) -> None:
    """A preset is part of its version: whoever changes one adds it under another name or version."""
    assert rules_of(bundle).hash().hex() == hashes()[bundle][0]


@pytest.mark.parametrize("bundle", BUNDLES)
def test_the_golden_round_is_the_small_round(bundle: str) -> None:
    """Shows that the bundles are no accident: their inputs are made from plain numbers."""
    assert evaluate(inputs_of(bundle)).report.hash().hex() == hashes()[bundle][1]


def test_the_golden_rounds_pay_and_burn() -> None:
    for bundle in BUNDLES:
        report = Bundle(GOLDEN / bundle).report()
        assert report.total_payout > 0, bundle
        assert report.total_burn > 0, bundle


def write_missing() -> None:
    """Add the bundles that are not there yet."""
    known = hashes()
    for bundle in BUNDLES:
        if bundle not in known:
            inputs = inputs_of(bundle)
            result = evaluate(inputs)
            Bundle(GOLDEN / bundle).write(inputs, result)
            known[bundle] = (inputs.rules.hash().hex(), result.report.hash().hex())
            assert (GOLDEN / bundle / MANIFEST).is_file()
            assert (GOLDEN / bundle / REPORT).is_file()
    lines = [" ".join((name, *pair)) for name, pair in known.items()]
    (GOLDEN / "hashes.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write_missing()
