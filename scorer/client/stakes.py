"""Readings of accounts, models and stakes, each at one block: stakes in nano-NMR, coins in wei."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from web3.exceptions import ContractLogicError

from scorer.chain.bulk import read_view
from scorer.chain.contracts import Suite
from scorer.chain.logs import event_logs
from scorer.chain.records import RoundRecord, RoundState
from scorer.chain.reverts import revert_name
from scorer.client.amounts import Allocation
from scorer.observation.observe import Block, chunks_left, read_sealed
from scorer.units import nmr_text

AT_RISK_STATES = (
    RoundState.LOCKING,
    RoundState.LOCKED,
    RoundState.SEALED,
    RoundState.SETTLING,
    RoundState.VOIDED,
)


@dataclass(frozen=True)
class Holdings:
    """The balances of an account: coins for gas, tokens, and what the tournament may take of them; in wei."""

    address: str
    coins: int
    tokens: int
    allowance: int


@dataclass(frozen=True)
class ModelStake:
    """A model and its stake.

    Attributes
    ----------
    next_position
        Stake that a round would put at risk if it locked now.
    at_risk
        Positions in rounds that are not over, by round; empty where they were not read.
    """

    model_id: int
    owner: str
    submitter: str
    has_lane: bool
    idle: int
    allocation: Allocation
    next_position: int
    at_risk: Mapping[int, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """The stake, idle and at risk."""
        return self.idle + sum(self.at_risk.values())

    def to_json(self) -> dict[str, Any]:
        """Return the stake as a document, without positions at risk; amounts in NMR as decimal text."""
        return {
            "model": self.model_id,
            "owner": self.owner,
            "submitter": self.submitter,
            "idle": nmr_text(self.idle),
            "allocation": self.allocation.to_json(),
            "next_position": nmr_text(self.next_position),
        }


def latest_block(suite: Suite) -> Block:
    """Read the chain's newest block, final or not: it shows what a person has just sent."""
    block = suite.w3.eth.get_block("latest")
    return Block(block["number"], bytes(block["hash"]), block["timestamp"])


def holdings(suite: Suite, address: str, block: int) -> Holdings:
    """Read the balances of an account."""
    token, spender = suite.token.functions, suite.tournament.address
    account = suite.w3.to_checksum_address(address)
    return Holdings(
        account,
        suite.w3.eth.get_balance(account, block),
        int(read_view(token.balanceOf(account), block)),
        int(read_view(token.allowance(account, spender), block)),
    )


def model_count(suite: Suite, block: int) -> int:
    """Read how many models were ever registered; their ids run from 1 to this."""
    return int(read_view(suite.registry.functions.modelCount(), block))


def model_stake(
    suite: Suite, model_id: int, block: int, at_risk: Mapping[int, int] | None = None
) -> ModelStake:
    """Read a registered model and its stake."""
    tournament, registry = suite.tournament.functions, suite.registry.functions
    idle = int(read_view(tournament.idleOf(model_id), block))
    allocation = Allocation.decoded(int(read_view(tournament.allocationOf(model_id), block)))
    minimum = int(read_view(tournament.minPosition(), block))
    return ModelStake(
        model_id,
        str(read_view(registry.ownerOf(model_id), block)),
        str(read_view(registry.submitterOf(model_id), block)),
        has_lane(suite, model_id, block),
        idle,
        allocation,
        allocation.position(idle, minimum),
        at_risk or {},
    )


def has_lane(suite: Suite, model_id: int, block: int) -> bool:
    """Return True for a model that ever had a deposit: `laneOf` reverts without one."""
    try:
        read_view(suite.tournament.functions.laneOf(model_id), block)
    except ContractLogicError as error:
        if revert_name(error) == "NoLane":
            return False
        raise
    return True


def models_of(suite: Suite, owner: str, block: int) -> list[int]:
    """Read the models that an account owns, ascending: all that were ever transferred to it and not away."""
    account = suite.w3.to_checksum_address(owner)
    received = event_logs(suite.registry.events.Transfer(), {"to": account}, suite.addresses.block, block)
    models = sorted({int(event["args"]["tokenId"]) for event in received})
    owners = (read_view(suite.registry.functions.ownerOf(model), block) for model in models)
    return [model for model, current in zip(models, owners, strict=True) if current == account]


def positions_at_risk(
    suite: Suite, records: Iterable[RoundRecord], models: Sequence[int], block: Block
) -> dict[int, dict[int, int]]:
    """Read the positions of some models in rounds that are not over: by model, then by round.

    Raises
    ------
    scorer.chain.logs.IncompleteLogs
        When an endpoint's events do not add up to what the contract holds.
    """
    at_risk: dict[int, dict[int, int]] = {model: {} for model in models}
    for record in records:
        if record.state not in AT_RISK_STATES or record.at_risk == 0 or record.is_over:
            continue
        positions = read_sealed(suite, record, block).positions
        # Chunks settle from the last one back: the positions of the first ones are still open.
        left = sum(len(chunk.positions) for chunk in positions.chunks[: chunks_left(record, positions)])
        open_models = set(positions.models[:left])
        for model in at_risk.keys() & open_models & positions.by_model.keys():
            at_risk[model][record.round_id] = positions.by_model[model]
    return at_risk
