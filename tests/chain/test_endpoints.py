"""Which endpoint a cycle reads from, when endpoints fail, lag, lie or limit."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scorer.chain.endpoint import LOCAL_CHAIN_ID, EndpointError, connect
from scorer.chain.endpoints import Endpoints, NoAgreement
from scorer.chain.errors import RateLimited
from scorer.chain.fees import GWEI, FeePolicy
from scorer.chain.logs import IncompleteLogs, round_events
from scorer.chain.provider import PAUSES
from scorer.chain.rpc_errors import Answer
from scorer.lab.anvil import Anvil
from scorer.lab.proxy import Forward, NoAnswer, Proxy, Request, Response, error, proxy_of
from scorer.transactions.intents import IntentState
from scorer.transactions.journal import Journal
from scorer.transactions.manager import TransactionManager
from scorer.transactions.node import Web3Node
from scorer.transactions.request import Delivery, TransactionRequest
from scorer.transactions.signers import KeySigner
from scorer.transactions.state_machine import StopReason
from tests.world import World, begins, one_sealed


@pytest.fixture
def proxies(anvil: Anvil) -> Iterator[tuple[Proxy, Proxy, Proxy]]:
    """Three endpoints of three operators, all of one chain of thirty blocks."""
    anvil._request("anvil_mine", 30)
    with ExitStack() as stack:
        yield tuple(stack.enter_context(proxy_of(anvil.url)) for _ in range(3))  # type: ignore[misc]


def endpoints(proxies: tuple[Proxy, ...], **changes: Any) -> Endpoints:
    return Endpoints([proxy.url for proxy in proxies], LOCAL_CHAIN_ID, timeout=5, **changes)


def limited(request: Request, forward: Forward) -> Response:
    return error(-32005, "daily request count exceeded, request rate limited")


def cut(request: Request, forward: Forward) -> Response:
    raise NoAnswer


def by_tag(
    **faults: Callable[[Request, Forward], Response],
) -> Callable[[Request, Forward], Response | None]:
    """Answers eth_getBlockByNumber by the tag that is asked for."""

    def fault(request: Request, forward: Forward) -> Response | None:
        found = faults.get(request["params"][0])
        return found(request, forward) if found else None

    return fault


def blocks_behind(count: int) -> Callable[[Request, Forward], Response]:
    def fault(request: Request, forward: Forward) -> Response:
        number = int(forward(request)["result"]["number"], 16) - count
        return forward({**request, "params": [hex(number), False]})

    return fault


def another_hash(request: Request, forward: Forward) -> Response:
    answer = forward(request)
    answer["result"]["hash"] = "0x" + "ab" * 32
    return answer


def test_the_first_endpoint_is_pinned_and_the_others_are_sent_to(proxies: tuple[Proxy, ...]) -> None:
    pinned = endpoints(proxies, agreement=2).pin()
    assert pinned.host == proxies[0].url.removeprefix("http://")
    assert (len(pinned.others), pinned.agreed) == (2, 3)
    assert pinned.block.number == 28


@pytest.mark.parametrize(
    ("method", "fault", "answer"),
    [
        ("eth_getBlockByNumber", limited, Answer.RATE_LIMITED),
        ("eth_getBlockByNumber", cut, Answer.UNREACHABLE),
        (
            "eth_getBlockByNumber",
            by_tag(finalized=lambda request, forward: error(-32000, "No finalized block")),
            Answer.NO_FINALISED_BLOCK,
        ),
    ],
)
def test_an_endpoint_in_trouble_is_left_out_and_says_why(
    proxies: tuple[Proxy, ...], method: str, fault: Any, answer: Answer
) -> None:
    proxies[0].misbehave(method, fault)
    pinned = endpoints(proxies).pin()
    assert pinned.host == proxies[1].url.removeprefix("http://")
    assert pinned.health[0].answer == answer
    assert "endpoint 127.0.0.1" in str(pinned.health[0].trouble)


def test_an_endpoint_that_lags_is_left_out(proxies: tuple[Proxy, ...]) -> None:
    behind = blocks_behind(20)
    proxies[0].misbehave("eth_getBlockByNumber", by_tag(latest=behind, finalized=behind))
    pinned = endpoints(proxies).pin()
    assert pinned.host == proxies[1].url.removeprefix("http://")
    assert "20 blocks behind" in str(pinned.health[0].trouble)


def test_what_is_final_is_what_is_final_for_all(proxies: tuple[Proxy, ...]) -> None:
    proxies[2].misbehave("eth_getBlockByNumber", by_tag(finalized=blocks_behind(3)))
    assert endpoints(proxies).pin().block.number == 25


def far_ahead(request: Request, forward: Forward) -> Response:
    answer = forward(request)
    answer["result"]["number"] = hex(10**9)
    return answer


@pytest.mark.parametrize("agreement", [1, 2])
def test_one_endpoint_that_claims_to_be_far_ahead_does_not_push_the_others_out(
    proxies: tuple[Proxy, ...], agreement: int
) -> None:
    proxies[0].misbehave("eth_getBlockByNumber", by_tag(latest=far_ahead))
    pinned = endpoints(proxies, agreement=agreement).pin()
    assert pinned.host == proxies[1].url.removeprefix("http://")
    assert (len(pinned.others), pinned.agreed, pinned.block.number) == (1, 2, 28)
    assert "ahead of the others" in str(pinned.health[0].trouble)


def test_one_endpoint_whose_finality_stands_does_not_hold_the_others_up(
    anvil: Anvil, proxies: tuple[Proxy, ...]
) -> None:
    anvil._request("anvil_mine", 70)
    proxies[0].misbehave("eth_getBlockByNumber", by_tag(finalized=blocks_behind(65)))
    pinned = endpoints(proxies, agreement=2).pin()
    assert (pinned.block.number, pinned.agreed) == (98, 2)
    assert "its finalised block is 65 blocks behind" in str(pinned.health[0].trouble)
    proxies[0].misbehave("eth_getBlockByNumber", by_tag(finalized=blocks_behind(64)))
    assert endpoints(proxies, agreement=2).pin().block.number == 34


def test_two_endpoints_of_one_host_agree_as_one(proxies: tuple[Proxy, ...]) -> None:
    twice = [proxies[0].url, proxies[0].url + "/another"]
    with pytest.raises(NoAgreement, match="expected 2 endpoints with a finalised block, found 1"):
        Endpoints(twice, LOCAL_CHAIN_ID, agreement=2).pin()
    pinned = Endpoints(twice, LOCAL_CHAIN_ID).pin()
    assert (len(pinned.others), pinned.agreed, pinned.witnesses) == (1, 1, ())


def test_what_one_endpoint_alone_says_of_nonces_and_finality_is_not_believed(
    anvil: Anvil, proxies: tuple[Proxy, ...]
) -> None:
    address = str(anvil.account(0).address)
    proxies[0].misbehave("eth_getTransactionCount", lambda request, forward: {"result": hex(10**6)})
    pinned = endpoints(proxies, agreement=2).pin()
    node = Web3Node.at(pinned)
    assert node.nonces(address, pinned.block.number) == (0, 0)
    proxies[0].misbehave("eth_getBlockByNumber", by_tag(finalized=far_ahead))
    assert node.head().finalised == pinned.block.number == 28
    for proxy in proxies[1:]:
        proxy.misbehave("eth_getTransactionCount", cut)
    with pytest.raises(EndpointError, match=r"expected 2 endpoints to say how many nonces .* found 1"):
        node.nonces(address, pinned.block.number)
    alone = endpoints(proxies).pin()
    assert Web3Node.at(alone).nonces(address, alone.block.number) == (10**6, 10**6)


def test_the_lowest_tip_that_an_endpoint_names_is_bid(proxies: tuple[Proxy, ...]) -> None:
    def tells(gwei: int) -> Callable[[Request, Forward], Response]:
        return lambda request, forward: {"result": {"reward": [[hex(gwei * GWEI)]] * 20}}

    for proxy, gwei in zip(proxies, (9_900, 40, 50), strict=True):
        proxy.misbehave("eth_feeHistory", tells(gwei))
    assert Web3Node.at(endpoints(proxies).pin()).head().market.tip == 40 * GWEI
    proxies[1].misbehave("eth_feeHistory", cut)
    assert Web3Node.at(endpoints(proxies).pin()).head().market.tip == 50 * GWEI


def test_nothing_is_done_while_endpoints_disagree_on_a_hash(proxies: tuple[Proxy, ...]) -> None:
    lie = by_tag(**{"finalized": another_hash, hex(28): another_hash})
    proxies[1].misbehave("eth_getBlockByNumber", lie)
    with pytest.raises(NoAgreement, match="expected one hash of the finalised block 28"):
        endpoints(proxies, agreement=2).pin()
    proxies[1].misbehave("eth_getBlockByNumber", None)
    assert endpoints(proxies, agreement=2).pin().agreed == 3


def test_nothing_is_done_when_too_few_endpoints_answer(proxies: tuple[Proxy, ...]) -> None:
    for proxy in proxies[1:]:
        proxy.misbehave("eth_getBlockByNumber", cut)
    with pytest.raises(NoAgreement, match="expected 2 endpoints with a finalised block, found 1") as caught:
        endpoints(proxies, agreement=2).pin()
    assert [each.is_up for each in caught.value.health] == [True, False, False]


def test_an_endpoint_of_another_chain_is_never_used(proxies: tuple[Proxy, ...]) -> None:
    proxies[0].misbehave("eth_chainId", lambda request, forward: {"result": "0x89"})
    pinned = endpoints(proxies).pin()
    assert "expected chain id 31337 (as configured), found 137" in str(pinned.health[0].trouble)
    assert len(pinned.others) == 1


def test_an_endpoint_that_was_demoted_comes_last(proxies: tuple[Proxy, ...]) -> None:
    several = endpoints(proxies)
    several.demote(several.pin().host)
    assert several.pin().host == proxies[1].url.removeprefix("http://")


class Truncating:
    """Logs that lack the last, or hold what was not asked for."""

    def __init__(self, change: Callable[[list[Any]], list[Any]]) -> None:
        self.change = change

    def __call__(self, request: Request, forward: Forward) -> Response:
        answer = forward(request)
        return {"result": self.change(answer["result"])}


def test_truncated_logs_are_noticed_by_what_the_contract_committed_to(world: World) -> None:
    from scorer.chain.contracts import Suite
    from scorer.observation.observe import finalised_block, read_sealed

    round_id = world.sealed_round()
    with proxy_of(world.anvil.url) as proxy:
        suite = Suite.at(connect(proxy.url, LOCAL_CHAIN_ID), world.suite.addresses)
        proxy.misbehave("eth_getLogs", Truncating(lambda logs: logs[:-1]))
        with pytest.raises(IncompleteLogs, match=r"expected .* nano-NMR in PositionsLocked events"):
            read_sealed(suite, suite.round(round_id, world.suite.w3.eth.block_number), finalised_block(suite))


@begins(one_sealed)
def test_logs_of_other_blocks_and_limits_are_distinguished_from_large_ranges(world: World) -> None:
    with proxy_of(world.anvil.url) as proxy:
        w3 = connect(proxy.url, LOCAL_CHAIN_ID)
        event = w3.eth.contract(address=world.suite.tournament.address, abi=world.suite.tournament.abi).events
        proxy.misbehave(
            "eth_getLogs",
            Truncating(lambda logs: [{**log, "blockNumber": "0xffffff"} for log in logs]),
        )
        last = w3.eth.block_number
        with pytest.raises(IncompleteLogs, match="the endpoint's index is not in order"):
            list(round_events(event.PositionsLocked(), 1, 0, last))
        proxy.misbehave("eth_getLogs", limited)
        proxy.asked.clear()
        with pytest.raises(RateLimited):
            list(round_events(event.PositionsLocked(), 1, 0, last))
        # Asked again after each pause, and never for a smaller range.
        assert proxy.asked.count("eth_getLogs") == 1 + len(PAUSES)


class Pool:
    """bor's rules for its pool, in front of a node that has none of them."""

    def __init__(self) -> None:
        self.fee_cap = 10**18
        self.taken: dict[str, str] = {}

    def __call__(self, request: Request, forward: Forward) -> Response | None:
        from tests.chain.bor import read

        raw = request["params"][0]
        tx = read(bytes.fromhex(raw[2:]))
        if tx.tip < 25 * GWEI:
            return error(-32000, f"transaction underpriced: gas tip cap {tx.tip}, minimum needed 25000000000")
        if tx.gas * tx.cap > self.fee_cap:
            return error(-32000, "tx fee (2.50 ether) exceeds the configured cap (1.00 ether)")
        if raw in self.taken:
            return error(-32000, "already known")
        answer = forward(request)
        if "result" in answer:
            self.taken[raw] = answer["result"]
        return answer


class Counter:
    """An act that is not idempotent: every execution registers one more model."""

    def __init__(self, world: World, url: str, path: Path, fees: FeePolicy) -> None:
        self.world = world
        self.alarms: list[str] = []
        self.manager = TransactionManager(
            Journal.open(path),
            Web3Node(connect(url, LOCAL_CHAIN_ID, timeout=2)),
            KeySigner(world.anvil.account(30)),
            LOCAL_CHAIN_ID,
            fees,
            poll=0.02,
            alarm=lambda kind, detail: self.alarms.append(kind),
        )

    def deliver(self, longest: float = 30) -> Delivery:
        """Deliver the act, and wait so many seconds: a node answers before it has mined."""
        registry = self.world.suite.registry
        data = bytes.fromhex(registry.encode_abi("register", [self.manager.address])[2:])
        return replace(self.manager, longest=longest).deliver(
            TransactionRequest("register", str(registry.address), data)
        )

    @property
    def executed(self) -> int:
        return int(self.world.suite.registry.functions.balanceOf(self.manager.address).call())


def test_a_low_tip_is_raised_until_the_node_takes_it(world: World, tmp_path: Path) -> None:
    with proxy_of(world.anvil.url) as proxy:
        proxy.misbehave("eth_sendRawTransaction", Pool())
        counter = Counter(world, proxy.url, tmp_path / "j", FeePolicy(tip=GWEI))
        assert counter.deliver().is_mined
        assert counter.executed == 1


def test_a_time_out_after_the_node_accepted_does_not_send_twice(world: World, tmp_path: Path) -> None:
    def accept_and_say_nothing(request: Request, forward: Forward) -> Response:
        forward(request)
        raise NoAnswer

    with proxy_of(world.anvil.url) as proxy:
        proxy.misbehave("eth_sendRawTransaction", accept_and_say_nothing)
        counter = Counter(world, proxy.url, tmp_path / "j", FeePolicy(tip=30 * GWEI))
        assert counter.deliver().is_mined
        assert counter.deliver().is_mined
        assert counter.executed == 1
        assert proxy.asked.count("eth_sendRawTransaction") == 1


def test_a_rate_limit_while_sending_is_waited_out(world: World, tmp_path: Path) -> None:
    with proxy_of(world.anvil.url) as proxy:
        proxy.misbehave("eth_sendRawTransaction", limited)
        counter = Counter(world, proxy.url, tmp_path / "j", FeePolicy(tip=30 * GWEI))
        assert counter.deliver(longest=0).why == StopReason.WAITING
        proxy.misbehave("eth_sendRawTransaction", None)
        assert counter.deliver().is_mined
        assert counter.executed == 1


def test_a_node_with_a_fee_cap_holds_the_request_until_it_is_lifted(world: World, tmp_path: Path) -> None:
    pool = Pool()
    pool.fee_cap = 1
    with proxy_of(world.anvil.url) as proxy:
        proxy.misbehave("eth_sendRawTransaction", pool)
        counter = Counter(world, proxy.url, tmp_path / "j", FeePolicy(tip=30 * GWEI))
        assert counter.deliver().why == StopReason.FEE_CAP
        assert counter.alarms == ["FEE_CAP"]
        pool.fee_cap = 10**18
        assert counter.deliver().is_mined
        assert counter.executed == 1


def test_a_receipt_that_cannot_be_read_is_not_taken_for_none(world: World, tmp_path: Path) -> None:
    with proxy_of(world.anvil.url) as proxy:
        counter = Counter(world, proxy.url, tmp_path / "j", FeePolicy(tip=30 * GWEI))
        assert counter.deliver().is_mined
        world.anvil.finalise()
        proxy.misbehave("eth_getTransactionReceipt", limited)
        with pytest.raises(RateLimited):
            counter.manager.pump()
        proxy.misbehave("eth_getTransactionReceipt", None)
        assert counter.manager.pump()[0].state == IntentState.FINAL
