"""Answers that an endpoint shows: taken where they are what was signed, and where none is kept back."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from scorer.chain.logs import IncompleteLogs
from scorer.observation import answers
from scorer.observation.answers import are_signed, read_answers, with_answers
from scorer.observation.observe import finalised_block
from scorer.proofs.calls import SealedTree
from scorer.protocol.digest import prediction_bytes
from tests.chains import Chains
from tests.demanding_world import demand, drawing_of, lent_demanding_world, public_files
from tests.world import FIRST, World


@dataclass(frozen=True)
class Answered:
    """A round in which the predictions of one model were shown."""

    world: World
    model: int
    report_hash: bytes

    @property
    def hidden(self) -> SealedTree:
        """The round's submissions as everybody has them: without predictions."""
        return public_files(self.world, FIRST).sealed

    def shown(self) -> dict[int, Any]:
        """The predictions, by model, that are known with the answers."""
        at = finalised_block(self.world.suite)
        found = with_answers(self.world.suite, FIRST, self.report_hash, self.hidden, at)
        return {
            entry.model_id: entry.predictions
            for entry in found.submissions.entries
            if entry.predictions is not None
        }


@pytest.fixture(scope="module")
def answered(chains: Chains, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answered]:
    """A round with one answer, which a member gave."""
    with lent_demanding_world(chains, tmp_path_factory.mktemp("answers")) as world:
        (drawn,) = demand(world, FIRST, 0)
        drawing = drawing_of(world, FIRST)
        world.anvil.advance_to(drawing.until[0])
        world.cycle(0)
        yield Answered(world, drawn.model, drawing.proposal.report_hash)


def test_what_was_shown_is_known_and_nothing_else(answered: Answered) -> None:
    shown = answered.shown()
    assert list(shown) == [answered.model]
    expected = answered.world.predictions(answered.model, FIRST).to_numpy()
    assert np.asarray(shown[answered.model]).tolist() == expected.tolist()


@pytest.mark.parametrize("other", [b"", b"\0" * 7, prediction_bytes(np.full(60, 0.5))], ids=len)
def test_an_endpoint_that_shows_other_predictions_is_not_believed(
    answered: Answered, monkeypatch: pytest.MonkeyPatch, other: bytes
) -> None:
    lie = {"args": {"modelId": answered.model, "predictions": other}}
    monkeypatch.setattr(answers, "event_logs", lambda *_: iter([lie]))
    assert answered.shown() == {}


def test_an_endpoint_that_keeps_an_answer_back_is_noticed(
    answered: Answered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "event_logs", lambda *_: iter([]))
    with pytest.raises(IncompleteLogs, match=r"expected 1 answers to demands in the blocks .*, found 0"):
        answered.shown()


def test_under_a_report_that_was_not_drawn_nothing_was_shown(answered: Answered) -> None:
    at = finalised_block(answered.world.suite)
    assert read_answers(answered.world.suite, FIRST, b"\7" * 32, at) == {}


def test_predictions_that_are_withheld_are_not_signed(answered: Answered) -> None:
    hidden = answered.hidden.submissions
    assert not any(are_signed(entry, hidden.universe) for entry in hidden.entries)
