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
    """A block; `timestamp` in seconds since the epoch."""

    number: int
    hash: bytes
    timestamp: int


@dataclass(frozen=True)
class Health:
    """The answers of one endpoint; `trouble` says why it is not used, and is None when it is."""

    host: str
    latest: Block | None = None
    finalised: Block | None = None
    trouble: str | None = None
    answer: Answer = Answer.ACCEPTED

    @property
    def is_up(self) -> bool:
        """True where it answered both questions."""
        return self.latest is not None and self.finalised is not None and self.trouble is None


@dataclass(frozen=True)
class Pinned:
    """The endpoint that one cycle reads from, and the block that is final for all endpoints.

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
        surveyed = self._without_stalled(self._without_outliers(self._surveyed()))
        order = [url for url in self.urls if url not in self._last] + self._last
        up = {url: health for url, health in zip(self.urls, surveyed, strict=True) if health.is_up}
        usable = [url for url in order if url in up]
        block = self._final_for_all([up[url] for url in usable], surveyed)
        agreed = self._agreed(block, usable, surveyed)
        self._give_time(usable)
        return self._pinned(usable, up, block, agreed, surveyed)

    def _pinned(
        self,
        usable: Sequence[str],
        up: Mapping[str, Health],
        block: Block,
        agreed: int,
        surveyed: Sequence[Health],
    ) -> Pinned:
        name, latest = host(usable[0]), up[usable[0]].latest
        if latest is None:
            raise NoAgreement("expected a latest block, found none", surveyed)
        # By host: several URLs of one provider are one witness.
        witnesses = {host(url): self._connected[url] for url in usable if host(url) != name}
        return Pinned(
            self._connected[usable[0]],
            name,
            block,
            latest,
            tuple(self._connected[url] for url in usable[1:]),
            agreed,
            tuple(surveyed),
            tuple(witnesses.values()),
            self._needed,
        )

    @property
    def _needed(self) -> int:
        return max(self.agreement, 1)

    def _surveyed(self) -> list[Health]:
        """Ask each endpoint for its blocks, in the order of `urls`; one in trouble is no longer preferred."""
        answers = self._surveys.ask(
            {url: partial(self._survey, url) for url in self.urls},
            QUESTIONS * self.timeout + LONGEST_PAUSES,
            lambda given: len({health.host for health in given.values() if health.is_up}) >= self._needed,
        )
        surveyed = [answers.get(url) or self._late(url) for url in self.urls]
        for url, health in zip(self.urls, surveyed, strict=True):
            if health.trouble is not None:
                self._put_last(url)
        return surveyed

    def _late(self, url: str) -> Health:
        trouble = f"endpoint {host(url)}: expected its blocks not long after those of others, found none yet"
        return Health(host(url), trouble=trouble, answer=Answer.UNREACHABLE)

    def _give_time(self, usable: Sequence[str]) -> None:
        """Bound the time of each endpoint for this cycle, where another host could be used instead."""
        several = len({host(url) for url in usable}) > 1
        for url in usable:
            provider = self._connected[url].provider
            if isinstance(provider, Provider):
                seconds = self.patience * 2 ** self._demotions.get(url, 0)
                provider.until = time.monotonic() + seconds if several else None

    def any(self) -> Web3:
        """Return an endpoint to bind contracts to before the first is pinned; it is asked nothing."""
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
        self._last = [other for other in self._last if other != url] + [url]

    def _survey(self, url: str) -> Health:
        # Kept where the next question fails: it still counts as a height that the chain reached.
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

    def _without_outliers(self, surveyed: Sequence[Health]) -> list[Health]:
        """Leave out who is far behind the others, and who alone claims to be far ahead of them."""
        usual = self._reached({health.host: health.latest.number for health in surveyed if health.latest})
        return [_off(health, usual, self.lag) for health in surveyed]

    def _without_stalled(self, surveyed: Sequence[Health]) -> list[Health]:
        """Leave out an endpoint whose finalised block stands still while those of the others go on."""
        usual = self._reached(
            {health.host: health.finalised.number for health in surveyed if health.is_up and health.finalised}
        )
        return [_stalled(health, usual) for health in surveyed]

    def _reached(self, heights: Mapping[str, int]) -> int:
        """Return the height that enough hosts reached to agree, and at least two of three or more hosts."""
        # Not the highest of several: one endpoint alone could make all others seem far behind.
        rank = max(self.agreement, 2 if len(heights) > 2 else 1)
        return min(sorted(heights.values(), reverse=True)[:rank], default=0)

    def _final_for_all(self, usable: Sequence[Health], surveyed: Sequence[Health]) -> Block:
        blocks = [health.finalised for health in usable if health.finalised is not None]
        hosts = {health.host for health in usable}
        if len(hosts) < max(self.agreement, 1):
            troubles = (
                "; ".join(health.trouble for health in surveyed if health.trouble) or "no trouble is known"
            )
            if len(surveyed) == 1:
                raise NoAgreement(troubles, surveyed)
            raise NoAgreement(
                f"expected {max(self.agreement, 1)} endpoints with a finalised block, found {len(hosts)}: "
                f"{troubles}",
                surveyed,
            )
        # The lowest, because every endpoint that is used must have it.
        return min(blocks, key=lambda block: block.number)

    def _agreed(self, block: Block, usable: Sequence[str], surveyed: Sequence[Health]) -> int:
        """Count the hosts that name this block, by its hash and its time, at its height."""
        if len(usable) == 1:
            return 1
        blocks = self._blocks.ask(
            {url: partial(self._block_at, url, block.number) for url in usable},
            self.timeout + LONGEST_PAUSES,
            lambda answers: len({host(url) for url, named in answers.items() if named}) >= self._needed,
        )
        named: dict[Block, set[str]] = {}
        for url, answer in blocks.items():
            if answer is not None:
                named.setdefault(answer, set()).add(host(url))
        # One other hash is enough to stop, whoever names it: nobody can say which side is right.
        if set(named) != {block} or len(named[block]) < self.agreement:
            found_hashes = ", ".join(
                f"0x{other.hash.hex()} of the time {other.timestamp} from {len(hosts)}"
                for other, hosts in named.items()
            )
            raise NoAgreement(
                f"expected one hash of the finalised block {block.number} from {self.agreement} endpoints, "
                f"found {found_hashes or 'none'}; nothing is done until they agree",
                surveyed,
            )
        return len(named[block])

    def _block_at(self, url: str, number: int) -> Block | None:
        try:
            return _block(self._connected[url], number)
        except Exception:  # noqa: BLE001 - one that does not say it does not count
            return None


def _block(w3: Web3, which: BlockIdentifier) -> Block:
    block = w3.eth.get_block(which)
    return Block(block["number"], bytes(block["hash"]), block["timestamp"])


def _off(health: Health, usual: int, most: int) -> Health:
    behind = usual - health.latest.number if health.latest else 0
    if abs(behind) <= most:
        return health
    where = "behind" if behind > 0 else "ahead of"
    return replace(health, trouble=f"endpoint {health.host}: {abs(behind)} blocks {where} the others")


def _stalled(health: Health, usual: int) -> Health:
    behind = usual - health.finalised.number if health.is_up and health.finalised else 0
    if behind <= LARGEST_FINALITY_LAG:
        return health
    trouble = f"endpoint {health.host}: its finalised block is {behind} blocks behind that of the others"
    return replace(health, trouble=trouble)
