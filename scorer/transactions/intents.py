"""The records of the journal: what is to happen once, and every signed form of it.

An *intent* is to happen once. Every signed form of it is an *attempt*, with the intent's nonce, so the chain
itself executes at most one of them. An attempt is never forgotten.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from scorer.chain.fees import Bid
from scorer.chain.rpc_errors import Answer


class IntentState(StrEnum):
    """Progress of an intent."""

    PLANNED = "planned"
    """Nothing is signed."""
    SENT = "sent"
    """Signed and committed; from here on it may be mined at any time."""
    MINED = "mined"
    """In a block that is not finalised."""
    FINAL = "final"
    """Executed, in a finalised block."""
    FAILED = "failed"
    """Reverted, in a finalised block."""
    CANCELLED = "cancelled"
    """Its time passed: an empty transaction took its nonce, in a finalised block."""
    DISPLACED = "displaced"
    """A foreign transaction took its nonce, in a finalised block."""


OPEN: Final = frozenset({IntentState.SENT, IntentState.MINED})
"""Signed and not finished: these states need attention."""


@dataclass(frozen=True)
class Call:
    """A message to execute: receiver, calldata, gas limit and value in wei."""

    to: str
    data: bytes
    gas: int
    value: int = 0


@dataclass(frozen=True)
class Intent:
    """A call that must be executed exactly once.

    Attributes
    ----------
    key, generation
        Its meaning, such as ``137:0x...:412:settle:3``, and a count: a vote may be cast, changed and cast
        again.
    not_after
        Chain time, seconds since the epoch, after which it must not be mined; None: never.
    finished_at
        Number of the finalised block at which it was seen finished.
    """

    id: int
    key: str
    generation: int
    account: str
    call: Call
    not_after: int | None
    state: IntentState = IntentState.PLANNED
    nonce: int | None = None
    block: int | None = None
    gas_used: int | None = None
    ok: bool | None = None
    finished_at: int | None = None


@dataclass(frozen=True)
class Attempt:
    """A signed transaction.

    Attributes
    ----------
    cancels
        True for an empty transaction that only uses up the nonce.
    signed_at
        Chain time, seconds since the epoch.
    refusal
        The last reason why no node took it; None once one did, or did not answer and may have.
    least_tip
        The tip that the refusal asked for, wei per gas.
    """

    hash: bytes
    raw: bytes
    bid: Bid
    cancels: bool
    signed_at: int
    refusal: Answer | None = None
    least_tip: int = 0


@dataclass(frozen=True)
class Mined:
    """A receipt whose block is canonical."""

    hash: bytes
    block: int
    ok: bool
    gas_used: int
