"""Compares two members' reports of one round, model by model."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scorer.protocol.documents import to_hex
from scorer.storage.bundle import TARGETS, Bundle

COMPARED = ("position", "reward_score", "payout", "burn")


@dataclass(frozen=True)
class Gap:
    """Something that two reports say differently."""

    where: str
    ours: object
    theirs: object

    def __str__(self) -> str:
        return f"{self.where}: ours {self.ours}, theirs {self.theirs}"


def gaps(ours: Bundle, theirs: Bundle) -> Iterator[Gap]:
    """Yield what differs between two reports of a round: their hashes, then each model's numbers.

    Raises
    ------
    scorer.storage.bundle.BundleError
        When a file is missing or broken.
    """
    own, other = ours.report(), theirs.report()
    if own.hash() != other.hash():
        yield Gap("report", to_hex(own.hash()), to_hex(other.hash()))
    if own.evidence_hash != other.evidence_hash:
        yield from _digest_gaps(ours, theirs)
    rows, others = _by_model(ours), _by_model(theirs)
    for model in sorted({*rows, *others}):
        if model not in rows or model not in others:
            yield Gap(
                f"model {model}",
                "there" if model in rows else "missing",
                "there" if model in others else "missing",
            )
            continue
        for name, mine, its in zip(COMPARED, rows[model], others[model], strict=True):
            if mine != its:
                yield Gap(f"model {model}, {name}", mine, its)


def _digest_gaps(ours: Bundle, theirs: Bundle) -> Iterator[Gap]:
    """Yield the inputs that the two reports do not share."""
    own, other = ours.manifest()["digests"], theirs.manifest()["digests"]
    for name in own:
        if own[name] != other.get(name):
            yield Gap(f"digest of {name}", _short(own[name]), _short(other.get(name)))
    if own["targets"] != other.get("targets") and theirs.has(TARGETS):
        yield from target_gaps(ours, theirs)


def target_gaps(ours: Bundle, theirs: Bundle) -> Iterator[Gap]:
    """Yield the targets in which two bundles of a round differ, id by id, in the order of our universe."""
    ids = ours.universe()
    own, other = ours.targets(ids), theirs.targets(ids)
    for name in sorted({*own, *other}):
        if name not in own or name not in other:
            yield Gap(name, *("there" if name in targets else "missing" for targets in (own, other)))
            continue
        mine, its = own[name], other[name]
        for row in np.flatnonzero(~((mine == its) | (np.isnan(mine) & np.isnan(its)))).tolist():
            yield Gap(f"{name} of {ids[row]}", f"{mine[row]:g}", f"{its[row]:g}")


def _short(value: object) -> object:
    return f"{len(value)} entries" if isinstance(value, dict) else value


def _by_model(bundle: Bundle) -> dict[int, tuple[int, ...]]:
    columns = bundle.scores()
    rows = zip(*(columns[name].tolist() for name in ("model_id", *COMPARED)), strict=True)
    return {row[0]: tuple(row[1:]) for row in rows}
