"""Several endpoints: what they say of a round is the same, or the two that differ are named."""

from dataclasses import replace

import pytest
from web3 import HTTPProvider, Web3

from scorer.chain.contracts import Suite
from scorer.chain.records import Addresses
from scorer.evaluation.evaluate import evaluate
from scorer.evaluation.inputs import OnChain
from scorer.oracle.agreement import EndpointsDisagree, agreed
from tests.hostile.tampering import on_chain
from tests.small_round import TOURNAMENT, SmallRound

ADDRESSES = Addresses(
    chain_id=31337,
    authority=TOURNAMENT,
    numeraire=TOURNAMENT,
    registry=TOURNAMENT,
    committee=TOURNAMENT,
    tournament=TOURNAMENT,
    burn_sink=TOURNAMENT,
    roller=TOURNAMENT,
    block=0,
)
ONE, OTHER = (Suite.at(Web3(HTTPProvider(f"http://{host}:1")), ADDRESSES) for host in ("one", "other"))


@pytest.fixture(scope="module")
def facts() -> OnChain:
    inputs = SmallRound().inputs()
    return on_chain(inputs, evaluate(inputs))


def test_what_all_say_is_taken(facts: OnChain) -> None:
    assert agreed([ONE, OTHER], "round 5", lambda _: replace(facts)) == facts


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"paid": 1}, "round 5, paid to be "),
        ({"settled": {1: 5}}, "round 5, settled 1 to be "),
        ({"report_hash": None}, "round 5, report_hash to be "),
    ],
)
def test_the_first_thing_that_two_say_otherwise_is_named_with_their_hosts(
    facts: OnChain, change: dict[str, object], expected: str
) -> None:
    changed = replace(facts, **change)  # type: ignore[arg-type]
    with pytest.raises(EndpointsDisagree) as error:
        agreed([ONE, OTHER], "round 5", lambda suite: facts if suite is ONE else changed)
    assert expected in str(error.value)
    assert "at one:1 and" in str(error.value)
    assert "at other:1; ask others" in str(error.value)


def test_a_changed_term_is_named(facts: OnChain) -> None:
    changed = replace(facts, terms=replace(facts.terms, cap=7))
    with pytest.raises(EndpointsDisagree, match="round 5, terms, cap to be 50000 at one:1 and 7 at other:1"):
        agreed([ONE, OTHER], "round 5", lambda suite: facts if suite is ONE else changed)
