"""The section ``secrecy`` of a round's rules: who reads predictions, and when."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from scorer.protocol.fields import Section

DAY: Final = 24 * 3600


class Secrecy(Section):
    """Secrecy of submissions, of others' predictions after the outcome, and of the meta model.

    ``submissions`` that are ``encrypted`` are read by members of the committee alone, once every stake is
    locked. Everybody gets the valid ones as ``predictions`` says: never, which is the default, at the
    resolution, or ``days`` days after it. The digest of the meta model is public at the seal; ``meta_model``
    says when everybody gets its body: at the seal, or at the resolution, which is the default.
    """

    submissions: Literal["encrypted", "in the clear"]
    predictions: Literal["never", "at the resolution", "after days"] | None = None
    days: Annotated[int, Field(gt=0, le=3650)] | None = None
    meta_model: Literal["at the seal", "at the resolution"] | None = None

    @model_validator(mode="after")
    def _nothing_more_in_the_clear(self) -> Self:
        if self.submissions == "in the clear" and {self.predictions, self.days, self.meta_model} != {None}:
            raise ValueError(
                "expected nothing beside submissions where they are in the clear: everybody reads all at once"
            )
        return self

    @model_validator(mode="after")
    def _days_where_they_count(self) -> Self:
        if (self.predictions == "after days") != (self.days is not None):
            raise ValueError('expected days together with predictions = "after days", found one of them')
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
