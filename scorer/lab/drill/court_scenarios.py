"""Scenarios before the court: reports that members made up, and whoever ends them."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from scorer.chain.bulk import read_view
from scorer.chain.records import ProposalStatus
from scorer.client.actions import ClientAccount
from scorer.client.court_actions import ProveReport, examine, round_files
from scorer.lab.drill.outcome import ScenarioResult, Stuck
from scorer.lab.drill.scenarios import ON_THE_WAY, scenario
from scorer.lab.drill.waiting import Done, accepted, drive, to_outcome, voted
from scorer.lab.false_report import FalseReport
from scorer.lab.local_tournament import BONDS, FIRST_MEMBER, OWNER, LocalTournament
from scorer.storage.bundle import Bundle
from scorer.units import wei_from_nano

LIE: Final = 50_000
"""ppm by which a liar's own model scores better than it should."""
PROVING: Final = 2
"""Transactions of a proof: its announcement, and itself."""


@scenario
def all_members_lie(local: LocalTournament) -> ScenarioResult:
    """Every member that votes lies; a data scientist with its own file alone proves it, and is paid."""
    round_id, model = to_outcome(local)[0], 1
    # It votes for what it computed, and changes its vote: so the lie has evidence that fits.
    drive(local, "member-0", voted(local, 0, round_id))
    false = _false_report(local, 0, round_id, model)
    liars = range(local.quorum)
    bonds = [_bond(local, index) for index in liars]
    false.attest(local.suite, [local.sender(FIRST_MEMBER + index) for index in liars])
    false.post(local.suite, local.sender(FIRST_MEMBER))
    local.anvil.finalise()
    proven = _prove_as_stranger(local, round_id, model)
    _require_disproven(local, round_id)
    lost = [before - _bond(local, index) for before, index in zip(bonds, liars, strict=True)]
    slash = wei_from_nano(BONDS.slash)
    owed = int(read_view(local.suite.committee.functions.creditOf(local.anvil.account(OWNER).address)))
    if lost != [slash] * len(lost) or owed != sum(lost) // 2:
        raise Stuck(
            f"expected each liar to lose {slash} wei, half of it for the prover, found {lost}, {owed}"
        )
    honest = local.members - 1
    drive(local, f"member-{honest}", _over(local, round_id))
    return ScenarioResult("all members lie", detail=f"one stranger proved it: {proven}")


@scenario
def false_report_disproven(local: LocalTournament) -> ScenarioResult:
    """A quorum lies; the honest member proves it once, though it is ended at every point of both steps."""
    (round_id,) = to_outcome(local)
    honest = local.members - 1
    drive(local, f"member-{honest}", voted(local, honest, round_id))
    false = _false_report(local, honest, round_id, model=1)
    false.attest(local.suite, [local.sender(FIRST_MEMBER + index) for index in range(local.quorum)])
    false.post(local.suite, local.sender(FIRST_MEMBER))
    local.anvil.finalise()
    before = local.sent_by(FIRST_MEMBER + honest)
    points = [f"{label}@:{round_id}:{act}" for act in ("announce", "prove") for label in ON_THE_WAY]
    drive(local, f"member-{honest}", accepted(local, round_id, ProposalStatus.DISPROVEN), kill_at=points)
    drive(local, f"member-{honest}", _over(local, round_id))
    _require_disproven(local, round_id)
    chunks = len(local.events(local.suite.tournament.events.ChunkSettled()))
    # Two for the proof, the end of the round, its chunks, and the collection of the reward.
    extra = local.sent_by(FIRST_MEMBER + honest) - before - PROVING - 1 - chunks - 1
    detail = f"{len(points)} times ended"
    return ScenarioResult("false report disproven", max(extra, 0), max(-extra, 0), 0, detail)


def _false_report(local: LocalTournament, index: int, round_id: int, model: int) -> FalseReport:
    """Return a member's own report with a better score for one model."""
    bundle = Bundle(local.folder(f"member-{index}/rounds", round_id))
    columns = bundle.scores()
    scores: Mapping[int, int] = dict(
        zip(columns["model_id"].tolist(), columns["reward_score"].tolist(), strict=True)
    )
    return FalseReport.of(bundle, {model: scores[model] + LIE})


def _prove_as_stranger(local: LocalTournament, round_id: int, model: int) -> str:
    """Prove the accepted report wrong as the owner of a model; returns what was wrong, in words."""
    folder = local.folder("member-0/exchange", round_id)
    own = np.asarray(local.market.predictions(round_id, model), dtype=np.float64)
    examined = examine(local.suite, round_id, round_files(folder, {model: own}))
    fault = examined.fault_of(model)
    if fault is None:
        raise Stuck(f"expected a fault in the report of round {round_id}, found none")
    sender = local.sender(OWNER)
    plan = ProveReport(examined, fault).plan(ClientAccount(local.suite, sender.address))
    for step in plan.steps:
        sender.send(step.final)
        local.anvil.finalise()
    return str(fault)


def _require_disproven(local: LocalTournament, round_id: int) -> None:
    ended = local.events(local.suite.committee.events.ReportDisproven())
    if [event["roundId"] for event in ended] != [round_id]:
        raise Stuck(f"expected the report of round {round_id} disproven once, found {len(ended)} times")


def _bond(local: LocalTournament, index: int) -> int:
    """Return a member's bond, wei."""
    address = local.anvil.account(FIRST_MEMBER + index).address
    return int(read_view(local.suite.committee.functions.bondOf(address)))


def _over(local: LocalTournament, round_id: int) -> Done:
    """Return a condition: a round is void, and every position returned."""
    return lambda: local.record(round_id).is_over


COURT_SCENARIOS: Final[Mapping[str, Callable[[LocalTournament], ScenarioResult]]] = {
    "all members lie, one stranger proves it": all_members_lie,
    "false report disproven": false_report_disproven,
}
"""By name."""
