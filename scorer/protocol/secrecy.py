"""The section ``secrecy`` of a round's rules: who reads predictions, and when."""

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from scorer.protocol.fields import Nano, Section, above_zero, whole

DAY: Final = 24 * 3600
MOST_DEMANDS: Final = 16
"""Models of a round at most whose predictions may be demanded (Demands.MAX_DEMANDS)."""


def _none_for_zero(demands: int) -> int | None:
    """Return None for no demands: rules that say so have the hash of those that do not name them."""
    return demands or None


Demands = Annotated[int, BeforeValidator(whole), Field(ge=0, le=MOST_DEMANDS), AfterValidator(_none_for_zero)]


class Secrecy(Section):
    """Secrecy of submissions, of others' predictions after the outcome, and of the meta model.

    ``submissions`` that are ``encrypted`` are read by members of the committee alone, once every stake is
    locked. Everybody gets the valid ones as ``predictions`` says: never, which is the default, at the
    resolution, or ``days`` days after it. The digest of the meta model is public at the seal; ``meta_model``
    says when everybody gets its body: at the seal, or at the resolution, which is the default.

    ``demands`` is the number of models, drawn by their payouts once a report is public, that must show their
    predictions where somebody pays ``deposit`` nano-NMR for it, or earn nothing. Absent: none.
    """

    submissions: Literal["encrypted", "in the clear"]
    predictions: Literal["never", "at the resolution", "after days"] | None = None
    days: Annotated[int, Field(gt=0, le=3650)] | None = None
    meta_model: Literal["at the seal", "at the resolution"] | None = None
    demands: Demands | None = None
    deposit: Annotated[Nano, AfterValidator(above_zero)] | None = None

    @model_validator(mode="after")
    def _nothing_more_in_the_clear(self) -> Self:
        others = {self.predictions, self.days, self.meta_model, self.demands, self.deposit}
        if self.submissions == "in the clear" and others != {None}:
            raise ValueError(
                "expected nothing beside submissions where they are in the clear: everybody reads all at once"
            )
        return self

    @model_validator(mode="after")
    def _days_where_they_count(self) -> Self:
        if (self.predictions == "after days") != (self.days is not None):
            raise ValueError('expected days together with predictions = "after days", found one of them')
        return self

    @model_validator(mode="after")
    def _deposit_where_it_counts(self) -> Self:
        if (self.demands is None) != (self.deposit is None):
            raise ValueError("expected demands above 0 and deposit together, found one of them")
        return self

    def predictions_public_from(self, resolve_at: int) -> int | None:
        """Return the Unix time from which everybody gets valid predictions; None: never.

        Parameters
        ----------
        resolve_at
            The round's resolution, Unix seconds.
        """
        if self.predictions == "at the resolution":
            return resolve_at
        return None if self.days is None else resolve_at + self.days * DAY
