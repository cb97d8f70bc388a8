"""The one registry of scores, by scoring version and name."""

from typing import Final

from scorer.factors import version_1
from scorer.factors.score import InputTable, Score

VERSIONS: Final[dict[int, tuple[Score, ...]]] = {1: version_1.SCORES}
"""The scores of each scoring version. A version that once scored a round is never removed or changed."""


def find_score(version: int, name: str) -> Score | None:
    """Return the score that rules of a scoring version mean by `name`; None where it has none."""
    return next((score for score in VERSIONS[version] if score.name == name), None)


def score_of(version: int, name: str) -> Score:
    """Return the score that rules of a scoring version mean by `name`.

    Raises
    ------
    LookupError
        When the version has no such score, which rules that were read cannot name.
    """
    score = find_score(version, name)
    if score is None:
        raise LookupError(f"expected a score of scoring version {version}, found {name}")
    return score


def score_names() -> tuple[str, ...]:
    """Return the names of all scores of all versions, each once."""
    return tuple(dict.fromkeys(score.name for scores in VERSIONS.values() for score in scores))


def table_schemas() -> dict[str, InputTable]:
    """Return the tables of all scores of all versions, by name."""
    scores = (score for version in VERSIONS.values() for score in version)
    return {table.name: table for score in scores for table in score.tables}
