"""Finds out what other members' reports rest on: evidence before a bond is staked.

A report may differ because somebody scored wrongly, or because somebody was given other targets or tables.
Only the first is a lie that a second vote brings to light; in the second a member would bet its bond on its
own source of data. The chain holds a report's hash alone. The inputs are named by the manifest whose digest
is in the report, so whoever has a bundle with the accepted report knows what it claims to rest on.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from scorer.isolation import SHARED_READER, IsolatedReader, IsolationError, ReadResult, refuses
from scorer.oracle.compare import Gap
from scorer.oracle.stamps import REREAD, Stamp, stamp_of
from scorer.protocol.documents import from_hex, shown, to_hex
from scorer.protocol.report import evidence_hash
from scorer.storage.bundle import MANIFEST, REPORT, Bundle, BundleError
from scorer.storage.published import limits_for

INPUTS: Final = ("rules", "universe", "submissions", "signatures", "targets", "positions", "tables")
"""The digests in a manifest of what scores are made from."""
LARGEST: Final = 64 * 2**20
"""Most bytes of a peer's manifest or report that are read."""
SHOWN: Final = 3
LONGEST_GAPS: Final = 1_000
"""Most characters of gaps, which a peer may have written, as they are logged in every cycle."""


@dataclass(frozen=True)
class PeerReport:
    """Another member's report, and what it claims to rest on that ours does not.

    Attributes
    ----------
    gaps
        The differences in words; empty where the inputs are the same.
    """

    report_hash: bytes
    gaps: str


@dataclass
class PeerReports:
    """Reads other members' reports, each once for as long as it stays the same.

    Attributes
    ----------
    known
        By folder: the stamp of its files, the hash of our own report, what was read, and the monotonic time
        until which that holds, seconds: what could not be read is tried again, as the machine may have been
        busy.
    """

    known: dict[Path, tuple[Stamp, bytes, PeerReport | None, float]] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic

    def read(self, own: Bundle, folders: Sequence[Path]) -> dict[Path, PeerReport]:
        """Return the reports of a round that can be read, by their folders."""
        own_hash = own.report().hash()
        for folder in folders:
            stamp = stamp_of(Bundle(folder), (REPORT, MANIFEST))
            before = self.known.get(folder)
            if before is None or before[:2] != (stamp, own_hash) or self.clock() >= before[3]:
                report = _read(own, folder, stamp)
                until = math.inf if report is not None else self.clock() + REREAD
                self.known[folder] = (stamp, own_hash, report, until)
        reports = {folder: self.known[folder][2] for folder in folders}
        return {folder: report for folder, report in reports.items() if report is not None}

    def forget(self, round_id: int) -> None:
        """Drop what was read of a round."""
        for folder in [folder for folder in self.known if folder.name == str(round_id)]:
            del self.known[folder]


def doubt(accepted: bytes, peers: Mapping[Path, PeerReport]) -> str | None:
    """Return why it is not known that the accepted report rests on our inputs; None when it does.

    Parameters
    ----------
    accepted
        The hash of the accepted report.
    """
    for peer in peers.values():
        if peer.report_hash == accepted:
            return f"it rests on other inputs: {peer.gaps}" if peer.gaps else None
    return "no bundle with the accepted report is at hand, so nobody knows what it rests on"


def _read(
    own: Bundle, folder: Path, stamp: Stamp, reader: IsolatedReader = SHARED_READER
) -> PeerReport | None:
    """Return what a peer's bundle says; None where it is no evidence, as a file that cannot be read."""
    sizes = [status[0] for status in stamp if status is not None]
    if len(sizes) < len(stamp) or max(sizes) > LARGEST:
        return None
    try:
        said = reader.run(read_peer, folder, _inputs(own.manifest()), limits=limits_for(sum(sizes))).facts
        return PeerReport(from_hex(said["report"], 32), shown(said["gaps"], LONGEST_GAPS))
    except (IsolationError, KeyError, ValueError):
        return None


@refuses(BundleError)
def read_peer(folder: Path, ours: Mapping[str, Any]) -> ReadResult:
    """Compare a peer's manifest with our inputs; it runs in a child process.

    Raises
    ------
    BundleError
        When a file cannot be read, or the report does not name the manifest.
    """
    peer = Bundle(folder, strict=True)
    report, manifest = peer.report(), peer.manifest()
    # Otherwise a peer could show a manifest that has nothing to do with its report.
    if report.evidence_hash != evidence_hash(manifest):
        raise BundleError(f"{folder / MANIFEST}: expected the manifest that the report names, found another")
    gaps = list(input_gaps(ours, _inputs(manifest)))
    return ReadResult({"report": to_hex(report.hash()), "gaps": _few(gaps)})


def _inputs(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a manifest that name the inputs, and which of them count."""
    return {name: manifest.get(name) for name in ("round", "digests", "refused")}


def input_gaps(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[Gap]:
    """Yield what two manifests say differently of the inputs, and of which of them count."""
    yield from _gaps("round", ours.get("round"), theirs.get("round"))
    own, other = (manifest.get("digests") for manifest in (ours, theirs))
    for name in INPUTS:
        yield from _gaps(f"digest of {name}", *(_of(digests, name) for digests in (own, other)))
    yield from _gaps("refused", ours.get("refused"), theirs.get("refused"))


def _of(document: Any, name: str) -> Any:
    return document.get(name) if isinstance(document, Mapping) else None


def _gaps(where: str, ours: Any, theirs: Any) -> Iterator[Gap]:
    """Yield what differs, entry by entry where both have entries."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for name in sorted({*map(str, ours), *map(str, theirs)}):
            yield from _gaps(f"{where}, {name}", ours.get(name), theirs.get(name))
    elif type(ours) is not type(theirs) or ours != theirs:
        yield Gap(where, ours, theirs)


def _few(gaps: Sequence[Gap]) -> str:
    shown = "; ".join(str(gap) for gap in gaps[:SHOWN])
    return f"{shown}; and {len(gaps) - SHOWN} more" if len(gaps) > SHOWN else shown


def by_hand(round_id: int, accepted: bytes) -> str:
    """Return what a human can do who knows better."""
    return (
        f"compare with `cupel oracle recompute --round {round_id} --against THEIR_BUNDLE`; to dispute it all "
        f"the same, stop and `cupel oracle challenge --round {round_id}`, or add {to_hex(accepted)} to "
        "run.dispute and restart, before the challenge window ends"
    )
