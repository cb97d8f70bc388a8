"""Envelopes as a server takes them: it knows a round's size, place and members, and reads no prediction."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial

from web3.exceptions import Web3Exception

from scorer.chain.contracts import Suite
from scorer.chain.errors import EndpointError
from scorer.client.submitting import round_members
from scorer.encryption import (
    HEADER_SIZE,
    EncryptionError,
    EnvelopeContext,
    MemberKeys,
    RoundContext,
    check_header,
    claimed_content,
    parse_envelope,
)
from scorer.server.errors import ApiError
from scorer.server.upload_forms import UploadForm


@dataclass(frozen=True)
class RoundMembers:
    """Reads the keys of rounds' members from the chain, each round's once: no member set ever changes.

    So a set that cannot be used is remembered as well, else every upload would ask the chain again.
    """

    suite: Suite
    _keys: Callable[[int], MemberKeys | EncryptionError] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_keys", cache(self._read))

    def keys(self, round_id: int) -> MemberKeys:
        """Return the keys to which submissions to a round are encrypted.

        Raises
        ------
        ApiError
            When the chain does not answer, or too few members of the round published a key.
        """
        try:
            found = self._keys(round_id)
        except (EndpointError, Web3Exception) as error:
            raise ApiError(
                f"round {round_id}: expected its members' keys on the chain, found that the server's "
                f"endpoint does not answer ({type(error).__name__}); try again in a moment"
            ) from None
        if isinstance(found, EncryptionError):
            raise ApiError(f"round {round_id}: {found}")
        return found

    def _read(self, round_id: int) -> MemberKeys | EncryptionError:
        record = self.suite.round(round_id, int(self.suite.w3.eth.block_number))
        try:
            return round_members(self.suite, record)
        except EncryptionError as refused:
            return refused


@dataclass(frozen=True)
class EnvelopeTerms:
    """The terms of one model's envelopes to one round: their size and their context.

    Attributes
    ----------
    ids
        How many the universe has.
    """

    place: RoundContext
    model: int
    ids: int
    members: MemberKeys

    def form(self) -> UploadForm:
        """Return the form of their upload: no other size is taken, and no other beginning written down."""
        size = self._context(bytes(32)).size
        return UploadForm(size, size, HEADER_SIZE, self._require_beginning)

    def _require_beginning(self, head: bytes) -> None:
        context = self._context(claimed_content(head))
        _refusing(partial(check_header, head, context))

    def require(self, content: bytes, content_hash: bytes) -> None:
        """Refuse what is not an envelope of predictions with this hash.

        Raises
        ------
        ApiError
            Names the fault. That it holds such predictions, members alone can check.
        """
        _refusing(partial(parse_envelope, content, self._context(content_hash)))

    def _context(self, content_hash: bytes) -> EnvelopeContext:
        return EnvelopeContext(self.place, self.model, content_hash, self.ids, self.members)


def _refusing(check: Callable[[], object]) -> None:
    try:
        check()
    except EncryptionError as refused:
        raise ApiError(f"envelope: {refused}") from None
