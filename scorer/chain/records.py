"""Typed records of what the contracts of a suite hold, and the states that they number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, Final

from scorer.chain.accounts import KeyTextError, require_address
from scorer.chain.windows import latest_lock_end
from scorer.redaction import described, shown

ZERO_HASH = bytes(32)
ZERO_ADDRESS = "0x" + "00" * 20
NEVER: Final = 2**256 - 1
"""A time that never comes, as contracts say it."""
MOST_WHOLE: Final = 1 << 63
"""The largest block number or chain id."""


class RoundState(IntEnum):
    """The states of a round, as ITournament numbers them."""

    NONE = 0
    OPEN = 1
    LOCKING = 2
    LOCKED = 3
    SEALED = 4
    SETTLING = 5
    SETTLED = 6
    VOIDED = 7


@dataclass(frozen=True)
class Addresses:
    """The addresses of a suite's contracts, its chain, and the block of its deployment."""

    chain_id: int
    authority: str
    numeraire: str
    registry: str
    committee: str
    tournament: str
    burn_sink: str
    roller: str
    block: int

    def to_json(self) -> dict[str, Any]:
        """Return the document for deployment.json."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Addresses":
        """Read addresses from a document; a manifest, which says more, will do.

        Raises
        ------
        ValueError, TypeError
            When a field is missing, or is no address or no whole number.
        """
        if not isinstance(document, Mapping):
            raise TypeError(f"expected an object, found {described(document)}")
        for field in fields(cls):
            value = document.get(field.name)
            if field.type is str:
                _require_address(field.name, value)
            elif type(value) is not int or not 0 <= value < MOST_WHOLE:
                raise ValueError(f"expected a whole number as {field.name}, found {shown(value)}")
        return cls(**{name: document[name] for name in cls.__dataclass_fields__ if name in document})


def _require_address(name: str, value: object) -> None:
    try:
        require_address(value)
    except KeyTextError as error:
        expected = str(error).replace("expected an address", f"expected an address as {name}", 1)
        raise ValueError(expected) from None


@dataclass(frozen=True)
class RoundRecord:
    """``Tournament.round``: amounts in nano-NMR, shares in ppm, times in seconds since the epoch.

    Attributes
    ----------
    lock_until
        The end of the lock window: a round that is not sealed by then never will be. For a round that was
        locked before the last pause, the earlier pause that may have extended it is not counted.
    funding_grace
        The deployment's, seconds: see `scorer.chain.windows.fundable_until`.
    first_slot, next_slot
        Every slot locked so far lies from the first to before the next; both zero until something is locked.
    """

    round_id: int
    state: RoundState
    open_at: int
    close_at: int
    resolve_at: int
    deadline: int
    cap: int
    payout_factor: int
    threshold: int
    minimum_position: int
    at_risk: int
    valid_at_risk: int
    rules_hash: bytes
    terms_hash: bytes
    universe: bytes
    submissions_root: bytes
    positions_head: bytes
    scores_head: bytes
    reserved: int
    total_payout: int
    total_burn: int
    paid: int
    burned: int
    first_slot: int
    next_slot: int
    settlement_began_at: int
    member_set_id: int
    lock_until: int
    funding_grace: int

    @property
    def latest_lock_until(self) -> int:
        """The time beyond which no pause, past or to come, extends the lock window."""
        return latest_lock_end(self.close_at, self.resolve_at)

    @property
    def is_lockable(self) -> bool:
        """True where its state permits locking: the operator has not ended it."""
        return self.state in (RoundState.OPEN, RoundState.LOCKING)

    @property
    def is_unsealed(self) -> bool:
        """True where it is open, or locked, and not sealed yet."""
        return self.is_lockable or self.state == RoundState.LOCKED

    @property
    def is_sealed(self) -> bool:
        """True where the round was ever sealed; its seal settles a round without submissions."""
        return self.submissions_root != ZERO_HASH

    @property
    def is_over(self) -> bool:
        """Settled, or void with every position returned: nothing is left to do."""
        unwound = self.state == RoundState.VOIDED and self.positions_head == ZERO_HASH
        return self.state == RoundState.SETTLED or unwound


@dataclass(frozen=True)
class MemberSet:
    """The members of a round, in the committee's order, and how many of them decide.

    Attributes
    ----------
    encryption_keys
        The X25519 key of each, 32 bytes, to which submissions are encrypted; zeros where it published none.
    """

    members: tuple[str, ...]
    quorum: int
    encryption_keys: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class SealRecord:
    """The committee's record of who signed the seal of a round.

    Attributes
    ----------
    digest
        The hash that the members signed; zero where the round has no seal.
    absent
        Bits of the members of the round's set whose signature was not counted.
    """

    digest: bytes
    absent: int

    def leaves_out(self, member: str, members: Sequence[str]) -> bool:
        """Check whether the signature of `member`, one of the round's `members` in order, was not counted."""
        return member in members and bool(self.absent >> members.index(member) & 1)


class ProposalStatus(IntEnum):
    """The states of a proposal, as IOracleCommittee numbers them."""

    NONE = 0
    ACCEPTED = 1
    DISPUTED = 2
    UPHELD = 3
    OVERTURNED = 4
    EXPIRED = 5
    DISPROVEN = 6


@dataclass(frozen=True)
class ProposalRecord:
    """The report that the committee accepted for a round, and until when it may be challenged.

    Attributes
    ----------
    open_votes
        Bits of the members whose bond the round holds.
    final_at
        Where a court asks for evidence, when the committee says that it is final, seconds since the epoch;
        `NEVER` while its evidence is not public. 0 where none is asked for, or it has no report.
    """

    report_hash: bytes
    challenge_until: int
    status: ProposalStatus = ProposalStatus.ACCEPTED
    dispute_until: int = 0
    challenger: str = ZERO_ADDRESS
    open_votes: int = 0
    final_at: int = 0

    @property
    def final_from(self) -> int:
        """The time from which the report is final if nothing more happens to it; `NEVER` without evidence."""
        return max(self.challenge_until, self.final_at)

    @property
    def stands(self) -> bool:
        """True while it may become final, or is: it has a report, or one that is disputed."""
        return self.has_report or self.status == ProposalStatus.DISPUTED

    @property
    def awaits_evidence(self) -> bool:
        """True while its evidence is not public, without which it never becomes final."""
        return self.has_report and self.final_at == NEVER

    @property
    def has_report(self) -> bool:
        """True where the report becomes final unless something happens to it, or is."""
        return self.status in (ProposalStatus.ACCEPTED, ProposalStatus.UPHELD, ProposalStatus.OVERTURNED)

    def is_final(self, now: int) -> bool:
        """Check that nothing can overturn or disprove the report any more."""
        return self.has_report and now >= self.final_from
