"""The audit of the invariants: what holds, what does not, and whatever the endpoint can do."""

from typing import Any

from web3.types import RPCEndpoint

from scorer.observation.audit import INVARIANTS, audit
from scorer.observation.observe import finalised_block
from tests.chain.test_bulk import one_at_a_time
from tests.world import NMR, World


def ask(world: World, method: str, *parameters: Any) -> None:
    answer = world.suite.w3.provider.make_request(RPCEndpoint(method), list(parameters))
    assert "error" not in answer, answer


def rob(world: World, nmr: int) -> None:
    """Take tokens out of the tournament, past all its rules."""
    suite, thief = world.suite, world.anvil.account(0).address
    tournament = suite.tournament.address
    call = suite.token.functions.transfer(thief, nmr * 10**18)
    data = call._encode_transaction_data()
    ask(world, "anvil_setBalance", tournament, hex(10**18))
    ask(world, "anvil_impersonateAccount", tournament)
    ask(world, "eth_sendTransaction", {"from": tournament, "to": suite.token.address, "data": data})
    world.anvil.finalise()


def test_every_invariant_holds_whether_or_not_the_endpoint_takes_batches(world: World) -> None:
    world.anvil.finalise()
    block = finalised_block(world.suite)
    assert audit(world.suite, block) == dict.fromkeys(INVARIANTS, True)
    one_by_one = one_at_a_time(world.suite, world.anvil.url)
    assert audit(one_by_one, block) == dict.fromkeys(INVARIANTS, True)


def test_stake_that_its_owner_could_not_withdraw_is_found(world: World) -> None:
    balance = world.suite.token.functions.balanceOf(world.suite.tournament.address).call()
    rob(world, balance // 10**18 - world.idle()[0] // NMR + 1)
    found = audit(world.suite, finalised_block(world.suite))
    broken = {name for name, holds in found.items() if not holds}
    assert broken == {"balance covers liabilities", "idle stake withdrawable"}
