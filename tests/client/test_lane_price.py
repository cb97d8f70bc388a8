"""A model's first deposit pays for its lane, and whoever deposits reads so before."""

import json
from pathlib import Path

import pytest
from eth_account import Account

from scorer.chain.contracts import Suite
from scorer.chain.fees import FeePolicy
from scorer.client.actions import ActionRefused, ClientAccount
from scorer.client.keystore import Wallet
from scorer.client.stake_actions import Deposit
from scorer.lab.anvil import Anvil
from scorer.lab.plain_sender import Sender
from scorer.lab.suite import deploy_suite, local_deployment
from scorer.units import NanoNmr
from tests.committee import STAKE

NMR = 10**9
PRICE = NMR // 10


def suite_with_priced_lanes(anvil: Anvil, admin: Sender) -> Suite:
    """A suite whose lanes cost 0.1 NMR, and a model of the admin's without a deposit."""
    document = local_deployment(
        members=[admin.address],
        operator=admin.address,
        guardian=admin.address,
        stake=STAKE,
        challenge_window=3600,
        lane_price=PRICE,
    )
    suite = deploy_suite(anvil, admin.account, document)
    admin.send(suite.registry.functions.register(admin.address))
    return suite


@pytest.fixture
def admin(anvil: Anvil) -> Sender:
    return Sender(anvil.w3, anvil.account(0), FeePolicy())


@pytest.fixture
def account(anvil: Anvil, admin: Sender, tmp_path: Path) -> ClientAccount:
    keystore = tmp_path / "key.json"
    key = Account.encrypt(admin.account.key, "secret", kdf="pbkdf2", iterations=2)
    keystore.write_text(json.dumps(key))
    keystore.chmod(0o600)
    return ClientAccount(
        suite_with_priced_lanes(anvil, admin), admin.address, Wallet(keystore, lambda: "secret")
    )


def test_a_first_deposit_says_what_it_pays_for_the_lane(account: ClientAccount) -> None:
    warnings = Deposit(1, NanoNmr(NMR)).plan(account).warnings
    assert warnings[0] == (
        "0.1 NMR of it pay for the lane of model 1: they go to the payout pool, and do not come back"
    )


@pytest.mark.parametrize("amount", [1, PRICE])
def test_a_first_deposit_that_does_not_exceed_the_price_is_refused(
    account: ClientAccount, amount: int
) -> None:
    with pytest.raises(ActionRefused, match=r"expected more than 0\.1 NMR, which is what a model's first"):
        Deposit(1, NanoNmr(amount)).plan(account)


def test_later_deposits_pay_for_no_lane(account: ClientAccount, admin: Sender) -> None:
    suite = account.suite
    admin.send(suite.token.functions.approve(suite.tournament.address, 10**30))
    admin.send(suite.tournament.functions.deposit(1, (PRICE + 1) * 10**9))
    assert suite.tournament.functions.idleOf(1).call() == 1
    assert suite.tournament.functions.pool().call() == PRICE
    assert not any("lane" in warning for warning in Deposit(1, NanoNmr(1)).plan(account).warnings)
