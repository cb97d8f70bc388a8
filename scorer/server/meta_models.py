"""The exposures of settled rounds' meta models to the features of their era."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.evaluation.evaluate import meta_model_digest
from scorer.factors.version_1 import FEATURES
from scorer.isolation import SHARED_READER, IsolationError, ReadResult, imports, refuses
from scorer.protocol.digest import universe_digest
from scorer.protocol.tables import digest_of
from scorer.server.data_sets import DataSets
from scorer.server.errors import ApiError
from scorer.server.results import check_commitments
from scorer.server.settled_bundles import SettledBundle, SettledBundles
from scorer.storage.bundle import META_MODEL, Bundle, BundleError
from scorer.storage.published import bytes_in, limits_for

KEPT: Final = 64
"""Rounds whose exposures are kept in memory."""


@dataclass(frozen=True)
class MetaModelExposure:
    """The Pearson correlation of a round's meta model with a feature, from -1 to 1."""

    feature: str
    exposure: float


@dataclass(frozen=True)
class MetaModelExposures:
    """Measures meta models: with the features in a round's bundle, else with those of its live era."""

    bundles: SettledBundles
    data: DataSets
    _kept: Callable[[int], tuple[MetaModelExposure, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_kept", lru_cache(KEPT)(self._read))

    def exposures(self, round_id: int) -> tuple[MetaModelExposure, ...]:
        """Return the exposures of a settled round's meta model, the largest in size first.

        Raises
        ------
        ApiError
            When the round is not settled, nobody staked on it, or its features are not here.
        """
        return self._kept(min(round_id, 2**31 - 1))

    def _read(self, round_id: int) -> tuple[MetaModelExposure, ...]:
        read = self._read_bundle(self.bundles.bundle(round_id))
        if read.exposures is not None:
            return read.exposures
        features = self.data.live_features(read.ids)
        if features is None:
            raise ApiError(
                f"round {round_id}: expected its features, in its bundle or as a live era of the data set, "
                "found neither on this server"
            )
        # Few rounds are measured here, and pandas and scipy take a third of a server's start.
        from scorer.server.exposures import exposures_by_id

        return tuple(exposures_by_id(read.ids, read.meta_model, features))

    def _read_bundle(self, bundle: SettledBundle) -> "_BundleRead":
        try:
            if bundle.has_public(META_MODEL, self.bundles.clock()):
                limits = limits_for(bytes_in(bundle.folder))
                result = SHARED_READER.run(meta_model_in_child, bundle.folder, limits=limits)
                return _BundleRead.of(result, bundle)
        except (IsolationError, ValueError, KeyError, TypeError):
            pass
        raise ApiError(
            f"round {bundle.record.round_id}: expected its meta model in the bundle, found none that its "
            "report commits to"
        )


@dataclass(frozen=True)
class _BundleRead:
    """A meta model, and its exposures where the bundle has features."""

    ids: tuple[str, ...]
    meta_model: NDArray[np.float64]
    exposures: tuple[MetaModelExposure, ...] | None

    @classmethod
    def of(cls, result: ReadResult, bundle: SettledBundle) -> "_BundleRead":
        """Return what a child read, which may be in a stranger's hands."""
        facts, ids = result.facts, tuple(map(str, result.facts["ids"]))
        if (facts["report"], universe_digest(ids)) != (bundle.report, bundle.record.universe):
            raise ValueError("the files of another round")
        (values,) = (np.frombuffer(blob, "<f8") for blob in result.blobs)
        found = facts["exposures"]
        exposures = [MetaModelExposure(str(name), float(value)) for name, value in found or ()]
        return cls(ids, values, None if found is None else tuple(exposures))


@refuses(BundleError)
@imports("scorer.server.exposures")
def meta_model_in_child(folder: Path) -> ReadResult:
    """Read a meta model that a report commits to, with its exposures to the features that the rules need.

    It runs in a child process.

    Raises
    ------
    BundleError
        When a file cannot be read, is not the one that the report commits to, or there is no meta model.
    """
    bundle = Bundle(folder, strict=True)
    report, digests, ids = check_commitments(bundle), bundle.manifest()["digests"], bundle.universe()
    meta_model, exposures = bundle.meta_model_of(ids), None
    if np.isnan(meta_model).any() or meta_model_digest(ids, meta_model) != digests["meta_model"]:
        raise BundleError(f"{folder}: expected the meta model of the report, found another or none")
    if FEATURES.name in bundle.rules().needs:
        table = bundle.table(FEATURES.name, ids)
        if digest_of(FEATURES.name, table, ids) != digests["tables"][FEATURES.name]:
            raise BundleError(f"{folder}: expected the features of the report, found others")
        from scorer.server.exposures import exposures_by_id  # declared above

        found = exposures_by_id(ids, meta_model, dict(table))
        exposures = [(each.feature, each.exposure) for each in found]
    facts = {"report": report, "ids": ids, "exposures": exposures}
    return ReadResult(facts, [np.ascontiguousarray(meta_model, "<f8")])
