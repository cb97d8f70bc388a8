"""Checks the invariants of the contracts against a live chain.

The names are those that docs and tests cite. Each check reads one finalised block and returns a boolean; the
events of every round are read whole.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from web3 import Web3
from web3.exceptions import ContractLogicError

from scorer.chain.bulk import View, answers, read_view
from scorer.chain.contracts import Suite
from scorer.chain.logs import SettledChunk, read_settled
from scorer.chain.records import RoundRecord, RoundState
from scorer.observation.observe import Block, read_sealed
from scorer.observation.silence import silent_lanes
from scorer.protocol.chunks import Chunk, stakes_and_codes, unpack_scores
from scorer.rewards import settle
from scorer.units import WEI_PER_NANO

INVARIANTS: Final = (
    "balance covers liabilities",
    "round conserves stake",
    "outcome within cap",
    "chunk settles exactly once",
    "chunk boundaries change nothing",
    "idle stake withdrawable",
    "supply within cumulative cap",
)
SLOTS_PER_CALL: Final = 1000
WORD: Final = 32
"""Bytes of a value that a call returns."""
ZERO_ADDRESS: Final = Web3.to_checksum_address("0x" + "00" * 20)


@dataclass(frozen=True)
class RoundHistory:
    """A round's storage and its events.

    Attributes
    ----------
    chunks
        As locked, in order.
    settled
        As settled, in order: the chunk locked last comes first.
    silent
        The lanes whose predictions were demanded and not shown: settled as if they scored 0.
    """

    record: RoundRecord
    chunks: tuple[Chunk, ...]
    settled: tuple[SettledChunk, ...]
    silent: frozenset[int] = frozenset()

    def outcomes(self) -> list[tuple[int, int, int]]:
        """Return (position, payout, burn) of every settled lane, in nano-NMR, each settled on its own."""
        by_slot = {chunk.from_slot: chunk for chunk in self.chunks}
        lanes = []
        for part in self.settled:
            chunk = by_slot[part.from_slot]
            reported = (
                unpack_scores(part.scores) if part.scores else np.zeros(len(chunk.positions), dtype=np.int64)
            )
            scores = np.where(np.isin(chunk.lanes, list(self.silent)), 0, reported)
            for position, score in zip(chunk.positions.tolist(), scores.tolist(), strict=True):
                lanes.append((position, *self._alone(position, score)))
        return lanes

    def _alone(self, position: int, score: int) -> tuple[int, int]:
        record = self.record
        alone = settle(
            np.array([position], dtype=np.uint64),
            np.array([score], dtype=np.int64),
            factor=record.payout_factor,
            cap=record.cap,
        )
        payout: int = alone.total_payout
        if record.reserved < record.total_payout:
            payout = payout * record.reserved // record.total_payout
        return payout, alone.total_burn


def audit(suite: Suite, block: Block) -> dict[str, bool]:
    """Check every invariant at `block`; the result by name, in the order of `INVARIANTS`."""
    histories = [_history(suite, record, block) for record in _sealed_rounds(suite, block)]
    over = [history for history in histories if history.record.state == RoundState.SETTLED]
    results = (
        _balance_covers_liabilities(suite, histories, block),
        all(_conserves(history) for history in over),
        all(_within_cap(history) for history in histories),
        all(_settles_once(history) for history in over),
        all(_boundaries_change_nothing(history) for history in over),
        _idle_withdrawable(suite, block),
        _supply_within_cap(suite, block),
    )
    return dict(zip(INVARIANTS, results, strict=True))


def idle_by_lane(suite: Suite, block: int) -> list[int]:
    """Read the idle stake of every lane in use, nano-NMR."""
    count = read_view(suite.tournament.functions.laneCount(), block)
    words: list[int] = []
    while 4 * len(words) < count:
        words += read_view(suite.tournament.functions.slots(len(words), SLOTS_PER_CALL), block)
    stakes, _ = stakes_and_codes(words)
    by_lane: list[int] = stakes.tolist()
    return by_lane[:count]


def _sealed_rounds(suite: Suite, block: Block) -> Iterable[RoundRecord]:
    opened = range(1, suite.round_count(block.number) + 1)
    return [record for record in suite.rounds(opened, block.number) if record.at_risk > 0]


def _history(suite: Suite, record: RoundRecord, block: Block) -> RoundHistory:
    sealed = read_sealed(suite, record, block)
    settled = read_settled(suite, record.round_id, min(sealed.block, block.number), block.number)
    silent = silent_lanes(suite, record.round_id, block.number) if settled else frozenset()
    return RoundHistory(record, sealed.positions.chunks, settled, silent)


def _still_locked(history: RoundHistory) -> int:
    """Return nano-NMR in chunks that are not settled, and what burned of the others during settlement."""
    returned = {part.from_slot for part in history.settled}
    open_positions = sum(
        int(chunk.positions.sum()) for chunk in history.chunks if chunk.from_slot not in returned
    )
    pending_burns = history.record.burned if history.record.state == RoundState.SETTLING else 0
    return open_positions + pending_burns


def _balance_covers_liabilities(suite: Suite, histories: Sequence[RoundHistory], block: Block) -> bool:
    functions = suite.tournament.functions
    pool, reserved, burnable, liabilities = (
        int(read_view(call(), block.number))
        for call in (functions.pool, functions.reserved, functions.burnable, functions.liabilities)
    )
    owed = (
        pool
        + reserved
        + burnable
        + sum(idle_by_lane(suite, block.number))
        + sum(map(_still_locked, histories))
    )
    balance = read_view(suite.token.functions.balanceOf(suite.tournament.address), block.number)
    return owed == liabilities and bool(balance >= owed * WEI_PER_NANO)


def _conserves(history: RoundHistory) -> bool:
    record, outcomes = history.record, history.outcomes()
    positions = sum(position for position, _, _ in outcomes)
    back = sum(position + payout - burn for position, payout, burn in outcomes)
    balanced = positions == back + record.burned - record.paid == record.at_risk
    return balanced and record.paid <= record.reserved and record.burned <= record.at_risk


def _within_cap(history: RoundHistory) -> bool:
    cap = history.record.cap
    return all(max(payout, burn) <= position * cap // 10**6 for position, payout, burn in history.outcomes())


def _settles_once(history: RoundHistory) -> bool:
    locked = [chunk.from_slot for chunk in history.chunks]
    return [part.from_slot for part in reversed(history.settled)] == locked


def _boundaries_change_nothing(history: RoundHistory) -> bool:
    """Check that chunk by chunk the contract settled what every position earns on its own."""
    outcomes = history.outcomes()
    paid, burned = sum(payout for _, payout, _ in outcomes), sum(burn for _, _, burn in outcomes)
    return (paid, burned) == (history.record.paid, history.record.burned)


def _idle_withdrawable(suite: Suite, block: Block) -> bool:
    """Check that every owner could withdraw all idle stake now, by a call that is not sent."""
    lanes = zip(suite.models_by_lane(block.number), idle_by_lane(suite, block.number), strict=True)
    staked = {model: idle for model, idle in lanes if idle}
    owners = _owners(suite, list(staked), block)
    withdraw = suite.tournament.functions.withdraw
    trials = [
        View(withdraw(model, idle * WEI_PER_NANO, owner), owner)
        for (model, idle), owner in zip(staked.items(), owners, strict=True)
    ]
    answered = answers(suite.w3, trials, block.number)
    # No plain answer: a revert, or an endpoint that takes no batches. Each of these is tried alone.
    open_ones = [trial for trial, answer in zip(trials, answered, strict=True) if answer is None]
    return all(_succeeds(trial, block) for trial in open_ones)


def _owners(suite: Suite, models: Sequence[int], block: Block) -> list[str]:
    """Return the owner of each model, in the order of `models`."""
    views = [View(suite.registry.functions.ownerOf(model)) for model in models]
    answered = answers(suite.w3, views, block.number)
    return [
        Web3.to_checksum_address(answer[-20:])
        if answer is not None and len(answer) == WORD
        else str(read_view(view.call, block.number))
        for view, answer in zip(views, answered, strict=True)
    ]


def _succeeds(trial: View, block: Block) -> bool:
    sender = Web3.to_checksum_address(trial.sender or ZERO_ADDRESS)
    try:
        trial.call.call({"from": sender}, block_identifier=block.number)
    except ContractLogicError:
        return False
    return True


def _supply_within_cap(suite: Suite, block: Block) -> bool:
    functions = suite.token.functions
    minted, supply, cap = (
        int(read_view(call(), block.number))
        for call in (functions.minted, functions.totalSupply, functions.CAP)
    )
    burns = suite.token.events.Transfer().get_logs(
        from_block=suite.addresses.block,
        to_block=block.number,
        argument_filters={"to": ZERO_ADDRESS},
    )
    burned = sum(int(event["args"]["value"]) for event in burns)
    return minted <= cap and supply == minted - burned
