"""What the chain says of accounts, models and stakes, each at one block: stakes in nano-NMR, coins in wei."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from web3.exceptions import ContractLogicError

from scorer.chain.contracts import RoundRecord, RoundState, Suite
from scorer.chain.logs import event_logs
from scorer.chain.reverts import revert_name
from scorer.client.amounts import Allocation, nmr_text
from scorer.observation.observe import Block, chunks_left, read_sealed

AT_RISK_STATES = (RoundState.LOCKING, RoundState.SEALED, RoundState.SETTLING, RoundState.VOIDED)


@dataclass(frozen=True)
class Holdings:
    """What an account has: coins for gas, tokens, and what the tournament may take of them; all in wei."""

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
        What a round that locked now would put at risk.
    at_risk
        Positions in rounds that are not over, by round; empty where they were not asked for.
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
        """Idle and at risk."""
        return self.idle + sum(self.at_risk.values())

    def to_json(self) -> dict[str, Any]:
        """As a document, without what is at risk; amounts in NMR as decimal text."""
        return {
            "model": self.model_id,
            "owner": self.owner,
            "submitter": self.submitter,
            "idle": nmr_text(self.idle),
            "allocation": self.allocation.to_json(),
            "next_position": nmr_text(self.next_position),
        }


def latest_block(suite: Suite) -> Block:
    """The chain's newest block: what a person who just sent something wants to see."""
    block = suite.w3.eth.get_block("latest")
    return Block(block["number"], bytes(block["hash"]), block["timestamp"])


def holdings(suite: Suite, address: str, block: int) -> Holdings:
    """What an account has."""
    token, spender = suite.token.functions, suite.tournament.address
    account = suite.w3.to_checksum_address(address)
    return Holdings(
        account,
        suite.w3.eth.get_balance(account, block),
        int(token.balanceOf(account).call(block_identifier=block)),
        int(token.allowance(account, spender).call(block_identifier=block)),
    )


def model_count(suite: Suite, block: int) -> int:
    """How many models were ever registered; their ids are 1 to this."""
    return int(suite.registry.functions.modelCount().call(block_identifier=block))


def model_stake(
    suite: Suite, model_id: int, block: int, at_risk: Mapping[int, int] | None = None
) -> ModelStake:
    """A model that exists, and its stake."""
    tournament, registry = suite.tournament.functions, suite.registry.functions
    idle = int(tournament.idleOf(model_id).call(block_identifier=block))
    allocation = Allocation.decoded(int(tournament.allocationOf(model_id).call(block_identifier=block)))
    minimum = int(tournament.minPosition().call(block_identifier=block))
    return ModelStake(
        model_id,
        str(registry.ownerOf(model_id).call(block_identifier=block)),
        str(registry.submitterOf(model_id).call(block_identifier=block)),
        has_lane(suite, model_id, block),
        idle,
        allocation,
        allocation.position(idle, minimum),
        at_risk or {},
    )


def has_lane(suite: Suite, model_id: int, block: int) -> bool:
    """Whether a model ever had a deposit: `laneOf` reverts without one."""
    try:
        suite.tournament.functions.laneOf(model_id).call(block_identifier=block)
    except ContractLogicError as error:
        if revert_name(error) == "NoLane":
            return False
        raise
    return True


def models_of(suite: Suite, owner: str, block: int) -> list[int]:
    """The models that an account owns, ascending: of all that ever came to it, those that are still there."""
    account = suite.w3.to_checksum_address(owner)
    came = event_logs(suite.registry.events.Transfer(), {"to": account}, suite.addresses.block, block)
    models = sorted({int(event["args"]["tokenId"]) for event in came})
    owners = (suite.registry.functions.ownerOf(model).call(block_identifier=block) for model in models)
    return [model for model, found in zip(models, owners, strict=True) if found == account]


def positions_at_risk(
    suite: Suite, records: Iterable[RoundRecord], models: Sequence[int], block: Block
) -> dict[int, dict[int, int]]:
    """The positions of some models in rounds that are not over: by model, then by round.

    Raises
    ------
    scorer.chain.logs.IncompleteLogs
        When an endpoint's events do not add up to what the contract holds.
    """
    found: dict[int, dict[int, int]] = {model: {} for model in models}
    for record in records:
        if record.state not in AT_RISK_STATES or record.at_risk == 0 or record.is_over:
            continue
        positions = read_sealed(suite, record, block).positions
        left = sum(len(chunk.positions) for chunk in positions.chunks[: chunks_left(record, positions)])
        open_models = set(positions.models[:left])
        for model in found.keys() & open_models & positions.by_model.keys():
            found[model][record.round_id] = positions.by_model[model]
    return found
