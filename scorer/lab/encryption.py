"""Encryption keys of a local committee: the same for the same account, and published all at once."""

import hashlib
from collections.abc import Sequence
from typing import Final

from eth_account.signers.local import LocalAccount

from scorer.chain.contracts import Suite
from scorer.encryption import Identity
from scorer.lab.batch import BatchCall, BatchSender

GAS: Final = 900_000
"""Gas limit of a publication: it begins a member set, and writes two words for each of its members."""


def local_identity(account: LocalAccount) -> Identity:
    """Return the encryption key of a test account; anybody can compute it, as the account's own key."""
    return Identity(hashlib.sha256(b"cupel/lab/encryption" + bytes(account.key)).digest())


def publish_keys(batch: BatchSender, suite: Suite, members: Sequence[LocalAccount]) -> None:
    """Let each member publish its encryption key."""
    publish = suite.committee.functions.setEncryptionKey
    batch.run(*((member, [BatchCall.of(publish(local_identity(member).public), GAS)]) for member in members))
