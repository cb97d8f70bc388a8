"""``cupel oracle challenge`` and ``cupel oracle remove-absent``: decisions about the committee by hand."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import typer

from scorer.chain.contracts import Suite
from scorer.cli.member import MemberSendingOptions
from scorer.cli.numbers import NUMBER
from scorer.cli.options import address_of, chain_command
from scorer.cli.sending import CommandResult, send
from scorer.client.attendance import attendance
from scorer.client.committee_actions import ChallengeReport, RemoveAbsent
from scorer.client.stakes import latest_block

RoundOption = Annotated[int, typer.Option("--round", parser=NUMBER, help="The round.")]


@dataclass(frozen=True, kw_only=True)
class CommitteeOptions(MemberSendingOptions):
    """Adds the option that names the tournament."""

    tournament: Annotated[
        str | None,
        typer.Option(help="By its name or address, where the configuration names several."),
    ] = None

    @cached_property
    def suite(self) -> Suite:
        """The contracts of the tournament that is named, or of the only one there is."""
        return self.node.suite_of(self.pinned.w3, self.tournament)


@chain_command(CommitteeOptions)
def challenge(options: CommitteeOptions, round_id: RoundOption) -> None:
    """Dispute the accepted report of a round, with a bond: without an allowance, in two transactions."""
    send(options.sending(), ChallengeReport(round_id), lambda _done: _read_dispute(options.suite, round_id))


@chain_command(CommitteeOptions)
def remove_absent(
    options: CommitteeOptions,
    member: Annotated[str, typer.Argument(help="Whom: an address; cupel oracle check names who is absent.")],
) -> None:
    """Remove a member that did not sign so many seals in a row that anybody may."""

    def read_members(_done: object) -> CommandResult:
        seats = attendance(options.suite)
        return CommandResult({"committee": seats.to_json()}, (str(seats),))

    send(options.sending(), RemoveAbsent(address_of(member, "MEMBER")), read_members)


def _read_dispute(suite: Suite, round_id: int) -> CommandResult:
    proposal = suite.proposal(round_id, latest_block(suite).number)
    if proposal is None:
        return CommandResult({}, ())
    status = proposal.status.name.lower()
    document = {"round": round_id, "report": status, "dispute_until": proposal.dispute_until}
    line = f"round {round_id}: the report is {status}, until {proposal.dispute_until} (Unix time)"
    return CommandResult(document, (line,))
