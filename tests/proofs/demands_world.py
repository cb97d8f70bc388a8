"""Draws, demands and answers of a court's world, and what they should come to: in plain Python."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from eth_abi.abi import encode
from eth_hash.auto import keccak

from scorer.chain.binding import bound
from scorer.deployment.verification import SETTINGS, compile_input
from scorer.lab.anvil import run_anvil
from scorer.proofs.evidence import Evidence
from scorer.protocol.chunks import Chunk, settle_arguments
from scorer.protocol.digest import prediction_bytes
from scorer.rewards import settle
from scorer.units import nano_from_nmr, wei_from_nano
from tests.proofs.court_world import (
    ADMIN,
    CHALLENGE_WINDOW,
    CHUNKS,
    OPPOSITE,
    PLAIN,
    STRANGER,
    TIED,
    CourtWorld,
    Submits,
    build,
    send,
)
from tests.proofs.harness import REPOSITORY

DEMANDS: Final = 3
DEPOSIT: Final = nano_from_nmr(4)
THIRD: Final = CHALLENGE_WINDOW // 3
DELAY, BLOCKS = 64, 64
PAYER: Final = 7
"""An account that demands."""
ABOVE: Final = {PLAIN: 20_000, TIED: 30_000, OPPOSITE: -10_000}
"""Scores that pay two lanes and burn of a third, ppm."""
LANES: Final = {PLAIN: PLAIN - 1, TIED: TIED - 1}
"""The lanes that are paid by them."""


def drawn(seed: int, report_hash: bytes, count: int, payouts: Sequence[int]) -> list[int]:
    """Return the places in `payouts` on which draws fall, by ascending draw, each once."""
    total, found = sum(payouts), []
    hashes = [keccak(encode(["uint64", "bytes32", "uint256"], [seed, report_hash, j])) for j in range(count)]
    for draw in sorted(int.from_bytes(each, "big") % total for each in hashes):
        place = int(np.searchsorted(np.cumsum(payouts), draw, side="right"))
        if place not in found:
            found.append(place)
    return found


@dataclass(frozen=True)
class DemandsWorld:
    """A round whose report pays two lanes and burns of one, with Demands beside its tournament."""

    world: CourtWorld

    @cached_property
    def functions(self) -> Any:
        """The functions of its Demands."""
        return self.contract.functions

    @cached_property
    def contract(self) -> Any:
        """Its Demands."""
        address = self.world.suite.tournament.functions.demands().call()
        return bound(self.world.anvil.w3, "Demands", address)

    @property
    def place_of_round(self) -> tuple[str, int]:
        """The tournament and the round."""
        return self.world.tournament, self.world.round_id

    # reports

    def evidence(self, scores: Mapping[int, int] = ABOVE, **changes: Any) -> Evidence:
        """Return a report with these scores by model, whoever believes them."""
        return self.world.evidence(scores, **changes)

    def accept(self, scores: Mapping[int, int] = ABOVE, **changes: Any) -> Evidence:
        """Let the members accept a report with these scores, and its evidence be posted."""
        evidence = self.evidence(scores, **changes)
        self.world.attest(evidence)
        self.world.post(evidence, scores)
        self.world.post_steps(evidence)
        return evidence

    def payouts(self, scores: Mapping[int, int] = ABOVE) -> list[int]:
        """Return what a report pays each lane of the chunks, nano-NMR."""
        lanes, record = self.world.lanes(scores), self.record
        found = settle(
            np.concatenate([chunk.positions for chunk in self.world.chunks]),
            np.concatenate(list(lanes.scores)),
            factor=record.payoutFactor,
            cap=record.cap,
        )
        return [int(amount) for amount in found.payouts]

    def expected_lanes(self, seed: int, evidence: Evidence, scores: Mapping[int, int] = ABOVE) -> list[int]:
        """Return the lanes on which a seed falls."""
        lanes = [int(lane) for chunk in self.world.chunks for lane in chunk.lanes]
        places = drawn(seed, evidence.report.hash(), self.world.demands, self.payouts(scores))
        return [lanes[place] for place in places]

    @property
    def record(self) -> Any:
        """The round on the chain."""
        return self.world.suite.tournament.functions.round(self.world.round_id).call()

    # calls

    def draw(self) -> Any:
        """Return the call that begins or ends a draw."""
        return self.functions.draw(*self.place_of_round)

    def place(self, evidence: Evidence, scores: Mapping[int, int] = ABOVE) -> Any:
        """Return the call that says where a draw fell."""
        chunks = self.world.lanes(scores).to_contract()
        report = evidence.report.to_contract()
        return self.functions.place(self.world.tournament, report, self.world.terms.to_contract(), chunks)

    def demand(self, place: int) -> Any:
        """Return the call that demands the predictions at a place."""
        return self.functions.demand(*self.place_of_round, place)

    def answer(self, place: int, model: int, to: int = STRANGER) -> Any:
        """Return the call that answers with a model's predictions."""
        content = prediction_bytes(self.world.predictions(model))
        leaf = self.world.sealed.submission(model)
        return self.functions.answer(*self.place_of_round, place, leaf, content, self.world.address(to))

    def reclaim(self, evidence: Evidence, place: int) -> Any:
        """Return the call that gives a deposit back."""
        return self.functions.reclaim(self.world.tournament, evidence.report.hash(), place)

    # time

    def mine(self, blocks: int) -> None:
        """Let so many empty blocks pass, a second each."""
        self.request("anvil_mine", hex(blocks), "0x1")

    def request(self, method: str, *parameters: Any) -> Any:
        """Ask the node itself."""
        request: Any = self.world.anvil.w3.provider.make_request
        answer = request(method, list(parameters))
        assert "error" not in answer, answer
        return answer.get("result")

    def pass_until(self, seconds: int) -> int:
        """Let so much time pass since the draw began to count; the last block that is not later."""
        until, eth = self.since + seconds, self.world.anvil.w3.eth
        self.world.anvil.advance_to(until)
        number = int(eth.block_number)
        # The clock goes on: on a busy machine the blocks that make it final come in the next second.
        while eth.get_block(number)["timestamp"] > until:
            number -= 1
        return number

    @property
    def since(self) -> int:
        """When the times of the draw begin, seconds."""
        return int(self.draw_of(self.reported).since)

    @property
    def reported(self) -> bytes:
        """The hash of the report that stands."""
        committee = self.world.suite.committee.functions
        return bytes(committee.proposalOf(*self.place_of_round).call().reportHash)

    def draw_of(self, report_hash: bytes) -> Any:
        """Return a report's draw."""
        return self.functions.drawOf(self.world.tournament, report_hash).call()

    # whole steps

    def draw_seed(self) -> int:
        """Draw, and return the seed."""
        self.world.send(self.draw())
        self.mine(DELAY + BLOCKS + 1)
        receipt = self.world.send(self.draw())
        (event,) = self.contract.events.Drawn().process_receipt(receipt)
        return int(event.args.seed)

    def draw_at(self, evidence: Evidence, lanes: Sequence[int], scores: Mapping[int, int] = ABOVE) -> None:
        """Draw, and place such a seed that the draw falls on these lanes and on no others."""
        self.draw_seed()
        seed = next(
            seed for seed in range(10_000) if self.expected_lanes(seed, evidence, scores) == list(lanes)
        )
        self.set_seed(evidence, seed)
        self.world.send(self.place(evidence, scores))

    def set_seed(self, evidence: Evidence, seed: int) -> None:
        """Put another seed in the place of the one that was drawn."""
        slot = keccak(
            encode(["bytes32", "bytes32"], [evidence.report.hash(), self.slot_of(self.world.tournament)])
        )
        at = self.contract.address, int.from_bytes(slot, "big")
        word = int.from_bytes(self.world.anvil.w3.eth.get_storage_at(*at), "big")
        word = word & ~(((1 << 64) - 1) << 128) | seed << 128
        self.request("anvil_setStorageAt", self.contract.address, "0x" + slot.hex(), f"0x{word:064x}")
        assert self.draw_of(evidence.report.hash()).seed == seed

    def set_pool(self, before: int, after: int) -> None:
        """Write another pool where the tournament keeps it, nano-NMR: nobody can take from a pool."""
        tournament = self.world.suite.tournament
        for slot in range(8):
            word = int.from_bytes(self.world.anvil.w3.eth.get_storage_at(tournament.address, slot), "big")
            for shift in range(0, 256, 64):
                if before and word >> shift & (2**64 - 1) == before:
                    other = word + ((after - before) << shift)
                    self.request(
                        "anvil_setStorageAt", tournament.address, f"0x{slot:064x}", f"0x{other:064x}"
                    )
        assert tournament.functions.pool().call() == after

    @staticmethod
    def slot_of(tournament: str) -> bytes:
        """Return where the draws of a tournament lie in the contract's storage."""
        return keccak(encode(["address", "uint256"], [tournament, 0]))

    def balance(self, account: str | int) -> int:
        """Return the tokens of an account, wei."""
        address = self.world.address(account) if isinstance(account, int) else account
        return int(self.world.suite.token.functions.balanceOf(address).call())

    @property
    def held(self) -> int:
        """The tokens that Demands holds, wei."""
        return self.balance(str(self.contract.address))

    def idle(self) -> dict[int, int]:
        """Return idle stakes by model, nano-NMR."""
        ask = self.world.suite.tournament.functions.idleOf
        return {model: int(ask(model).call()) for model in range(1, OPPOSITE + 1)}

    def settle(self, evidence: Evidence, scores: Mapping[int, int] = ABOVE) -> list[Any]:
        """Let the report become final, and settle the round by it; return the receipts of its chunks."""
        self.make_final()
        tournament = self.world.suite.tournament.functions
        self.world.send(tournament.beginSettlement(evidence.report.to_contract()))
        return self.settle_chunks(self.world.chunks, scores)

    def settle_chunks(self, chunks: Sequence[Chunk], scores: Mapping[int, int] | None) -> list[Any]:
        """Settle all chunks, the last one first, by a report or as void."""
        given = None if scores is None else self.world.lanes(scores).scores
        arguments = settle_arguments(self.world.round_id, chunks, given)
        settle_ = self.world.suite.tournament.functions.settle
        return [self.world.send(settle_(*each)) for each in reversed(arguments)]

    def make_final(self) -> None:
        """Let the time pass until the report is final."""
        committee = self.world.suite.committee.functions
        until = committee.finalFrom(*self.place_of_round, self.reported).call()
        if self.world.anvil.w3.eth.get_block("latest")["timestamp"] < until:
            self.world.anvil.advance_to(until)


@contextmanager
def running_demands(
    demands: int = DEMANDS,
    deposit: int = DEPOSIT,
    bitmaps: Sequence[tuple[int, bytes]] = CHUNKS,
    submits: Submits | None = None,
) -> Iterator[DemandsWorld]:
    """The world on a fresh chain: a payer has tokens, and lets Demands take them."""
    with run_anvil(accounts=12) as anvil:
        world = build(anvil, demands=demands, deposit=deposit, bitmaps=bitmaps, submits=submits)
        found, token = DemandsWorld(world), world.suite.token.functions
        world.send(token.transfer(world.address(PAYER), wei_from_nano(nano_from_nmr(1000))), ADMIN)
        world.send(token.approve(found.contract.address, 2**256 - 1), PAYER)
        yield found


def pretender(world: CourtWorld, account: int) -> Any:
    """Deploy a contract that says what its owner wants, in the place of a tournament and all around it."""
    source = "tests/proofs/PretendTournament.sol"
    text = (REPOSITORY / source).read_text()
    settings = SETTINGS | {"outputSelection": {source: {"*": ["abi", "evm.bytecode.object"]}}}
    given = {"language": "Solidity", "settings": settings, "sources": {source: {"content": text}}}
    made = compile_input(given, REPOSITORY)["contracts"][source]["PretendTournament"]
    eth, code = world.anvil.w3.eth, made["evm"]["bytecode"]["object"]
    constructor = eth.contract(abi=made["abi"], bytecode=code).constructor()
    address = str(send(world.anvil, constructor, account)["contractAddress"])
    return eth.contract(world.anvil.w3.to_checksum_address(address), abi=made["abi"])
