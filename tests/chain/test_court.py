"""Who judges a committee's reports: a court that asks for evidence, or somebody who does not."""

from collections.abc import Iterator

import pytest

from scorer.chain.contracts import Suite
from scorer.deployment.fields import NEW, NOBODY
from scorer.lab.anvil import Anvil
from scorer.lab.suite import deploy_suite, local_deployment
from scorer.proofs.terms import SCORING
from scorer.proofs.tree import SHIPPED_ROOT
from tests.chains import Chains
from tests.committee import STAKE

DAY = 86_400


@pytest.fixture
def chain(chains: Chains) -> Iterator[Anvil]:
    with chains.bare() as anvil:
        yield anvil


def suite(anvil: Anvil, name: str, court: str) -> Suite:
    accounts = [str(anvil.account(index).address) for index in range(3)]
    document = local_deployment(
        members=accounts[2:],
        operator=accounts[0],
        guardian=accounts[1],
        stake=STAKE,
        challenge_window=60,
        name=name,
        court=court,
    )
    return deploy_suite(anvil, anvil.account(0), document)


def test_a_court_that_was_deployed_with_the_rest_says_its_tables_and_its_period(chain: Anvil) -> None:
    court = suite(chain, "with", NEW).court
    assert court is not None
    assert (court.tables, court.scoring, court.posting_period) == (SHIPPED_ROOT, SCORING, 15 * DAY)
    assert court.committed_at([bytes(32), b"\1" * 32], chain.w3.eth.block_number) == [0, 0]
    # It belongs to no committee: another one may name it.
    shared = suite(chain, "shared", court.address).court
    assert shared is not None
    assert shared.address == court.address


def test_nobody_an_account_and_a_contract_of_another_kind_ask_for_no_evidence(chain: Anvil) -> None:
    plain = suite(chain, "plain", NOBODY)
    assert plain.court is None
    assert suite(chain, "account", str(chain.account(9).address)).court is None
    assert suite(chain, "other", plain.addresses.registry).court is None
