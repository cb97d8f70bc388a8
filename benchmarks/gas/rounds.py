"""A tournament on a local chain, its models, and rounds of them whose every transaction is measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import solcx
from eth_account.signers.local import LocalAccount
from numpy.typing import NDArray
from web3.contract import Contract

from benchmarks.gas.metered import Gas, Meter
from scorer.chain.contracts import Suite
from scorer.deployment.fields import NEW, NOBODY
from scorer.lab.anvil import Anvil
from scorer.lab.plain_sender import Sender
from scorer.lab.suite import Bonds, deploy_suite, local_deployment
from scorer.protocol.chunks import (
    Chunk,
    chunk_from_words,
    scores_heads,
    settle_arguments,
    stakes_and_codes,
)
from scorer.protocol.report import REPORT_VERSION, Report
from scorer.protocol.rules import StakeTerms
from scorer.rewards import settle
from scorer.rewards.allocation import SHARE_FLAG, decoded, nearest_codes
from scorer.units import wei_from_nano

NMR = 10**9
"""nano-NMR in one NMR."""
PPM = 10**6
DAY = 86_400
SLOTS_A_CHUNK = 512
MODELS_A_CHUNK = 4 * SLOTS_A_CHUNK
MODELS_AT_ONCE = 200
SUPPLY, BOND = 10_000_000 * NMR, 1_000 * NMR
ROUNDS_BACKED = 100
"""Rounds whose votes a bond backs at once: more than are played."""
SMALL_POOL, POOL = 100 * NMR, 400_000 * NMR
STAKE = StakeTerms.model_validate({"cap": "0.05", "threshold": "10000", "minimum_position": "0.01"})
MEMBERS, QUORUM = 5, 4
ADMIN, OPERATOR, GUARDIAN, FIRST_MEMBER, STAKER = 0, 1, 2, 3, 9
CHALLENGE_WINDOW = DAY
COMMITMENTS = (b"\x5a" * 32, b"\x5b" * 32, b"\x5c" * 32)
SUBMISSIONS_ROOT = b"\xa5" * 32
SOURCE = Path(__file__).parent / "Crowd.sol"


def stakes_of(models: int, seed: int) -> NDArray[np.uint64]:
    """nano-NMR, from 1 NMR to 1,000, as many of each magnitude; to the last digit, as after some rounds."""
    return (NMR * 1000 ** np.random.default_rng(seed).random(models)).astype(np.uint64)


def allocations_of(stakes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A quarter of the stake: every other model as an amount of two digits, the rest as a share."""
    amounts = [decoded(nearest_codes(stake // 4)[0]) for stake in stakes.tolist()]
    shares = np.full(len(stakes), SHARE_FLAG + PPM // 4, dtype=np.uint64)
    return np.where(np.arange(len(stakes)) % 2 == 0, np.array(amounts, dtype=np.uint64), shares)


def scores_of(models: int, seed: int) -> NDArray[np.int64]:
    """Reward scores in ppm, about half of them negative, some beyond the cap; none is zero."""
    scores = np.random.default_rng(seed).normal(0, 30_000, models).astype(np.int64)
    return np.where(scores == 0, 1, scores)


@dataclass
class Tournament:
    """A deployed suite with a crowd of models."""

    anvil: Anvil
    meter: Meter
    suite: Suite
    crowd: Contract
    models: int = 0
    seed: int = 0

    @property
    def functions(self) -> Any:
        """The Tournament's."""
        return self.suite.tournament.functions

    @property
    def now(self) -> int:
        """Seconds."""
        return int(self.anvil.w3.eth.get_block("latest")["timestamp"])

    def account(self, index: int) -> LocalAccount:
        """One of the chain's accounts."""
        return self.anvil.account(index)

    def fund_pool(self) -> None:
        """From here on the pool is never short."""
        self._send(ADMIN, self.functions.fundPool(wei_from_nano(POOL)))

    def next_seed(self) -> int:
        """Another one each time, the same in each run."""
        self.seed += 1
        return self.seed

    def grow_to(self, models: int) -> None:
        """Let models enter until there are so many."""
        while self.models < models:
            count = min(MODELS_AT_ONCE, models - self.models)
            stakes = stakes_of(count, self.next_seed())
            self.enter(stakes, allocations_of(stakes))

    def enter(self, stakes: NDArray[np.uint64], allocations: NDArray[np.uint64]) -> None:
        """Let models enter with these stakes."""
        self._send(STAKER, self.crowd.functions.enter(stakes.tolist(), allocations.tolist()))
        self.models += len(stakes)

    def allocations(self) -> NDArray[np.uint64]:
        """What every model allocates, by lane."""
        _, codes = stakes_and_codes(self.functions.slots(0, self.models).call())
        return np.array([decoded(code) for code in codes[: self.models].tolist()], dtype=np.uint64)

    def allocate(self, allocations: NDArray[np.uint64]) -> None:
        """Set the allocations of the first models."""
        # Models enter in turn: a model's number is its lane's plus one.
        for at in range(0, len(allocations), MODELS_AT_ONCE):
            part = allocations[at : at + MODELS_AT_ONCE].tolist()
            self._send(STAKER, self.crowd.functions.allocate(at + 1, part))

    def open(self) -> tuple[int, Gas]:
        """A round, and what opening it cost."""
        at = self.now + 100
        times = (at, at + DAY, at + 20 * DAY, at + 27 * DAY)
        gas = self.measure(OPERATOR, self.functions.openRound(*times, COMMITMENTS))
        return int(self.functions.roundCount().call()), gas

    def lock(self, round_id: int, takes_part: NDArray[np.bool_]) -> tuple[list[Chunk], Gas]:
        """Lock the models that take part, in chunks of full size; the chunks and what they cost."""
        self.close(round_id)
        gas, first = Gas(), self.anvil.w3.eth.block_number + 1
        for arguments in _lock_arguments(round_id, takes_part):
            gas += self.measure(OPERATOR, self.functions.lock(*arguments))
        return self._locked_since(first), gas

    def end_lock(self, round_id: int) -> Gas:
        """What it costs to say that all of a round is locked."""
        return self.measure(OPERATOR, self.functions.endLock(round_id))

    def close(self, round_id: int) -> None:
        """Let time pass until a round takes no more submissions."""
        self.anvil.advance_to(self.functions.round(round_id).call().closeAt)

    def roll(
        self,
        settled: int,
        chunks: Sequence[Chunk],
        scores: Sequence[NDArray[np.int64]],
        locked: int,
        takes_part: NDArray[np.bool_],
    ) -> tuple[list[Chunk], Gas]:
        """Settle each chunk of a round and lock its slots for another one in the same transaction.

        What was locked upwards is settled and locked again downwards.
        """
        self.close(locked)
        gas, first = Gas(), self.anvil.w3.eth.block_number + 1
        settles = settle_arguments(settled, chunks, scores)[::-1]
        locks = [*_lock_arguments(locked, takes_part)][::-1]
        for settle_one, lock_one in zip(settles, locks, strict=True):
            call = self.suite.roller.functions.roll(self.suite.tournament.address, [settle_one], [lock_one])
            gas += self.measure(OPERATOR, call)
        return self._locked_since(first), gas

    def _locked_since(self, block: int) -> list[Chunk]:
        logs = self.suite.tournament.events.PositionsLocked.get_logs(from_block=block)
        return [chunk_from_words(log["args"]["fromSlot"], log["args"]["positions"]) for log in logs]

    def seal(self, round_id: int) -> Gas:
        """Seal with all that was locked valid, by the signatures of every member."""
        tournament, committee = self.suite.tournament, self.suite.committee.functions
        found = self.functions.round(round_id).call()
        sealed = (SUBMISSIONS_ROOT, found.atRisk)
        digest = committee.sealDigest(tournament.address, round_id, found.positionsHead, *sealed).call()
        members = [self.account(FIRST_MEMBER + member) for member in range(MEMBERS)]
        signatures = b"".join(bytes(member.unsafe_sign_hash(digest).signature) for member in members)
        call = self.functions.seal(round_id, *sealed, 2**MEMBERS - 1, signatures)
        return self.measure(OPERATOR, call)

    def settle(
        self, round_id: int, chunks: Sequence[Chunk], scores: Sequence[NDArray[np.int64]] | None
    ) -> Gas:
        """Settle every chunk, the last one first, or without scores return it."""
        calls = [self.functions.settle(*each) for each in settle_arguments(round_id, chunks, scores)[::-1]]
        return sum((self.measure(STAKER, call) for call in calls), Gas())

    def report(self, round_id: int, chunks: Sequence[Chunk], scores: Sequence[NDArray[np.int64]]) -> Report:
        """The honest report."""
        found = self.functions.round(round_id).call()
        outcome = settle(
            np.concatenate([chunk.positions for chunk in chunks]),
            np.concatenate(list(scores)),
            factor=found.payoutFactor,
            cap=found.cap,
        )
        return Report(
            self.suite.addresses.chain_id,
            str(self.suite.tournament.address),
            round_id,
            REPORT_VERSION,
            scores_heads(chunks, scores)[-1],
            outcome.total_payout,
            outcome.total_burn,
            b"\xe7" * 32,
        )

    def scored(self, chunks: Sequence[Chunk]) -> list[NDArray[np.int64]]:
        """Scores of every model of some chunks."""
        return [scores_of(len(chunk.positions), self.next_seed()) for chunk in chunks]

    def accept(
        self, round_id: int, chunks: Sequence[Chunk], scores: Sequence[NDArray[np.int64]]
    ) -> tuple[list[Gas], Gas]:
        """Attest the honest report, and begin to settle by it: what each vote and the beginning cost."""
        report = self.report(round_id, chunks, scores)
        return self.attest(report), self.begin(report)

    def attest(self, report: Report) -> list[Gas]:
        """What each attestation up to the quorum cost."""
        self.anvil.advance_to(self.functions.round(report.round_id).call().resolveAt)
        call = self.suite.committee.functions.attest(self.suite.tournament.address, report.to_contract())
        return [self.measure(FIRST_MEMBER + member, call) for member in range(QUORUM)]

    def begin(self, report: Report) -> Gas:
        """Settle by a report, once nobody can challenge it any more, nor fill a pool that is short."""
        self.anvil.advance_to(self.now + CHALLENGE_WINDOW)
        if self.functions.pool().call() < report.total_payout:
            deadline = self.functions.round(report.round_id).call().deadline
            self.anvil.advance_to(deadline + self.functions.windows().call().fundingGrace)
        return self.measure(STAKER, self.functions.beginSettlement(report.to_contract()))

    def measure(self, account: int, call: Any) -> Gas:
        """What a transaction cost."""
        return self.meter.measure(self.account(account), call)

    def _send(self, account: int, call: Any) -> None:
        self.meter.send(self.account(account), call)


def _lock_arguments(round_id: int, takes_part: NDArray[np.bool_]) -> Iterator[tuple[int, int, bytes]]:
    """The arguments of ``Tournament.lock``, in chunks of full size, upwards."""
    for at in range(0, len(takes_part), MODELS_A_CHUNK):
        bits = np.packbits(takes_part[at : at + MODELS_A_CHUNK], bitorder="little").tobytes()
        yield round_id, at // 4, bits


@dataclass(frozen=True)
class RoundGas:
    """What a round cost, step by step."""

    models: int
    open: Gas
    lock: Gas
    end_lock: Gas
    seal: Gas
    attest: tuple[Gas, ...]
    begin: Gas
    settle: Gas
    void: Gas = field(default_factory=Gas)

    @property
    def cycle(self) -> Gas:
        """Locking, its end, and settling: what grows with the models, and one transaction."""
        return self.lock + self.end_lock + self.settle

    @property
    def whole(self) -> Gas:
        """Every transaction of the round."""
        return sum((self.open, self.seal, *self.attest, self.begin, self.void), self.cycle)


def play(tournament: Tournament, takes_part: NDArray[np.bool_]) -> RoundGas:
    """A round from its opening to its last chunk."""
    round_id, opening = tournament.open()
    chunks, locking = tournament.lock(round_id, takes_part)
    ending = tournament.end_lock(round_id)
    sealing = tournament.seal(round_id)
    scores = tournament.scored(chunks)
    votes, beginning = tournament.accept(round_id, chunks, scores)
    settling = tournament.settle(round_id, chunks, scores)
    return RoundGas(
        int(takes_part.sum()), opening, locking, ending, sealing, tuple(votes), beginning, settling
    )


def play_rolled(tournament: Tournament, takes_part: NDArray[np.bool_]) -> Gas:
    """What it costs to settle a round and to lock another one of the same models in one go."""
    first, _ = tournament.open()
    chunks, _ = tournament.lock(first, takes_part)
    tournament.end_lock(first)
    tournament.seal(first)
    scores = tournament.scored(chunks)
    tournament.accept(first, chunks, scores)
    second, _ = tournament.open()
    again, rolling = tournament.roll(first, chunks, scores, second, takes_part)
    rolling += tournament.end_lock(second)
    tournament.seal(second)
    scores = tournament.scored(again)
    tournament.accept(second, again, scores)
    tournament.settle(second, again, scores)
    return rolling


def play_void(tournament: Tournament, takes_part: NDArray[np.bool_]) -> RoundGas:
    """A round that nobody reports on, until every position is back."""
    round_id, opening = tournament.open()
    chunks, locking = tournament.lock(round_id, takes_part)
    ending = tournament.end_lock(round_id)
    sealing = tournament.seal(round_id)
    tournament.anvil.advance_to(tournament.functions.round(round_id).call().deadline)
    voiding = tournament.measure(STAKER, tournament.functions.voidRound(round_id))
    settling = tournament.settle(round_id, chunks, None)
    return RoundGas(int(takes_part.sum()), opening, locking, ending, sealing, (), Gas(), settling, voiding)


def stage(anvil: Anvil, gas_limit: int, name: str) -> Tournament:
    """Deploy a suite with a small pool and bonded members, and a crowd without models."""
    admin = Sender(anvil.w3, anvil.account(ADMIN))
    members = [str(anvil.account(FIRST_MEMBER + index).address) for index in range(MEMBERS)]
    document = local_deployment(
        name=name,
        members=members,
        operator=str(anvil.account(OPERATOR).address),
        guardian=str(anvil.account(GUARDIAN).address),
        stake=STAKE,
        quorum=QUORUM,
        challenge_window=CHALLENGE_WINDOW,
        supply=SUPPLY,
        bonds=Bonds(BOND, BOND, BOND),
        court=NOBODY,
        demands=NEW,
    )
    suite = deploy_suite(anvil, admin.account, document)
    for spender in (suite.tournament, suite.committee):
        admin.send(suite.token.functions.approve(spender.address, wei_from_nano(SUPPLY)))
    for member in members:
        admin.send(suite.committee.functions.postBond(member, wei_from_nano(ROUNDS_BACKED * BOND)))
    admin.send(suite.tournament.functions.fundPool(wei_from_nano(SMALL_POOL)))
    meter = Meter(anvil.w3, gas_limit)
    crowd = _crowd(meter, admin, suite)
    admin.send(suite.token.functions.transfer(crowd.address, wei_from_nano(SUPPLY // 2)))
    return Tournament(anvil, meter, suite, crowd)


def _crowd(meter: Meter, admin: Sender, suite: Suite) -> Contract:
    interface, bytecode = compiled(SOURCE, "Crowd")
    factory = meter.w3.eth.contract(abi=interface, bytecode=bytecode)
    receipt = meter.send(admin.account, factory.constructor(suite.tournament.address))
    contract: Contract = meter.w3.eth.contract(address=receipt["contractAddress"], abi=interface)
    return contract


def compiled(source: Path, name: str) -> tuple[Any, str]:
    """The ABI and the bytecode of a contract that only measures."""
    root = Path(__file__).parents[2]
    document = solcx.compile_standard(
        {
            "language": "Solidity",
            "sources": {str(source.relative_to(root)): {"content": source.read_text()}},
            "settings": {
                "evmVersion": "prague",
                "optimizer": {"enabled": True},
                "remappings": ["@openzeppelin/contracts/=node_modules/@openzeppelin/contracts/"],
                "outputSelection": {"*": {name: ["abi", "evm.bytecode.object"]}},
            },
        },
        solc_version="0.8.30",
        base_path=str(root),
        allow_paths=str(root),
    )
    contract = document["contracts"][str(source.relative_to(root))][name]
    return contract["abi"], contract["evm"]["bytecode"]["object"]
