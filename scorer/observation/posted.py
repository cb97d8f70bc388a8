"""The evidence of a report, read from the event in which a court made it public."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eth_hash.auto import keccak
from web3.contract import Contract

from scorer.chain.logs import event_logs
from scorer.proofs.evidence import Evidence, Operands
from scorer.proofs.meta_steps import PART_LEAVES, StepTree
from scorer.proofs.terms import ScoreTerms
from scorer.proofs.vectors import ScoreVectors
from scorer.protocol.report import Report


@dataclass(frozen=True)
class PostedReport:
    """A report whose evidence is public.

    Attributes
    ----------
    packed
        The scores of each chunk, in the order in which the chunks were locked: of a false report, any bytes.
    steps
        The hashes of its meta model's sums.
    """

    evidence: Evidence
    packed: tuple[bytes, ...]
    steps: StepTree = field(default_factory=StepTree)


@dataclass(frozen=True)
class PostedIn:
    """A court, and the first and last block in which to look."""

    court: Contract
    first: int
    last: int


def read_posted(
    place: PostedIn, chain_id: int, tournament: str, report_hash: bytes, terms: ScoreTerms
) -> PostedReport | None:
    """Return the report with this hash and its evidence; None where nobody posted it.

    Whatever an endpoint returns is held against the hash and the terms: what differs is passed over.

    Parameters
    ----------
    tournament
        Its checksummed address.
    terms
        Those of the round.
    """
    filters = {"tournament": tournament, "reportHash": report_hash}
    for event in event_logs(place.court.events.Posted(), filters, place.first, place.last):
        found = _posted(event["args"], chain_id, tournament, terms)
        if found is not None and found.evidence.report.hash() == report_hash:
            return found
    return None


def read_steps(place: PostedIn, tournament: str, report_hash: bytes, root: bytes) -> StepTree | None:
    """Return the steps of a report, of which every part was posted; None where an endpoint shows others.

    Parameters
    ----------
    place
        MetaCourt, and where to look.
    root
        That the report commits to.
    """
    filters = {"tournament": tournament, "reportHash": report_hash}
    hashes: list[bytes] = []
    for event in event_logs(place.court.events.StepsPosted(), filters, place.first, place.last):
        part = event["args"]
        # What a part leaves out is its last hash.
        hashes += hashes[-1:] * (part["part"] * PART_LEAVES - len(hashes))
        hashes += part["hashes"]
    tree = StepTree(tuple(hashes))
    return tree if tree.root == root else None


def _posted(
    given: Mapping[str, Any], chain_id: int, tournament: str, terms: ScoreTerms
) -> PostedReport | None:
    """Put together what was posted; None where it is not of its own report."""
    struct = given["evidence"]
    report = Report(chain_id, tournament, *_values(struct["report"]))
    vectors = zip(given["records"], given["palettes"], struct["vectors"], strict=True)
    operands = Operands(
        tuple(ScoreVectors(records, palette, _values(vector)[2]) for records, palette, vector in vectors),
        struct["steps"],
    )
    evidence = Evidence(report, struct["manifest"], terms, operands)
    if keccak(evidence.manifest + operands.hash()) != report.evidence_hash:
        return None
    return PostedReport(evidence, tuple(given["scores"]))


def _values(struct: Any) -> tuple[Any, ...]:
    """Return a struct's fields in order, however web3 names them."""
    return tuple(struct.values()) if isinstance(struct, Mapping) else tuple(struct)
