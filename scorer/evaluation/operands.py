"""The operands of a round's report, for a contract that computes its scores again."""

import numpy as np
from numpy.typing import NDArray

from scorer.evaluation.inputs import InputsMismatch, RoundInputs
from scorer.proofs.evidence import Operands, operands
from scorer.proofs.terms import BENCHMARK_META_MODEL, ScoreTerms, score_terms
from scorer.proofs.vectors import NotProvable
from scorer.protocol.report import NO_OPERANDS
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


def round_operands(inputs: RoundInputs, meta_model: NDArray[np.float64]) -> Operands | None:
    """Return the operands that a report of the round commits to; None for a round without terms.

    Parameters
    ----------
    meta_model
        Shape (ids,); NaN where nobody staked.

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
        return operands(terms, inputs.targets, None if np.isnan(meta_model).any() else meta_model, benchmark)
    except NotProvable as reason:
        raise InputsMismatch("targets", "numbers that fit the round's terms", str(reason)) from None


def operands_hash(found: Operands | None) -> bytes:
    """Return the hash of a report's operands, 32 bytes; zeros where it has none."""
    return NO_OPERANDS if found is None else found.hash()
