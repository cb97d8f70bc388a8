"""Local chains that are started once a worker session, and given to each test as they were at first.

A snapshot rolls back the state, the blocks, the clock and the block gas limit of an anvil. It does not roll
back its base fee, its mempool, how it mines, its coinbase, its chain id, nor whom it impersonates. `renew`
resets what can be reset, then compares what a client can see with what was there at first: a node that still
differs, or does not answer, is stopped, and another one takes its place.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Final, Self, TypeVar

import requests
from web3 import HTTPProvider
from web3.types import RPCEndpoint

from scorer.chain.endpoint import LOCAL_CHAIN_ID, EndpointError, connect
from scorer.lab.anvil import PATIENCE, Anvil, run_anvil

START: Final = 1_700_000_000
"""The timestamp of every test chain's first block, Unix seconds."""
ACCOUNTS: Final = 40
CONTROL_TIMEOUT: Final = 30.0
"""Seconds for one request between two tests; a node that takes longer is replaced."""
MOST_DISCARDED: Final = 2_000
"""Blocks that may be rolled back on one node: anvil keeps some 4,000 states, and forgets the oldest."""
NOT_COMPARED: Final = ("currentBlockTimestamp",)
"""Of ``anvil_nodeInfo``: differs between a chain that was just started and one that was rolled back."""

T = TypeVar("T")
Prepare = Callable[[Anvil], T]


def chain() -> AbstractContextManager[Anvil]:
    """Start a node for one test or one module, with the clock and the accounts of all test chains."""
    return run_anvil(timestamp=START, accounts=ACCOUNTS)


class Node:
    """An anvil on which something was prepared, with a snapshot to come back to.

    Attributes
    ----------
    prepared
        What `prepare` returned.
    """

    def __init__(self, prepare: Prepare[Any]) -> None:
        self._running = ExitStack()
        self._anvil = self._running.enter_context(chain())
        self._control = HTTPProvider(
            self._anvil.url,
            request_kwargs={"timeout": CONTROL_TIMEOUT},
            exception_retry_configuration=None,
        )
        try:
            self.prepared = prepare(self._anvil)
            self._discarded = 0
            self._height = self._anvil.w3.eth.block_number
            self._base_fee = self._ask("anvil_nodeInfo")["environment"]["baseFee"]
            self._initial = self.visible()
            self._snapshot = self._ask("evm_snapshot")
        except BaseException:
            self.stop()
            raise

    def client(self) -> Anvil:
        """Connect anew: what one test caches or patches in its client is not the next test's."""
        return Anvil(connect(self._anvil.url, LOCAL_CHAIN_ID, timeout=PATIENCE), self._anvil.url)

    def renew(self) -> bool:
        """Bring the node back to its snapshot; whether it now is as it was."""
        try:
            self._discarded += int(self._ask("eth_blockNumber"), 16) - self._height
            if self._discarded > MOST_DISCARDED:
                return False
            self._roll_back()
            return self.visible() == self._initial
        except (EndpointError, requests.RequestException):
            return False

    def stop(self) -> None:
        """End the process, dead or alive."""
        self._running.close()

    def visible(self) -> tuple[Any, ...]:
        """Read what a client can see of the newest blocks, the fees, the mempool and the mining mode."""
        info, *others = self._ask_all(
            ("anvil_nodeInfo",),
            *(("eth_getBlockByNumber", tag, False) for tag in ("latest", "safe", "finalized")),
            ("anvil_getAutomine",),
            ("anvil_getIntervalMining",),
            ("txpool_status",),
            ("eth_gasPrice",),
            ("eth_chainId",),
            ("eth_coinbase",),
            ("eth_accounts",),
        )
        return ({name: value for name, value in info.items() if name not in NOT_COMPARED}, *others)

    def _roll_back(self) -> None:
        # The pool is emptied first: to mine at once again would put what waits there into a block.
        self._ask("anvil_dropAllTransactions")
        self._ask("evm_setAutomine", True)
        self._ask("anvil_autoImpersonateAccount", False)
        self._ask("anvil_removeBlockTimestampInterval")
        if not self._ask("evm_revert", self._snapshot):
            raise EndpointError(f"expected to go back to snapshot {self._snapshot}, found it taken")
        # Going back takes the snapshot.
        self._snapshot = self._ask("evm_snapshot")
        self._ask("anvil_setNextBlockBaseFeePerGas", self._base_fee)

    def _ask(self, method: str, *parameters: Any) -> Any:
        return self._ask_all((method, *parameters))[0]

    def _ask_all(self, *asked: tuple[Any, ...]) -> list[Any]:
        """The answers to several requests, each a method and its parameters, that are sent as one."""
        batch = [(RPCEndpoint(method), list(parameters)) for method, *parameters in asked]
        answers: Any = self._control.make_batch_request(batch)
        for (method, *_), answer in zip(asked, answers, strict=True):
            if "error" in answer:
                raise EndpointError(f"anvil refused {method}: {answer['error']}")
        return [answer.get("result") for answer in answers]


class Chains:
    """The nodes of one worker session. Each is used by one test or module at a time, then by the next."""

    def __init__(self) -> None:
        self._idle: defaultdict[Hashable, list[Node]] = defaultdict(list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for nodes in self._idle.values():
            for node in nodes:
                node.stop()
        self._idle.clear()

    @contextmanager
    def prepared(self, name: Hashable, prepare: Prepare[T]) -> Iterator[tuple[Anvil, T]]:
        """Borrow a chain on which `prepare` was run, and nothing since; what it returned comes with it.

        Parameters
        ----------
        name
            The same for equal preparations: they share nodes.
        """
        node = self._ready(name) or Node(prepare)
        try:
            yield node.client(), node.prepared
        finally:
            self._idle[name].append(node)

    @contextmanager
    def bare(self) -> Iterator[Anvil]:
        """Borrow a chain on which nothing was done."""
        with self.prepared("bare", lambda _: None) as (anvil, _):
            yield anvil

    def _ready(self, name: Hashable) -> Node | None:
        """Take an idle node. It is renewed now, not when it came back: it may have died since."""
        while self._idle[name]:
            node = self._idle[name].pop()
            if node.renew():
                return node
            node.stop()
        return None
