"""Build eras: each is a task of its own that needs the panel's sessions around it and nothing else."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from scorer.data.bins import BINS, MISSING, Codes, bin_rows
from scorer.data.calendar import EraDate
from scorer.data.features import in_variant, plain_feature
from scorer.data.fixed import Integers
from scorer.data.obfuscation import Identifiers
from scorer.data.panel import Panel
from scorer.data.recipe import FeatureSpec, Recipe
from scorer.data.targets import TargetOutcome, outcome
from scorer.data.universe import universe
from scorer.data.view import MarketView, RollingWindow
from scorer.protocol.digest import length_prefixed
from scorer.scoring.exact import Floats

FEATURES_AT_ONCE: Final = 64
"""So many features are sorted together: their values stay in the processor's cache."""
NO_TARGET: Final = np.nan


@dataclass(frozen=True, eq=False)
class EraTable:
    """A finished era, rows in the order of the ids.

    Attributes
    ----------
    label
        Such as 0001.
    day
        ISO date of its session.
    ids, names
        What each row is called, and the asset that it is.
    columns
        Names of the features.
    features
        (features, ids) bins from 0 to 4.
    targets
        By name, in [0, 1] or NaN where unknown.
    """

    label: str
    day: str
    ids: tuple[str, ...]
    names: tuple[str, ...]
    columns: tuple[str, ...]
    features: Codes
    targets: dict[str, Floats]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what the era means, in hex: see `era_digest`."""
        return era_digest(self.label, self.ids, self.columns, self.features, self.targets)


def era_digest(
    label: str, ids: Sequence[str], columns: Sequence[str], features: Codes, targets: dict[str, Floats]
) -> str:
    """Return the SHA-256 of an era's content: a header that names each column, then their values.

    Ids are UTF-8 behind their length in four bytes, features int8, targets float64, least byte first.
    """
    header = [label, len(ids), list(columns), sorted(targets)]
    encoded = json.dumps(header, separators=(",", ":")).encode()
    digest = hashlib.sha256(len(encoded).to_bytes(4, "little") + encoded)
    digest.update(length_prefixed(ids))
    digest.update(np.ascontiguousarray(features, dtype=np.uint8).data)
    for name in sorted(targets):
        values = np.where(np.isnan(targets[name]), np.nan, targets[name])
        digest.update(values.astype("<f8").tobytes())
    return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class EraBuilder:
    """Builds the eras of one stretch of sessions.

    Attributes
    ----------
    window
        From `lookback` sessions before the first era to the last era.
    panel
        The same, and the sessions of the eras' outcomes: only targets see these.
    """

    recipe: Recipe
    identifiers: Identifiers
    window: RollingWindow
    panel: Panel

    @classmethod
    def around(
        cls, recipe: Recipe, identifiers: Identifiers, panel: Panel, eras: Sequence[EraDate]
    ) -> "EraBuilder":
        """Return a builder that holds the sessions which these eras need, out of a whole panel."""
        first = max(eras[0].session - recipe.lookback, 0)
        window = RollingWindow(panel.rows(first, eras[-1].session), first)
        return cls(recipe, identifiers, window, panel.rows(first, eras[-1].session + recipe.reach))

    def universe(self, era: EraDate) -> MarketView:
        """Return the view of the era's universe."""
        return universe(self.window.view(era.session), self.recipe)

    def build(self, era: EraDate) -> EraTable:
        """Build one era: its ids, features and as many targets as are known."""
        view = self.universe(era)
        names = view.names
        ids = self.identifiers.ids(era.day, names)
        order = np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.int64)
        columns = self.identifiers.columns()
        return EraTable(
            label=era.label,
            day=era.day.isoformat(),
            ids=tuple(ids[place] for place in order.tolist()),
            names=tuple(names[place] for place in order.tolist()),
            columns=tuple(name for name, _ in columns),
            features=self._features(view, [spec for _, spec in columns], order),
            targets=self._targets(era, view, order),
        )

    def _features(self, view: MarketView, specs: Sequence[FeatureSpec], order: Integers) -> Codes:
        codes = np.empty((len(specs), len(order)), dtype=np.uint8)
        # Variants of a feature share its plain values.
        plain: dict[tuple[object, ...], Floats] = {}
        block = np.empty((FEATURES_AT_ONCE, len(order)))
        for start in range(0, len(specs), FEATURES_AT_ONCE):
            part = specs[start : start + FEATURES_AT_ONCE]
            rows = block[: len(part)]
            for row, spec in enumerate(part):
                shared = (spec.kind, spec.field, spec.window, spec.skip, spec.lag)
                if shared not in plain:
                    plain[shared] = plain_feature(view, spec)
                rows[row] = in_variant(view, plain[shared], spec.variant)
            binned = bin_rows(rows)
            for row, spec in enumerate(part):
                flipped = self.identifiers.is_flipped(spec)
                codes[start + row] = (BINS - 1 - binned[row] if flipped else binned[row])[order]
        return codes

    def outcomes(self, era: EraDate, view: MarketView) -> dict[str, TargetOutcome]:
        """Return the targets of the era whose horizons are over, by name."""
        found = {}
        for rules in self.recipe.targets:
            result = outcome(self.panel, era.session - self.window.first, view, rules, self.recipe)
            if result is not None:
                found[rules.name] = result
        return found

    def _targets(self, era: EraDate, view: MarketView, order: Integers) -> dict[str, Floats]:
        known = self.outcomes(era, view)
        missing = np.full(len(order), NO_TARGET)
        return {
            rules.name: known[rules.name].values[order] if rules.name in known else missing
            for rules in self.recipe.targets
        }


def target_codes(values: Floats) -> Codes:
    """Return the bins of targets in quarters, `MISSING` for NaN."""
    return np.where(np.isnan(values), MISSING, np.rint(np.nan_to_num(values) * 4)).astype(np.uint8)
