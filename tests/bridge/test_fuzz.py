"""Whatever happens on two chains, in whatever order: nothing is lost, nothing twice, all can be delivered.

``make fuzz-bridge`` searches anew, and longer: CUPEL_FUZZ examples of some fifty steps each.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import rule, run_state_machine_as_test

from scorer.chain.bulk import read_view
from scorer.lab.bridge.chains import bridged_chains
from tests.bridge.two_chains_machine import TwoChains, ask, snapshots_of

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = int(os.environ.get("CUPEL_FUZZ", "40"))


@pytest.fixture
def machine() -> Iterator[type[TwoChains]]:
    with bridged_chains(REPOSITORY) as chains:
        TwoChains.chains, TwoChains.snapshots = chains, snapshots_of(chains)
        TwoChains.done.clear()
        yield TwoChains


def searched(examples: int, steps: int, *, anew: bool) -> settings:
    """Without shrinking, which takes hours here: a failure prints its steps and how to repeat it."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=not anew,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


def test_whatever_happens_in_a_few_steps_everything_arrives_once(machine: type[TwoChains]) -> None:
    run_state_machine_as_test(machine, settings=searched(2, 8, anew=False))
    assert machine.done["examples"] >= 2
    assert machine.done["views"] > machine.done["examples"]


@pytest.mark.long
def test_whatever_happens_everything_arrives_once(machine: type[TwoChains]) -> None:
    run_state_machine_as_test(machine, settings=searched(EXAMPLES, 50, anew=True))
    for what, times in sorted(machine.done.items()):
        print(f"{times:6} {what}")
    messages, examples = machine.done["messages"], machine.done["examples"]
    print(f"fuzz-bridge: {messages} messages in {examples} examples, 0 twice, 0 lost")


class CreatesTokens(TwoChains):
    """A token on Polygon that counts one wei more than was ever locked."""

    @rule()
    def create(self) -> None:
        slot, supply = hex(2), read_view(self.chains.child_end.token.functions.totalSupply()) + 1
        token = self.chains.addresses.child.token
        ask(self.chains.child, "anvil_setStorageAt", token, slot, f"0x{supply:064x}")
        self.chains.child.finalise()


class LosesMessages(TwoChains):
    """Validators of Polygon that leave out what is to be handed over."""

    most_rounds = 3

    @rule()
    def hand_over(self) -> None:
        self.chains.root.finalise()
        self.chains.heimdall.read_to = int(self.chains.root.w3.eth.block_number)


@pytest.mark.long
@pytest.mark.parametrize(
    ("broken", "where"),
    [
        (CreatesTokens, r"state\.create\(\)\nstate\.balanced\(\)\nstate\.teardown"),
        (LosesMessages, "everything delivered"),
    ],
)
def test_the_search_finds_a_bridge_that_creates_or_loses(
    machine: type[TwoChains], broken: type[TwoChains], where: str
) -> None:
    broken.chains, broken.snapshots = machine.chains, machine.snapshots
    with pytest.raises(AssertionError, match=where):
        run_state_machine_as_test(broken, settings=searched(4, 12, anew=False))
