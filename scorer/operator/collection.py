"""Describes what was taken from a round's inbox, and reads and writes what is published of that."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from scorer.protocol.submissions import Submissions
from scorer.storage.bundle import SELECTION, Bundle


@dataclass(frozen=True)
class Refusal:
    """A submission that was not taken, with the reason; of the model 0 where its name does not say of which.

    Attributes
    ----------
    is_defect
        Whether this program failed on it; not published.
    """

    model_id: int
    file: str
    reason: str
    is_defect: bool = field(default=False, compare=False)

    def document(self) -> dict[str, Any]:
        """Return what is published of it."""
        return {name: value for name, value in asdict(self).items() if name != "is_defect"}


@dataclass(frozen=True)
class Collection:
    """The submissions that were taken from the inbox of a round, and those that were not.

    Attributes
    ----------
    submissions
        All that are committed to and scored.
    staked
        The models whose stake is to be locked.
    lanes
        The number of lanes that there were: a model that got its lane later does not stake, as with a deposit
        after another anybody could keep a lock from its end. None: all lanes stake.
    """

    submissions: Submissions
    refusals: tuple[Refusal, ...]
    staked: frozenset[int]
    lanes: int | None = None

    @property
    def late(self) -> frozenset[int]:
        """The models that submitted too late for their stake."""
        return frozenset(self.submissions.model_ids) - self.staked

    def selection(self) -> dict[str, Any]:
        """Return the document of selection.json."""
        return {
            "staked": sorted(self.staked),
            "late": sorted(self.late),
            "lanes": self.lanes,
            "refused": [refusal.document() for refusal in self.refusals],
        }


def write_collection(bundle: Bundle, collection: Collection) -> None:
    """Publish what was taken. Submissions come last: where they are, what was decided about them is too."""
    bundle.write_selection(collection.selection())
    bundle.write_submissions(collection.submissions)


def read_collection(bundle: Bundle) -> Collection | None:
    """Return what was published of a round's submissions; None where that never came to its end.

    Submissions that were published without a selection, as they once were, all stake.
    """
    if not bundle.has_collected:
        return None
    submissions = bundle.published_submissions()
    if not bundle.has(SELECTION):
        return Collection(submissions, (), frozenset(submissions.model_ids))
    return bundle.selection(lambda document: _collection(submissions, document))


def _collection(submissions: Submissions, document: Mapping[str, Any]) -> Collection:
    refusals = tuple(Refusal(**refused) for refused in document["refused"])
    collection = Collection(submissions, refusals, frozenset(document["staked"]), document["lanes"])
    decided = sorted([*collection.staked, *collection.late])
    if collection.selection() != document or decided != list(submissions.model_ids):
        raise ValueError("expected every submission once, as staked or late, found others")
    return collection
