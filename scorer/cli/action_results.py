"""The results of a daemon's cycle as a JSON document: what ``once`` of operator and oracle print."""

from collections.abc import Iterable
from typing import Any

from scorer.cli.common import print_json
from scorer.oracle.actions import ActionResult, Alarm


def print_results(results: Iterable[ActionResult], *, sent: bool) -> None:
    """Print the actions of a cycle with their outcomes.

    Parameters
    ----------
    sent
        False for a dry run.
    """
    print_json({"dry_run": not sent, "results": [_document(result) for result in results]})


def _document(result: ActionResult) -> dict[str, Any]:
    alarm = result.action if isinstance(result.action, Alarm) else None
    return {
        "tournament": result.tournament or None,
        "round": result.round_id or None,
        "action": type(result.action).__name__,
        "subject": result.subject,
        "outcome": result.outcome,
        "alarm": None if alarm is None else {"reason": alarm.reason.name, "detail": alarm.detail},
    }
