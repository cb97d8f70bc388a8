"""Accounts of a rehearsal: one key for each role, encrypted as on a public chain."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from eth_account import Account
from eth_account.signers.local import LocalAccount

from scorer.files import write_secret
from scorer.lab.anvil import Anvil

ROLES: Final = ("deployer", "treasury", "operator", "guardian", "minter", "signer")
"""The signer is the multisig's: it proposes to the timelock that is the admin."""
MEMBERS: Final = ("member-1", "member-2", "member-3", "member-4")
DAEMONS: Final = ("operator", *MEMBERS)
OWNERS: Final = 10
ACCOUNTS: Final = len(ROLES) + len(MEMBERS) + OWNERS
SCRYPT_ROUNDS: Final = 2**13
"""Few, as for keys that are worth nothing."""


@dataclass(frozen=True)
class RehearsalAccounts:
    """The accounts by role, and those of the owners of models."""

    accounts: dict[str, LocalAccount]
    owners: Sequence[LocalAccount]

    def __getitem__(self, name: str) -> LocalAccount:
        return self.accounts[name]

    def environment(self, admin: str) -> dict[str, str]:
        """Return the values of the placeholders of deployments/amoy.toml."""
        roles = ("treasury", "operator", "guardian", "minter")
        values = {f"CUPEL_{name.upper()}": str(self[name].address) for name in roles}
        for number, name in enumerate(MEMBERS, start=1):
            values[f"CUPEL_MEMBER_{number}"] = str(self[name].address)
        return {**values, "CUPEL_ADMIN": admin}


def accounts_of(anvil: Anvil) -> RehearsalAccounts:
    """Give the chain's own accounts, which hold coins, their roles."""
    names = (*ROLES, *MEMBERS)
    accounts = {name: anvil.account(index) for index, name in enumerate(names)}
    return RehearsalAccounts(accounts, [anvil.account(len(names) + index) for index in range(OWNERS)])


def write_keystore(folder: Path, account: LocalAccount) -> tuple[Path, Path]:
    """Encrypt a key as wallets do (Web3 Secret Storage, version 3); the paths of keystore and password."""
    password = secrets.token_urlsafe(16)
    document = Account.encrypt(account.key, password, kdf="scrypt", iterations=SCRYPT_ROUNDS)
    keystore = write_secret(folder / "keystore.json", json.dumps(document))
    return keystore, write_secret(folder / "password", password + "\n")
