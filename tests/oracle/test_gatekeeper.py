"""Churn of encrypted submissions: all members compare the same ones, whatever each could read."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scorer.oracle.gatekeeper import Gatekeeper
from scorer.protocol.rules import NeutralChurn
from scorer.protocol.tables import Table
from scorer.storage.bundle import Bundle, BundleError
from tests.chains import Chains
from tests.encrypted_world import encrypted_world
from tests.operator.test_collecting import LONG_IDS, gate_tables
from tests.world import World, lent_world


@pytest.fixture
def churning(chains: Chains, tmp_path: Path) -> Iterator[World]:
    """A world of encrypted submissions whose rules ask for neutral churn."""
    with lent_world(chains, tmp_path, 4) as world:
        asked = NeutralChurn(threshold="0.1", scale="10")  # type: ignore[arg-type]
        adjusters = world.rules.adjusters.model_copy(update={"neutral_churn": asked})
        rules = world.rules.model_copy(update={"adjusters": adjusters})
        yield encrypted_world(replace(world, ids=LONG_IDS, rules=rules, tables=gate_tables(len(LONG_IDS))))


def churn(world: World, round_id: int) -> Table:
    """What the first member computes of a round."""
    member = world.members[0]
    gatekeeper = Gatekeeper(world.suite, member.bundle)
    return gatekeeper.neutral_churn(world.record(round_id), member.bundle(round_id).submissions())


def blind(bundle: Bundle, models: Sequence[int]) -> None:
    """A member that could not read some submissions."""
    submissions = bundle.submissions()
    entries = (
        replace(entry, predictions=np.full(len(LONG_IDS), np.nan)) if entry.model_id in models else entry
        for entry in submissions.entries
    )
    bundle.write_decrypted(replace(submissions, entries=tuple(entries)))


def sealed(world: World) -> int:
    """A round in which every model submitted."""
    round_id = world.open()
    world.submit_all(round_id, range(1, 5))
    world.close_and_seal(round_id)
    return round_id


def test_who_could_read_a_submission_that_does_not_count_computes_the_same_churn(churning: World) -> None:
    before, current = (sealed(churning) for _ in range(2))
    refused = {before: [3], current: [2]}
    for round_id, models in refused.items():
        churning.members[0].bundle(round_id).write_refused(models)
    readable = churn(churning, current)["neutral_churn"].tolist()
    assert readable[1:3] == [1, 1]
    assert max(readable[0], readable[3]) < 1
    for round_id, models in refused.items():
        blind(churning.members[0].bundle(round_id), models)
    assert churn(churning, current)["neutral_churn"].tolist() == readable


@pytest.mark.parametrize("which", [0, 1])
def test_a_member_that_cannot_read_what_counts_computes_no_churn(churning: World, which: int) -> None:
    rounds = [sealed(churning) for _ in range(2)]
    blind(churning.members[0].bundle(rounds[which]), [1])
    with pytest.raises(BundleError, match="expected the predictions of model 1, which count"):
        churn(churning, rounds[1])
