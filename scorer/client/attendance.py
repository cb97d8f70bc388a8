"""Reading of the committee's members and the seals that they did not sign."""

from dataclasses import dataclass
from typing import Any

from scorer.chain.bulk import read_view
from scorer.chain.contracts import Suite
from scorer.client.stakes import latest_block


@dataclass(frozen=True)
class Attendance:
    """The members of the committee, with the seals in a row that each did not sign."""

    absences: dict[str, int]
    quorum: int
    limit: int

    def to_json(self) -> dict[str, Any]:
        """Return the attendance as a document."""
        members = [{"member": member, "absences": count} for member, count in self.absences.items()]
        return {"members": members, "quorum": self.quorum, "absence_limit": self.limit}

    def __str__(self) -> str:
        return f"{len(self.absences)} members, of whom {self.quorum} decide"


def attendance(suite: Suite) -> Attendance:
    """Read the members of the committee and their absences from seals at the latest block."""
    block = latest_block(suite).number
    members = suite.committee_members(block)
    quorum = int(read_view(suite.committee.functions.quorum(), block))
    counts = dict(zip(members, suite.absences(members, block), strict=True))
    return Attendance(counts, quorum, suite.absence_limit(block))
