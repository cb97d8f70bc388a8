"""What an order costs, and what may be signed for it."""

from dataclasses import dataclass
from typing import Final

from web3 import Web3
from web3.exceptions import BadResponseFormat, ContractLogicError

from scorer.chain.contracts import Suite
from scorer.chain.fees import TIP_FLOOR, Bid, FeePolicy, raised
from scorer.chain.reverts import describe_revert, revert_name
from scorer.client.orders import PlannedTransaction, TransactionPlan
from scorer.errors import CupelError
from scorer.transactions.attempts import Mined
from scorer.transactions.manager import GAS_MARGIN, BroadcastReply, ChainNode, Head
from scorer.transactions.node import Web3Node
from scorer.transactions.sender import Reverted

POLYGON: Final = frozenset({137, 80_002})
FIRST_IN_A_SECOND: Final = 30_000
"""Gas. The registry keeps submitters by the second: a change that is tried in the second of the last one
writes one slot less than when it is mined later."""
RAISES: Final = 2
"""How often a bid may be raised within what was agreed to: enough for two minutes (`BumpSchedule`)."""


@dataclass(frozen=True)
class NodeWithHeadroom(Web3Node):
    """Estimates with room for a slot that is written for the first time. What is not used is not paid."""

    def estimate(self, sender: str, to: str, data: bytes) -> int:
        """As `Web3Node.estimate`, and `FIRST_IN_A_SECOND` more."""
        return super().estimate(sender, to, data) + FIRST_IN_A_SECOND


@dataclass(frozen=True)
class QuotedNode:
    """A chain whose estimates are those that were agreed to.

    What a try takes more by a slot (`FIRST_IN_A_SECOND`) is in them already; more than that is told as it is,
    and is then too much.

    Attributes
    ----------
    gas
        That was quoted, with the room of a slot.
    """

    node: ChainNode
    gas: int

    def estimate(self, sender: str, to: str, data: bytes) -> int:
        """No more than was agreed to, where that is enough."""
        found = self.node.estimate(sender, to, data)
        return min(found, self.gas) if found <= self.gas + FIRST_IN_A_SECOND else found

    def head(self) -> Head:
        """As the chain says."""
        return self.node.head()

    def nonces(self, address: str, finalised: int) -> tuple[int, int]:
        """As the chain says."""
        return self.node.nonces(address, finalised)

    def mined(self, tx_hash: bytes) -> Mined | None:
        """As the chain says."""
        return self.node.mined(tx_hash)

    def broadcast(self, raw: bytes) -> BroadcastReply:
        """Send signed bytes; never raises."""
        return self.node.broadcast(raw)


class CannotPay(CupelError):
    """The account has too few coins for the gas; nothing was sent."""


@dataclass(frozen=True)
class GasEstimate:
    """What a step takes, gas; whether the chain tried it, or it is reckoned."""

    step: PlannedTransaction
    gas: int
    is_tried: bool

    @property
    def roomy(self) -> int:
        """With the room of a slot, as `NodeWithHeadroom` estimates."""
        return self.gas + FIRST_IN_A_SECOND

    @property
    def limit(self) -> int:
        """Of gas, that is signed at most."""
        return int(self.roomy * GAS_MARGIN)


@dataclass(frozen=True)
class CostEstimate:
    """What an order costs at the latest block's prices, wei.

    Attributes
    ----------
    price
        Of a unit of gas now.
    bid
        What is signed; None while fees are above the ceiling.
    balance
        The account's coins.
    """

    prices: tuple[GasEstimate, ...]
    price: int
    bid: Bid | None
    balance: int

    @property
    def gas(self) -> int:
        """Of all steps."""
        return sum(each.gas for each in self.prices)

    @property
    def cost(self) -> int:
        """Now."""
        return self.gas * self.price

    @property
    def ceiling(self) -> int:
        """The highest fee cap that is signed, wei of gas: the bid may be raised a little while it waits."""
        return with_room(self.bid.cap) if self.bid else self.price

    @property
    def most(self) -> int:
        """What the account must have, and what may be paid: the limits of gas, at the highest price."""
        return sum(each.limit for each in self.prices) * self.ceiling


def fees_of(chain_id: int) -> FeePolicy:
    """What to bid: Polygon's nodes refuse small tips."""
    return FeePolicy(tip=TIP_FLOOR) if chain_id in POLYGON else FeePolicy()


def quote(suite: Suite, address: str, order: TransactionPlan, fees: FeePolicy | None = None) -> CostEstimate:
    """What an order costs, at the fees that are bid on this chain where none are given.

    Raises
    ------
    scorer.transactions.sender.Reverted
        When a step would revert.
    """
    market = Web3Node(suite.w3).head().market
    fees = fees or fees_of(suite.addresses.chain_id)
    prices = tuple(_price(address, step) for step in order.steps)
    balance = _number("balance", suite.w3.eth.get_balance(suite.w3.to_checksum_address(address)))
    return CostEstimate(prices, market.base_fee + max(fees.tip, market.tip), fees.bid(market), balance)


def with_room(cap: int) -> int:
    """A fee cap with room for `RAISES`."""
    for _ in range(RAISES):
        cap = raised(cap)
    return cap


def _price(address: str, step: PlannedTransaction) -> GasEstimate:
    if step.gas is not None:
        return GasEstimate(step, step.gas, is_tried=False)
    try:
        gas = step.call.estimate_gas({"from": Web3.to_checksum_address(address)})
    except ContractLogicError as error:
        raise Reverted(step.title, describe_revert(error), revert_name(error)) from None
    return GasEstimate(step, _number("gas", gas), is_tried=True)


def _number(what: str, found: object) -> int:
    if not isinstance(found, int):
        raise BadResponseFormat(f"{what}: expected a number, found {found!r}")
    return found
