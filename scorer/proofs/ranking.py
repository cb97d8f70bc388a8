"""A submission as the contract ranks it: its predictions, and the order that it checks instead of sorting."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scorer.proofs.integers import two_bytes
from scorer.protocol.digest import prediction_bytes
from scorer.scoring.exact import Floats


@dataclass(frozen=True)
class RankedSubmission:
    """Predictions in the order of the universe, shape (ids,), none negative and none missing."""

    predictions: Floats

    @cached_property
    def content(self) -> bytes:
        """The predictions, 8 bytes each, of which the content hash is made."""
        return prediction_bytes(self.predictions)

    @cached_property
    def order(self) -> bytes:
        """The ids by ascending (prediction, id), 2 bytes each."""
        return two_bytes(np.argsort(self.predictions, kind="stable")).tobytes()

    @cached_property
    def has_ties(self) -> bool:
        """True where ids have equal predictions, so that a proof needs the even ranks."""
        return len(np.unique(self.predictions)) < len(self.predictions)
