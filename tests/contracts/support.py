"""A deployed tournament with its people, and the obvious reference for what it computes."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from eth_abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak

if TYPE_CHECKING:
    from evms import Evm

PPM = 10**6
UNIT = 10**9
NMR = 10**18
NANO = 10**9
"""nano-NMR in one NMR."""
SHARE = 1 << 63
DAY = 86_400
WEEK = 7 * DAY
ZERO_HASH = b"\0" * 32
ZERO_ADDRESS = "0x" + "0" * 40

NONE, OPEN, LOCKING, LOCKED, SEALED, SETTLING, SETTLED, VOIDED = range(8)

OPERATOR_ROLE, GUARDIAN_ROLE, MINTER_ROLE, UNPAUSER_ROLE = 1, 2, 3, 4

LOCK_WINDOW, LEAST_LOCK_WINDOW, LEAST_NOTICE, FUNDING_GRACE = DAY, 15, 20, 2 * DAY
WINDOWS = (LOCK_WINDOW, LEAST_LOCK_WINDOW, LEAST_NOTICE, FUNDING_GRACE)
"""Seconds: what every tournament here is deployed with."""

VERSION = 2
"""Of contracts and reports."""
COMMITMENTS = (keccak(b"rules"), keccak(b"terms"), keccak(b"universe"))
"""What rounds are opened with."""
ROOT = keccak(b"submissions")
"""The submissions root that rounds are sealed with."""


def pack(lanes: list[int], bits: int = 64) -> int:
    """Lane i at bits [bits * i, bits * (i + 1)), negative values in two's complement."""
    return sum((value % (1 << bits)) << (bits * i) for i, value in enumerate(lanes))


def unpack(word: int, bits: int = 64) -> list[int]:
    return [(word >> (bits * i)) % (1 << bits) for i in range(4)]


STAKE_MASK = (1 << 54) - 1
MAX_LIABILITIES = STAKE_MASK


def stakes_of(words: list[int]) -> list[int]:
    """The stake in every lane of these slots: its low 54 bits."""
    return [lane & STAKE_MASK for word in words for lane in unpack(word)]


def codes_of(words: list[int]) -> list[int]:
    """The allocation's code in every lane of these slots: its high 10 bits."""
    return [lane >> 54 for word in words for lane in unpack(word)]


def pack_slots(values: list[int]) -> list[int]:
    return [pack(values[i : i + 4]) for i in range(0, len(values), 4)]


def pack_scores(scores: list[int]) -> bytes:
    """12 bytes a slot: a big-endian word of four int24 lanes."""
    return b"".join(pack(scores[i : i + 4], 24).to_bytes(12, "big") for i in range(0, len(scores), 4))


def bitmap(bits: list[bool]) -> bytes:
    """Bit b of byte k, least significant first, is entry 8 * k + b."""
    padded = bits + [False] * (-len(bits) % 8)
    return bytes(sum(bit << b for b, bit in enumerate(padded[k : k + 8])) for k in range(0, len(padded), 8))


def push(head: bytes, from_slot: int, data: bytes) -> bytes:
    return bytes(keccak(encode(["bytes32", "uint256", "bytes32"], [head, from_slot, keccak(data)])))


def push_positions(head: bytes, from_slot: int, words: list[int]) -> bytes:
    return push(head, from_slot, b"".join(word.to_bytes(32, "big") for word in words))


def position_of(idle: int, allocation: int, min_position: int) -> int:
    """What a model of `idle` nano-NMR puts at risk."""
    wanted = idle * (allocation - SHARE) // PPM if allocation & SHARE else min(allocation, idle)
    return wanted if wanted >= min_position else 0


def allocation_of(code: int) -> int:
    """What a code stands for, as IStakeLedger says it: nothing, an amount of two digits, or half percents."""
    if code == 0:
        return 0
    if code > 810:
        return SHARE | 5_000 * (code - 810)
    return (10 + (code - 1) % 90) * 10 ** (6 + (code - 1) // 90)


def payout_factor(at_risk: int, threshold: int) -> int:
    return PPM if at_risk <= threshold else threshold * PPM // at_risk


def outcome(position: int, score: int, factor: int, cap: int, reserved: int, total: int) -> tuple[int, int]:
    """(payout, burn) of a position, nano-NMR: every division rounds toward zero."""
    rate = min(abs(score) * factor // PPM, cap)
    amount = position * rate // PPM
    if score < 0:
        return 0, amount
    return (amount * reserved // total if reserved < total else amount), 0


def restrict(authority: Any, target: Any, names: list[str], role: int, admin: Any) -> None:
    """Let only holders of `role` call the functions of these names."""
    selectors = [target.contract_type.mutable_methods[name].selector for name in names]
    ids = [target.provider.web3.keccak(text=selector)[:4] for selector in selectors]
    authority.setTargetFunctionRole(target, ids, role, sender=admin)


def seal_signature(tournament: Any, member: Any, statement: dict[str, Any], **changes: Any) -> bytes:
    """A member's signature of a round's seal, with fields of statement or domain replaced as asked."""
    domain = {
        "name": "Cupel",
        "version": "2",
        "chainId": tournament.provider.chain_id,
        "verifyingContract": tournament.address,
    }
    types = {
        "Seal": [
            {"name": "roundId", "type": "uint256"},
            {"name": "positionsHead", "type": "bytes32"},
            {"name": "submissionsRoot", "type": "bytes32"},
            {"name": "validAtRisk", "type": "uint64"},
        ]
    }
    domain |= {name: value for name, value in changes.items() if name in domain}
    message = statement | {name: value for name, value in changes.items() if name in statement}
    signable = encode_typed_data(domain_data=domain, message_types=types, message_data=message)
    return bytes(Account.sign_message(signable, member.private_key).signature)


@dataclass
class Chunk:
    """A locked chunk: what has to be kept in order to settle it."""

    from_slot: int
    positions: list[int]
    previous_head: bytes
    head: bytes

    @property
    def lanes(self) -> list[int]:
        return [lane for word in self.positions for lane in unpack(word)]


Notes = tuple[dict[int, list[Chunk]], list[int], list[Any]]
"""Chunks by round, rounds, and members."""


@dataclass
class House:
    """All contracts and accounts of one deployment."""

    authority: Any
    token: Any
    registry: Any
    sink: Any
    committee: Any
    tournament: Any
    admin: Any
    operator: Any
    guardian: Any
    unpauser: Any
    minter: Any
    members: list[Any]
    alice: Any
    bob: Any
    chain: Any
    evm: Evm
    accounts: Any
    court: Any
    chunks: dict[int, list[Chunk]] = field(default_factory=dict)
    rounds: list[int] = field(default_factory=list)

    # notes

    def notes(self) -> Notes:
        """A copy of what is noted here, beside the chain, of rounds and members."""
        return deepcopy(self.chunks), list(self.rounds), list(self.members)

    def take_notes_from(self, notes: Notes) -> None:
        """Have noted what was noted then, as the chain is back where it was then."""
        chunks, rounds, members = notes
        self.chunks, self.rounds, self.members = deepcopy(chunks), list(rounds), list(members)

    # time

    def now(self) -> int:
        return self.evm.head()[1]

    def at(self, timestamp: int) -> None:
        """Let the next transaction be mined at `timestamp`."""
        self.evm.set_time(timestamp)

    def pass_to(self, timestamp: int) -> None:
        """Mine an empty block at `timestamp`, for views."""
        self.evm.set_time(timestamp)
        self.evm.mine()

    # stakes

    def register(self, owner: Any) -> int:
        self.registry.register(owner, sender=owner)
        return int(self.registry.modelCount())

    def deposit(self, model: int, nano: int, sender: Any) -> Any:
        return self.tournament.deposit(model, nano * UNIT, sender=sender)

    def stake(self, owner: Any, nano: int, allocation: int | None = None) -> int:
        """A new model with `nano` idle, and an allocation if given."""
        model = self.register(owner)
        self.deposit(model, nano, owner)
        if allocation is not None:
            self.tournament.setAllocation(model, allocation, sender=owner)
        return model

    def idle(self) -> list[int]:
        return stakes_of(self.tournament.slots(0, 1 << 32))[: self.tournament.laneCount()]

    # rounds

    def open(self, open_for: int = DAY, scoring: int = 20 * DAY, reporting: int = 7 * DAY) -> int:
        start = self.now() + 10
        close = start + open_for
        resolve = close + scoring
        self.tournament.openRound(
            start, close, resolve, resolve + reporting, COMMITMENTS, sender=self.operator
        )
        round_id = int(self.tournament.roundCount())
        self.chunks[round_id] = []
        self.rounds.append(round_id)
        return round_id

    def round(self, round_id: int) -> Any:
        return self.tournament.round(round_id)

    def lock(self, round_id: int, bits: list[bool], from_slot: int = 0) -> Any:
        """Lock a chunk; waits for closeAt if need be."""
        before = self.round(round_id)
        if self.now() < before.closeAt:
            self.at(before.closeAt)
        receipt = self.tournament.lock(round_id, from_slot, bitmap(bits), sender=self.operator)
        (event,) = receipt.events.filter(self.tournament.PositionsLocked)
        previous, positions = bytes(before.positionsHead), list(event.positions)
        head = push_positions(previous, from_slot, positions)
        self.chunks[round_id].append(Chunk(from_slot, positions, previous, head))
        return receipt

    def end_lock(self, round_id: int) -> Any:
        """End the lock of a round, whatever of it is locked; waits for closeAt if need be."""
        close = self.round(round_id).closeAt
        if self.now() < close:
            self.at(close)
        return self.tournament.endLock(round_id, sender=self.operator)

    def seal_arguments(
        self,
        round_id: int,
        valid: int | None = None,
        root: bytes = ROOT,
        signers: list[Any] | None = None,
        **changes: Any,
    ) -> list[Any]:
        """Of Tournament.seal: all positions are valid, and a quorum signs, if not said otherwise.

        With `changes`, members of the round's set sign other fields than they hand in.
        """
        r = self.round(round_id)
        valid = r.atRisk if valid is None else valid
        members = list(self.committee.membersOf(r.memberSetId))
        places = {address: place for place, address in enumerate(members)}
        if signers is None:
            quorum = int(self.committee.quorumOf(r.memberSetId))
            signers = [self.accounts[member] for member in members[:quorum]]
        signing = sorted(signers, key=lambda member: places[member.address])
        statement = {
            "roundId": round_id,
            "positionsHead": bytes(r.positionsHead),
            "submissionsRoot": root,
            "validAtRisk": valid,
        }
        signatures = [seal_signature(self.tournament, member, statement, **changes) for member in signing]
        bits = sum(1 << places[member.address] for member in signing)
        return [round_id, root, valid, bits, b"".join(signatures)]

    def seal(
        self,
        round_id: int,
        valid: int | None = None,
        root: bytes = ROOT,
        signers: list[Any] | None = None,
        **changes: Any,
    ) -> Any:
        """Seal as anybody may, by signatures of members; see `seal_arguments`."""
        arguments = self.seal_arguments(round_id, valid, root, signers, **changes)
        return self.tournament.seal(*arguments, sender=self.bob)

    def run_to_locked(self, bits: list[bool] | None = None) -> int:
        """Open a round, lock the given lanes (all, if not given) in one chunk, and end the lock."""
        round_id = self.open()
        self.lock(round_id, [True] * self.tournament.laneCount() if bits is None else bits)
        self.end_lock(round_id)
        return round_id

    def run_to_sealed(self, bits: list[bool] | None = None, valid: int | None = None) -> int:
        """The same, and seal with so much valid (all, if not given), nano-NMR."""
        round_id = self.run_to_locked(bits)
        self.seal(round_id, valid)
        return round_id

    # reports

    def terms(self, round_id: int) -> tuple[int, int]:
        r = self.round(round_id)
        return r.payoutFactor, r.cap

    def report(self, round_id: int, scores: list[list[int]], **changes: Any) -> tuple[Any, ...]:
        """The honest report for the scores of each chunk, with fields replaced as asked."""
        head, payout, burn = ZERO_HASH, 0, 0
        factor, cap = self.terms(round_id)
        for chunk, chunk_scores in zip(self.chunks[round_id], scores, strict=True):
            head = push(head, chunk.from_slot, pack_scores(chunk_scores))
            outcomes = [
                outcome(p, s, factor, cap, 1, 1) for p, s in zip(chunk.lanes, chunk_scores, strict=False)
            ]
            payout += sum(paid for paid, _ in outcomes)
            burn += sum(burned for _, burned in outcomes)
        fields = {
            "roundId": round_id,
            "version": VERSION,
            "scoresHead": head,
            "totalPayout": payout,
            "totalBurn": burn,
            "evidenceHash": keccak(b"evidence"),
        }
        return tuple((fields | changes).values())

    def attest(self, report: tuple[Any, ...], members: int = 2) -> None:
        """Let so many members attest; waits for resolveAt if need be."""
        resolve = self.round(report[0]).resolveAt
        if self.now() < resolve:
            self.at(resolve)
        for member in self.members[:members]:
            self.committee.attest(self.tournament, report, sender=member)

    def finalise(self, report: tuple[Any, ...]) -> None:
        self.attest(report)
        proposal = self.committee.proposalOf(self.tournament, report[0])
        self.pass_to(proposal.challengeUntil)

    def begin(self, report: tuple[Any, ...]) -> Any:
        """Begin settlement once the report is final and, where the pool is short, its grace is over."""
        self.finalise(report)
        self.committee.closeVotes(
            self.tournament, report[0], sender=self.bob
        )  # else bonds back no more of them
        if self.tournament.pool() < report[3]:
            self.pass_to(self.committee.proposalOf(self.tournament, report[0]).challengeUntil + FUNDING_GRACE)
        return self.tournament.beginSettlement(report, sender=self.bob)

    def scores_heads(self, round_id: int, scores: list[list[int]]) -> list[bytes]:
        """The head before each chunk."""
        heads = [ZERO_HASH]
        for chunk, chunk_scores in zip(self.chunks[round_id], scores, strict=True):
            heads.append(push(heads[-1], chunk.from_slot, pack_scores(chunk_scores)))
        return heads[:-1]

    def settle_arguments(self, round_id: int, scores: list[list[int]], index: int = -1) -> list[Any]:
        chunk = self.chunks[round_id][index]
        return [
            round_id,
            chunk.from_slot,
            chunk.previous_head,
            chunk.positions,
            self.scores_heads(round_id, scores)[index],
            pack_scores(scores[index]),
        ]

    def settle(self, round_id: int, scores: list[list[int]], index: int = -1) -> Any:
        return self.tournament.settle(*self.settle_arguments(round_id, scores, index), sender=self.bob)

    def return_arguments(self, round_id: int, index: int = -1) -> list[Any]:
        chunk = self.chunks[round_id][index]
        return [round_id, chunk.from_slot, chunk.previous_head, chunk.positions, ZERO_HASH, b""]

    # the books

    def open_positions(self, round_id: int) -> int:
        """nano-NMR locked in a round and not given back, with what burned of it and is not sent off yet."""
        r = self.round(round_id)
        if r.state == SETTLED:
            return 0
        left = 0
        for chunk in self.chunks[round_id]:
            left += sum(chunk.lanes)
            if chunk.head == bytes(r.positionsHead):
                return left + (r.burned if r.state == SETTLING else 0)
        return r.burned if r.state == SETTLING else 0

    def assert_books_balance(self) -> None:
        """Invariant 1: the token balance is pool + reserved + burnable + idle + open positions, no more."""
        t = self.tournament
        owed = t.pool() + t.reserved() + t.burnable()
        owed += sum(self.idle()) + sum(map(self.open_positions, self.rounds))
        assert t.liabilities() == owed
        assert self.token.balanceOf(t) == owed * UNIT


def only(receipt: Any, event_type: Any) -> Any:
    """The one event of this type that the transaction emitted."""
    (event,) = receipt.events.filter(event_type)
    return event


def is_event(event: Any, **fields: Any) -> None:
    """Every named field of the event has this value."""
    for name, expected in fields.items():
        assert getattr(event, name) == expected, name
