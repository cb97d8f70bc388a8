"""The cost of a transaction plan, and the limits of gas and fees within which it may be signed."""

from dataclasses import dataclass
from typing import Final

from web3 import Web3
from web3.exceptions import BadResponseFormat, ContractLogicError

from scorer.chain.contracts import Suite
from scorer.chain.fees import TIP_FLOOR, Bid, FeePolicy, raised
from scorer.chain.reverts import describe_revert, revert_name
from scorer.client.actions import PlannedTransaction, TransactionPlan
from scorer.errors import CupelError
from scorer.transactions.intents import Mined
from scorer.transactions.node import BroadcastReply, ChainNode, Head, Web3Node
from scorer.transactions.request import GAS_MARGIN, Reverted

POLYGON: Final = frozenset({137, 80_002})
FIRST_IN_A_SECOND: Final = 30_000
"""Gas of one storage slot that an estimate may miss. The registry keeps submitters by the second: a change
estimated within the second of the last one writes one slot less than when it is mined later."""
RAISES: Final = 2
"""Number of times a bid may be raised within the agreed cost: enough for two minutes (`BumpSchedule`)."""


@dataclass(frozen=True)
class NodeWithHeadroom(Web3Node):
    """Adds `FIRST_IN_A_SECOND` to every gas estimate. Unused gas is not paid for."""

    def estimate(self, sender: str, to: str, data: bytes) -> int:
        """Return the estimate of `Web3Node.estimate` plus `FIRST_IN_A_SECOND`."""
        return super().estimate(sender, to, data) + FIRST_IN_A_SECOND


@dataclass(frozen=True)
class QuotedNode:
    """A node whose gas estimates stay at the quoted gas where that suffices.

    The quoted gas already has the room of one slot (`FIRST_IN_A_SECOND`). An estimate beyond one more slot is
    passed on as it is, and then exceeds what may be signed.

    Attributes
    ----------
    gas
        Quoted gas, with the room of one slot.
    """

    node: ChainNode
    gas: int

    def estimate(self, sender: str, to: str, data: bytes) -> int:
        """Return the quoted gas at most, unless the call takes more than that and one slot."""
        gas = self.node.estimate(sender, to, data)
        return min(gas, self.gas) if gas <= self.gas + FIRST_IN_A_SECOND else gas

    def head(self) -> Head:
        """Return the node's head."""
        return self.node.head()

    def nonces(self, address: str, finalised: int) -> tuple[int, int]:
        """Return the node's count of nonces."""
        return self.node.nonces(address, finalised)

    def mined(self, tx_hash: bytes) -> Mined | None:
        """Return the node's receipt."""
        return self.node.mined(tx_hash)

    def broadcast(self, raw: bytes) -> BroadcastReply:
        """Send signed bytes through the node; never raises."""
        return self.node.broadcast(raw)


class CannotPay(CupelError):
    """The account has too few coins for the gas; nothing was sent."""


@dataclass(frozen=True)
class GasEstimate:
    """The gas of one planned transaction.

    Attributes
    ----------
    is_tried
        True for an estimate of the chain (eth_estimateGas), False for the plan's fixed upper bound.
    """

    step: PlannedTransaction
    gas: int
    is_tried: bool

    @property
    def roomy(self) -> int:
        """The gas with the room of one slot, as `NodeWithHeadroom` estimates."""
        return self.gas + FIRST_IN_A_SECOND

    @property
    def limit(self) -> int:
        """The highest gas limit that is signed."""
        return int(self.roomy * GAS_MARGIN)


@dataclass(frozen=True)
class CostEstimate:
    """The cost of a plan at the fees of the latest block, wei.

    Attributes
    ----------
    price
        Current fee, wei per gas.
    bid
        Fees that would be signed; None while fees are above the policy's ceiling.
    balance
        The account's coins, wei.
    """

    prices: tuple[GasEstimate, ...]
    price: int
    bid: Bid | None
    balance: int

    @property
    def gas(self) -> int:
        """The gas of all transactions."""
        return sum(price.gas for price in self.prices)

    @property
    def cost(self) -> int:
        """The cost at current fees, wei."""
        return self.gas * self.price

    @property
    def ceiling(self) -> int:
        """The highest fee cap that is signed, wei per gas: a bid may be raised a little while it waits."""
        return with_room(self.bid.cap) if self.bid else self.price

    @property
    def most(self) -> int:
        """The most that may be paid, and what the account must have: all gas limits at the ceiling, wei."""
        return sum(price.limit for price in self.prices) * self.ceiling


def fees_of(chain_id: int) -> FeePolicy:
    """Return the fee policy of a chain: Polygon's nodes refuse small tips."""
    return FeePolicy(tip=TIP_FLOOR) if chain_id in POLYGON else FeePolicy()


def coin_of(chain_id: int) -> str:
    """Return the symbol of the coin that pays for gas on a chain."""
    return "POL" if chain_id in POLYGON else "ETH"


def quote(suite: Suite, address: str, plan: TransactionPlan, fees: FeePolicy | None = None) -> CostEstimate:
    """Estimate the cost of a plan, at the chain's usual fees unless `fees` are given.

    Raises
    ------
    scorer.transactions.request.Reverted
        When a transaction would revert.
    """
    market = Web3Node(suite.w3).head().market
    fees = fees or fees_of(suite.addresses.chain_id)
    prices = tuple(_gas_of(address, step) for step in plan.steps)
    balance = _number("balance", suite.w3.eth.get_balance(suite.w3.to_checksum_address(address)))
    return CostEstimate(prices, market.base_fee + max(fees.tip, market.tip), fees.bid(market), balance)


def with_room(cap: int) -> int:
    """Return a fee cap, wei per gas, within which a bid of `cap` can be raised `RAISES` times."""
    for _ in range(RAISES):
        cap = raised(cap)
    return cap


def _gas_of(address: str, step: PlannedTransaction) -> GasEstimate:
    if step.gas is not None:
        return GasEstimate(step, step.gas, is_tried=False)
    try:
        gas = step.call.estimate_gas({"from": Web3.to_checksum_address(address)})
    except ContractLogicError as error:
        raise Reverted(step.title, describe_revert(error), revert_name(error)) from None
    return GasEstimate(step, _number("gas", gas), is_tried=True)


def _number(field: str, value: object) -> int:
    """Return a number of an endpoint's answer; web3 passes on whatever stands there."""
    if not isinstance(value, int):
        raise BadResponseFormat(f"{field}: expected a number, found {value!r}")
    return value
