"""Reads what the page of the meta model's exposures shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from markupsafe import Markup

from scorer.server.errors import ApiError
from scorer.server.meta_models import MetaModelExposure
from scorer.server.pages.charts import exposure_chart
from scorer.server.services import Services
from scorer.server.tables import ROUND

CHARTED: Final = 20
"""Features of the chart, the largest in size."""
LISTED: Final = 100
ROUNDS: Final = 12
"""Rounds that the page links to."""


@dataclass(frozen=True)
class MetaModelFacts:
    """The exposures of a round's meta model, the largest in size first.

    Attributes
    ----------
    round_id
        None before a round was scored.
    rounds
        The newest rounds with a bundle here.
    count
        Features in all.
    problem
        Why there are no exposures.
    """

    round_id: int | None
    rounds: Sequence[int]
    exposures: Sequence[MetaModelExposure]
    count: int
    chart: Markup
    problem: str | None


def read_meta_model(services: Services, round_id: int | None) -> MetaModelFacts | None:
    """Return the exposures of a round's meta model; of the newest scored one where none is named.

    None for a round that was not scored.
    """
    scored = sa.select(ROUND.c.id).where(ROUND.c.is_scored)
    with services.database.reading() as connection:
        rounds = list(connection.scalars(scored.order_by(ROUND.c.id.desc()).limit(ROUNDS)))
        is_known = connection.scalar(scored.where(ROUND.c.id == round_id)) is not None
    if round_id is not None and not is_known:
        return None
    wanted = round_id or next(iter(rounds), None)
    if wanted is None:
        return MetaModelFacts(None, (), (), 0, Markup(), "no round has been scored yet")
    try:
        found = services.meta_models.exposures(wanted)
    except ApiError as error:
        return MetaModelFacts(wanted, rounds, (), 0, Markup(), str(error))
    title = f"Exposures of the meta model of round {wanted}, the largest in size"
    chart = exposure_chart([(each.feature, each.exposure) for each in found[:CHARTED]], title)
    return MetaModelFacts(wanted, rounds, found[:LISTED], len(found), chart, None)
