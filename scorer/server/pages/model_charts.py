"""Charts of a model's page."""

from markupsafe import Markup

from scorer.server.pages.charts import Line, exposure_chart, line_chart
from scorer.server.pages.model_page import ModelFacts
from scorer.units import NANO_PER_NMR


def score_charts(facts: ModelFacts) -> list[tuple[str, Markup]]:
    """Return a chart a score: the model's, the median of all, and the mean of the best ten."""
    charts = []
    for factor, days in facts.scores.items():
        lines = [
            Line("this model", [day.value for day in days], "series-1"),
            Line("median of all models", [day.median for day in days], "series-2"),
            Line("mean of the best ten", [day.top for day in days], "series-3"),
        ]
        title = (
            f"{factor} of {facts.model.name} by round, with the median of all and the mean of the best ten"
        )
        charts.append((factor, line_chart([day.at for day in days], lines, title)))
    return charts


def stake_chart(facts: ModelFacts) -> Markup:
    """Return the stake over time."""
    points = facts.stakes
    line = Line("stake", [point.amount / NANO_PER_NMR for point in points], "series-1")
    title = f"Stake of {facts.model.name} over time, NMR"
    return line_chart([point.at for point in points], [line], title, from_zero=True)


def own_exposure_chart(facts: ModelFacts) -> Markup:
    """Return the exposures of the newest diagnostics, where the owner shows them."""
    rows = facts.diagnosis[1].get("exposures", ()) if facts.diagnosis else ()
    known = [(row["feature"], row["exposureMean"]) for row in rows if row["exposureMean"] is not None]
    title = f"Mean exposure of {facts.model.name} to the features of most risk"
    return exposure_chart(known, title)


def earnings(facts: ModelFacts) -> list[float]:
    """Return what the last positions earned, as shares of them, oldest first."""
    rows = [row for row in reversed(facts.results) if row.payout is not None and row.position]
    return [(row.payout - row.burn) / row.position for row in rows][-40:]
