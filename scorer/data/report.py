"""An HTML report of a version: what is in it, how stable it is, and how baselines score, with plots.

It reads the files alone, as any data scientist can: no key, no raw data.
"""

import base64
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from scorer.data.benchmark import NAME
from scorer.data.compare import SPLITS, read_eras
from scorer.data.faults import DataError
from scorer.data.manifest import Manifest, read_manifest, signer_of_version
from scorer.data.version_files import BENCHMARKS, TRAIN, VALIDATION
from scorer.files import write_whole
from scorer.scoring import correlation_contribution, feature_neutral_corr, numerai_corr
from scorer.scoring.exact import Floats

MOST_ROWS: Final = 200_000
"""Most rows of the train file to which a boosted tree is fitted."""
TREE: Final = "boosted_trees"
META_MODEL: Final = "mean of both"
MOST_SHOWN: Final = 60
"""Features in the plot of correlations."""
STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{padding:.2rem .8rem;border-bottom:1px solid #ccc;text-align:right}"
    "td:first-child,th:first-child{text-align:left}img{max-width:100%}code{overflow-wrap:anywhere}"
)


@dataclass(eq=False)
class _Facts:
    """The statistics that one pass over the eras collects."""

    features: list[str]
    rows: dict[str, list[int]] = field(default_factory=dict)
    known: dict[str, list[float]] = field(default_factory=dict)
    bins: Floats = field(default_factory=lambda: np.zeros(0))
    correlations: list[Floats] = field(default_factory=list)
    products: Floats = field(default_factory=lambda: np.zeros(0))
    eras: list[str] = field(default_factory=list)

    def add(self, split: str, label: str, era: pd.DataFrame) -> None:
        """Add an era."""
        codes = era[self.features].to_numpy(np.float64).T
        self.rows.setdefault(split, []).append(len(era))
        self.known.setdefault(split, []).append(float(era["target"].notna().mean()))
        counts = np.stack([(codes == code).sum(axis=1) for code in range(5)], axis=1)
        self.bins = counts if not self.bins.size else self.bins + counts
        centred = _scaled(codes)
        self.products = centred @ centred.T + (self.products if self.products.size else 0)
        known = era["target"].notna().to_numpy()
        if known.any():
            target = _scaled(era["target"].to_numpy(np.float64)[known][np.newaxis])[0]
            self.correlations.append(_scaled(codes[:, known]) @ target)
            self.eras.append(label)


def _scaled(rows: Floats) -> Floats:
    """Rows of mean zero and length one; a constant is zero."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=1, keepdims=True))
    return np.asarray(centred / np.where(length > 0, length, 1))


def write_report(version: Path, out: Path) -> None:
    """Write the report of a version's folder.

    Raises
    ------
    DataError
        When the folder is no version, or matplotlib is not installed.
    """
    manifest = read_manifest(version)
    try:
        pyplot = import_module("matplotlib.figure")
    except ModuleNotFoundError:
        raise DataError("report: expected matplotlib, found none; pip install 'cupel[demo]'") from None
    facts = _facts(version)
    scores = _scores(version, facts.features)
    parts = [*_summary(version, manifest, facts), *_plots(pyplot, facts, scores), *_score_table(scores)]
    title = escape(f"{manifest.name} {manifest.version}")
    page = f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{STYLE}</style><h1>{title}</h1>"
    write_whole(out, (page + "\n".join(parts)).encode())


def _facts(version: Path) -> _Facts:
    facts: _Facts | None = None
    for split in SPLITS:
        for label, era in read_eras(version, split):
            facts = facts or _Facts([name for name in map(str, era) if name.startswith("feature_")])
            facts.add(split, label, era)
    if facts is None:
        raise DataError("report: expected an era in the version, found none")
    return facts


def _summary(version: Path, manifest: Manifest, facts: _Facts) -> Iterator[str]:
    rows = [
        (split, len(counts), sum(counts), min(counts), max(counts), f"{np.mean(facts.known[split]):.1%}")
        for split, counts in facts.rows.items()
    ]
    yield f"<p>{len(facts.features)} features. Recipe <code>{manifest.recipe}</code>, manifest <code>"
    signer = escape(signer_of_version(version) or "nobody")
    yield f"0x{manifest.digest().hex()}</code>, signed by {signer}.</p>"
    yield _table(("split", "eras", "rows", "fewest", "most", "targets known"), rows)


def _table(head: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    def line(cells: Iterable[object], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"

    return "<table>" + line(head, "th") + "".join(line(row, "td") for row in rows) + "</table>"


def _plots(pyplot: Any, facts: _Facts, scores: pd.DataFrame) -> Iterator[str]:
    def plot(title: str, draw: Callable[[Any], object]) -> str:
        figure = pyplot.Figure(figsize=(9, 3), layout="constrained")
        axes = figure.subplots()
        draw(axes)
        axes.set_title(title, loc="left")
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=90)
        picture = base64.b64encode(content.getvalue()).decode()
        return f'<img alt="{escape(title)}" src="data:image/png;base64,{picture}">'

    yield plot("Ids in each era", lambda axes: _lines(axes, facts.rows))
    shares = facts.bins / facts.bins.sum(axis=1, keepdims=True)
    yield plot("Share of each bin, over features", lambda axes: axes.boxplot(shares))
    shown = facts.products[:MOST_SHOWN, :MOST_SHOWN] / max(sum(map(len, facts.rows.values())), 1)
    yield plot(
        "Mean correlation of features in an era",
        lambda axes: axes.imshow(shown, vmin=-1, vmax=1, cmap="RdBu"),
    )
    if facts.correlations:
        found = np.array(facts.correlations)
        yield plot("Correlation of features with the target over eras: mean and deviation", _scatter(found))
        yield plot("Autocorrelation of a feature's correlation, by lag in eras", _autocorrelation(found))
    if len(scores):
        corr = scores.pivot_table(index="era", columns="model", values="corr").cumsum()
        yield plot("Cumulative CORR of baselines in validation", lambda axes: corr.plot(ax=axes))


def _lines(axes: Any, rows: dict[str, list[int]]) -> None:
    start = 0
    for split, counts in rows.items():
        axes.plot(range(start, start + len(counts)), counts, label=split, marker=".")
        start += len(counts)
    axes.set_ylim(bottom=0)
    axes.legend()


def _scatter(found: Floats) -> Callable[[Any], None]:
    def draw(axes: Any) -> None:
        axes.scatter(found.mean(axis=0), found.std(axis=0), s=12)
        axes.axvline(0, color="grey", linewidth=0.5)
        axes.set_xlabel("mean")
        axes.set_ylabel("deviation")

    return draw


def _autocorrelation(found: Floats) -> Callable[[Any], None]:
    lags = range(1, min(13, len(found) // 2))
    centred = found - found.mean(axis=0)
    total = np.maximum((centred**2).sum(axis=0), 1e-12)
    means = [float(((centred[lag:] * centred[:-lag]).sum(axis=0) / total).mean()) for lag in lags]

    def draw(axes: Any) -> None:
        axes.bar(list(lags), means)
        axes.axhline(0, color="grey", linewidth=0.5)

    return draw


def _scores(version: Path, features: list[str]) -> pd.DataFrame:
    """CORR, FNC and MMC of the baselines in each validation era; MMC against the mean of both."""
    tree = _tree(version, features)
    path = version / f"{VALIDATION}_{BENCHMARKS}"
    ridge = pd.read_parquet(path)[NAME] if path.is_file() else pd.Series(dtype=np.float64)
    rows: list[dict[str, object]] = []
    for label, era in read_eras(version, VALIDATION):
        predictions = pd.DataFrame(index=era.index)
        if era.index.isin(ridge.index).all():
            # Ids that are the same in every era name several rows: those have no benchmark here.
            predictions[NAME] = ridge.loc[era.index] if ridge.index.is_unique else np.nan
        if tree is not None:
            predictions[TREE] = tree.predict(era[features].to_numpy())
        predictions = predictions.dropna(axis=1).sort_index()
        known = era["target"].dropna().sort_index()
        if predictions.columns.empty or known.nunique() < 2:
            continue
        rows += _era_scores(label, predictions.loc[known.index], known, era.loc[known.index, features])
    return pd.DataFrame(rows)


def _era_scores(
    label: str, predictions: pd.DataFrame, target: pd.Series, features: pd.DataFrame
) -> Iterator[dict[str, object]]:
    meta = predictions.rank(pct=True).mean(axis=1)
    found = {
        "corr": numerai_corr(predictions, target),
        "fnc": feature_neutral_corr(predictions, features.astype(np.float64), target),
        "mmc": correlation_contribution(predictions, meta, target),
    }
    for model in map(str, predictions):
        scores: dict[str, object] = {name: float(values[model]) for name, values in found.items()}
        yield {"era": label, "model": model} | scores


def _tree(version: Path, features: list[str]) -> Any:
    """Boosted trees on a sample of the train file; None without scikit-learn."""
    try:
        ensemble = import_module("sklearn.ensemble")
    except ModuleNotFoundError:
        return None
    kept, rows = [], 0
    for _, era in read_eras(version, TRAIN):
        known = era[era["target"].notna()]
        kept.append(known[[*features, "target"]])
        rows += len(known)
        if rows > MOST_ROWS:
            break
    if not rows:
        return None
    train = pd.concat(kept)
    settings = {"max_iter": 100, "max_depth": 5, "learning_rate": 0.05, "random_state": 0}
    model = ensemble.HistGradientBoostingRegressor(**settings)
    return model.fit(train[features].to_numpy(), train["target"].to_numpy())


def _score_table(scores: pd.DataFrame) -> Iterator[str]:
    if not len(scores):
        yield "<p>No baseline was scored: no validation era has known targets.</p>"
        return
    yield f"<h2>Baselines in validation</h2><p>MMC is against the {META_MODEL}.</p>"
    rows = []
    for model, own in scores.groupby("model"):
        cells: list[object] = [model, len(own)]
        for name in ("corr", "fnc", "mmc"):
            values = own[name].dropna()
            deviation = float(values.std()) if len(values) > 1 else float("nan")
            cells += [f"{values.mean():+.4f}", f"{values.mean() / deviation:+.2f}" if deviation else ""]
        rows.append(cells)
    yield _table(("model", "eras", "CORR", "Sharpe", "FNC", "Sharpe", "MMC", "Sharpe"), rows)
