"""The contract of a tournament that demands predictions of models which are drawn."""

from dataclasses import dataclass

from web3 import Web3
from web3.contract import Contract

from scorer.chain.binding import bound
from scorer.chain.bulk import read_view, read_views
from scorer.chain.errors import MalformedAnswer
from scorer.chain.records import ZERO_ADDRESS


@dataclass(frozen=True)
class DrawRecord:
    """The draw of a report, as the contract has it.

    Attributes
    ----------
    since
        When the report was accepted and its evidence public, Unix seconds; 0 while no draw began.
    third
        Of the challenge window, seconds.
    from_block
        The first block whose hash the seed is made of; 0 while no draw began.
    seed
        None while it is not drawn.
    lanes
        Those that were drawn, by place; none while they are not placed.
    payers
        Who paid the deposit of each place; None where nobody did, or it was given to somebody.
    demanded, answered
        Places.
    deposit
        Of each demand, wei.
    """

    since: int
    third: int
    from_block: int
    seed: int | None
    lanes: tuple[int, ...]
    payers: tuple[str | None, ...]
    demanded: frozenset[int]
    answered: frozenset[int]
    deposit: int

    @property
    def demands_until(self) -> int:
        """The time from which nothing can be drawn, placed or demanded any more, Unix seconds."""
        return self.since + self.third

    @property
    def answers_until(self) -> int:
        """The time from which nothing can be answered any more, Unix seconds."""
        return self.since + 2 * self.third

    @property
    def owed(self) -> tuple[int, ...]:
        """The places that were demanded and are not answered."""
        return tuple(sorted(self.demanded - self.answered))


@dataclass(frozen=True)
class Demands:
    """The contract that a tournament asks which lanes owe predictions.

    Attributes
    ----------
    seed_delay, seed_blocks
        The blocks before those whose hashes a seed is made of, and how many these are.
    """

    contract: Contract
    seed_delay: int
    seed_blocks: int

    def silent_lanes(self, tournament: str, round_id: int, block: int) -> tuple[int, ...]:
        """Read the lanes that owe predictions, once these cannot be shown any more; none before."""
        found = read_view(self.contract.functions.silentLanes(tournament, round_id), block)
        return tuple(map(int, found))

    def draw_of(self, tournament: str, report_hash: bytes, block: int) -> DrawRecord:
        """Read the draw of a report."""
        struct = read_view(self.contract.functions.drawOf(tournament, report_hash), block)
        ask = self.contract.functions.placeOf
        calls = [ask(tournament, report_hash, place) for place in range(int(struct.places))]
        # (lane, payer) of each.
        places = read_views(self.contract.w3, calls, block) if calls else []
        return DrawRecord(
            since=int(struct.since),
            third=int(struct.third),
            from_block=int(struct.fromBlock),
            seed=int(struct.seed) if struct.isDrawn else None,
            lanes=tuple(int(lane) for lane, _ in places),
            payers=tuple(_payer(str(payer)) for _, payer in places),
            demanded=_bits(int(struct.demanded), len(places)),
            answered=_bits(int(struct.answered), len(places)),
            deposit=int(struct.deposit),
        )


def _payer(address: str) -> str | None:
    return None if address == ZERO_ADDRESS else address


def _bits(word: int, places: int) -> frozenset[int]:
    """Return the places whose bits are set; an endpoint may have made them up."""
    if word.bit_length() > places:
        raise MalformedAnswer(f"expected bits of {places} places, found {word:#x} of a call")
    return frozenset(place for place in range(places) if word >> place & 1)


def read_demands(w3: Web3, tournament: Contract) -> Demands | None:
    """Read what a tournament asks, which never changes; None where nobody can demand anything."""
    address = str(read_view(tournament.functions.demands()))
    if address == ZERO_ADDRESS:
        return None
    contract = bound(w3, "Demands", address)
    functions = contract.functions
    delay, blocks = (int(read_view(constant())) for constant in (functions.SEED_DELAY, functions.SEED_BLOCKS))
    return Demands(contract, delay, blocks)
