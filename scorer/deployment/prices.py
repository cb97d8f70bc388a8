"""The cost of a deployment's steps: estimated by the chain where possible, else from measured figures."""

from dataclasses import dataclass
from typing import Final

from web3 import Web3
from web3.exceptions import Web3Exception

from scorer.chain.errors import EndpointError
from scorer.chain.fees import Bid, FeePolicy, GasMarket
from scorer.deployment.blueprint import Blueprint
from scorer.deployment.create2 import FACTORY_COST
from scorer.deployment.steps import DeployedState, DeploymentStep

MEASURED: Final = {"grant": 53_600, "renounce": 28_500, "serve": 81_200}
"""Gas of a call of a contract that is not there yet, measured on anvil under Prague's rules."""
ASSIGN_BASE: Final = 28_200
ASSIGN_EACH: Final = 24_400
"""Gas of ``setTargetFunctionRole``, and of each function in it."""
WORD: Final = 32
CODE_BYTE, CALL_BYTE, CREATE, TRANSACTION, INIT_WORD = 200, 16, 32_000, 21_000, 2
"""Gas prices that make up a creation where the factory is not there yet: EIP-170, 2028, 3860."""


@dataclass(frozen=True)
class StepEstimate:
    """Gas of one step, and whether the chain estimated it."""

    step: DeploymentStep
    gas: int
    is_estimate_of_chain: bool


@dataclass(frozen=True)
class DeploymentCost:
    """Cost of all steps at the prices of the latest block.

    Attributes
    ----------
    price
        Base fee and tip of the latest block, wei per gas.
    bid
        The fees that would be signed; None while they are above the ceiling.
    balance
        The deployer's coins, wei.
    """

    prices: tuple[StepEstimate, ...]
    market: GasMarket
    price: int
    bid: Bid | None
    balance: int

    @property
    def gas(self) -> int:
        """Gas of all steps."""
        return sum(estimate.gas for estimate in self.prices)

    @property
    def extra(self) -> int:
        """Payment besides gas, wei: for the transaction that creates the factory."""
        return sum(FACTORY_COST for estimate in self.prices if estimate.step.kind == "factory")

    @property
    def cost(self) -> int:
        """Cost at current prices, wei."""
        return self.gas * self.price + self.extra

    @property
    def most(self) -> int:
        """Cost if base fees rise as far as the bid allows, wei."""
        return self.gas * (self.bid.cap if self.bid else self.price) + self.extra


def quote(
    w3: Web3,
    blueprint: Blueprint,
    state: DeployedState,
    steps: tuple[DeploymentStep, ...],
    market: GasMarket,
    fees: FeePolicy,
) -> DeploymentCost:
    """Compute the cost of `steps` on a chain in this state."""
    prices = tuple(_price(w3, blueprint, state, step) for step in steps)
    tip = max(fees.tip, market.tip)
    balance = w3.eth.get_balance(Web3.to_checksum_address(blueprint.deployer))
    return DeploymentCost(prices, market, market.base_fee + tip, fees.bid(market), balance)


def _price(w3: Web3, blueprint: Blueprint, state: DeployedState, step: DeploymentStep) -> StepEstimate:
    # An estimate runs the call, so what is called has to exist already.
    there = state.has_factory if step.kind == "create" else "authority" in state.coded
    if step.kind != "factory" and there and (gas := _estimated(w3, blueprint, step)):
        return StepEstimate(step, gas, True)
    return StepEstimate(step, _computed(w3, blueprint, step), False)


def _estimated(w3: Web3, blueprint: Blueprint, step: DeploymentStep) -> int | None:
    try:
        return w3.eth.estimate_gas(
            {
                "from": Web3.to_checksum_address(blueprint.deployer),
                "to": Web3.to_checksum_address(step.to),
                "data": Web3.to_hex(step.data),
            }
        )
    except (EndpointError, Web3Exception):
        return None


def _computed(w3: Web3, blueprint: Blueprint, step: DeploymentStep) -> int:
    if step.kind == "factory":
        return TRANSACTION
    if step.kind == "create":
        return _creation(w3, blueprint, step.data)
    if step.kind == "assign":
        # Selectors are what is left of the call after four arguments' words and the selector itself.
        return ASSIGN_BASE + ASSIGN_EACH * (len(step.data) // WORD - 4)
    return MEASURED[step.kind]


def _creation(w3: Web3, blueprint: Blueprint, data: bytes) -> int:
    """Compute the gas of a creation from its parts, without running it through the factory."""
    init_code = data[WORD:]
    runtime = w3.eth.call(
        {"from": Web3.to_checksum_address(blueprint.deployer), "data": Web3.to_hex(init_code)}
    )
    words = -(-len(init_code) // WORD)
    stored = 20_000 * 8  # room for eight slots that the constructor writes
    return (
        TRANSACTION + CREATE + INIT_WORD * words + CALL_BYTE * len(data) + CODE_BYTE * len(runtime) + stored
    )
