"""Declarations of scores: the name, the tables and targets, and the function that computes it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from scorer.factors.inputs import FactorInputs, Floats


@dataclass(frozen=True)
class InputTable:
    """A table that scores read: float64 columns with a row for every id of the universe.

    Attributes
    ----------
    name
        Of the table and, with ``.parquet``, of its file in a bundle. One name has one meaning in all scoring
        versions.
    columns
        Columns that the table must have.
    takes_more
        Whether it may have further columns.
    """

    name: str
    columns: tuple[str, ...] = ()
    takes_more: bool = False

    def wrong_columns(self, found: Collection[str]) -> tuple[str, str] | None:
        """Return (expected, found) where a table's columns are not those declared, else None."""
        if self.takes_more and not found:
            return "a column or more", "none"
        is_right = set(self.columns) <= set(found) if self.takes_more else list(found) == [*self.columns]
        return None if is_right else (f"the column {', '.join(self.columns)}", ", ".join(found) or "none")


@dataclass(frozen=True)
class Score:
    """A score that rules may name.

    Attributes
    ----------
    name
        The score's name in rules, and the beginning of its column in scores.parquet.
    compute
        Takes the round's inputs and a target's name; returns one score per submission, shape (models,), NaN
        where a submission cannot be scored.
    tables
        Needed besides targets, submissions and positions.
    needs_portfolio
        Whether rules with this score must have a section portfolio.
    on_any_target
        Whether it may stand on any target; otherwise on the first target of the rules alone.
    rests_on_meta_model
        Whether a submission's score depends on the meta model besides its own predictions.
    rests_on_all
        Whether it depends on the predictions of all that count.
    by_id
        Returns the contributions of single ids, see `scorer.factors.by_id`; None where it is no sum over ids.
    """

    name: str
    compute: Callable[[FactorInputs, str], Floats]
    tables: tuple[InputTable, ...] = ()
    needs_portfolio: bool = False
    on_any_target: bool = True
    rests_on_meta_model: bool = False
    rests_on_all: bool = False
    by_id: Callable[[FactorInputs, str], Floats] | None = None
