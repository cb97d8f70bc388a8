"""Deployment files for tests: one that is right, and the accounts of the test mnemonic that it names."""

from pathlib import Path

from eth_account import Account

from scorer.chain.endpoint import LOCAL_CHAIN_ID
from scorer.deployment.document import Deployment, read_document
from scorer.lab.anvil import MNEMONIC


def account(index: int) -> str:
    """The address of one of the test accounts."""
    return str(Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}").address)


DEPLOYER, OPERATOR, GUARDIAN, MINTER, ADMIN, TREASURY, STRANGER = (account(index) for index in range(7))
MEMBERS = tuple(account(index) for index in range(7, 11))

TEXT = f"""
version = 1
name = "trial"
chain_id = {LOCAL_CHAIN_ID}

[token]
supply = "1000000"
treasury = "{TREASURY}"

[committee]
members = ["{MEMBERS[0]}", "{MEMBERS[1]}", "{MEMBERS[2]}", "{MEMBERS[3]}"]
quorum = 3
challenge_window = "9 hours"
dispute_period = "1 day"
member_bond = "1000"
challenge_bond = "100"
slash = "500"
absence_slash = "50"
absence_limit = 5

[windows]
lock_window = "18 hours"
least_lock_window = "1 hour"
least_notice = "1 hour"
funding_grace = "3 days"

[[tournaments]]
name = "classic"
rules = "classic"

[[tournaments]]
name = "daily"
cap = "0.1"
threshold = "5000"
minimum_position = "1"

[roles.operator]
holders = ["{OPERATOR}"]

[roles.guardian]
holders = ["{GUARDIAN}"]

[roles.minter]
holders = ["{MINTER}"]
delay = "2 days"

[roles.unpauser]
holders = ["{ADMIN}"]
delay = "36 hours"

[admin]
holder = "{ADMIN}"
kind = "key"
delay = "7 days"
"""


def read(text: str = TEXT, **environment: str) -> Deployment:
    """The file's document."""
    return read_document(text, environment, "trial.toml", Path())
