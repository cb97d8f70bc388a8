"""features.json: the sets of a data set's features, and the names of its targets."""

from typing import Any, Final

from scorer.data.layout import Layout
from scorer.data.obfuscation import Identifiers
from scorer.data.recipe import ALL, Recipe

FEATURES: Final = "features.json"
SMALL: Final = 42
"""Features of the set ``small`` where the recipe names none."""


def feature_sets(identifiers: Identifiers) -> dict[str, list[str]]:
    """Return the columns of each feature set; there are always ``small``, ``medium`` and ``all``."""
    sets: dict[str, list[str]] = {}
    columns = identifiers.columns()
    for name, spec in columns:
        for owner in dict.fromkeys([*spec.sets, ALL]):
            sets.setdefault(owner, []).append(name)
    step = max(len(columns) // SMALL, 1)
    sets.setdefault("small", [name for name, _ in columns][::step][:SMALL])
    sets.setdefault("medium", sets[ALL])
    return dict(sorted(sets.items()))


def features_document(recipe: Recipe, identifiers: Identifiers) -> dict[str, Any]:
    """Return features.json: sets of features, and the names of targets."""
    layout = Layout(recipe, ())
    return {"feature_sets": feature_sets(identifiers), "targets": ["target", *layout.targets]}
