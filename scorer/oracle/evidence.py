"""Whether an accepted report that is not ours rests on the same inputs: before a bond is staked on it.

A report may differ because somebody scored wrongly, or because somebody was given other targets or tables.
Only the first is a lie that a second vote brings to light; in the second a member would bet its bond on its
own source of data. The chain holds a report's hash alone. The inputs are named by the manifest whose digest
is in the report, so whoever has a bundle with the accepted report knows what it claims to rest on.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from scorer.oracle.compare import Gap
from scorer.rounds.digest import json_digest
from scorer.rounds.documents import to_hex
from scorer.store.bundle import MANIFEST, REPORT, Bundle, round_folder

INPUTS: Final = ("rules", "universe", "submissions", "signatures", "targets", "positions", "tables")
"""Digests in a manifest of what scores are made from."""
LARGEST: Final = 256 * 2**20
"""Bytes of a peer's manifest or report that is read."""
SHOWN: Final = 3


def doubt(own: Bundle, accepted: bytes, peers: Sequence[Path], tournament: str) -> str | None:
    """Why it is not known that the accepted report rests on the inputs of ours; None when it does.

    Parameters
    ----------
    accepted
        The hash of the accepted report.
    peers
        Folders of other members' bundles.
    """
    round_id = own.report().round_id
    for peer in peers:
        manifest = _manifest_of(Bundle(round_folder(peer, tournament, round_id)), accepted)
        if manifest is not None:
            found = list(input_gaps(own.manifest(), manifest))
            return f"it rests on other inputs: {_few(found)}" if found else None
    return "no bundle with the accepted report is at hand, so nobody knows what it rests on"


def input_gaps(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[Gap]:
    """What two manifests say differently of the inputs, and of what of them counts."""
    yield from _gaps("round", ours.get("round"), theirs.get("round"))
    own, other = (manifest.get("digests") for manifest in (ours, theirs))
    for name in INPUTS:
        yield from _gaps(f"digest of {name}", *(_of(each, name) for each in (own, other)))
    yield from _gaps("refused", ours.get("refused"), theirs.get("refused"))


def _of(document: Any, name: str) -> Any:
    return document.get(name) if isinstance(document, Mapping) else None


def _gaps(where: str, ours: Any, theirs: Any) -> Iterator[Gap]:
    """What differs, entry by entry where both have entries."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for name in sorted({*map(str, ours), *map(str, theirs)}):
            yield from _gaps(f"{where}, {name}", ours.get(name), theirs.get(name))
    elif type(ours) is not type(theirs) or ours != theirs:
        yield Gap(where, ours, theirs)


def _manifest_of(peer: Bundle, accepted: bytes) -> Mapping[str, Any] | None:
    """The manifest that the accepted report names, if this bundle has it."""
    try:
        sizes = [(peer.folder / file).stat().st_size for file in (REPORT, MANIFEST)]
        if max(sizes) > LARGEST or not peer.has(REPORT, MANIFEST):
            return None
        report, manifest = peer.report(), peer.manifest()
        is_it = report.hash() == accepted and report.evidence_hash == json_digest(manifest)
    except Exception:  # noqa: BLE001 - a stranger's file that cannot be read is no evidence
        return None
    return manifest if is_it else None


def _few(gaps: Sequence[Gap]) -> str:
    shown = "; ".join(str(gap) for gap in gaps[:SHOWN])
    return f"{shown}; and {len(gaps) - SHOWN} more" if len(gaps) > SHOWN else shown


def by_hand(round_id: int, accepted: bytes) -> str:
    """What a human does who knows better."""
    return (
        f"compare with `cupel oracle recompute --round {round_id} --against THEIR_BUNDLE`; to dispute it all "
        f"the same, add {to_hex(accepted)} to run.dispute and restart before the challenge window ends"
    )
