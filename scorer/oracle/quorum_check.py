"""Asks other endpoints for what must not rest on one endpoint's word."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from scorer.chain.contracts import Suite
from scorer.chain.errors import EndpointsDisagree
from scorer.oracle.agreement import host_of
from scorer.oracle.failures import OF_OUR_OWN, in_words, reason_of

T = TypeVar("T")


@dataclass(frozen=True)
class Unanswered:
    """Says in words why an endpoint did not answer."""

    why: str


@dataclass(frozen=True)
class QuorumCheck:
    """The endpoints that a cycle is not pinned to, and how many of them must confirm.

    Attributes
    ----------
    suites
        The contracts behind each.
    needed
        The number of them that must say the same.
    """

    suites: Sequence[Suite] = ()
    needed: int = 0

    def replies(self, read: Callable[[Suite], T]) -> Iterator[tuple[str, T | Unanswered]]:
        """Yield each endpoint's host and what `read` returns there, until as many answered as are needed."""
        answered = 0
        for suite in self.suites:
            if answered == self.needed:
                return
            try:
                reply: T | Unanswered = read(suite)
            except Exception as error:
                # Another endpoint cannot make up for a broken file or signer of ours.
                if reason_of(error) in OF_OUR_OWN:
                    raise
                reply = Unanswered(in_words(error))
            else:
                answered += 1
            yield host_of(suite), reply

    def answers(self, read: Callable[[Suite], T]) -> Iterator[tuple[str, T]]:
        """Yield replies as `replies` does, without the endpoints that did not answer."""
        for host, reply in self.replies(read):
            if not isinstance(reply, Unanswered):
                yield host, reply

    def confirmed(self, suite: Suite, what: str, read: Callable[[Suite], T]) -> T:
        """Return what `read` returns at `suite`, once enough other endpoints say the same.

        Raises
        ------
        scorer.chain.errors.EndpointsDisagree
            When one says something else, or too few answer.
        """
        ours, confirmations = read(suite), 0
        for host, theirs in self.answers(read):
            # One contradiction is enough, however many confirm.
            if theirs != ours:
                raise EndpointsDisagree(f"{what}: endpoint {host} says otherwise than {host_of(suite)}")
            confirmations += 1
        if confirmations < self.needed:
            raise EndpointsDisagree(
                f"{what}: expected {self.needed} more endpoints to say, found {confirmations}"
            )
        return ours
