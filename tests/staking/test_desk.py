"""Orders at a real chain that does not mine at once: what is told, and that nothing happens twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from web3.types import RPCEndpoint

from scorer.chain.anvil import run_anvil
from scorer.staking.desk import Desk, NotMined, desk_of, quote
from scorer.staking.keystore import Wallet
from scorer.staking.orders import PERMIT_LASTS, Counter
from scorer.units import NanoNmr
from tests.cli.scientist import Scientist, funded
from tests.world import NMR, START, World, build_world


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One tournament for all tests of the file."""
    with run_anvil(timestamp=START, accounts=40) as chain:
        yield build_world(chain, tmp_path_factory.mktemp("town"))


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
def at_desk(staker: Scientist) -> Iterator[tuple[Desk, Counter]]:
    """A desk that does not wait long."""
    wallet = Wallet(staker.keystore, lambda: "secret")
    with desk_of(staker.world.suite, wallet, lambda kind, detail: None) as desk:
        hasty = replace(desk.outbox, longest=0.0)
        yield Desk(desk.suite, hasty), Counter(desk.suite, wallet)


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
        desk.outbox.pump()
        desk.outbox.pump()
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
