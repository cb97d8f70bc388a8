"""Tables, pictures and a summary that the demo writes and prints at its end."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

import pandas as pd
from rich.console import Console

from scorer.lab.demo.leaderboard import leaderboard_table
from scorer.lab.demo.pictures import draw_payouts_and_burns, draw_scores, draw_stakes


@dataclass(frozen=True)
class DemoOutcome:
    """The demo's tables.

    Attributes
    ----------
    scores
        date, round, model, corr, mmc, paid_nmr, burned_nmr, position_nmr: a row a model and settled round.
    deposits
        NMR by model.
    first
        The date of the deposits.
    """

    scores: pd.DataFrame
    deposits: Mapping[str, float]
    first: pd.Timestamp

    def stakes(self) -> pd.DataFrame:
        """Every model's stake after every settled round, the deposit first: date, model, stake_nmr."""
        change = self.scores.assign(change=self.scores["paid_nmr"] - self.scores["burned_nmr"])
        by_date = change.pivot_table(index="date", columns="model", values="change", aggfunc="sum").fillna(
            0.0
        )
        deposits = pd.Series(dict(self.deposits))
        stakes = by_date.reindex(columns=list(self.deposits), fill_value=0.0).cumsum() + deposits
        stakes.loc[self.first] = deposits
        return stakes.sort_index().reset_index().melt("date", var_name="model", value_name="stake_nmr")

    def leaderboard(self) -> pd.DataFrame:
        """One row a model, as `leaderboard_table` takes it."""
        by_model, stakes = self.scores.groupby("model"), self.stakes().groupby("model")["stake_nmr"]
        table = pd.DataFrame(index=pd.Index(list(self.deposits), name="model")).assign(
            number=range(1, len(self.deposits) + 1),  # what commands ask for: the chain knows no names
            corr=by_model["corr"].mean(),
            mmc=by_model["mmc"].mean(),
            paid_nmr=by_model["paid_nmr"].sum(),
            burned_nmr=by_model["burned_nmr"].sum(),
            stake_nmr=stakes.last(),
            return_on_deposit_percent=100 * (stakes.last() / stakes.first() - 1),
        )
        return table.fillna({"paid_nmr": 0.0, "burned_nmr": 0.0}).reset_index()

    def write(self, out: Path, summary: Mapping[str, Any]) -> None:
        """Write the tables, the pictures and summary.json."""
        stakes = self.stakes()
        self.scores.to_csv(out / "scores.csv", index=False)
        stakes.to_csv(out / "stakes.csv", index=False)
        self.leaderboard().to_csv(out / "leaderboard.csv", index=False)
        draw_stakes(stakes, out / "stakes.png")
        draw_payouts_and_burns(self.scores, out / "payouts_and_burns.png")
        draw_scores(self.scores, out / "scores.png")
        (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")


def print_outcome(console: Console, out: Path, outcome: DemoOutcome, summary: Mapping[str, Any]) -> None:
    """Print the leaderboard, what held, where everything is, and the closing line."""
    console.print(leaderboard_table(outcome.leaderboard()))
    for line in (*_what_happened(summary), *_where(out), _closing_line(summary)):
        console.print(line, highlight=False, soft_wrap=True)


def _what_happened(summary: Mapping[str, Any]) -> Sequence[str]:
    refused, alarms = summary["refused_submissions"], summary["alarms"]
    lines = [
        f"token supply: {summary['supply_before_nmr']:,.3f} NMR before, "
        f"{summary['supply_after_nmr']:,.3f} NMR after the burns"
    ]
    lines += [
        f"invariant: {name}: {'holds' if holds else 'BROKEN'}"
        for name, holds in summary["invariants"].items()
    ]
    lines += [f"refused submissions: {len(refused)}, such as {refused[0]['reason']}"] if refused else []
    lines += [f"one member was wrong once, and the quorum held: {alarms[0]['alarm']}"] if alarms else []
    return lines


def _where(out: Path) -> Sequence[str]:
    return (
        f"pictures and tables: {out}/*.png, {out}/*.csv, {out}/summary.json",
        f"verify any round: .venv/bin/cupel verify {quote(f'{out}/rounds/1')} --replay {quote(str(out))}",
    )


def _closing_line(summary: Mapping[str, Any]) -> str:
    return (
        f"demo: {summary['rounds_settled']} rounds settled, {summary['models']} models, "
        f"paid {summary['paid_nmr']:,.3f} NMR, burned {summary['burned_nmr']:,.3f} NMR, "
        f"verified {summary['rounds_verified']}/{summary['rounds_settled']}"
    )
