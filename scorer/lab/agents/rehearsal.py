"""A round on a home chain, its document on another, an agent within it and out of it, and a double signer."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scorer.agents.leaves import Body
from scorer.agents.signing import QuorumConsensus
from scorer.agents.template import AgentFolder
from scorer.lab.agents.feedback import give_feedback
from scorer.lab.agents.home import (
    HomeNetwork,
    assembled,
    double_signer,
    home_network,
    sealed_round,
    settle,
    subscribed_body,
)
from scorer.lab.agents.serving import served_tools
from scorer.lab.agents.trading import AWAY_CHAIN, TRADED, UNIT, Trading
from scorer.lab.anvil import Anvil, run_anvil
from scorer.lab.rehearsal.context import expect
from scorer.server.consensus_documents import ConsensusDocuments

Show = Callable[[str], None]
ACCOUNTS: Final = 40


@dataclass(frozen=True)
class AgentsVerdict:
    """The figures of a rehearsal.

    Attributes
    ----------
    documents, acts
        How many a gate admitted.
    refused
        The names of the errors by which documents and acts were refused.
    lost, agent_lost
        Wei of bond that the member lost that signed two documents, and the agent for a wrong sealed act.
    feedback
        How many scores the reputation registry has.
    gas
        Of single calls, by their names.
    """

    round_id: int
    signers: int
    documents: int
    acts: int
    refused: tuple[str, ...]
    lost: int
    agent_lost: int
    feedback: int
    gas: Mapping[str, int]

    def __str__(self) -> str:
        return (
            f"agents: round {self.round_id}, signed by {self.signers} daemons: admitted {self.documents} "
            f"document and {self.acts} acts; refused {len(self.refused)} ({', '.join(self.refused)}); "
            f"slashed 2 (a double signer {self.lost // UNIT} NMR, an agent {self.agent_lost // UNIT} NMR); "
            f"gave {self.feedback} feedback"
        )


def rehearse_agents(out: Path, repository: Path, show: Show) -> AgentsVerdict:
    """Run it all; files are left in `out`, with the gas of single calls in ``gas.json``.

    Raises
    ------
    scorer.lab.rehearsal.context.Unexpected
        When something did not happen, or did that must not.
    """
    with (
        run_anvil(accounts=ACCOUNTS) as home,
        run_anvil(chain_id=AWAY_CHAIN, accounts=ACCOUNTS) as away,
        home_network(home, out, repository) as network,
    ):
        round_id = sealed_round(network)
        show(f"agents: round {round_id} is sealed, and its document signed by {network.local.member_names}")
        document = assembled(network, round_id)
        body_file, body = subscribed_body(network, document)
        trading, refused = _acted(network, away, document, body_file, body, show)
        refused += trading.refusals(document, body)
        agent_lost = trading.sealed_against(document, body)
        refused += trading.late_refusals(document, body)
        trading.rotate(document, home.account, ACCOUNTS)
        lost, proof_gas = double_signer(network, document.consensus)
        show("agents: a member that signed two documents lost its bond")
        settle(network, round_id)
        show(f"agents: round {round_id} is settled")
        feedback = give_feedback(network, out / "giver-key")
        acts, documents = trading.acts(), trading.documents()
    gas = trading.gas | {"act": max(acts[:TRADED]), "proveEquivocation": proof_gas}
    (out / "gas.json").write_text(json.dumps(gas, indent=1, sort_keys=True) + "\n")
    signers = len(list(document.signed_by()))
    return AgentsVerdict(
        round_id, signers, documents, len(acts), tuple(refused), lost, agent_lost, feedback, gas
    )


def _acted(
    network: HomeNetwork, away: Anvil, document: QuorumConsensus, body_file: Path, body: Body, show: Show
) -> tuple[Trading, list[str]]:
    """Let the agent's program act through its tools (MCP); forged documents are tried before."""
    local = network.local
    away.advance_to(document.consensus.published_at + 60)
    trading = Trading.on(away, network.repository, document, body)
    refused = trading.forgeries(document)
    roots = [local.out / name / "exchange" for name in local.member_names]
    folder = local.out.parent / "agent"
    with served_tools(ConsensusDocuments(local.suite, roots)) as url:
        place = trading.configured(folder, url)
        options = *trading.keystore(folder.with_name("agent-key")), "--body", str(body_file)
        _run_agent(network, place, document.consensus.round_id, options)
    expect("acts within the document", TRADED, len(trading.acts()))
    show(f"agents: {TRADED} acts within the document on chain {AWAY_CHAIN}")
    return trading, refused


def _run_agent(network: HomeNetwork, place: AgentFolder, round_id: int, options: tuple[str, ...]) -> None:
    """Run the agent dry, then in earnest, once more, and stopped."""
    command = ["agent", "run", str(place.path), "--round", str(round_id), *options]
    ends = {
        "a first run": (["--send"], f"{TRADED} acts sent"),
        "a second run": (["--send"], "0 acts sent"),
    }
    dry = network.cupel(*command).splitlines()[-1]
    expect("a dry run before the document is admitted", True, "none sent" in dry)
    for what, (more, expected) in ends.items():
        expect(what, True, expected in network.cupel(*command, *more).splitlines()[-1])
    network.cupel("agent", "stop", str(place.path))
    expect("a stopped run", True, "0 acts sent" in network.cupel(*command, "--send").splitlines()[-1])
