"""The demo: a year of weekly rounds on real market data, settled on a local chain and verified."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from scorer.chain.contracts import RoundState
from scorer.evaluation.verify import Difference, differences
from scorer.files import make_owned_folder
from scorer.lab.anvil import run_anvil
from scorer.lab.demo.outcome import DemoOutcome, tell
from scorer.lab.demo.stage import ACCOUNTS, CHALLENGE_WINDOW, DemoStage, set_stage
from scorer.lab.demo.weeks import HOUR, Week, most_open, predicted_weeks
from scorer.observation.audit import audit, idle_by_lane
from scorer.observation.observe import finalised_block, read_on_chain
from scorer.oracle.actions import Alarm
from scorer.protocol.rules import Rules, preset
from scorer.storage.contents import inbox_at, node_at, rounds_in
from scorer.submission.validity import Universe
from scorer.units import nano_from_nmr, nmr_from_nano, nmr_from_wei

WEEKS: Final = 52
"""The last year of the data, to November 2007: August's crisis of quantitative funds is in it."""
TIME_TO_REPORT: Final = 14 * 24 * HOUR
ROUNDS_AT_ONCE: Final = 8
"""More than ever are unsettled at once, each five weeks after a weekly one."""
WRONG_ROUND: Final = 13
"""The round in which one member of the committee works with one wrong number."""
WRONG_MEMBER: Final = 2
TARGET: Final = "target_20d2l"
MADE_BY: Final = "cupel demo"
CONTENTS: Final = (
    *("chain.json", "deployment.json", "summary.json", "rounds"),
    *("leaderboard.csv", "scores.csv", "stakes.csv", "payouts_and_burns.png", "scores.png", "stakes.png"),
    *inbox_at("inbox"),
    *rounds_in("published"),
    *node_at("members/*"),
)
"""What a demo writes into its folder."""


@dataclass
class Record:
    """What the demo saw, round by round."""

    refusals: list[dict[str, object]] = field(default_factory=list)
    alarms: list[dict[str, object]] = field(default_factory=list)
    scores: list[dict[str, object]] = field(default_factory=list)
    earned: dict[int, int] = field(default_factory=dict)


def run_demo(out: Path, console: Console, weeks_played: int = WEEKS) -> dict[str, Any]:
    """Run the whole demo and write everything under `out`, which is emptied first if a demo made it.

    Returns
    -------
    dict
        The content of summary.json.

    Raises
    ------
    scorer.files.FolderInUse
        When `out` holds anything that a demo did not write.
    """
    make_owned_folder(out, MADE_BY, CONTENTS)
    with _progress(console) as progress:
        strategies, weeks = predicted_weeks(progress, weeks_played)
        with run_anvil(timestamp=weeks[0].open_at - 24 * HOUR, accounts=ACCOUNTS) as anvil:
            stage = set_stage(anvil, strategies, preset("classic"), out)
            supply = _supply(stage)
            record = _play(stage, weeks, preset("classic"), progress)
            _burn(stage)
            summary = _summary(stage, weeks, record, supply, _verify(stage, weeks, progress))
            (out / "deployment.json").write_text(json.dumps(stage.suite.addresses.to_json(), indent=1) + "\n")
            anvil.save(out / "chain.json")
    (out / "rounds").symlink_to(stage.members[0].bundle(1).folder.parent.relative_to(out))
    deposits = {entry.strategy.name: float(entry.strategy.stake.deposit_nmr) for entry in stage.entries}
    outcome = DemoOutcome(pd.DataFrame(record.scores), deposits, weeks[0].era.date)
    outcome.write(out, summary)
    tell(console, out, outcome, summary)
    return summary


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


def _play(stage: DemoStage, weeks: Sequence[Week], rules: Rules, progress: Progress) -> Record:
    """Let chain time run through the year: rounds open, close, resolve and settle as their times come."""
    record = Record()
    events = [(week.open_at, 0, week) for week in weeks]
    events += [(week.close_at, 1, week) for week in weeks]
    events += [(week.resolve_at, 2, week) for week in weeks]
    events += [(week.resolve_at + CHALLENGE_WINDOW + HOUR, 3, week) for week in weeks]
    task = progress.add_task("rounds settle", total=len(weeks))
    for at, kind, week in sorted(events, key=lambda event: event[:2]):
        stage.anvil.advance_to(at)
        if kind == 0:
            _open(stage, week, rules)
        elif kind == 1:
            _close(stage, week, record)
        elif kind == 2:
            _resolve(stage, week, record)
        else:
            _settle(stage, week, record)
            progress.advance(task)
    return record


def _open(stage: DemoStage, week: Week, rules: Rules) -> None:
    """The operator opens the round, and every model sends its file."""
    round_id = stage.operator.open_round(
        rules,
        week.universe,
        open_at=week.open_at,
        close_at=week.close_at,
        resolve_at=week.resolve_at,
        deadline=week.resolve_at + TIME_TO_REPORT,
    )
    for entry in stage.entries:
        content = week.files[entry.strategy.name]
        if content is not None:
            stage.submit(entry, round_id, Universe(week.universe, {}), content, kind=rules.submissions)


def _close(stage: DemoStage, week: Week, record: Record) -> None:
    """The operator refuses what is broken and locks the stakes of the rest; the members seal the round."""
    collection = stage.seal_round(week.round_id)
    record.refusals += [
        {"round": week.round_id, "model": _name(stage, refusal.model_id), "reason": refusal.reason}
        for refusal in collection.refusals
    ]


def _resolve(stage: DemoStage, week: Week, record: Record) -> None:
    """Every member learns the outcome and recomputes for itself; the order in which they vote rotates."""
    for index, member in enumerate(stage.members):
        is_wrong = (week.round_id, index) == (WRONG_ROUND, WRONG_MEMBER)
        target = _with_one_wrong_number(week.target) if is_wrong else week.target
        stage.publish_target(member, week.round_id, week.universe, target)
    _cycle(stage, week, record)


def _with_one_wrong_number(target: NDArray[np.float64]) -> NDArray[np.float64]:
    wrong = target.copy()
    wrong[0] = 1.0 - wrong[0] if wrong[0] != 0.5 else 1.0
    return wrong


def _settle(stage: DemoStage, week: Week, record: Record) -> None:
    """The challenge window is over: whichever member comes first settles."""
    _cycle(stage, week, record)
    _note_scores(stage, week, record)


def _cycle(stage: DemoStage, week: Week, record: Record) -> None:
    """One cycle of every member over all rounds that may not be over."""
    turn = (week.round_id + WRONG_MEMBER - WRONG_ROUND) % len(stage.members)
    rounds = range(week.round_id, week.round_id + ROUNDS_AT_ONCE)
    stage.anvil.finalise()
    for member in stage.members[turn:] + stage.members[:turn]:
        for step in member.cycle(rounds):
            if isinstance(step.action, Alarm):
                record.alarms.append(
                    {"round": step.round_id, "member": member.address, "alarm": step.action.detail}
                )
        stage.anvil.finalise()


def _name(stage: DemoStage, model_id: int) -> str:
    return stage.entries[model_id - 1].strategy.name


def _note_scores(stage: DemoStage, week: Week, record: Record) -> None:
    """Keep what the round paid and burned, from the first member's bundle."""
    columns = stage.members[0].bundle(week.round_id).scores()
    for row in pd.DataFrame(columns).to_dict("records"):
        change = row["payout"] - row["burn"]
        record.earned[row["model_id"]] = record.earned.get(row["model_id"], 0) + change
        record.scores.append(
            {
                "date": week.era.resolve_date,
                "round": week.round_id,
                "model": _name(stage, row["model_id"]),
                "corr": row[f"corr_{TARGET}"],
                "mmc": row[f"mmc_{TARGET}"],
                "paid_nmr": float(nmr_from_nano(row["payout"])),
                "burned_nmr": float(nmr_from_nano(row["burn"])),
                "position_nmr": float(nmr_from_nano(row["position"])),
            }
        )


def _burn(stage: DemoStage) -> None:
    """Send what burned to the sink, and destroy it there; anybody may."""
    stage.operator.sender.send(stage.suite.tournament.functions.sendBurned())
    stage.operator.sender.send(stage.suite.burn_sink.functions.flush())
    stage.anvil.finalise()


def _supply(stage: DemoStage) -> int:
    """The token's supply, in wei."""
    return int(stage.suite.token.functions.totalSupply().call())


def _verify(stage: DemoStage, weeks: Sequence[Week], progress: Progress) -> dict[int, list[Difference]]:
    """Recompute every round from the first member's bundle and hold it against the chain."""
    block = finalised_block(stage.suite)
    found = {}
    for week in progress.track(weeks, description="rounds verified"):
        bundle = stage.members[0].bundle(week.round_id)
        on_chain = read_on_chain(stage.suite, week.round_id, block)
        found[week.round_id] = list(differences(bundle.published(), on_chain))
    return found


def _summary(
    stage: DemoStage,
    weeks: Sequence[Week],
    record: Record,
    supply: int,
    verified: Mapping[int, Sequence[Difference]],
) -> dict[str, Any]:
    block = stage.anvil.w3.eth.block_number
    rounds = [stage.suite.round(week.round_id, block) for week in weeks]
    settled = [each for each in rounds if each.state == RoundState.SETTLED]
    return {
        "chain_id": stage.suite.addresses.chain_id,
        "rounds_settled": len(settled),
        "models": len(stage.entries),
        "owners": len({entry.strategy.owner for entry in stage.entries}),
        "paid_nmr": float(nmr_from_nano(sum(each.paid for each in settled))),
        "burned_nmr": float(nmr_from_nano(sum(each.burned for each in settled))),
        "supply_before_nmr": float(nmr_from_wei(supply)),
        "supply_after_nmr": float(nmr_from_wei(_supply(stage))),
        "rounds_verified": sum(not found for found in verified.values()),
        "differences": {str(r): [str(d) for d in found] for r, found in verified.items() if found},
        "most_rounds_open": most_open(weeks),
        "refused_submissions": record.refusals,
        "alarms": record.alarms,
        "invariants": audit(stage.suite, finalised_block(stage.suite)),
        "stakes_add_up": _stakes_add_up(stage, record),
    }


def _stakes_add_up(stage: DemoStage, record: Record) -> bool:
    """Whether every model's idle stake is its deposit, plus all payouts, less all burns, to the nano-NMR."""
    block = stage.anvil.w3.eth.block_number
    expected = {
        e.model_id: nano_from_nmr(e.strategy.stake.deposit_nmr) + record.earned.get(e.model_id, 0)
        for e in stage.entries
    }
    models = stage.suite.models_by_lane(block)
    return dict(zip(models, idle_by_lane(stage.suite, block), strict=True)) == expected
