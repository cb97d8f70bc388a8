"""Logins of contract wallets: their own answer counts, and they may not take long to give it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from web3 import Web3

from scorer.lab.anvil import Anvil
from scorer.server.database import Database
from scorer.server.errors import ApiError
from scorer.server.login import MAGIC, MOST_GAS, WalletLogin

CONTRACT = Web3.to_checksum_address("0x" + "c0" * 20)
ANSWERS = "63" + MAGIC.hex() + "60e01b60005260206000f3"
"""Code that accepts every signature: the answer shifted to the left of a word, which is returned."""


def after(rounds: int) -> str:
    """Code that counts down first, at 26 gas a step, and then accepts."""
    return "62" + rounds.to_bytes(3, "big").hex() + "5b600190038060045750" + ANSWERS


@pytest.fixture
def login(anvil: Anvil, tmp_path: Path) -> Iterator[WalletLogin]:
    database = Database.open(tmp_path / "server.sqlite")
    database.migrate()
    yield WalletLogin(database, lambda: 1_700_000_000, "https://cupel.example", 31337, anvil.w3)
    database.close()


def logs_in(login: WalletLogin, anvil: Anvil, code: str) -> bool:
    """Whether a contract with some code gets in with a signature of its own kind."""
    anvil._request("anvil_setCode", CONTRACT, "0x" + code)
    try:
        return login.wallet(login.message(CONTRACT), "0x" + "51" * 200) == CONTRACT
    except ApiError as error:
        if f"signature: expected that of {CONTRACT}" not in str(error):
            raise
        return False


def test_a_contract_wallet_logs_in_with_what_it_accepts_itself(login: WalletLogin, anvil: Anvil) -> None:
    assert logs_in(login, anvil, ANSWERS)
    assert not logs_in(login, anvil, "60006000f3")  # answers nothing
    assert not logs_in(login, anvil, "60006000fd")  # reverts
    assert not logs_in(login, anvil, ANSWERS.replace(MAGIC.hex(), "ffffffff"))
    assert not logs_in(login, anvil, "")  # no contract


def test_a_contract_has_so_much_gas_for_its_answer_and_no_more(login: WalletLogin, anvil: Anvil) -> None:
    assert logs_in(login, anvil, after(rounds=MOST_GAS // 26 * 9 // 10))
    assert not logs_in(login, anvil, after(rounds=MOST_GAS // 26 * 11 // 10))
    assert not logs_in(login, anvil, "5b600056")  # for ever
