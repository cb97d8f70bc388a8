"""The error of a wrong argument to a score, and the reasons why a submission has no score."""

from enum import StrEnum
from typing import NoReturn


class ScoringInputError(ValueError, AssertionError):
    """An argument does not fit: its shape, type, values or index.

    It is also an ``AssertionError``, because that is what ``numerai_tools`` raises in these places.
    """


class UnscoredReason(StrEnum):
    """The reason why a submission has no score. Its value is the sentence shown to the data scientist."""

    MISSING_VALUE = "the submission has a missing value"
    TOO_FEW_IDS = "the submission has values for too few of the target's ids"
    CONSTANT = "the submission has the same value for every id"
    EXPLAINED = "the features explain the submission entirely"
    CONSTANT_TARGET = "the target has the same value for every id"
    CONSTANT_META_MODEL = "the meta model has the same value for every id"


def refuse(argument: str, expected: str, found: object, remedy: str) -> NoReturn:
    """Raise a ScoringInputError that says what was expected, what was found and what to do."""
    raise ScoringInputError(f"{argument}: expected {expected}, found {found}; {remedy}")
