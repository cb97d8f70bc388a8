"""The demo: a year of weekly rounds on real market data, settled on a local chain and verified."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from scorer.chain.bulk import read_view
from scorer.chain.records import RoundState
from scorer.data.rounds import Rebuilder
from scorer.evaluation.verify import Difference, differences
from scorer.lab.anvil import Anvil, run_anvil
from scorer.lab.dataset import KEY_FILE, RECIPE, SOURCE, load_dataset, write_dataset
from scorer.lab.demo.dataset import FOLDER, SPLITS, demo_rules, without_a_split
from scorer.lab.demo.outcome import DemoOutcome, print_outcome
from scorer.lab.demo.strategies import Strategy
from scorer.lab.demo.weeks import Week, most_open, predicted_weeks
from scorer.lab.in_process import (
    ACCOUNTS,
    CHALLENGE_WINDOW,
    OPERATOR,
    InProcessTournament,
    deploy_tournament,
    owners_of,
    run_tournament,
)
from scorer.lab.market import TARGET
from scorer.lab.member import LocalMember
from scorer.lab.population import Stake
from scorer.observation.audit import audit, idle_by_lane
from scorer.observation.observe import finalised_block, read_on_chain
from scorer.oracle.actions import Alarm
from scorer.owned_files import make_owned_folder
from scorer.protocol.rules import Rules
from scorer.storage.contents import files_in, inbox_at, node_at, rounds_in
from scorer.submission.validity import Universe
from scorer.units import nano_from_nmr, nmr_from_nano, nmr_from_wei

WEEKS: Final = 52
"""The last year of the data, to November 2007: August's crisis of quantitative funds is in it."""
HOUR: Final = 3600
ROUNDS_AT_ONCE: Final = 8
"""More than ever are unsettled at once, each five weeks after a weekly one."""
WRONG_ROUND: Final = 13
"""The round in which the raw data of one member of the committee lacks a split."""
WRONG_MEMBER: Final = 2
MADE_BY: Final = "cupel demo"
DATA: Final = "data"
"""The folder of the recipe, the source and the key of the data set."""
CONTENTS: Final = (
    *("chain.json", "deployment.json", "summary.json", "rounds"),
    *("leaderboard.csv", "scores.csv", "stakes.csv"),
    *(f"{name}{page}.png" for name in ("payouts_and_burns", "scores", "stakes") for page in ("", "-dark")),
    *inbox_at("inbox"),
    *rounds_in("published"),
    *node_at("members/*"),
    *files_in(DATA, RECIPE, SOURCE, SPLITS, KEY_FILE),
)
"""Files that a demo writes into its folder."""
KEYS: Final = (f"{DATA}/{KEY_FILE}",)


@dataclass(frozen=True)
class Demo:
    """A year of rounds, and the tournament that plays them; its participants are the strategies, in order.

    Attributes
    ----------
    rebuilder
        Makes eras from the raw prices of all sessions; see `Rebuilder.as_of`.
    """

    tournament: InProcessTournament
    strategies: Sequence[Strategy]
    weeks: Sequence[Week]
    rules: Rules
    rebuilder: Rebuilder

    def name_of(self, model_id: int) -> str:
        """Return the name of a model's strategy."""
        return self.strategies[model_id - 1].name


@dataclass
class Record:
    """Refusals, alarms and scores of the rounds, and what each model earned in all, nano-NMR."""

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
    make_owned_folder(out, MADE_BY, CONTENTS, keys=KEYS)
    write_dataset(FOLDER, out / DATA)
    with _progress(console) as progress:
        rebuilder = load_dataset(FOLDER)
        rules = demo_rules(rebuilder.recipe)
        strategies, weeks = predicted_weeks(progress, rebuilder, rules, weeks_played)
        with run_anvil(timestamp=weeks[0].times.open_at - 24 * HOUR, accounts=ACCOUNTS) as anvil:
            deployed = deploy_tournament(anvil, _stakes(anvil, strategies), rules)
            demo = Demo(run_tournament(anvil, deployed, out), strategies, weeks, rules, rebuilder)
            supply = _supply(demo)
            record = _play(demo, progress)
            _burn(demo)
            summary = _summary(demo, record, supply, _verify(demo, progress))
            addresses = json.dumps(deployed.addresses.to_json(), indent=1)
            (out / "deployment.json").write_text(addresses + "\n")
            anvil.save(out / "chain.json")
    (out / "rounds").symlink_to(demo.tournament.members[0].bundle(1).folder.parent.relative_to(out))
    deposits = {strategy.name: float(strategy.stake.deposit_nmr) for strategy in strategies}
    outcome = DemoOutcome(pd.DataFrame(record.scores), deposits, pd.Timestamp(weeks[0].era.day))
    outcome.write(out, summary)
    print_outcome(console, out, outcome, summary)
    return summary


def _stakes(anvil: Anvil, strategies: Sequence[Strategy]) -> list[Stake]:
    """Return every strategy's stake; one account an owner."""
    owners = owners_of(anvil, [strategy.owner for strategy in strategies])
    return [
        Stake(owners[model.owner], nano_from_nmr(model.stake.deposit_nmr), model.stake.encoded_allocation)
        for model in strategies
    ]


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


def _play(demo: Demo, progress: Progress) -> Record:
    """Let chain time run through the year: rounds open, close, resolve and settle as their times come."""
    record, weeks = Record(), demo.weeks
    events = [(week.times.open_at, 0, week) for week in weeks]
    events += [(week.times.close_at, 1, week) for week in weeks]
    events += [(week.times.resolve_at, 2, week) for week in weeks]
    events += [(week.times.resolve_at + CHALLENGE_WINDOW + HOUR, 3, week) for week in weeks]
    task = progress.add_task("rounds settle", total=len(weeks))
    for at, kind, week in sorted(events, key=lambda event: event[:2]):
        demo.tournament.anvil.advance_to(at)
        if kind == 0:
            _open(demo, week)
        elif kind == 1:
            _close(demo, week, record)
        elif kind == 2:
            _resolve(demo, week, record)
        else:
            _settle(demo, week, record)
            progress.advance(task)
    return record


def _open(demo: Demo, week: Week) -> None:
    """Open the round, and let every model send its file."""
    tournament, universe = demo.tournament, Universe(week.universe, {})
    times = (week.times.open_at, week.times.close_at, week.times.resolve_at, week.times.deadline)
    round_id = tournament.open_round(demo.rules, week.universe, times)
    for strategy, participant in zip(demo.strategies, tournament.participants, strict=True):
        content = week.files[strategy.name]
        if content is not None:
            file = f"{participant.model_id}.{strategy.file_format}"
            tournament.submit(participant, round_id, universe, content, file, kind=demo.rules.submissions)


def _close(demo: Demo, week: Week, record: Record) -> None:
    """Refuse what is broken, lock the stakes of the rest, and let the members seal the round."""
    collection = demo.tournament.seal_round(week.round_id)
    record.refusals += [
        {"round": week.round_id, "model": demo.name_of(refusal.model_id), "reason": refusal.reason}
        for refusal in collection.refusals
    ]


def _resolve(demo: Demo, week: Week, record: Record) -> None:
    """Let every member make the outcome and recompute the round; the order in which they vote rotates."""
    for index, member in enumerate(demo.tournament.members):
        is_wrong = (week.round_id, index) == (WRONG_ROUND, WRONG_MEMBER)
        _make_targets(demo.rebuilder.as_of(week.times.resolve_at), member, week.round_id, is_wrong=is_wrong)
    _cycle(demo, week, record)
    suite = demo.tournament.suite
    proposal = suite.proposal(week.round_id, suite.w3.eth.block_number)
    if proposal is not None and proposal.awaits_evidence:
        # Whoever saw the report accepted has another one: who voted last posts the evidence of theirs.
        _cycle(demo, week, record, _in_order(demo, week)[-1:])


def _make_targets(rebuilder: Rebuilder, member: LocalMember, round_id: int, *, is_wrong: bool) -> None:
    """Make a round's targets from a member's raw data, as ``cupel data targets`` does: by its ids."""
    era = rebuilder.with_ids(member.paths.published_bundle(round_id).universe())
    own = without_a_split(rebuilder, era) if is_wrong else rebuilder
    own.of(era).write(member.paths.targets_bundle(round_id))


def _settle(demo: Demo, week: Week, record: Record) -> None:
    """Let whichever member comes first settle, once the challenge window is over."""
    _cycle(demo, week, record)
    _note_scores(demo, week, record)


def _in_order(demo: Demo, week: Week) -> tuple[LocalMember, ...]:
    """Return the members in the order in which they work for a round."""
    members = demo.tournament.members
    turn = (week.round_id + WRONG_MEMBER - WRONG_ROUND) % len(members)
    return members[turn:] + members[:turn]


def _cycle(demo: Demo, week: Week, record: Record, members: Sequence[LocalMember] = ()) -> None:
    """Let every member, or some, do one cycle over all rounds that may not be over."""
    tournament = demo.tournament
    rounds = range(week.round_id, week.round_id + ROUNDS_AT_ONCE)
    tournament.anvil.finalise()
    for member in members or _in_order(demo, week):
        for step in member.cycle(rounds):
            if isinstance(step.action, Alarm):
                record.alarms.append(
                    {"round": step.round_id, "member": member.address, "alarm": step.action.detail}
                )
        tournament.anvil.finalise()


def _note_scores(demo: Demo, week: Week, record: Record) -> None:
    """Keep what the round paid and burned, from the first member's bundle."""
    columns = demo.tournament.members[0].bundle(week.round_id).scores()
    for row in pd.DataFrame(columns).to_dict("records"):
        change = row["payout"] - row["burn"]
        record.earned[row["model_id"]] = record.earned.get(row["model_id"], 0) + change
        record.scores.append(
            {
                "date": pd.Timestamp(week.times.last_session),
                "round": week.round_id,
                "model": demo.name_of(row["model_id"]),
                "corr": row[f"corr_{TARGET}"],
                "mmc": row[f"mmc_{TARGET}"],
                "paid_nmr": float(nmr_from_nano(row["payout"])),
                "burned_nmr": float(nmr_from_nano(row["burn"])),
                "position_nmr": float(nmr_from_nano(row["position"])),
            }
        )


def _burn(demo: Demo) -> None:
    """Send what burned to the sink, and destroy it there; anybody may."""
    tournament = demo.tournament
    sender = tournament.sender(OPERATOR)
    sender.send(tournament.suite.tournament.functions.sendBurned())
    sender.send(tournament.suite.burn_sink.functions.flush())
    tournament.anvil.finalise()


def _supply(demo: Demo) -> int:
    """Return the token's supply, wei."""
    return int(read_view(demo.tournament.suite.token.functions.totalSupply()))


def _verify(demo: Demo, progress: Progress) -> dict[int, list[Difference]]:
    """Recompute every round from the first member's bundle, and compare it with the chain."""
    suite, member = demo.tournament.suite, demo.tournament.members[0]
    block, wrong = finalised_block(suite), {}
    for week in progress.track(demo.weeks, description="rounds verified"):
        on_chain = read_on_chain(suite, week.round_id, block)
        bundle = member.bundle(week.round_id)
        wrong[week.round_id] = list(differences(bundle.published(), on_chain))
    return wrong


def _summary(
    demo: Demo, record: Record, supply: int, verified: Mapping[int, Sequence[Difference]]
) -> dict[str, Any]:
    suite = demo.tournament.suite
    block = suite.w3.eth.block_number
    rounds = [suite.round(week.round_id, block) for week in demo.weeks]
    settled = [row for row in rounds if row.state == RoundState.SETTLED]
    return {
        "chain_id": suite.addresses.chain_id,
        "rounds_settled": len(settled),
        "models": len(demo.strategies),
        "owners": len({strategy.owner for strategy in demo.strategies}),
        "paid_nmr": float(nmr_from_nano(sum(row.paid for row in settled))),
        "burned_nmr": float(nmr_from_nano(sum(row.burned for row in settled))),
        "supply_before_nmr": float(nmr_from_wei(supply)),
        "supply_after_nmr": float(nmr_from_wei(_supply(demo))),
        "rounds_verified": sum(not wrong for wrong in verified.values()),
        "differences": {str(r): [str(d) for d in wrong] for r, wrong in verified.items() if wrong},
        "most_rounds_open": most_open(demo.weeks),
        "refused_submissions": record.refusals,
        "alarms": record.alarms,
        "invariants": audit(suite, finalised_block(suite)),
        "stakes_add_up": _stakes_add_up(demo, record),
    }


def _stakes_add_up(demo: Demo, record: Record) -> bool:
    """Return whether every model's idle stake is its deposit plus payouts less burns, to the nano-NMR."""
    suite = demo.tournament.suite
    block = suite.w3.eth.block_number
    expected = {
        model: nano_from_nmr(strategy.stake.deposit_nmr) + record.earned.get(model, 0)
        for model, strategy in enumerate(demo.strategies, start=1)
    }
    return dict(zip(suite.models_by_lane(block), idle_by_lane(suite, block), strict=True)) == expected
