"""The errors of an endpoint or its answer: one hierarchy, whose messages name hosts alone."""

import re
from typing import ClassVar, Final
from urllib.parse import unquote

from scorer.chain.rpc_errors import Answer
from scorer.errors import CupelError
from scorer.redaction import clean

SHOWN: Final = 200
"""Characters of an endpoint's own words that a message repeats."""


class EndpointError(CupelError):
    """An endpoint cannot be used, or did not answer as it must; the message says which, why, and what to do.

    Attributes
    ----------
    answer
        What it means for the request, or for a transaction that was sent.
    passes
        Whether the same request may be answered a little later.
    retry_after
        Seconds after which the endpoint wants to be asked again, if it said so.
    """

    means: ClassVar[Answer] = Answer.UNREACHABLE
    passes: ClassVar[bool] = False

    def __init__(
        self, message: str, *, answer: Answer | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.answer = self.means if answer is None else answer
        self.retry_after = retry_after


class Unreachable(EndpointError):
    """The endpoint gave no answer: no connection, no end in time, or a status of HTTP alone."""


class NoConnection(Unreachable):
    """Nobody takes the connection."""


class Busy(Unreachable):
    """The endpoint cannot answer just now (HTTP 503)."""

    passes = True


class RateLimited(EndpointError):
    """The endpoint was asked too much."""

    means = Answer.RATE_LIMITED
    passes = True


class HeaderNotFound(EndpointError):
    """The endpoint does not know a block yet: behind a load balancer another node answers than before."""

    means = Answer.HEADER_NOT_FOUND
    passes = True


class RangeTooLarge(EndpointError):
    """Too many blocks or too many logs were asked for at once, or it would take too long."""

    means = Answer.RANGE_TOO_LARGE


class AnswerTooLarge(RangeTooLarge):
    """The answer has more bytes or more parts than are read."""


class NoFinalisedBlock(EndpointError):
    """The endpoint names no finalised block."""

    means = Answer.NO_FINALISED_BLOCK


class StateUnavailable(EndpointError):
    """The endpoint has no state, or no history, of so old a block."""

    means = Answer.STATE_UNAVAILABLE


class MethodUnavailable(EndpointError):
    """The endpoint does not serve a method."""

    means = Answer.METHOD_UNAVAILABLE


class Unauthorised(EndpointError):
    """The endpoint does not serve us at all: its key is missing or wrong."""

    means = Answer.UNAUTHORISED


class EndpointsDisagree(EndpointError):
    """Two endpoints say different things of what is final, or too few say anything: one of them is wrong."""


class MalformedAnswer(EndpointError):
    """The endpoint's answer is not what JSON-RPC or the method asks for."""

    means = Answer.MALFORMED


class Refused(EndpointError):
    """The endpoint refuses what was asked; `answer` says why, as far as its words are known."""

    means = Answer.UNKNOWN


BY_ANSWER: Final[dict[Answer, type[EndpointError]]] = {
    kind.means: kind
    for kind in (
        RateLimited,
        HeaderNotFound,
        RangeTooLarge,
        NoFinalisedBlock,
        StateUnavailable,
        MethodUnavailable,
        Unauthorised,
    )
}
"""The error for each meaning of an endpoint's words; `Refused` for all others."""


def answer_to(error: BaseException) -> Answer:
    """Return the meaning of an exception for the request that raised it."""
    return error.answer if isinstance(error, EndpointError) else Answer.UNKNOWN


def shown(text: str, url: str) -> str:
    """Cut an endpoint's own words short, on one line, without the parts of its URL that may be secret."""
    printable = clean("".join(each if each.isprintable() else " " for each in text[: 4 * SHOWN]))
    for secret in _secrets(url):
        printable = printable.replace(secret, "***")
    words = " ".join(printable.split())
    return words if len(words) <= SHOWN else f"{words[:SHOWN]}..."


def _secrets(url: str) -> list[str]:
    """Return the parts of a URL beside its host, longest first; what is shorter than a key is no secret."""
    scheme, _, rest = url.partition("://")
    rest = rest or scheme
    user, _, _ = re.split(r"[/?#]", rest)[0].rpartition("@")
    _, _, path = rest.partition("/")
    parts = re.split(r"[/?#&=:]", f"{user}/{path}")
    found = {each for part in parts for each in (part, unquote(part)) if len(each) >= 6}
    return sorted(found, key=len, reverse=True)
