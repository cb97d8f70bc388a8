"""Orders at a real chain that does not mine at once: what is told, and that nothing happens twice."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from web3.types import RPCEndpoint

from scorer.chain.contracts import Suite
from scorer.chain.endpoint import connect
from scorer.client.desk import NotMined, StakingClient, journal_path, staking_client
from scorer.client.keystore import Wallet
from scorer.client.orders import PERMIT_LASTS, StakingPlanner
from scorer.client.quotes import quote
from scorer.lab.drill.proxy import Forward, Request, Response, proxy_of
from scorer.transactions.sender import Sender
from scorer.units import NanoNmr
from tests.chains import Chains
from tests.cli.scientist import Scientist, funded
from tests.world import NMR, World, lent_world


@pytest.fixture(scope="module")
def town(chains: Chains, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One tournament for all tests of the file."""
    with lent_world(chains, tmp_path_factory.mktemp("town")) as world:
        yield world


def ask(town: World, method: str, *parameters: Any) -> None:
    answer = town.suite.w3.provider.make_request(RPCEndpoint(method), list(parameters))
    assert "error" not in answer, answer


@contextmanager
def not_mining(town: World) -> Iterator[None]:
    ask(town, "evm_setAutomine", False)
    try:
        yield
    finally:
        ask(town, "evm_setAutomine", True)


@contextmanager
def at_desk(staker: Scientist, suite: Suite | None = None) -> Iterator[tuple[StakingClient, StakingPlanner]]:
    """A desk that does not wait long."""
    wallet = Wallet(staker.keystore, lambda: "secret")
    with staking_client(suite or staker.world.suite, wallet, lambda kind, detail: None) as desk:
        hasty = replace(desk.manager, longest=0.0)
        yield StakingClient(desk.suite, hasty), StakingPlanner(desk.suite, wallet)


def patient(desk: StakingClient) -> StakingClient:
    """The same desk, which waits as long as it takes."""
    return replace(desk, manager=replace(desk.manager, longest=60.0))


def waits(town: World, seconds: int) -> None:
    """Let so much chain time pass."""
    ask(town, "evm_increaseTime", seconds)
    ask(town, "evm_mine")


def test_what_is_not_mined_in_time_is_told_and_finished_later(town: World) -> None:
    staker = funded(town, 20)
    before = staker.stake(3).idle
    with at_desk(staker) as (desk, counter):
        order = counter.deposit(3, NanoNmr(5 * NMR), to_another=True)
        with not_mining(town):
            with pytest.raises(NotMined, match=r"run the command again: it goes on, and sends nothing twice"):
                list(desk.perform(order))
            with pytest.raises(NotMined, match=r"deposit 5 NMR to model 3: nonce 0"):
                list(desk.finish())
            ask(town, "evm_mine")
        (done,) = desk.finish()
        assert (done.title, done.was_earlier) == ("deposit 5 NMR to model 3", True)
        assert list(desk.finish()) == [done]
        desk.acknowledge(done)
        assert list(desk.finish()) == []
    assert staker.stake(3).idle == before + 5 * NMR


def test_a_permit_that_expired_unmined_is_taken_back_and_can_be_given_anew(town: World) -> None:
    staker = funded(town, 21)
    before, tokens = staker.stake(3).idle, staker.tokens()
    with at_desk(staker) as (desk, counter):
        order = counter.deposit(3, NanoNmr(5 * NMR), to_another=True)
        with not_mining(town):
            with pytest.raises(NotMined):
                list(desk.perform(order))
            (intent,) = desk.journal.open_intents(staker.address)
            ask(town, "anvil_dropTransaction", "0x" + desk.journal.attempts(intent)[0].hash.hex())
            ask(town, "evm_increaseTime", PERMIT_LASTS + 60)
            ask(town, "evm_mine")
        assert list(desk.finish()) == []
        assert (staker.stake(3).idle, staker.tokens()) == (before, tokens)
        (done,) = desk.perform(counter.deposit(3, NanoNmr(5 * NMR), to_another=True))
        assert not done.was_earlier
    assert staker.stake(3).idle == before + 5 * NMR


def test_what_a_reorganisation_took_is_sent_once_more_by_the_next_command(town: World) -> None:
    staker = funded(town, 22)
    town.stage.anvil.finalise()
    town.stage.anvil.finalise()
    before = staker.stake(3).idle
    with at_desk(staker) as (desk, counter):
        list(desk.perform(counter.deposit(3, NanoNmr(5 * NMR), to_another=True)))
        town.stage.anvil.reorganise(1)
        assert staker.stake(3).idle == before
        desk.manager.pump()
        desk.manager.pump()
    assert staker.stake(3).idle == before + 5 * NMR


def test_a_quote_covers_what_is_signed(town: World) -> None:
    staker = funded(town, 23)
    with at_desk(staker) as (desk, counter):
        order = counter.register(staker.address)
        found = quote(town.suite, staker.address, order)
        (done,) = desk.perform(order)
        (intent,) = desk.journal.intents("register")
        assert done.gas <= intent.call.gas
        assert intent.call.gas * desk.journal.attempts(intent)[0].bid.cap <= found.most
        assert done.cost <= found.most


def test_what_a_reorganisation_took_from_before_an_open_order_is_sent_again_by_finishing(town: World) -> None:
    staker = funded(town, 24)
    town.stage.anvil.finalise()
    town.stage.anvil.finalise()
    before = staker.stake(3).idle
    with at_desk(staker) as (desk, counter):
        (first,) = desk.perform(counter.deposit(3, NanoNmr(5 * NMR), to_another=True))
        desk.acknowledge(first)
        with not_mining(town):
            with pytest.raises(NotMined):
                list(desk.perform(counter.deposit(3, NanoNmr(2 * NMR), to_another=True)))
            ask(town, "anvil_dropAllTransactions")
            town.stage.anvil.reorganise(1)
        waits(town, 60)
        assert staker.stake(3).idle == before
        (second,) = patient(desk).finish()
        assert second.title == "deposit 2 NMR to model 3"
    assert staker.stake(3).idle == before + 7 * NMR


def test_one_wrong_nonce_of_an_endpoint_is_mended_by_finishing(town: World) -> None:
    staker = funded(town, 25)
    before = staker.stake(3).idle

    def one_more(request: Request, forward: Forward) -> Response | None:
        return {"result": hex(int(str(forward(request)["result"]), 16) + 1)}

    with proxy_of(town.stage.anvil.url) as proxy:
        suite = Suite.at(connect(proxy.url, 31337), town.suite.addresses)
        with at_desk(staker, suite) as (desk, counter):
            proxy.misbehave("eth_getTransactionCount", one_more)
            with pytest.raises(NotMined):
                list(desk.perform(counter.deposit(3, NanoNmr(5 * NMR), to_another=True)))
            proxy.misbehave("eth_getTransactionCount", None)
            waits(town, 60)
            (done,) = patient(desk).finish()
            assert done.was_earlier
    assert staker.stake(3).idle == before + 5 * NMR


def test_another_key_at_the_same_path_neither_sends_nor_is_told_what_the_first_one_left(town: World) -> None:
    first, second = funded(town, 26), funded(town, 27)
    for staker in (first, second):  # without permits the calls are the same byte for byte
        approve = town.suite.token.functions.approve(town.suite.tournament.address, 10**20)
        Sender(town.suite.w3, town.stage.anvil.account(26 + (staker is second))).send(approve)
    before = first.stake(3).idle
    with at_desk(first) as (desk, counter), not_mining(town):
        with pytest.raises(NotMined):
            list(desk.perform(counter.deposit(3, NanoNmr(5 * NMR), to_another=True)))
        ask(town, "anvil_dropAllTransactions")
    kept = first.keystore.read_bytes()
    shutil.copy(second.keystore, first.keystore)
    with at_desk(first) as (desk, counter):
        assert counter.address == second.address
        assert list(patient(desk).finish()) == []
        (done,) = desk.perform(counter.deposit(3, NanoNmr(5 * NMR), to_another=True))
        assert not done.was_earlier
    assert (first.tokens(), second.tokens()) == (100 * 10**18, 95 * 10**18)
    assert first.stake(3).idle == before + 5 * NMR
    first.keystore.write_bytes(kept)
    with at_desk(first) as (desk, counter):
        (done,) = patient(desk).finish()
        assert done.was_earlier
    assert (first.tokens(), second.tokens()) == (95 * 10**18, 95 * 10**18)


def test_a_link_to_a_keystore_has_the_keystores_journal(town: World) -> None:
    staker = funded(town, 28)
    (elsewhere := staker.keystore.parent / "elsewhere").mkdir()
    (elsewhere / "mine.json").symlink_to(staker.keystore)
    with at_desk(staker) as (desk, counter), not_mining(town), pytest.raises(NotMined):
        list(desk.perform(counter.deposit(3, NanoNmr(5 * NMR), to_another=True)))
    ask(town, "evm_mine")
    with at_desk(replace(staker, keystore=elsewhere / "mine.json")) as (desk, counter):
        (done,) = patient(desk).finish()
        assert done.was_earlier
    assert [each.name for each in elsewhere.iterdir()] == ["mine.json"]


def test_an_endpoint_chooses_the_journal_of_local_chains_alone(town: World, tmp_path: Path) -> None:
    def another(_request: Request, _forward: Forward) -> Response | None:
        answer = town.suite.w3.provider.make_request(RPCEndpoint("eth_getBlockByNumber"), ["0x0", False])
        return {"result": {**answer["result"], "hash": "0x" + "12" * 32}}

    paths = {}
    for chain in (31337, 137):
        with proxy_of(town.stage.anvil.url) as proxy:
            honest = journal_path(connect(proxy.url, 31337), tmp_path / "key.json", chain)
            proxy.misbehave("eth_getBlockByNumber", another)
            paths[chain] = (honest, journal_path(connect(proxy.url, 31337), tmp_path / "key.json", chain))
    assert paths[31337][0] != paths[31337][1]
    assert paths[137] == (tmp_path / "key.json.137.journal",) * 2


GWEI = 10**9


def costs(desk: StakingClient, part: str) -> list[int]:
    """The most that each transaction may cost that was signed for an act, wei."""
    intents = desk.journal.intents(part)
    return [each.call.gas * attempt.bid.cap for each in intents for attempt in desk.journal.attempts(each)]


def test_what_became_dearer_than_agreed_is_not_signed(town: World) -> None:
    staker = funded(town, 29)

    def dear(request: Request, forward: Forward) -> Response | None:
        answer = forward(request)
        return {"result": {**answer["result"], "baseFeePerGas": hex(3000 * GWEI)}}

    with proxy_of(town.stage.anvil.url) as proxy:
        suite = Suite.at(connect(proxy.url, 31337), town.suite.addresses)
        with at_desk(staker, suite) as (desk, counter):
            order = counter.register(staker.address)
            agreed = quote(suite, staker.address, order)
            proxy.misbehave("eth_getBlockByNumber", dear)
            with pytest.raises(NotMined, match=r"not sent: gas costs 3001.000 gwei now, .* agreed to; run"):
                list(desk.perform(order, agreed))
            assert costs(desk, "register") == []
            proxy.misbehave("eth_getBlockByNumber", None)
            (done,) = desk.perform(order, agreed)
            assert done.cost <= agreed.most


def test_what_takes_more_gas_than_agreed_is_not_signed(town: World) -> None:
    staker = funded(town, 30)
    with proxy_of(town.stage.anvil.url) as proxy:
        suite = Suite.at(connect(proxy.url, 31337), town.suite.addresses)
        with at_desk(staker, suite) as (desk, counter):
            order = counter.register(staker.address)
            agreed = quote(suite, staker.address, order)
            proxy.misbehave("eth_estimateGas", lambda request, forward: {"result": hex(5_000_000)})
            with pytest.raises(NotMined, match=r"not sent: takes .* gas, more than .*; run"):
                list(desk.perform(order, agreed))
            assert costs(desk, "register") == []
            gas = agreed.prices[0].gas
            proxy.misbehave("eth_estimateGas", lambda request, forward: {"result": hex(gas + 22_100)})
            assert len(list(desk.perform(order, agreed))) == 1  # a slot more is within the margin
            assert costs(desk, "register")[-1] <= agreed.most


def test_a_bid_is_raised_up_to_what_was_agreed_and_then_only_when_asked(town: World) -> None:
    staker = funded(town, 31)
    asked: list[tuple[str, int]] = []
    swallowed: set[str] = set()

    def agree(title: str, most: int) -> None:
        asked.append((title, most))

    def swallow(request: Request, _forward: Forward) -> Response | None:
        """Take transactions and lose them, until somebody agreed to pay more."""
        raw = request["params"][0]
        if asked and raw not in swallowed:
            return None
        swallowed.add(raw)
        return {"result": "0x" + "11" * 32}

    with proxy_of(town.stage.anvil.url) as proxy:
        suite = Suite.at(connect(proxy.url, 31337), town.suite.addresses)
        proxy.misbehave("eth_sendRawTransaction", swallow)
        with at_desk(staker, suite) as (desk, counter):
            order = counter.register(staker.address)
            agreed = quote(suite, staker.address, order)
            with pytest.raises(NotMined, match="waiting to be mined"):
                list(desk.perform(order, agreed))
            for _ in range(4):
                waits(town, 2000)
                with pytest.raises(NotMined) as waiting:
                    list(desk.finish())
            assert "more than was agreed to; run the command again: it goes on" in str(waiting.value)
            assert len(costs(desk, "register")) == 3
            assert max(costs(desk, "register")) <= agreed.most
            (done,) = patient(desk).finish(agree)
            assert [title for title, _ in asked] == [order.steps[0].title]
            assert agreed.most < costs(desk, "register")[-1] <= asked[0][1]
            assert done.cost <= asked[0][1]
