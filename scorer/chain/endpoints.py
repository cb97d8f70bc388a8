"""Several endpoints of one chain: which one to read from, and what they agree is final."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from web3 import Web3
from web3.types import BlockIdentifier

from scorer.chain.endpoint import checked, unchecked
from scorer.chain.errors import EndpointError, answer_to
from scorer.chain.parallel import Parallel
from scorer.chain.provider import LONGEST_PAUSES, Provider
from scorer.chain.rpc_errors import Answer
from scorer.redaction import host

LARGEST_LAG: Final = 16
"""Blocks that an endpoint may be behind the others, or ahead of them, and still be read from."""
LARGEST_FINALITY_LAG: Final = 64
"""Blocks that its finalised one may be behind those of the others: two epochs of Ethereum."""
QUESTIONS: Final = 3
"""Requests of a survey to one endpoint, one after another."""
PATIENCE: Final = 900.0
"""Seconds that one endpoint may take for the answers of a cycle while others are up."""


@dataclass(frozen=True)
class Block:
    """A block, and when it was made, Unix seconds."""

    number: int
    hash: bytes
    timestamp: int


@dataclass(frozen=True)
class Health:
    """What one endpoint answered; `trouble` says why it is not used, and is None when it is."""

    host: str
    latest: Block | None = None
    finalised: Block | None = None
    trouble: str | None = None
    answer: Answer = Answer.ACCEPTED

    @property
    def is_up(self) -> bool:
        """Whether it answered both questions."""
        return self.latest is not None and self.finalised is not None and self.trouble is None


@dataclass(frozen=True)
class Pinned:
    """What one cycle reads and sends through: one endpoint, and one block that is final for all.

    Attributes
    ----------
    others
        The other endpoints that are up: signed transactions go to them too.
    agreed
        How many hosts name the block's hash.
    witnesses
        Those of the others that are of other hosts, one of each.
    agreement
        How many hosts, the pinned one among them, must say the same.
    """

    w3: Web3
    host: str
    block: Block
    latest: Block
    others: tuple[Web3, ...] = ()
    agreed: int = 1
    health: tuple[Health, ...] = ()
    witnesses: tuple[Web3, ...] = ()
    agreement: int = 1


class NoAgreement(EndpointError):
    """Endpoints do not agree on what is final, or too few of them answer: nothing may be done."""

    def __init__(self, message: str, health: Sequence[Health] = ()) -> None:
        super().__init__(message)
        self.health = tuple(health)


@dataclass
class Endpoints:
    """The endpoints of one chain, in the order in which they are preferred.

    All are asked at the same time, and whatever goes wrong with one is that one's trouble.

    Attributes
    ----------
    agreement
        How many must name the same hash for the finalised block; those of one host count once.
    timeout
        Seconds for one answer.
    patience
        Seconds that each endpoint may take for a cycle while another host is up. One that is merely slow gets
        more each time, so that even endpoints which are all slow come to an end.
    """

    urls: Sequence[str]
    chain_id: int
    agreement: int = 1
    timeout: float = 30
    lag: int = LARGEST_LAG
    patience: float = PATIENCE
    _candidates: dict[str, Web3] = field(default_factory=dict)
    _connected: dict[str, Web3] = field(default_factory=dict)
    _last: list[str] = field(default_factory=list)
    _demotions: dict[str, int] = field(default_factory=dict)
    _surveys: Parallel[str, Health] = field(default_factory=Parallel)
    _blocks: Parallel[str, Block | None] = field(default_factory=Parallel)

    def pin(self) -> Pinned:
        """Ask every endpoint, leave out those that are far from the others, and pin the first that is left.

        Raises
        ------
        NoAgreement
            When fewer than `agreement` endpoints agree on the finalised block, or any two disagree.
        """
        found = self._without_stalled(self._without_outliers(self._surveyed()))
        order = [url for url in self.urls if url not in self._last] + self._last
        up = {url: each for url, each in zip(self.urls, found, strict=True) if each.is_up}
        usable = [url for url in order if url in up]
        block = self._final_for_all([up[url] for url in usable], found)
        agreed = self._agreed(block, usable, found)
        self._give_time(usable)
        return self._pinned(usable, up, block, agreed, found)

    def _pinned(
        self,
        usable: Sequence[str],
        up: Mapping[str, Health],
        block: Block,
        agreed: int,
        found: Sequence[Health],
    ) -> Pinned:
        name, latest = host(usable[0]), up[usable[0]].latest
        if latest is None:
            raise NoAgreement("expected a latest block, found none", found)
        witnesses = {host(url): self._connected[url] for url in usable if host(url) != name}
        return Pinned(
            self._connected[usable[0]],
            name,
            block,
            latest,
            tuple(self._connected[url] for url in usable[1:]),
            agreed,
            tuple(found),
            tuple(witnesses.values()),
            self._needed,
        )

    @property
    def _needed(self) -> int:
        return max(self.agreement, 1)

    def _surveyed(self) -> list[Health]:
        """What each endpoint says, in the order of `urls`; one in trouble is no longer preferred."""
        found = self._surveys.ask(
            {url: partial(self._survey, url) for url in self.urls},
            QUESTIONS * self.timeout + LONGEST_PAUSES,
            lambda answers: len({each.host for each in answers.values() if each.is_up}) >= self._needed,
        )
        surveyed = [found.get(url) or self._late(url) for url in self.urls]
        for url, each in zip(self.urls, surveyed, strict=True):
            if each.trouble is not None:
                self._put_last(url)
        return surveyed

    def _late(self, url: str) -> Health:
        trouble = f"endpoint {host(url)}: expected its blocks not long after those of others, found none yet"
        return Health(host(url), trouble=trouble, answer=Answer.UNREACHABLE)

    def _give_time(self, usable: Sequence[str]) -> None:
        """Bound what each endpoint may take for this cycle, where another host could be used instead."""
        several = len({host(url) for url in usable}) > 1
        for url in usable:
            provider = self._connected[url].provider
            if isinstance(provider, Provider):
                seconds = self.patience * 2 ** self._demotions.get(url, 0)
                provider.until = time.monotonic() + seconds if several else None

    def any(self) -> Web3:
        """An endpoint to bind contracts to before the first is pinned; it is asked nothing."""
        return self._candidate(self.urls[0])

    def _candidate(self, url: str) -> Web3:
        if url not in self._candidates:
            self._candidates[url] = unchecked(url, timeout=self.timeout)
        return self._candidates[url]

    def demote(self, name: str) -> None:
        """Prefer every other endpoint to this one from now on."""
        for url in self.urls:
            if host(url) == name:
                self._put_last(url)
                self._demotions[url] = min(self._demotions.get(url, 0) + 1, 10)

    def _put_last(self, url: str) -> None:
        self._last = [each for each in self._last if each != url] + [url]

    def _survey(self, url: str) -> Health:
        latest: Block | None = None
        try:
            if url not in self._connected:
                self._connected[url] = checked(self._candidate(url), url, self.chain_id)
            w3 = self._connected[url]
            latest = _block(w3, "latest")
            return Health(host(url), latest, _block(w3, "finalized"))
        except EndpointError as error:
            return Health(host(url), latest, trouble=str(error), answer=error.answer)
        except Exception as error:  # noqa: BLE001 - whatever one endpoint causes, the others are asked
            what = "the latest block" if latest is None else "a finalised block"
            trouble = f"endpoint {host(url)}: expected {what}, found {type(error).__name__}"
            return Health(host(url), latest, trouble=trouble, answer=answer_to(error))

    def _without_outliers(self, found: Sequence[Health]) -> list[Health]:
        """Leave out who is far behind the others, and who alone claims to be far ahead of them."""
        usual = self._reached({each.host: each.latest.number for each in found if each.latest})
        return [_off(each, usual, self.lag) for each in found]

    def _without_stalled(self, found: Sequence[Health]) -> list[Health]:
        """Leave out an endpoint whose finalised block stands still while those of the others go on."""
        usual = self._reached(
            {each.host: each.finalised.number for each in found if each.is_up and each.finalised}
        )
        return [_stalled(each, usual) for each in found]

    def _reached(self, heights: Mapping[str, int]) -> int:
        """What as many hosts reached as must agree, and two of three or more: one does not speak for all."""
        rank = max(self.agreement, 2 if len(heights) > 2 else 1)
        return min(sorted(heights.values(), reverse=True)[:rank], default=0)

    def _final_for_all(self, usable: Sequence[Health], found: Sequence[Health]) -> Block:
        blocks = [each.finalised for each in usable if each.finalised is not None]
        hosts = {each.host for each in usable}
        if len(hosts) < max(self.agreement, 1):
            troubles = "; ".join(each.trouble for each in found if each.trouble) or "no trouble is known"
            if len(found) == 1:
                raise NoAgreement(troubles, found)
            raise NoAgreement(
                f"expected {max(self.agreement, 1)} endpoints with a finalised block, found {len(hosts)}: "
                f"{troubles}",
                found,
            )
        return min(blocks, key=lambda block: block.number)

    def _agreed(self, block: Block, usable: Sequence[str], found: Sequence[Health]) -> int:
        """How many hosts name this block, by its hash and its time, at this height."""
        if len(usable) == 1:
            return 1
        blocks = self._blocks.ask(
            {url: partial(self._block_at, url, block.number) for url in usable},
            self.timeout + LONGEST_PAUSES,
            lambda answers: len({host(url) for url, each in answers.items() if each}) >= self._needed,
        )
        named: dict[Block, set[str]] = {}
        for url, each in blocks.items():
            if each is not None:
                named.setdefault(each, set()).add(host(url))
        if set(named) != {block} or len(named[block]) < self.agreement:
            found_hashes = ", ".join(
                f"0x{each.hash.hex()} of the time {each.timestamp} from {len(hosts)}"
                for each, hosts in named.items()
            )
            raise NoAgreement(
                f"expected one hash of the finalised block {block.number} from {self.agreement} endpoints, "
                f"found {found_hashes or 'none'}; nothing is done until they agree",
                found,
            )
        return len(named[block])

    def _block_at(self, url: str, number: int) -> Block | None:
        try:
            return _block(self._connected[url], number)
        except Exception:  # noqa: BLE001 - one that does not say it does not count
            return None


def _block(w3: Web3, which: BlockIdentifier) -> Block:
    found = w3.eth.get_block(which)
    return Block(found["number"], bytes(found["hash"]), found["timestamp"])


def _off(each: Health, usual: int, most: int) -> Health:
    behind = usual - each.latest.number if each.latest else 0
    if abs(behind) <= most:
        return each
    where = "behind" if behind > 0 else "ahead of"
    return replace(each, trouble=f"endpoint {each.host}: {abs(behind)} blocks {where} the others")


def _stalled(each: Health, usual: int) -> Health:
    behind = usual - each.finalised.number if each.is_up and each.finalised else 0
    if behind <= LARGEST_FINALITY_LAG:
        return each
    trouble = f"endpoint {each.host}: its finalised block is {behind} blocks behind that of the others"
    return replace(each, trouble=trouble)
