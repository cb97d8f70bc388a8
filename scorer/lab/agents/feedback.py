"""Feedback in the rehearsal: a model's and the meta model's score at a registry of ERC-8004, given once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from scorer.lab.agents.home import HomeNetwork
from scorer.lab.agents.registries import Registries
from scorer.lab.local_tournament import OWNER
from scorer.lab.rehearsal.accounts import write_keystore
from scorer.lab.rehearsal.context import expect

GIVER, BUYER = 22, 23
MODEL: Final = 1
SOLD: Final = 2
"""A model that is sold without its agent."""


def give_feedback(network: HomeNetwork, folder: Path) -> int:
    """Give both scores by the command that people type, twice; how many the registry has.

    Raises
    ------
    scorer.lab.rehearsal.context.Unexpected
        When one is missing or given twice, or a model's whose agent another owns.
    """
    local = network.local
    owner, giver = local.sender(OWNER), str(local.anvil.account(GIVER).address)
    registries = Registries.deploy(owner, network.repository, local.suite)
    meta, agent, sold = (registries.register(owner) for _ in range(3))
    for model, its in ((MODEL, agent), (SOLD, sold)):
        owner.send(registries.link.functions.link(model, its))
    buyer = str(local.anvil.account(BUYER).address)
    owner.send(local.suite.registry.functions.transferFrom(owner.address, buyer, SOLD))
    options = _options(network, registries, folder)
    for_model = str(MODEL), "--link", registries.link.address
    for_meta = "meta", "--agent", str(meta)
    for whose in (for_model, for_meta):
        network.cupel("agent", "feedback", *whose, *options)
    expect("feedback after dry runs", 0, _count(registries, (meta, agent), giver))
    for whose in (for_model, for_meta, for_model, for_meta):
        network.cupel("agent", "feedback", *whose, *options, "--send", "--yes")
    for_sold = str(SOLD), "--link", registries.link.address
    network.cupel("agent", "feedback", *for_sold, *options, "--send", "--yes", expected=1)
    expect("feedback on a sold model's agent", [], registries.given(sold, giver))
    count = _count(registries, (meta, agent), giver)
    expect("feedback on a model and the meta model", 2, count)
    return count


def _options(network: HomeNetwork, registries: Registries, folder: Path) -> tuple[str, ...]:
    local = network.local
    keystore, password = write_keystore(folder, local.anvil.account(GIVER))
    rounds = local.out / local.member_names[-1] / "exchange"
    return (
        *("--registry", registries.reputation.address, "--rounds", str(rounds)),
        *("--keystore", str(keystore), "--password-file", str(password)),
        *network.chain_options,
    )


def _count(registries: Registries, agents: Sequence[int], client: str) -> int:
    """Return how much feedback stands; each agent has it once for each round."""
    given = [registries.given(agent, client) for agent in agents]
    for each in given:
        expect("feedback on each round", len({tag for _, tag in each}), len(each))
    return sum(map(len, given))
