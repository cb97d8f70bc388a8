"""``cupel agent feedback``: what models scored, as feedback at a reputation registry of ERC-8004."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import typer

from scorer.agents.evidence import RoundEvidence, read_evidence
from scorer.agents.record import Feedback, feedback_of
from scorer.agents.record_chain import read_record
from scorer.agents.reputation import ReputationRegistry
from scorer.chain.contracts import Suite
from scorer.chain.records import RoundState
from scorer.cli.numbers import MODEL, NUMBER
from scorer.cli.options import SendingOptions, address_of, chain_command
from scorer.cli.sending import CommandResult, SendContext, send
from scorer.client.actions import ActionRefused
from scorer.client.feedback_actions import GiveFeedback, ModelLink
from scorer.isolation import SHARED_READER
from scorer.observation.observe import finalised_block
from scorer.protocol.documents import to_hex
from scorer.storage.bundle import round_folder

META_MODEL: Final = "meta"


@dataclass(frozen=True, kw_only=True)
class FeedbackOptions(SendingOptions):
    """Adds that nothing is sent unless it is asked for."""

    send: Annotated[
        bool, typer.Option("--send", help="Give it; without it, only show what would be given.")
    ] = False

    def sending(self) -> SendContext:
        """Return the context in which the keystore's account sends; a dry run without ``--send``."""
        return replace(super().sending(), dry_run=self.dry_run or not self.send)


@chain_command(FeedbackOptions)
def feedback(
    options: FeedbackOptions,
    whose: Annotated[
        str, typer.Argument(help="A model's number, or: meta, for the meta model.", metavar="MODEL|meta")
    ],
    registry: Annotated[str, typer.Option(help="The reputation registry's address.")],
    rounds: Annotated[
        Path,
        typer.Option(
            help="A folder with settled rounds, <tournament>/<round>.", exists=True, file_okay=False
        ),
    ],
    link: Annotated[str | None, typer.Option(help="The address of the AgentLink, for a model.")] = None,
    agent: Annotated[
        int | None, typer.Option(parser=NUMBER, help="The meta model's agent, which no link names.")
    ] = None,
    url: Annotated[
        str, typer.Option(help="Where the rounds can be downloaded; it is named with each feedback.")
    ] = "",
) -> None:
    """Give a model's scores as feedback on the agent that it is linked to, with each round's evidence hash.

    Rounds that the registry has from this account already are left out, so that the command goes on where it
    was interrupted. A score is the chain's; the meta model's is its CORR with the round's first target.
    """
    is_meta = whose == META_MODEL
    if is_meta == (agent is None) or is_meta == (link is not None):
        raise ActionRefused("feedback: expected a model with --link, or meta with --agent, found others")
    place = _Source(options.suite, rounds, url)
    address = address_of(registry, "--registry")
    if link is None:
        action = GiveFeedback(address, agent or 0, tuple(place.of_meta_model(agent or 0)))
    else:
        found = ModelLink(address_of(link, "--link"), MODEL(whose))
        number = found.agent(options.suite, ReputationRegistry(options.suite.w3, address))
        action = GiveFeedback(address, number, tuple(place.of_model(found.model, number)), found)
    send(options.sending(), action, lambda _: _state(options, action))


def _state(options: FeedbackOptions, action: GiveFeedback) -> CommandResult:
    registry = ReputationRegistry(options.suite.w3, action.registry)
    count = len(registry.given(action.agent, options.wallet.address))
    line = f"agent {action.agent}: the registry has {count} rounds of {options.wallet.address}"
    return CommandResult({"agent": action.agent, "rounds": count}, (line,))


@dataclass(frozen=True)
class _Source:
    """The chain, and the bundles of settled rounds, whose reports are held against it."""

    suite: Suite
    rounds: Path
    url: str

    def of_model(self, model: int, agent: int) -> Iterator[Feedback]:
        """Yield the feedback for each settled round of a model whose bundle is here, ascending."""
        for entry in read_record(self.suite, model).rounds:
            evidence = self._evidence(entry.round_id, entry.report) if entry.state == "settled" else None
            if evidence is not None:
                yield self._feedback(agent, model, entry.round_id, entry.score, evidence)

    def of_meta_model(self, agent: int) -> Iterator[Feedback]:
        """Yield the feedback for each settled round whose meta model is here, ascending."""
        for round_id, report in self._settled().items():
            evidence = self._evidence(round_id, report)
            if evidence is not None and evidence.meta_model_score is not None:
                yield self._feedback(agent, META_MODEL, round_id, evidence.meta_model_score, evidence)

    def _feedback(
        self, agent: int, whose: object, round_id: int, score: int, evidence: RoundEvidence
    ) -> Feedback:
        tournament = self.suite.addresses.tournament
        url = f"{self.url.rstrip('/')}/{tournament}/{round_id}" if self.url else ""
        return feedback_of(agent, tournament, whose, round_id, score, url, evidence.report.evidence_hash)

    def _settled(self) -> Mapping[int, bytes]:
        """Return the hash of each settled round's report, ascending, as of the newest final block."""
        block = finalised_block(self.suite).number
        numbers = [
            number
            for number in range(1, self.suite.round_count(block) + 1)
            if self.suite.round(number, block).state == RoundState.SETTLED
        ]
        proposals = zip(numbers, self.suite.proposals(numbers, block), strict=True)
        return {number: each.report_hash for number, each in proposals if each is not None}

    def _evidence(self, round_id: int, report: bytes) -> RoundEvidence | None:
        """Return what a bundle proves; None where it is not here.

        Raises
        ------
        ActionRefused
            When the bundle's report is not the one that the round was settled by.
        """
        folder = round_folder(self.rounds, self.suite.addresses.tournament, round_id)
        found = read_evidence(folder, SHARED_READER)
        if found is None:
            what = "expected a bundle whose files its report commits to"
            typer.echo(f"round {round_id}: left out: {what} in {folder}, found none", err=True)
        elif found.report.hash() != report:
            raise ActionRefused(
                f"{folder}: expected the report {to_hex(report)} that the chain accepted, found "
                f"{to_hex(found.report.hash())}; take the round's bundle from another member"
            )
        return found
