"""Transactions at a chain that does not mine at once: each is reported, and nothing happens twice."""

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
from scorer.client.actions import ClientAccount, TransactionPlan
from scorer.client.keystore import Wallet
from scorer.client.model_actions import RegisterModel
from scorer.client.quotes import quote
from scorer.client.stake_actions import PERMIT_LASTS, Deposit
from scorer.client.staking_client import NotMined, StakingClient, journal_path, staking_client
from scorer.lab.plain_sender import Sender
from scorer.lab.proxy import Forward, Request, Response, proxy_of
from scorer.units import NanoNmr
from tests.chains import Chains
from tests.cli.scientist import Scientist, funded
from tests.world import NMR, World, lent_world


@pytest.fixture(scope="module")
def shared(chains: Chains, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One tournament for all tests of the file."""
    with lent_world(chains, tmp_path_factory.mktemp("shared")) as world:
        yield world


def ask(shared: World, method: str, *parameters: Any) -> None:
    answer = shared.suite.w3.provider.make_request(RPCEndpoint(method), list(parameters))
    assert "error" not in answer, answer


@contextmanager
def not_mining(shared: World) -> Iterator[None]:
    ask(shared, "evm_setAutomine", False)
    try:
        yield
    finally:
        ask(shared, "evm_setAutomine", True)


@contextmanager
def opened_client(
    staker: Scientist, suite: Suite | None = None
) -> Iterator[tuple[StakingClient, ClientAccount]]:
    """A client that does not wait long."""
    wallet = Wallet(staker.keystore, lambda: "secret")
    with staking_client(suite or staker.world.suite, wallet, lambda kind, detail: None) as client:
        impatient = replace(client.manager, longest=0.0)
        yield StakingClient(client.suite, impatient), ClientAccount(client.suite, wallet.address, wallet)


def deposit(account: ClientAccount, nmr: int) -> TransactionPlan:
    """A gift to model 3."""
    return Deposit(3, NanoNmr(nmr * NMR), to_another=True).plan(account)


def patient(client: StakingClient) -> StakingClient:
    """The same client, which waits as long as it takes."""
    return replace(client, manager=replace(client.manager, longest=60.0))


def waits(shared: World, seconds: int) -> None:
    """Let so much chain time pass."""
    ask(shared, "evm_increaseTime", seconds)
    ask(shared, "evm_mine")


def test_what_is_not_mined_in_time_is_reported_and_finished_later(shared: World) -> None:
    staker = funded(shared, 20)
    before = staker.stake(3).idle
    with opened_client(staker) as (client, account):
        plan = deposit(account, 5)
        with not_mining(shared):
            with pytest.raises(NotMined, match=r"run the command again: it goes on, and sends nothing twice"):
                list(client.perform(plan))
            with pytest.raises(NotMined, match=r"deposit 5 NMR to model 3: nonce 0"):
                list(client.finish())
            ask(shared, "evm_mine")
        (done,) = patient(client).finish()
        assert (done.title, done.was_earlier) == ("deposit 5 NMR to model 3", True)
        assert list(client.finish()) == [done]
        client.acknowledge(done)
        assert list(client.finish()) == []
    assert staker.stake(3).idle == before + 5 * NMR


def test_a_permit_that_expired_unmined_is_taken_back_and_can_be_given_anew(shared: World) -> None:
    staker = funded(shared, 21)
    before, tokens = staker.stake(3).idle, staker.tokens()
    with opened_client(staker) as (client, account):
        plan = deposit(account, 5)
        with not_mining(shared):
            with pytest.raises(NotMined):
                list(client.perform(plan))
            (intent,) = client.journal.open_intents(staker.address)
            ask(shared, "anvil_dropTransaction", "0x" + client.journal.attempts(intent)[0].hash.hex())
            ask(shared, "evm_increaseTime", PERMIT_LASTS + 60)
            ask(shared, "evm_mine")
        assert list(client.finish()) == []
        assert (staker.stake(3).idle, staker.tokens()) == (before, tokens)
        (done,) = patient(client).perform(deposit(account, 5))
        assert not done.was_earlier
    assert staker.stake(3).idle == before + 5 * NMR


def test_what_a_reorganisation_took_is_sent_once_more_by_the_next_command(shared: World) -> None:
    staker = funded(shared, 22)
    shared.anvil.finalise()
    shared.anvil.finalise()
    before = staker.stake(3).idle
    with opened_client(staker) as (client, account):
        list(client.perform(deposit(account, 5)))
        shared.anvil.reorganise(1)
        assert staker.stake(3).idle == before
        client.manager.pump()
        client.manager.pump()
    assert staker.stake(3).idle == before + 5 * NMR


def test_a_quote_covers_what_is_signed(shared: World) -> None:
    staker = funded(shared, 23)
    with opened_client(staker) as (client, account):
        plan = RegisterModel(staker.address).plan(account)
        found = quote(shared.suite, staker.address, plan)
        (done,) = patient(client).perform(plan)
        (intent,) = client.journal.intents("register")
        assert done.gas <= intent.call.gas
        assert intent.call.gas * client.journal.attempts(intent)[0].bid.cap <= found.most
        assert done.cost <= found.most


def test_what_a_reorganisation_took_from_before_an_open_order_is_sent_again_by_finishing(
    shared: World,
) -> None:
    staker = funded(shared, 24)
    shared.anvil.finalise()
    shared.anvil.finalise()
    before = staker.stake(3).idle
    with opened_client(staker) as (client, account):
        (first,) = patient(client).perform(deposit(account, 5))
        client.acknowledge(first)
        with not_mining(shared):
            with pytest.raises(NotMined):
                list(client.perform(deposit(account, 2)))
            ask(shared, "anvil_dropAllTransactions")
            shared.anvil.reorganise(1)
        waits(shared, 60)
        assert staker.stake(3).idle == before
        (second,) = patient(client).finish()
        assert second.title == "deposit 2 NMR to model 3"
    assert staker.stake(3).idle == before + 7 * NMR


def test_one_wrong_nonce_of_an_endpoint_is_corrected_by_finishing(shared: World) -> None:
    staker = funded(shared, 25)
    before = staker.stake(3).idle

    def one_more(request: Request, forward: Forward) -> Response | None:
        return {"result": hex(int(str(forward(request)["result"]), 16) + 1)}

    with proxy_of(shared.anvil.url) as proxy:
        suite = Suite.at(connect(proxy.url, 31337), shared.suite.addresses)
        with opened_client(staker, suite) as (client, account):
            proxy.misbehave("eth_getTransactionCount", one_more)
            with pytest.raises(NotMined):
                list(client.perform(deposit(account, 5)))
            proxy.misbehave("eth_getTransactionCount", None)
            waits(shared, 60)
            (done,) = patient(client).finish()
            assert done.was_earlier
    assert staker.stake(3).idle == before + 5 * NMR


def test_another_key_at_the_same_path_neither_sends_nor_reports_what_the_first_one_left(
    shared: World,
) -> None:
    first, second = funded(shared, 26), funded(shared, 27)
    for staker in (first, second):  # without permits the calls are the same byte for byte
        approve = shared.suite.token.functions.approve(shared.suite.tournament.address, 10**20)
        Sender(shared.suite.w3, shared.anvil.account(26 + (staker is second))).send(approve)
    before = first.stake(3).idle
    with opened_client(first) as (client, account), not_mining(shared):
        with pytest.raises(NotMined):
            list(client.perform(deposit(account, 5)))
        ask(shared, "anvil_dropAllTransactions")
    kept = first.keystore.read_bytes()
    shutil.copy(second.keystore, first.keystore)
    with opened_client(first) as (client, account):
        assert account.address == second.address
        assert list(patient(client).finish()) == []
        (done,) = patient(client).perform(deposit(account, 5))
        assert not done.was_earlier
    assert (first.tokens(), second.tokens()) == (100 * 10**18, 95 * 10**18)
    assert first.stake(3).idle == before + 5 * NMR
    first.keystore.write_bytes(kept)
    with opened_client(first) as (client, account):
        (done,) = patient(client).finish()
        assert done.was_earlier
    assert (first.tokens(), second.tokens()) == (95 * 10**18, 95 * 10**18)


def test_a_link_to_a_keystore_has_the_keystores_journal(shared: World) -> None:
    staker = funded(shared, 28)
    (elsewhere := staker.keystore.parent / "elsewhere").mkdir()
    (elsewhere / "mine.json").symlink_to(staker.keystore)
    with opened_client(staker) as (client, account), not_mining(shared), pytest.raises(NotMined):
        list(client.perform(deposit(account, 5)))
    ask(shared, "evm_mine")
    with opened_client(replace(staker, keystore=elsewhere / "mine.json")) as (client, account):
        (done,) = patient(client).finish()
        assert done.was_earlier
    assert [path.name for path in elsewhere.iterdir()] == ["mine.json"]


def test_an_endpoint_chooses_the_journal_of_local_chains_alone(shared: World, tmp_path: Path) -> None:
    def another(_request: Request, _forward: Forward) -> Response | None:
        answer = shared.suite.w3.provider.make_request(RPCEndpoint("eth_getBlockByNumber"), ["0x0", False])
        return {"result": {**answer["result"], "hash": "0x" + "12" * 32}}

    paths = {}
    for chain in (31337, 137):
        with proxy_of(shared.anvil.url) as proxy:
            honest = journal_path(connect(proxy.url, 31337), tmp_path / "key.json", chain)
            proxy.misbehave("eth_getBlockByNumber", another)
            paths[chain] = (honest, journal_path(connect(proxy.url, 31337), tmp_path / "key.json", chain))
    assert paths[31337][0] != paths[31337][1]
    assert paths[137] == (tmp_path / "key.json.137.journal",) * 2


GWEI = 10**9


def costs(client: StakingClient, part: str) -> list[int]:
    """The most that each transaction may cost that was signed for an act, wei."""
    intents = client.journal.intents(part)
    return [
        intent.call.gas * attempt.bid.cap for intent in intents for attempt in client.journal.attempts(intent)
    ]


def test_what_became_more_expensive_than_agreed_is_not_signed(shared: World) -> None:
    staker = funded(shared, 29)

    def expensive(request: Request, forward: Forward) -> Response | None:
        answer = forward(request)
        return {"result": {**answer["result"], "baseFeePerGas": hex(3000 * GWEI)}}

    with proxy_of(shared.anvil.url) as proxy:
        suite = Suite.at(connect(proxy.url, 31337), shared.suite.addresses)
        with opened_client(staker, suite) as (client, account):
            plan = RegisterModel(staker.address).plan(account)
            agreed = quote(suite, staker.address, plan)
            proxy.misbehave("eth_getBlockByNumber", expensive)
            with pytest.raises(NotMined, match=r"not sent: gas costs 3001.000 gwei now, .* agreed to; run"):
                list(client.perform(plan, agreed))
            assert costs(client, "register") == []
            proxy.misbehave("eth_getBlockByNumber", None)
            (done,) = patient(client).perform(plan, agreed)
            assert done.cost <= agreed.most


def test_what_takes_more_gas_than_agreed_is_not_signed(shared: World) -> None:
    staker = funded(shared, 30)
    with proxy_of(shared.anvil.url) as proxy:
        suite = Suite.at(connect(proxy.url, 31337), shared.suite.addresses)
        with opened_client(staker, suite) as (client, account):
            plan = RegisterModel(staker.address).plan(account)
            agreed = quote(suite, staker.address, plan)
            proxy.misbehave("eth_estimateGas", lambda request, forward: {"result": hex(5_000_000)})
            with pytest.raises(NotMined, match=r"not sent: takes .* gas, more than .*; run"):
                list(client.perform(plan, agreed))
            assert costs(client, "register") == []
            gas = agreed.prices[0].gas
            proxy.misbehave("eth_estimateGas", lambda request, forward: {"result": hex(gas + 22_100)})
            assert len(list(patient(client).perform(plan, agreed))) == 1  # a slot more is within the margin
            assert costs(client, "register")[-1] <= agreed.most


def test_a_bid_is_raised_up_to_what_was_agreed_and_then_only_when_asked(shared: World) -> None:
    staker = funded(shared, 31)
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

    with proxy_of(shared.anvil.url) as proxy:
        suite = Suite.at(connect(proxy.url, 31337), shared.suite.addresses)
        proxy.misbehave("eth_sendRawTransaction", swallow)
        with opened_client(staker, suite) as (client, account):
            plan = RegisterModel(staker.address).plan(account)
            agreed = quote(suite, staker.address, plan)
            with pytest.raises(NotMined, match="waiting to be mined"):
                list(client.perform(plan, agreed))
            for _ in range(4):
                waits(shared, 2000)
                with pytest.raises(NotMined) as waiting:
                    list(client.finish())
            assert "more than was agreed to; run the command again: it goes on" in str(waiting.value)
            assert len(costs(client, "register")) == 3
            assert max(costs(client, "register")) <= agreed.most
            (done,) = patient(client).finish(agree)
            assert [title for title, _ in asked] == [plan.steps[0].title]
            assert agreed.most < costs(client, "register")[-1] <= asked[0][1]
            assert done.cost <= asked[0][1]
