"""A year of rounds as one table, for taxes: what each model earned when, why, and in which transaction."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TextIO

from scorer.evaluation.explain import Explanation
from scorer.units import nmr_text, ppm_text

COLUMNS: Final = (
    "settled_at",
    "tournament",
    "round",
    "model",
    "position_nmr",
    "reward_score",
    "rate",
    "payout_nmr",
    "burn_nmr",
    "net_nmr",
    "transaction",
    "block",
)
TOTAL: Final = "total"


@dataclass(frozen=True)
class Receipt:
    """The transaction that settled a position: its hash, its block, and the block's time in Unix seconds.

    The block is None where only the transaction is known.
    """

    transaction: str
    block: int | None
    timestamp: int

    @property
    def settled_at(self) -> datetime:
        """The block's time."""
        return datetime.fromtimestamp(self.timestamp, UTC)


@dataclass(frozen=True)
class StatementEntry:
    """One line of a statement; no receipt where no chain was asked."""

    tournament: str
    explanation: Explanation
    receipt: Receipt | None

    def cells(self, reasons: Sequence[str]) -> list[str]:
        """Return the line as text; `reasons` are the columns behind `COLUMNS`."""
        found, receipt = self.explanation, self.receipt
        by_reason: Mapping[str, int] = {step.name: step.amount for step in found.steps}
        return [
            receipt.settled_at.isoformat().replace("+00:00", "Z") if receipt else "",
            self.tournament,
            str(found.round_id),
            str(found.model_id),
            nmr_text(found.position),
            ppm_text(found.reward_score),
            ppm_text(found.rate),
            nmr_text(found.payout),
            nmr_text(found.burn),
            nmr_text(found.net),
            receipt.transaction if receipt else "",
            str(receipt.block) if receipt and receipt.block is not None else "",
            *(nmr_text(by_reason.get(reason, 0)) for reason in reasons),
        ]


def write_statement(entries: Iterable[StatementEntry], file: TextIO) -> None:
    """Write a statement as CSV: a line a model and round, a column a reason, and a last line of sums.

    In every line the reasons add up to ``net_nmr``, which is ``payout_nmr - burn_nmr``.
    """
    known = list(entries)
    reasons = list(dict.fromkeys(step.name for entry in known for step in entry.explanation.steps))
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*COLUMNS, *(f"{reason} (NMR)" for reason in reasons)])
    writer.writerows(entry.cells(reasons) for entry in known)
    writer.writerow(_total(known, reasons))


def _total(entries: Sequence[StatementEntry], reasons: Sequence[str]) -> list[str]:
    explanations = [entry.explanation for entry in entries]
    sums = dict.fromkeys(reasons, 0)
    for step in (step for explanation in explanations for step in explanation.steps):
        sums[step.name] += step.amount
    cells = dict.fromkeys(COLUMNS, "") | {
        "settled_at": TOTAL,
        "payout_nmr": nmr_text(sum(explanation.payout for explanation in explanations)),
        "burn_nmr": nmr_text(sum(explanation.burn for explanation in explanations)),
        "net_nmr": nmr_text(sum(explanation.net for explanation in explanations)),
    }
    return [*cells.values(), *(nmr_text(amount) for amount in sums.values())]
