"""Answers that are kept until anything public changes: many people ask for the same pages of a leaderboard.

An answer is kept where all roots of its document are named as such (`application.KEPT_ROOTS`): it depends on
the request's body and on what is public in the database, and on nothing else. It is made without the key and
address of whoever asks, so that a root which looks at them has an error, and errors are never kept.
"""

import sys
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_core import to_json

from scorer.server import public_version
from scorer.server.database import Database
from scorer.server.engine import GraphqlEngine, GraphqlRequest, failed
from scorer.server.errors import ApiError
from scorer.server.services import RequestContext

MOST_BYTES: Final = 32 * 2**20
LARGEST_SHARE: Final = 16
"""An answer that takes more than this part of the room is not kept: it would be in place of all others."""
OF_ENTRY: Final = 400
"""Bytes that an entry takes beside its body and its answer."""


@dataclass(frozen=True)
class EncodedAnswer:
    """An answer as it is sent, and what it cost; see `scorer.server.limits.DocumentLimits.cost`."""

    content: bytes
    cost: int


@dataclass
class KeptAnswers:
    """Answers by the version of what is public and the request's body; those not asked for longest go first.

    Attributes
    ----------
    most
        Bytes of all.
    """

    most: int = MOST_BYTES
    size: int = 0
    _known: OrderedDict[tuple[int, bytes], EncodedAnswer] = field(default_factory=OrderedDict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def get(self, version: int, body: bytes) -> EncodedAnswer | None:
        """Return the answer of a version; None where there is none."""
        with self._lock:
            found = self._known.get((version, body))
            if found is not None:
                self._known.move_to_end((version, body))
            return found

    def put(self, version: int, body: bytes, answer: EncodedAnswer) -> None:
        """Keep an answer."""
        size = _size(body, answer)
        if size > self.most // LARGEST_SHARE:
            return
        with self._lock:
            if (version, body) in self._known:
                return
            self._known[version, body] = answer
            self.size += size
            while self.size > self.most:
                (_, oldest), dropped = self._known.popitem(last=False)
                self.size -= _size(oldest, dropped)


def _size(body: bytes, answer: EncodedAnswer) -> int:
    return sys.getsizeof(body) + sys.getsizeof(answer.content) + OF_ENTRY


@dataclass(frozen=True)
class AnswerKeeper:
    """Answers requests, from what is kept where it can."""

    engine: GraphqlEngine
    database: Database
    kept: KeptAnswers = field(default_factory=KeptAnswers)

    def answer(self, body: bytes, context: RequestContext) -> EncodedAnswer:
        """Return the encoded answer to a request's body."""
        try:
            request = self.engine.request(body)
        except ApiError as error:
            return encoded((failed(str(error)), self.engine.limits.root_cost))
        if not request.prepared.is_kept:
            return encoded(self.engine.execute(request, context))
        with self.database.one_moment() as connection:
            version = public_version.number(connection)
            return self.kept.get(version, body) or self._made(version, body, request, context)

    def _made(
        self, version: int, body: bytes, request: GraphqlRequest, context: RequestContext
    ) -> EncodedAnswer:
        made = self.engine.execute(request, context.of_nobody())
        answer = encoded(made)
        if "errors" not in made[0]:
            self.kept.put(version, body, answer)
        return answer


def encoded(made: tuple[dict[str, Any], int]) -> EncodedAnswer:
    """Return an answer as it is sent; GraphQL's numbers are finite, and so all are JSON."""
    return EncodedAnswer(to_json(made[0]), made[1])
