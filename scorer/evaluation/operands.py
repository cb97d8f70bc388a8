"""The operands of a round's report, for a contract that computes its scores again."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.evaluation.inputs import InputsMismatch, RoundInputs
from scorer.proofs.evidence import Operands, operands
from scorer.proofs.meta_steps import StepTree
from scorer.proofs.terms import BENCHMARK_META_MODEL, ScoreTerms, score_terms
from scorer.proofs.vectors import NotProvable
from scorer.protocol.documents import to_hex
from scorer.protocol.report import NO_STEPS, stated_operands, stated_steps
from scorer.protocol.rules import NO_TERMS


def terms_of(inputs: RoundInputs) -> ScoreTerms | None:
    """Return the terms in numbers that a round was opened with; None where it has none.

    Raises
    ------
    InputsMismatch
        When the chain has terms that are not those of the rules and the universe.
    """
    if inputs.terms.terms_hash == NO_TERMS:
        return None
    try:
        terms = score_terms(inputs.rules, len(inputs.submissions.universe))
    except NotProvable as reason:
        raise InputsMismatch("terms hash", f"none, as {reason}", inputs.terms.terms_hash.hex()) from None
    if terms.hash() != inputs.terms.terms_hash:
        raise InputsMismatch("terms hash", inputs.terms.terms_hash.hex(), terms.hash().hex())
    return terms


def round_steps(inputs: RoundInputs) -> bytes:
    """Return the root over the meta model's sums that a report of the round commits to, 32 bytes.

    Zeros for a round without terms. All predictions of what counts must be known.
    """
    if inputs.terms.terms_hash == NO_TERMS:
        return NO_STEPS
    return StepTree.of(inputs.submissions, inputs.refused, inputs.positions.by_model).root


def round_operands(inputs: RoundInputs, meta_model: NDArray[np.float64], steps: bytes) -> Operands | None:
    """Return the operands that a report of the round commits to; None for a round without terms.

    Parameters
    ----------
    meta_model
        Shape (ids,); NaN where nobody staked.
    steps
        From `round_steps`, or as a manifest states it.

    Raises
    ------
    InputsMismatch
        When the chain's terms are others, or a target cannot be a round's with these terms.
    """
    terms = terms_of(inputs)
    if terms is None:
        return None
    benchmark = inputs.tables.get(BENCHMARK_META_MODEL, {}).get(BENCHMARK_META_MODEL)
    try:
        staked = None if np.isnan(meta_model).any() else meta_model
        return operands(terms, inputs.targets, staked, benchmark, steps)
    except NotProvable as reason:
        raise InputsMismatch("targets", "numbers that fit the round's terms", str(reason)) from None


def stated(found: Operands | None) -> dict[str, str]:
    """Return what a manifest states of a report's operands: their hash, and the steps where there are any."""
    if found is None:
        return {}
    steps = {} if found.steps == NO_STEPS else {"steps": to_hex(found.steps)}
    return {"operands": to_hex(found.hash()), **steps}


def restated(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return what another's manifest states of its report's operands, in the form of `stated`."""
    known = {"operands": stated_operands(manifest), "steps": stated_steps(manifest)}
    return {name: to_hex(each) for name, each in known.items() if each != bytes(32)}
