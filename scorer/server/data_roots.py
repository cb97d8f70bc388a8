"""Roots of the data set."""

from typing import Final
from urllib.parse import quote

from scorer.server.services import RequestContext


def list_datasets(context: RequestContext, tournament: int | None = None, **_round: int | None) -> list[str]:
    """Answer ``listDatasets``; the files are those of today, whatever round is asked for."""
    context.services.require_number(tournament)
    return context.services.data.names()


def dataset(
    context: RequestContext, filename: str, tournament: int | None = None, **_round: int | None
) -> str:
    """Answer ``dataset``."""
    services = context.services
    services.require_number(tournament)
    services.data.path(filename)
    return f"{services.url}/data/{quote(filename)}"


ROOTS: Final = {"listDatasets": list_datasets, "dataset": dataset}
