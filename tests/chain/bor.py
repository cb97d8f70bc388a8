"""A chain in memory that behaves as Polygon's bor: a double of the node, for what anvil cannot do.

It takes no tip under 25 gwei, no replacement under +10 % on both fees, nothing that the account cannot pay or
that has too little gas, enforces a fee cap, knows a transaction when it sees it again, loses answers, drops
what waits, and reorganises what is not finalised.
"""

from dataclasses import dataclass, field

from eth_hash.auto import keccak

from scorer.chain.fees import GWEI, GasMarket
from scorer.chain.rpc_errors import Answer, classify, wanted_tip
from scorer.lab.faults import SignedBid
from scorer.transactions.intents import Mined
from scorer.transactions.node import BroadcastReply, Head
from scorer.transactions.request import Reverted

START = 1_700_000_000
BLOCK_TIME = 2
LEAST_TIP = 25 * GWEI


@dataclass(frozen=True)
class Tx:
    """A transaction as the node reads it from its bytes, or one that somebody else sent with our key."""

    hash: bytes
    nonce: int
    tip: int
    cap: int
    gas: int
    data: bytes


@dataclass(frozen=True)
class Block:
    """A block of one account's transactions."""

    number: int
    salt: int
    time: int
    txs: tuple[Tx, ...]

    @property
    def hash(self) -> bytes:
        return keccak(f"{self.number} {self.salt}".encode())


def read(raw: bytes) -> Tx:
    bid = SignedBid.read(raw)
    return Tx(keccak(raw), bid.nonce, bid.tip, bid.cap, bid.gas, bid.data)


@dataclass
class Bor:
    """One account's view of a chain."""

    finality: int = 6
    base_fee: int = 30 * GWEI
    fee_cap: int | None = None
    balance: int | None = None
    gas_needed: int = 21_000
    market_tip: int = 0
    blocks: list[Block] = field(default_factory=lambda: [Block(0, 0, START, ())])
    pool: dict[int, Tx] = field(default_factory=dict)
    loses_answers: bool = False
    refuses_everything: bool = False
    frozen_at: int | None = None
    reverting: set[bytes] = field(default_factory=set)
    reverts_when_tried: set[bytes] = field(default_factory=set)
    salt: int = 0
    sent: list[bytes] = field(default_factory=list)

    # Questions of a transaction manager.

    def head(self) -> Head:
        last = self.blocks[-1]
        return Head(last.number, last.time, GasMarket(self.base_fee, self.market_tip), self.finalised)

    def nonces(self, address: str, finalised: int) -> tuple[int, int]:
        return self.used(len(self.blocks) - 1), self.used(finalised)

    def mined(self, tx_hash: bytes) -> Mined | None:
        for block in self.blocks:
            for tx in block.txs:
                if tx.hash == tx_hash:
                    return Mined(tx_hash, block.number, tx.data not in self.reverting, tx.gas)
        return None

    def broadcast(self, raw: bytes) -> BroadcastReply:
        self.sent.append(raw)
        said = self.judge(read(raw))
        if self.loses_answers:
            return BroadcastReply(Answer.UNREACHABLE)
        return (
            BroadcastReply(Answer.ACCEPTED)
            if said is None
            else BroadcastReply(classify(-32000, said), wanted_tip(said))
        )

    def estimate(self, sender: str, to: str, data: bytes) -> int:
        if data in self.reverts_when_tried:
            raise Reverted("act", "AlreadyDone()", "AlreadyDone")
        return max(50_000, self.gas_needed)

    # What the world does.

    @property
    def finalised(self) -> int:
        newest = max(len(self.blocks) - 1 - self.finality, 0)
        return newest if self.frozen_at is None else min(newest, self.frozen_at)

    def used(self, block: int) -> int:
        return sum(len(each.txs) for each in self.blocks[: block + 1])

    def judge(self, tx: Tx) -> str | None:
        """Why the pool does not take a transaction; None when it does."""
        waiting = self.pool.get(tx.nonce)
        if self.refuses_everything:
            return "transaction pool is full"
        if tx.nonce < self.used(len(self.blocks) - 1):
            return "nonce too low: next nonce 7, tx nonce 3"
        if waiting == tx:
            return "already known"
        if tx.tip < LEAST_TIP:
            return f"gas tip cap {tx.tip}, minimum needed {LEAST_TIP}"
        if why := self.judge_gas(tx):
            return why
        if waiting and (tx.tip * 10 < waiting.tip * 11 or tx.cap * 10 < waiting.cap * 11):
            return "replacement transaction underpriced"
        self.pool[tx.nonce] = tx
        return None

    def judge_gas(self, tx: Tx) -> str | None:
        """Why its gas is too little, or costs too much; None when it is neither."""
        if tx.gas < self.gas_needed and tx.data:
            return f"intrinsic gas too low: gas {tx.gas}, minimum needed {self.gas_needed}"
        if not self.can_pay(tx):
            return "insufficient funds for gas * price + value: balance 1, tx cost 2, overshot 1"
        if self.fee_cap is not None and tx.gas * tx.cap > self.fee_cap:
            return "tx fee (2.50 ether) exceeds the configured cap (1.00 ether)"
        return None

    def can_pay(self, tx: Tx) -> bool:
        return self.balance is None or tx.gas * tx.cap <= self.balance

    def mine(self, *txs: Tx, seconds: int = BLOCK_TIME) -> None:
        """A block of `txs`, or of what waits and pays the base fee; a pool drops what cannot be paid."""
        self.pool = {nonce: tx for nonce, tx in self.pool.items() if self.can_pay(tx)}
        taken = list(txs)
        nonce = self.used(len(self.blocks) - 1) + len(taken)
        while not txs and nonce in self.pool and self.pool[nonce].cap >= self.base_fee:
            taken.append(self.pool[nonce])
            nonce += 1
        last = self.blocks[-1]
        self.blocks.append(Block(last.number + 1, self.salt, last.time + seconds, tuple(taken)))
        self.pool = {n: tx for n, tx in self.pool.items() if n >= nonce}

    def foreign(self) -> None:
        """Somebody else's transaction takes our next nonce."""
        self.salt += 1
        nonce = self.used(len(self.blocks) - 1)
        name = b"foreign %d" % self.salt
        self.mine(Tx(keccak(name), nonce, LEAST_TIP, self.base_fee, 21_000, name))

    def reorganise(self, depth: int, *, back: str) -> None:
        """Replace up to `depth` blocks that are not finalised by as many empty ones and one more.

        What waits afterwards, `back`: "nothing"; what waited and what was in the blocks; or "everything" that
        was ever sent, as other nodes may still have it.
        """
        depth = min(depth, len(self.blocks) - 1 - self.finalised)
        if depth < 1:
            return
        gone = self.blocks[-depth:]
        self.blocks = self.blocks[:-depth]
        self.salt += 1
        held, self.pool = self.pool, {}
        for _ in range(depth + 1):
            self.mine()
        if back != "nothing":
            self.pool = held | {tx.nonce: tx for block in gone for tx in block.txs}
        if back == "everything":
            self.pool |= {tx.nonce: tx for tx in map(read, self.sent) if tx.tip >= LEAST_TIP}
        used = self.used(len(self.blocks) - 1)
        self.pool = {nonce: tx for nonce, tx in self.pool.items() if nonce >= used}

    def executed(self, upto: int | None = None) -> list[bytes]:
        """The data of every canonical transaction that did not revert, in order."""
        blocks = self.blocks if upto is None else self.blocks[: upto + 1]
        return [tx.data for block in blocks for tx in block.txs if tx.data not in self.reverting]
