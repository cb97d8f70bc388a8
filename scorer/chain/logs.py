"""Reads the events of rounds, complete or not at all."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from eth_abi.exceptions import DecodingError
from web3 import Web3
from web3.contract.contract import ContractEvent
from web3.exceptions import Web3Exception
from web3.types import EventData

from scorer.chain.contracts import Suite
from scorer.chain.errors import EndpointError, MalformedAnswer, NoConnection, RateLimited, Unauthorised
from scorer.chain.records import ZERO_HASH, RoundRecord
from scorer.errors import CupelError

# Of the limits that are known of providers, 500 blocks is the smallest and 10,000 the largest.
FIRST_RANGE = 500
LARGEST_RANGE = 10_000
SERVES_NOTHING = (NoConnection, RateLimited, Unauthorised)
"""Whoever says this refuses less as well; all else may be a provider's way to refuse a range."""
UNDECODABLE = (DecodingError, Web3Exception, ValueError, OverflowError)
"""Errors of web3 for a log that is not of the event that was asked for."""


class IncompleteLogs(CupelError):
    """An endpoint's logs do not add up to what the contract's storage commits to."""


@dataclass(frozen=True)
class LockedChunk:
    """A ``PositionsLocked`` event: four positions of 64 bits in each word, a word a slot from `from_slot`."""

    from_slot: int
    words: tuple[int, ...]


@dataclass(frozen=True)
class SettledChunk:
    """A ``ChunkSettled`` event: 12 bytes of packed scores a slot from `from_slot`."""

    from_slot: int
    scores: bytes


@dataclass(frozen=True)
class Locking:
    """The chunks a round locked, in order, and the block after which there were no more.

    Attributes
    ----------
    is_sealed
        Whether that is the block of the seal.
    """

    block: int
    chunks: tuple[LockedChunk, ...]
    is_sealed: bool

    @property
    def at_risk(self) -> int:
        """The sum of all positions, nano-NMR."""
        return sum(lane for chunk in self.chunks for word in chunk.words for lane in _lanes(word))


def _lanes(word: int) -> Iterator[int]:
    """Return the four numbers of 64 bits in a slot's word."""
    return (word >> shift & (1 << 64) - 1 for shift in range(0, 256, 64))


def first_block_at(w3: Web3, timestamp: int, low: int, high: int) -> int:
    """Find the first block of `low`..`high` at or after `timestamp`; `high` + 1 when all are older."""
    while low <= high:
        middle = (low + high) // 2
        if w3.eth.get_block(middle)["timestamp"] < timestamp:
            low = middle + 1
        else:
            high = middle - 1
    return low


def round_events(event: ContractEvent, round_id: int, first: int, last: int) -> Iterator[EventData]:
    """Read a round's events of one kind in blocks `first`..`last`, oldest first; see `event_logs`."""
    return event_logs(event, {"roundId": round_id}, first, last)


def event_logs(
    event: ContractEvent, filters: Mapping[str, object], first: int, last: int
) -> Iterator[EventData]:
    """Read the events of one kind with some indexed arguments in blocks `first`..`last`, oldest first.

    Providers allow different ranges and say so in different words, by a status of HTTP or by no answer in
    time: a refused range is halved and not tried again, an accepted one doubled. Whether an answer is whole,
    no provider says: that is for the caller to check against what the contract committed to.

    Raises
    ------
    IncompleteLogs
        When an answer is no list of logs, or holds logs that were not asked for, that a reorganisation
        removed, or that it holds already: an index that doubles one log may as well lack another.
    EndpointError
        When the endpoint limits requests, or refuses a single block.
    """
    size, largest = FIRST_RANGE, LARGEST_RANGE
    while first <= last:
        until = min(first + size - 1, last)
        try:
            found = event.get_logs(from_block=first, to_block=until, argument_filters=dict(filters))
        except MalformedAnswer as error:
            raise IncompleteLogs(str(error)) from None
        except EndpointError as error:
            # A single block is the least that can be asked for.
            if size == 1 or isinstance(error, SERVES_NOTHING):
                raise
            size = largest = size // 2
            continue
        except UNDECODABLE as error:
            raise _disordered(first, until, f"one of another event ({type(error).__name__})") from None
        yield from _checked(found, event, filters, first, until)
        first = until + 1
        size = min(size * 2, largest)


def _checked(
    found: Iterable[EventData], event: ContractEvent, filters: Mapping[str, object], first: int, last: int
) -> Iterator[EventData]:
    seen: set[tuple[int, int]] = set()
    for log in found:
        place = log["blockNumber"], log["logIndex"]
        if not first <= place[0] <= last:
            raise _disordered(first, last, f"one of block {place[0]}")
        if place in seen:
            raise _disordered(first, last, f"two of the index {place[1]} in block {place[0]}")
        if log["address"] != event.address or any(log["args"][name] != filters[name] for name in filters):
            raise _disordered(first, last, f"one in block {place[0]} that was not asked for")
        seen.add(place)
        yield log


def _disordered(first: int, last: int, found: str) -> IncompleteLogs:
    return IncompleteLogs(
        f"expected logs of the blocks {first} to {last}, found {found}; the endpoint's index is not in "
        "order, use another one"
    )


def read_locking(suite: Suite, record: RoundRecord, last: int) -> Locking:
    """Read the positions of a round from its events up to its seal, or up to block `last` if it has none.

    No block beyond the lock window is searched, unless what was found is less than the contract says: an
    earlier pause, of which it does not know any more, may have extended the window.
    """
    first = first_block_at(suite.w3, record.close_at, suite.addresses.block, last)
    if last - first < LARGEST_RANGE:
        return _locking_within(suite, record.round_id, first, last)
    for end in (record.lock_until, record.latest_lock_until):
        until = max(first, first_block_at(suite.w3, end + 1, first, last) - 1)
        locking = _locking_within(suite, record.round_id, first, until)
        if locking.at_risk == record.at_risk and (locking.is_sealed or record.submissions_root == ZERO_HASH):
            break
    return locking


def _locking_within(suite: Suite, round_id: int, first: int, last: int) -> Locking:
    # The seal first: nothing is locked after it, so that its block ends the search for positions.
    sealed = next(round_events(suite.tournament.events.RoundSealed(), round_id, first, last), None)
    block = last if sealed is None else sealed["blockNumber"]
    locked = round_events(suite.tournament.events.PositionsLocked(), round_id, first, block)
    chunks = tuple(LockedChunk(e["args"]["fromSlot"], tuple(e["args"]["positions"])) for e in locked)
    return Locking(block, chunks, sealed is not None)


def read_settled(
    suite: Suite, round_id: int, first: int, last: int, count: int | None = None
) -> tuple[SettledChunk, ...]:
    """Read the chunks of a round settled in blocks `first`..`last`, in order.

    Parameters
    ----------
    count
        How many there are, where the contract's storage says so: no block after the last of them is read.

    Raises
    ------
    IncompleteLogs
        When there are fewer than `count`.
    """
    if count == 0:
        return ()
    settled = round_events(suite.tournament.events.ChunkSettled(), round_id, first, last)
    chunks = tuple(SettledChunk(e["args"]["fromSlot"], e["args"]["scores"]) for e in islice(settled, count))
    if count is not None and len(chunks) != count:
        raise IncompleteLogs(
            f"round {round_id}: expected {count} ChunkSettled events in the blocks {first} to {last}, "
            f"found {len(chunks)}"
        )
    return chunks
