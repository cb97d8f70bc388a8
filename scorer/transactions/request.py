"""Requests to send a transaction: their keys, their content, their outcome, and who delivers them."""

import re
from dataclasses import dataclass
from typing import Final, Protocol, Self

from web3.contract.contract import ContractFunction

from scorer.chain.calldata import calldata
from scorer.errors import CupelError
from scorer.transactions.intents import Intent, IntentState
from scorer.transactions.state_machine import StopReason

GAS_MARGIN: Final = 1.25
"""Factor on an estimate: it is made on a state that may change before the transaction is mined."""
NO_ROUND: Final = 0
"""The number of what belongs to no round; rounds are counted from 1."""
# No leading zeros, so that a number has one spelling, and no more digits than 64 bits hold.
_NUMBER: Final = "0|[1-9][0-9]{0,17}"
_OF_ROUND: Final = re.compile(
    rf"(?P<scope>[0-9]+:0x\w+):(?P<round>{_NUMBER}):(?P<kind>[a-z]{{1,32}})(?::(?P<detail>.*))?",
    re.ASCII | re.DOTALL,
)
_OTHER: Final = re.compile(
    r"(?P<scope>(?:[0-9]+:)?0x\w+):(?P<kind>[a-z_-]{1,32})(?::(?P<detail>.*?))?"
    rf"(?:#(?P<number>{_NUMBER}))?",
    re.ASCII | re.DOTALL,
)


def scope_of(chain_id: int, contract: str) -> str:
    """Return the scope of keys that belong to a contract on a chain, such as a tournament."""
    return f"{chain_id}:{contract}"


@dataclass(frozen=True)
class RequestKey:
    """The business meaning of a request, for which it is sent once.

    Its text is ``scope:round:kind:detail``, such as ``137:0x...:412:settle:3``. Without a round it is
    ``scope:kind:detail``, and may end in ``#number`` where a person may ask for the same again.

    Attributes
    ----------
    scope
        Chain and contract (see `scope_of`), or the address of an account.
    kind
        Such as ``settle``: a word of lower-case letters.
    detail
        The part that separates requests of one kind; None: nothing.
    round_id
        Number of the round; `NO_ROUND` for a tournament's requests outside of rounds.
    number
        Which one it is of equal requests, counted from 0.

    Raises
    ------
    ValueError
        When its text would be read as another key.
    """

    scope: str
    kind: str
    detail: str | None = None
    round_id: int | None = None
    number: int | None = None

    def __post_init__(self) -> None:
        # Two requests whose texts are equal would be one to the journal, and only the first of them would be
        # sent.
        if _parts(str(self)) != (self.scope, self.kind, self.detail, self.round_id, self.number):
            raise ValueError(f"expected the parts of a request key, found {self!r}")

    @classmethod
    def of(cls, scope: str, meaning: str, *, round_id: int | None = None, number: int | None = None) -> Self:
        """Build a key from a scope and a meaning, ``kind`` or ``kind:detail``."""
        kind, colon, detail = meaning.partition(":")
        return cls(scope, kind, detail if colon else None, round_id, number)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a key from its text; None where the text is no key."""
        parts = _parts(text)
        return None if parts is None else cls(*parts)

    @property
    def meaning(self) -> str:
        """Kind and detail: the same for equal requests."""
        return self.kind if self.detail is None else f"{self.kind}:{self.detail}"

    def __str__(self) -> str:
        in_round = "" if self.round_id is None else f"{self.round_id}:"
        ending = "" if self.number is None else f"#{self.number}"
        return f"{self.scope}:{in_round}{self.meaning}{ending}"


def _parts(text: str) -> tuple[str, str, str | None, int | None, int | None] | None:
    """Split a key's text; a round is looked for first, as its number is no kind."""
    if match := _OF_ROUND.fullmatch(text):
        return match["scope"], match["kind"], match["detail"], int(match["round"]), None
    if match := _OTHER.fullmatch(text):
        number = match["number"]
        return match["scope"], match["kind"], match["detail"], None, None if number is None else int(number)
    return None


@dataclass(frozen=True)
class TransactionRequest:
    """A call to execute once for each key.

    Attributes
    ----------
    key
        Text of its `RequestKey`, unique on this chain.
    not_after
        Chain time, seconds since the epoch, after which it must not be mined; None: never.
    known_at
        Number of the finalised block whose state asked for it. An earlier request of the same key that was
        finished by then is taken into account in that state: this one is another.
    spare_gas
        Gas on top of the estimate, for a call that takes more where others' come first in its block.
    """

    key: str
    to: str
    data: bytes
    not_after: int | None = None
    known_at: int = 0
    spare_gas: int = 0

    @classmethod
    def of(
        cls,
        call: ContractFunction,
        key: RequestKey | str,
        *,
        not_after: int | None = None,
        known_at: int = 0,
        spare_gas: int = 0,
    ) -> Self:
        """Make the request that executes a contract call; see the class for the other parameters."""
        return cls(str(key), str(call.address), calldata(call), not_after, known_at, spare_gas)


@dataclass(frozen=True)
class Delivery:
    """The outcome of a request.

    Attributes
    ----------
    intent
        Its record; None where nothing was signed for it.
    why
        Why nothing more can be done now; None where nothing is left to do.
    note
        The outcome in words.
    """

    intent: Intent | None
    why: StopReason | None
    note: str

    @property
    def is_mined(self) -> bool:
        """True where it was executed, finally or not."""
        return self.intent is not None and (
            self.intent.state == IntentState.FINAL
            or (self.intent.state == IntentState.MINED and bool(self.intent.ok))
        )


class Reverted(CupelError):
    """A transaction reverts and was not sent, or reverted in its block."""

    def __init__(self, what: str, reason: str, name: str | None = None) -> None:
        super().__init__(f"{what} reverts: {reason}")
        self.name = name


class TransactionSender(Protocol):
    """Delivers requests to the chain as one account."""

    @property
    def address(self) -> str:
        """The account's checksummed address."""
        ...

    def sign_message(self, message: bytes) -> bytes:
        """Sign the Keccak-256 of a message as the account; 65 bytes with a v of 27 or 28."""
        ...

    def deliver(self, request: TransactionRequest) -> Delivery:
        """Execute a request, once for each key.

        Raises
        ------
        Reverted
            When it reverts: nothing was sent, or what was sent had no effect.
        """
        ...
