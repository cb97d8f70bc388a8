"""``cupel oracle challenge`` and ``cupel oracle remove-absent``: what a human decides about the committee."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import typer

from scorer.chain.contracts import Suite
from scorer.cli.member import MemberSendingOptions
from scorer.cli.numbers import NUMBER
from scorer.cli.options import chain_command
from scorer.cli.sending import Told, order_and_tell
from scorer.client.committee import CommitteePlanner, attendance
from scorer.client.desk import ExecutedTransaction
from scorer.client.orders import address_of
from scorer.client.stakes import latest_block

RoundOption = Annotated[int, typer.Option("--round", parser=NUMBER, help="The round.")]


@dataclass(frozen=True, kw_only=True)
class CommitteeOptions(MemberSendingOptions):
    """And of which tournament."""

    tournament: Annotated[
        str | None,
        typer.Option(help="By its name or address, where the configuration names several."),
    ] = None

    @cached_property
    def suite(self) -> Suite:
        """The contracts of the tournament that is named, or of the only one there is."""
        return self.node.suite_of(self.pinned.w3, self.tournament)

    def counter(self) -> CommitteePlanner:
        """Where orders of this account are made out."""
        return CommitteePlanner(self.suite, self.address, self.node.files.rounds)


@chain_command(CommitteeOptions)
def challenge(options: CommitteeOptions, round_id: RoundOption) -> None:
    """Dispute the accepted report of a round, with a bond: without an allowance, in two transactions."""
    order_and_tell(
        options,
        lambda counter: counter.challenging(round_id),
        lambda counter: counter.challenge(round_id),
        lambda counter, _done: _disputed(counter, round_id),
    )


@chain_command(CommitteeOptions)
def remove_absent(
    options: CommitteeOptions,
    member: Annotated[str, typer.Argument(help="Whom: an address; cupel oracle check names who is absent.")],
) -> None:
    """Remove a member that did not sign so many seals in a row that anybody may."""
    whom = address_of(member, "MEMBER")

    def after(counter: CommitteePlanner, _done: Sequence[ExecutedTransaction]) -> Told:
        found = attendance(counter.suite)
        return Told({"committee": found.to_json()}, (str(found),))

    order_and_tell(
        options,
        lambda counter: counter.removing(whom),
        lambda counter: counter.remove_absent(whom),
        after,
    )


def _disputed(counter: CommitteePlanner, round_id: int) -> Told:
    """What became of the report."""
    proposal = counter.suite.proposal(round_id, latest_block(counter.suite).number)
    if proposal is None:
        return Told({}, ())
    status = proposal.status.name.lower()
    document = {"round": round_id, "report": status, "dispute_until": proposal.dispute_until}
    line = f"round {round_id}: the report is {status}, until {proposal.dispute_until} (Unix time)"
    return Told(document, (line,))
