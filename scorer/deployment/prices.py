"""What the steps of a deployment cost: asked of the chain where it can be, measured figures where not yet."""

from dataclasses import dataclass
from typing import Final

from web3 import Web3
from web3.exceptions import Web3Exception

from scorer.chain.errors import EndpointError
from scorer.chain.fees import Bid, FeePolicy, GasMarket
from scorer.deployment.blueprint import Blueprint
from scorer.deployment.create2 import FACTORY_COST
from scorer.deployment.steps import DeployedState, DeploymentStep

MEASURED: Final = {"grant": 53_600, "renounce": 28_500, "serve": 51_000}
"""Gas of a call of a contract that is not there yet, measured on anvil under Prague's rules."""
ASSIGN_BASE: Final = 28_200
ASSIGN_EACH: Final = 24_400
"""Gas of ``setTargetFunctionRole``, and of each function in it."""
WORD: Final = 32
CODE_BYTE, CALL_BYTE, CREATE, TRANSACTION, INIT_WORD = 200, 16, 32_000, 21_000, 2
"""Gas prices that make up a creation where the factory is not there yet: EIP-170, 2028, 3860."""


@dataclass(frozen=True)
class StepEstimate:
    """What one step takes: gas, and whether the chain was asked."""

    step: DeploymentStep
    gas: int
    is_estimate_of_chain: bool


@dataclass(frozen=True)
class DeploymentCost:
    """What all steps take, at the prices of the latest block, wei.

    Attributes
    ----------
    price
        Of a unit of gas now: base fee and tip.
    bid
        What would be signed; None while fees are above the ceiling.
    """

    prices: tuple[StepEstimate, ...]
    market: GasMarket
    price: int
    bid: Bid | None
    balance: int

    @property
    def gas(self) -> int:
        """Of all steps."""
        return sum(each.gas for each in self.prices)

    @property
    def extra(self) -> int:
        """What must be paid besides gas: to put the factory on the chain."""
        return sum(FACTORY_COST for each in self.prices if each.step.kind == "factory")

    @property
    def cost(self) -> int:
        """Now."""
        return self.gas * self.price + self.extra

    @property
    def most(self) -> int:
        """If base fees rise as far as the bid allows."""
        return self.gas * (self.bid.cap if self.bid else self.price) + self.extra


def quote(
    w3: Web3,
    plan: Blueprint,
    seen: DeployedState,
    steps: tuple[DeploymentStep, ...],
    market: GasMarket,
    fees: FeePolicy,
) -> DeploymentCost:
    """What `steps` cost on a chain that looks like `seen`."""
    prices = tuple(_price(w3, plan, seen, step) for step in steps)
    tip = max(fees.tip, market.tip)
    balance = w3.eth.get_balance(Web3.to_checksum_address(plan.deployer))
    return DeploymentCost(prices, market, market.base_fee + tip, fees.bid(market), balance)


def _price(w3: Web3, plan: Blueprint, seen: DeployedState, step: DeploymentStep) -> StepEstimate:
    there = seen.has_factory if step.kind == "create" else "authority" in seen.coded
    if step.kind != "factory" and there and (asked := _asked(w3, plan, step)):
        return StepEstimate(step, asked, True)
    return StepEstimate(step, _reckoned(w3, plan, step), False)


def _asked(w3: Web3, plan: Blueprint, step: DeploymentStep) -> int | None:
    try:
        return w3.eth.estimate_gas(
            {
                "from": Web3.to_checksum_address(plan.deployer),
                "to": Web3.to_checksum_address(step.to),
                "data": Web3.to_hex(step.data),
            }
        )
    except (EndpointError, Web3Exception):
        return None


def _reckoned(w3: Web3, plan: Blueprint, step: DeploymentStep) -> int:
    if step.kind == "factory":
        return TRANSACTION
    if step.kind == "create":
        return _creation(w3, plan, step.data)
    if step.kind == "assign":
        # Selectors are what is left of the call after four arguments' words and the selector itself.
        return ASSIGN_BASE + ASSIGN_EACH * (len(step.data) // WORD - 4)
    return MEASURED[step.kind]


def _creation(w3: Web3, plan: Blueprint, data: bytes) -> int:
    """What the creation's parts cost, without what its constructor does."""
    init_code = data[WORD:]
    runtime = w3.eth.call({"from": Web3.to_checksum_address(plan.deployer), "data": Web3.to_hex(init_code)})
    words = -(-len(init_code) // WORD)
    stored = 20_000 * 8  # a constructor writes some slots: a bound, for want of the factory to ask
    return (
        TRANSACTION + CREATE + INIT_WORD * words + CALL_BYTE * len(data) + CODE_BYTE * len(runtime) + stored
    )
