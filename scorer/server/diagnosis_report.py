"""Diagnostics as a page: tables and plots in one HTML file, without scripts or anything from elsewhere."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

Document = Mapping[str, Any]
WIDTH, HEIGHT, MARGIN = 860, 220, 34
STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;margin:1rem 0}th,td{padding:.25rem .7rem;text-align:right;border-bottom:"
    "1px solid #ddd}th:first-child,td:first-child{text-align:left}svg{width:100%;height:auto}"
    ".low{background:#f6d5d2}.high{background:#d3ecd6}figcaption,.note{color:#555;font-size:.9em}"
)
SUMMARY: Final = (
    ("CORR", "validationCorrMean", "validationCorrStd", "validationCorrSharpe", "validationCorrMaxDrawdown"),
    ("MMC", "validationMmcMean", "validationMmcStd", "validationMmcSharpe", "validationMmcMaxDrawdown"),
    (
        "FNC",
        "validationFncV4Mean",
        "validationFncV4Std",
        "validationFncV4Sharpe",
        "validationFncV4MaxDrawdown",
    ),
    (
        "CORR + MMC",
        "validationCorrPlusMmcMean",
        "validationCorrPlusMmcStd",
        "validationCorrPlusMmcSharpe",
        "validationCorrPlusMmcMaxDrawdown",
    ),
)
SINGLE: Final = (
    ("Largest feature exposure", "validationFeatureCorrMax"),
    ("Dissimilarity of exposures from the example's", "exposureDissimilarity"),
    ("Correlation with the example", "examplePredsCorrMean"),
    ("Adjusted sharpe of CORR", "validationAdjustedSharpe"),
    ("Autocorrelation of CORR", "validationAutocorr"),
    ("APY of CORR", "validationApy"),
)
LINES: Final = (("validationCorr", "CORR", "#1f6feb"), ("validationMmc", "MMC", "#b8560f"))
LOW, HIGH = 0.33, 0.66


def report_page(document: Document, title: str) -> str:
    """Return the page of a document of diagnostics, as `ValidationSet.diagnose` makes it."""
    eras: Sequence[Document] = document.get("perEraDiagnostics") or ()
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="note">{len(eras)} eras. Colours: the red and the green third of a convention that '
        "docs/server.md states; a backtest says little of rounds to come.</p>",
        _summary(document),
        _single(document),
        "<h2>Scores, added up over the eras</h2>",
        _figure([(label, colour, _sums(eras, name)) for name, label, colour in LINES]),
        "<h2>CORR by era</h2>",
        _bars([row.get("validationCorr") for row in eras]),
        "<h2>The most dangerous features</h2>",
        '<p class="note">Risk is the size of the mean exposure times the standard deviation, from era to '
        "era, of the feature's own CORR.</p>",
        _exposures(document.get("exposures") or ()),
        "<h2>Without them</h2>",
        '<p class="note">What the mean scores had been, had the predictions been neutralised.</p>',
        _counterfactuals(document.get("counterfactuals") or ()),
    ]
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>\n'


def _summary(document: Document) -> str:
    rows = [
        (name, *(_cell(document, field) for field in fields))
        for name, *fields in SUMMARY
        if document.get(fields[0]) is not None
    ]
    return _table(("", "mean", "std", "sharpe", "max drawdown"), rows)


def _single(document: Document) -> str:
    return _table(("", ""), [(name, _cell(document, field)) for name, field in SINGLE])


def _exposures(rows: Iterable[Document]) -> str:
    fields = ("risk", "exposureMean", "exposureStd", "payoffMean", "payoffStd")
    cells = [(str(row["feature"]), *(_cell(row, field) for field in fields)) for row in rows]
    return _table(("feature", "risk", "exposure", "its std", "payoff", "its std"), cells)


def _counterfactuals(rows: Iterable[Document]) -> str:
    fields = ("corrMean", "mmcMean", "fncMean", "corrSharpe")
    found = list(rows)
    cells = [(str(row["name"]), *(_cell(row, field) for field in fields)) for row in found]
    if found:
        before = [_cell(found[0], f"{score}Before") for score in ("corr", "mmc", "fnc")]
        cells.insert(0, ("as they are", *before, _Cell("")))
    return _table(("predictions", "CORR", "MMC", "FNC", "sharpe of CORR"), cells)


class _Cell(str):
    """A cell's text, with the class of its colour."""

    colour = ""


def _cell(document: Document, field: str) -> _Cell:
    value, rating = document.get(field), document.get(f"{field}Rating")
    cell = _Cell("–" if value is None else f"{value:.4f}")
    if rating is not None:
        cell.colour = "low" if rating < LOW else "high" if rating > HIGH else ""
    return cell


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def cell(tag: str, text: str) -> str:
        colour = getattr(text, "colour", "")
        return f"<{tag}{f' class={colour}' if colour else ''}>{escape(text)}</{tag}>"

    top = "".join(cell("th", name) for name in head)
    body = "".join(f"<tr>{''.join(cell('td', text) for text in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _sums(eras: Sequence[Document], name: str) -> list[float]:
    total, sums = 0.0, []
    for row in eras:
        total += row.get(name) or 0.0
        sums.append(total)
    return sums if any(row.get(name) is not None for row in eras) else []


def _figure(lines: Sequence[tuple[str, str, list[float]]]) -> str:
    """Return a plot of lines over the eras, each with a label at its end."""
    drawn = [(label, colour, values) for label, colour, values in lines if values]
    low, high = _range(value for _, _, values in drawn for value in values)
    marks = []
    for label, colour, values in drawn:
        points = " ".join(
            f"{_across(place, len(values)):.1f},{_up(value, low, high):.1f}"
            for place, value in enumerate(values)
        )
        marks.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{points}"/>')
        end = _up(values[-1], low, high)
        marks.append(
            f'<text x="{WIDTH - MARGIN + 4}" y="{end:.1f}" fill="{colour}" font-size="12">{label}</text>'
        )
    return _svg(marks, low, high)


def _bars(values: Sequence[float | None]) -> str:
    low, high = _range(value for value in values if value is not None)
    width = max(1.0, (WIDTH - 2 * MARGIN) / max(len(values), 1) - 1)
    marks = []
    for place, value in enumerate(values):
        if value is not None:
            top, zero = sorted((_up(value, low, high), _up(0.0, low, high)))
            colour = "#1f6feb" if value >= 0 else "#c0392b"
            marks.append(
                f'<rect x="{_across(place, len(values)):.1f}" y="{top:.1f}" width="{width:.1f}" '
                f'height="{max(zero - top, 0.5):.1f}" fill="{colour}"/>'
            )
    return _svg(marks, low, high)


def _range(values: Iterable[float]) -> tuple[float, float]:
    known = [0.0, *values]
    low, high = min(known), max(known)
    return (low, high) if high > low else (low - 0.01, high + 0.01)


def _across(place: int, count: int) -> float:
    return MARGIN + (WIDTH - 2 * MARGIN) * place / max(count - 1, 1)


def _up(value: float, low: float, high: float) -> float:
    return HEIGHT - MARGIN + (2 * MARGIN - HEIGHT) * (value - low) / (high - low)


def _svg(marks: Iterable[str], low: float, high: float) -> str:
    zero = _up(0.0, low, high)
    axis = f'<line x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{zero:.1f}" y2="{zero:.1f}" stroke="#999"/>'
    labels = "".join(
        f'<text x="0" y="{_up(value, low, high):.1f}" font-size="11" fill="#555">{value:.3f}</text>'
        for value in (low, high)
    )
    inside = f"{axis}{labels}{''.join(marks)}"
    return f'<figure><svg viewBox="0 0 {WIDTH + MARGIN} {HEIGHT}" role="img">{inside}</svg></figure>'
