"""A lying endpoint beside a good one: what it makes up may cost a cycle, and is neither kept nor acted on."""

from collections.abc import Callable
from contextlib import ExitStack

import pytest
from web3.contract.contract import ContractFunction

from scorer.chain.contracts import RoundState
from scorer.drill.proxy import Forward, Manner, Request, Response
from tests.oracle.test_daemon import Seat
from tests.world import World

CYCLES = 4
TWO = "agreement = 2"
Lie = Callable[[str], str]


def selector(call: ContractFunction) -> str:
    return str(call._encode_transaction_data())[:10]


def of(call: ContractFunction, lie: Lie) -> tuple[str, Manner]:
    """An endpoint that lies about one view, of whatever arguments."""
    asked = selector(call)

    def manner(request: Request, forward: Forward) -> Response | None:
        if not request["params"][0].get("data", "").startswith(asked):
            return None
        answer = forward(request)
        return {"result": lie(answer["result"])} if isinstance(answer.get("result"), str) else answer

    return "eth_call", manner


def word(place: int, value: int) -> Lie:
    """Another value in one word of an answer."""
    start = 2 + 64 * place
    return lambda said: said[:start] + f"{value:064x}" + said[start + 64 :]


def later(seconds: int) -> Manner:
    """The latest block is of another time."""

    def manner(request: Request, forward: Forward) -> Response | None:
        if request["params"][0] != "latest":
            return None
        answer = forward(request)["result"]
        return {"result": {**answer, "timestamp": hex(int(answer["timestamp"], 16) + seconds)}}

    return manner


def lies(world: World) -> dict[str, tuple[str, Manner]]:
    tournament, committee = world.suite.tournament.functions, world.suite.committee.functions
    member = world.members[0].address
    return {
        "no round was ever opened": of(tournament.roundCount(), word(0, 0)),
        "every round is settled": of(tournament.round(1), word(0, RoundState.SETTLED)),
        "every round is void": of(tournament.round(1), word(0, RoundState.VOIDED)),
        "no round is sealed": of(tournament.round(1), word(0, RoundState.OPEN)),
        "the outcome is far away": of(tournament.round(1), word(3, 2**40 - 2)),
        "the submissions have another root": of(tournament.round(1), word(18, 7)),
        "the rules have another hash": of(tournament.round(1), word(17, 7)),
        "a report was accepted": of(committee.proposalOf(member, 1), word(0, 7)),
        "we voted for another report": of(committee.voteOf(member, 1, member), word(0, 7)),
        "there are no models": of(world.suite.registry.functions.submittersAt(1, 1, 1), lambda _: EMPTY),
        "there are no lanes": of(tournament.laneCount(), word(0, 0)),
        "it is next month": ("eth_getBlockByNumber", later(30 * 86400)),
        "there are no logs": ("eth_getLogs", lambda request, forward: {"result": []}),
    }


EMPTY = "0x" + f"{32:064x}" + "0" * 64
NAMES = (
    "no round was ever opened",
    "every round is settled",
    "every round is void",
    "no round is sealed",
    "the outcome is far away",
    "the submissions have another root",
    "the rules have another hash",
    "a report was accepted",
    "we voted for another report",
    "there are no models",
    "there are no lanes",
    "it is next month",
    "there are no logs",
)


@pytest.mark.parametrize("what", NAMES)
def test_a_member_votes_beside_an_endpoint_that_lies(world: World, what: str) -> None:
    round_id = world.sealed_round()
    world.resolve(round_id)
    with ExitStack() as stack:
        seat = Seat(world, stack, proxies=3, chain=TWO)
        seat.proxies[0].misbehave(*lies(world)[what])
        loop = seat.assembled.loop()
        for _ in range(CYCLES):
            loop.once()
            world.stage.anvil.finalise()
        member = seat.daemon.member.address
        vote = world.suite.vote(round_id, member, world.suite.w3.eth.block_number)
        assert vote is not None, (what, seat.alarms)
    world.cycle(1)
    at = world.suite.w3.eth.block_number
    assert vote == world.suite.vote(round_id, world.members[1].address, at)
