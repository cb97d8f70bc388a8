"""Reads from a bundle what the rank buckets of a payout rest on, held against the digests of its manifest."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scorer.evaluation.buckets import OutcomeData, RankBucket, rank_buckets
from scorer.evaluation.commitments import target_digest
from scorer.evaluation.evaluate import meta_model_digest
from scorer.evaluation.explain import ScoredRound
from scorer.factors.registry import score_of
from scorer.protocol.digest import content_hash, universe_digest
from scorer.protocol.documents import to_hex
from scorer.protocol.predictions import float_array
from scorer.protocol.rules import Rules
from scorer.protocol.tables import TABLES, Table, digest_of, table_file
from scorer.storage.bundle import (
    META_MODEL,
    NAMES,
    SIGNATURES,
    SUBMISSIONS,
    TARGETS,
    UNIVERSE,
    Bundle,
    BundleError,
)

WITH_PREDICTIONS: Final = (UNIVERSE, NAMES, TARGETS, META_MODEL, *map(table_file, TABLES))
"""Files that are needed besides those of an explanation, where one has the predictions oneself."""
WITHOUT: Final = (*WITH_PREDICTIONS, SIGNATURES, SUBMISSIONS)


def bundle_buckets(
    bundle: Bundle, scored: ScoredRound, model: int, own: NDArray[np.float64] | None = None
) -> tuple[RankBucket, ...]:
    """Split what a model earned among the rank buckets of its predictions; see `rank_buckets`.

    Parameters
    ----------
    own
        The model's predictions, in the order of the universe; None: those in the bundle.

    Raises
    ------
    BundleError
        When a file is not the one that the manifest commits to, or predictions are not in the bundle.
    scorer.evaluation.buckets.OtherPredictions
        When these are not the predictions that were scored.
    """
    ids, digests = bundle.universe(), bundle.manifest()["digests"]
    predictions = _in_bundle(bundle, model) if own is None else own
    outcome, found = _outcome(bundle, scored.rules, ids)
    found["universe"] = to_hex(universe_digest(ids))
    found["submissions"] = {str(model): to_hex(content_hash(ids, predictions))}
    for name, digest in found.items():
        _require(bundle, name, digests.get(name), digest)
    return rank_buckets(scored, model, predictions, outcome)


def _in_bundle(bundle: Bundle, model: int) -> NDArray[np.float64]:
    """Return a model's predictions, which are public where the round's rules say so."""
    if bundle.has(SUBMISSIONS):
        for entry in bundle.submissions().entries:
            if entry.model_id == model and entry.predictions is not None:
                return float_array(entry.predictions)
    raise BundleError(
        f"{bundle.folder}: expected the predictions of model {model}, found none; name the file that was "
        "submitted, with --predictions"
    )


def _outcome(bundle: Bundle, rules: Rules, ids: tuple[str, ...]) -> tuple[OutcomeData, dict[str, Any]]:
    """Read what the factors need that are sums over ids, and the digests of it."""
    scores = [(factor, score_of(rules.scoring, factor.score)) for factor in rules.factors]
    summed = [(factor, score) for factor, score in scores if score.by_id is not None]
    targets = bundle.targets(ids)
    found: dict[str, Any] = {
        "targets": {
            factor.target: target_digest(ids, factor.target, targets[factor.target])
            for factor, _ in summed
            if factor.target in targets
        }
    }
    meta_model = None
    if any(score.rests_on_meta_model for _, score in summed):
        meta_model = bundle.meta_model_of(ids)
        found["meta_model"] = meta_model_digest(ids, meta_model)
    names = {table.name for _, score in summed for table in score.tables}
    tables: dict[str, Table] = {name: bundle.table(name, ids) for name in sorted(names)}
    if tables:
        found["tables"] = {name: digest_of(name, table, ids) for name, table in tables.items()}
    return OutcomeData(targets, meta_model, tables), found


def _require(bundle: Bundle, name: str, expected: Any, found: Any) -> None:
    """Refuse what is not what the manifest says; of a mapping, those entries that were found."""
    if isinstance(found, Mapping):
        for key, digest in found.items():
            _require(bundle, f"{name}, {key}", dict(expected or {}).get(key), digest)
    elif found != expected:
        raise BundleError(f"{bundle.folder}: expected of {name} what was scored, {expected}, found {found}")
