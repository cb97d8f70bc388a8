"""A cycle stops where finality stops, changes endpoint where one fails, and remembers what is over."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from scorer.chain.errors import RateLimited
from scorer.chain.records import ProposalStatus, RoundState
from scorer.daemon import assembly
from scorer.daemon.configuration import load_config
from scorer.daemon.daemon import OracleDaemon
from scorer.lab.proxy import Fault, Forward, Proxy, Request, Response, error, proxy_of
from scorer.transactions.intents import Intent
from scorer.transactions.manager import TransactionManager
from scorer.transactions.signers import SignerError
from tests.cli.test_cupel import write_config
from tests.world import FIRST, World, begins, one_sealed, one_settled


class Seat:
    """A member's daemon behind endpoints that may misbehave."""

    def __init__(
        self, world: World, stack: ExitStack, *, proxies: int = 1, chain: str = "", run: str = ""
    ) -> None:
        self.world = world
        self.proxies: list[Proxy] = [stack.enter_context(proxy_of(world.anvil.url)) for _ in range(proxies)]
        config = write_config(world, 0)
        urls = ", ".join(f'"{proxy.url}"' for proxy in self.proxies)
        text = config.read_text().replace(f'endpoint = "{world.anvil.url}"', f"endpoints = [{urls}]\n{chain}")
        config.write_text(text + f"\n[run]\nrecompute = false\nstagger = 0\nleast_balance = 1e9\n{run}\n")
        self.assembled = stack.enter_context(assembly.oracle(load_config(config), send=True))
        self._sent_before = self._transactions()

    @property
    def alarms(self) -> set[str]:
        """The names of the reasons for which a human was called in this cycle."""
        return {reason.name for reason in self.assembled.alarms.raised}

    @property
    def daemon(self) -> OracleDaemon:
        assert isinstance(self.assembled.daemon, OracleDaemon)
        return self.assembled.daemon

    def sent(self) -> int:
        """Count what the member has sent since it sat down; before that it published its encryption key."""
        return self._transactions() - self._sent_before

    def _transactions(self) -> int:
        account = self.world.anvil.account(3)
        return self.world.suite.w3.eth.get_transaction_count(account.address)


BRAVE = "challenge = true\nlargest_bond_nmr = 100"


def lying(wrong: Callable[[str, str], str]) -> Fault:
    """An endpoint whose answers to calls are `wrong` of the call's data and the answer."""

    def fault(request: Request, forward: Forward) -> Response | None:
        answer = forward(request)
        if isinstance(answer.get("result"), str):
            answer["result"] = wrong(request["params"][0].get("data", ""), answer["result"])
        return answer

    return fault


@begins(one_sealed)
def test_no_report_is_disputed_on_one_endpoints_word(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    world.cycle(1, 2)
    accepted = world.suite.proposal(round_id, world.suite.w3.eth.block_number)
    assert accepted is not None
    right = accepted.report_hash.hex()
    with ExitStack() as stack:
        ordered = f'{BRAVE}\ndispute = ["0x{"ab" * 32}"]'
        seat = Seat(world, stack, proxies=2, chain="agreement = 2", run=ordered)
        seat.proxies[0].misbehave("eth_call", lying(lambda _, said: said.replace(right, "ab" * 32)))
        for pinned in (0, 1):
            done = seat.daemon.cycle()
            assert done["endpoint"] == seat.proxies[pinned].url.removeprefix("http://")
            assert "ENDPOINTS_DISAGREE" in seat.alarms  # whichever of the two it is that lies
            seat.assembled.alarms.begin_cycle()
        assert seat.sent() == 0
        assert world.proposal_status(round_id) == ProposalStatus.ACCEPTED


@begins(one_sealed)
def test_nothing_is_attested_that_rests_on_one_endpoints_word(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    models_at = world.suite.tournament.functions.modelsAt(0, 1000)._encode_transaction_data()[:10]

    def swapped(data: str, said: str) -> str:
        """Two models change lanes: nothing on the chain commits to this answer."""
        head, first, second = said[:130], said[130:194], said[194:258]
        return head + second + first + said[258:] if data.startswith(models_at) else said

    with ExitStack() as stack:
        seat = Seat(world, stack, proxies=2, chain="agreement = 2")
        seat.proxies[0].misbehave("eth_call", lying(swapped))
        seat.daemon.cycle()
        assert seat.sent() == 0
        assert "ENDPOINTS_DISAGREE" in seat.alarms
        seat.proxies[0].misbehave("eth_call", None)
        seat.daemon.cycle()
        assert "SET_ASIDE" in seat.alarms
        assert seat.sent() == 1
    world.cycle(1)
    at = world.suite.w3.eth.block_number
    votes = [world.suite.vote(round_id, world.members[index].address, at) for index in (0, 1)]
    assert votes[0] == votes[1]


def test_who_lost_a_challenge_disputes_nothing_more_until_a_human_looked(world: World) -> None:
    def accepted() -> int:
        round_id = world.sealed_round()
        world.resolve(round_id, {0: 1.0 - world.target})
        world.cycle(1, 2)
        return round_id

    def alarms(run: str = "") -> set[str]:
        """The alarms of a member that a human ordered, wrongly, to dispute all reports."""
        at = world.suite.w3.eth.block_number
        rounds = range(1, world.suite.round_count(at) + 1)
        accepted = [world.suite.proposal(each, at) for each in rounds]
        hashes = ", ".join(f'"0x{each.report_hash.hex()}"' for each in accepted if each)
        with ExitStack() as stack:
            seat = Seat(world, stack, run=f"{BRAVE}\ndispute = [{hashes}]\n{run}")
            seat.daemon.cycle()
            world.anvil.finalise()
            return set(seat.alarms) - {"LOW_BALANCE"}

    first = accepted()
    assert alarms() == {"REPORT"}
    assert world.proposal_status(first) == ProposalStatus.DISPUTED
    world.cycle(1, 2)
    assert world.proposal_status(first) == ProposalStatus.UPHELD
    second = accepted()
    assert alarms() == {"REPORT", "CHALLENGE_LOST"}
    assert world.proposal_status(second) == ProposalStatus.ACCEPTED
    assert alarms("lost_challenges = [1]") == {"REPORT"}
    assert world.proposal_status(second) == ProposalStatus.DISPUTED
    third = accepted()
    assert alarms("lost_challenges = [1, 2]\nmost_challenges = 0") == {"REPORT", "TOO_MANY_CHALLENGES"}
    assert world.proposal_status(third) == ProposalStatus.ACCEPTED


def frozen(number: int) -> object:
    def fault(request: Request, forward: Forward) -> Response | None:
        if request["params"][0] != "finalized":
            return None
        return forward({**request, "params": [hex(number), False]})

    return fault


@begins(one_sealed)
def test_nothing_is_sent_while_finality_stands_still_and_it_goes_on_alone(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    with ExitStack() as stack:
        seat = Seat(world, stack)
        number = world.suite.w3.eth.get_block("finalized")["number"]
        world.anvil.advance_to(world.now + 3600)
        seat.proxies[0].misbehave("eth_getBlockByNumber", frozen(number))  # type: ignore[arg-type]
        before = seat.sent()
        assert seat.daemon.cycle()["stalled"] >= 3600
        assert "FINALITY_STALLED" in seat.alarms
        assert seat.sent() == before
        seat.proxies[0].misbehave("eth_getBlockByNumber", None)
        seat.daemon.cycle()
        assert seat.sent() == before + 1


@begins(one_sealed)
def test_an_endpoint_that_fails_in_a_cycle_is_asked_last_in_the_next(world: World) -> None:
    with ExitStack() as stack:
        seat = Seat(world, stack, proxies=2)
        first, second = seat.proxies
        first.misbehave("eth_call", lambda request, forward: error(-32005, "limit"))
        with pytest.raises(RateLimited):
            seat.daemon.cycle()
        line = seat.daemon.cycle()
        assert line["endpoint"] == second.url.removeprefix("http://")


def test_an_act_that_no_node_estimates_keeps_no_other_round_waiting(world: World) -> None:
    first, second = world.sealed_round(), world.sealed_round()
    world.resolve(first)
    world.resolve(second)
    with ExitStack() as stack:
        seat = Seat(world, stack)
        tried: list[str] = []

        def fault(request: Request, _: Forward) -> Response | None:
            tried.append(request["params"][0]["data"])
            too_large = error(-32000, "gas required exceeds allowance (33554432)")
            return too_large if tried[-1] == tried[0] else None

        seat.proxies[0].misbehave("eth_estimateGas", fault)
        loop = seat.assembled.loop()
        loop.once()
        assert seat.alarms == {"REFUSED", "LOW_BALANCE"}
        at, member = world.suite.w3.eth.block_number, seat.daemon.member.address
        assert [world.suite.vote(each, member, at) is None for each in (first, second)] == [True, False]


def test_a_broken_file_of_a_round_that_is_over_keeps_no_later_one_from_being_attested(world: World) -> None:
    over, due = world.sealed_round(), world.sealed_round()
    world.resolve(due)
    with ExitStack() as stack:
        seat = Seat(world, stack)
        member = seat.daemon.member
        member.cache.rounds.newest = over
        folder = member.bundle(over).folder
        for file in ("report.json", "scores.parquet"):
            (folder / file).write_text("cut short")
        loop = seat.assembled.loop()
        loop.once()
        assert seat.alarms == {"BROKEN_FILE", "LOW_BALANCE"}
        assert world.suite.vote(due, member.address, world.suite.w3.eth.block_number) is not None
        assert loop.liveness.not_ready == "a part of the cycle failed: BROKEN_FILE"


@dataclass(frozen=True)
class Mute(TransactionManager):
    """An account whose signer is down."""

    def pump(self) -> list[Intent]:
        raise SignerError("no answer")


def test_a_signer_that_is_down_keeps_no_other_account_waiting(world: World) -> None:
    with ExitStack() as stack:
        seat = Seat(world, stack)
        context = seat.daemon.context
        (voting,) = context.managers
        mute = Mute(**{field.name: getattr(voting, field.name) for field in fields(voting)})
        context.managers = [mute, voting]
        with context.cycle() as cycle:
            assert len(cycle.managers) == 2
        assert "SIGNER" in seat.alarms


@begins(one_sealed)
def test_a_signed_transaction_goes_to_every_endpoint(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    with ExitStack() as stack:
        seat = Seat(world, stack, proxies=2)
        seat.daemon.cycle()
        assert [proxy.asked.count("eth_sendRawTransaction") for proxy in seat.proxies] == [1, 1]


def test_an_account_that_is_almost_empty_is_reported(world: World) -> None:
    with ExitStack() as stack:
        seat = Seat(world, stack)
        seat.daemon.cycle()
        assert "LOW_BALANCE" in seat.alarms


def test_what_a_contract_does_not_allow_is_reported(world: World) -> None:
    committee = world.suite.committee.functions
    world.admin.send(committee.removeMember(world.members[0].address, 2))
    round_id = world.sealed_round()
    world.resolve(round_id)
    with ExitStack() as stack:
        seat = Seat(world, stack)
        seat.daemon.cycle()
        assert seat.alarms == {"NOT_ALLOWED", "LOW_BALANCE"}
        assert seat.sent() == 0


@begins(one_sealed)
def test_who_comes_second_raises_no_alarm(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    world.anvil.finalise()
    with ExitStack() as stack:
        seat = Seat(world, stack)
        for member in world.members[1:]:
            member.cycle()
        assert seat.daemon.cycle()["steps"] == [f"{round_id} Attest: already done (AlreadyAccepted)"]
        assert seat.alarms == {"LOW_BALANCE"}


@begins(one_settled)
def test_a_round_that_is_over_is_not_read_again(world: World) -> None:
    world.anvil.finalise()
    with ExitStack() as stack:
        seat = Seat(world, stack)
        seat.daemon.cycle()
        seat.proxies[0].asked.clear()
        seat.daemon.cycle()
        # How many rounds there are, and what the committee owes us.
        assert seat.proxies[0].asked.count("eth_call") == 2


def test_a_daemon_that_was_away_for_all_of_it_catches_up(world: World) -> None:
    rounds = [world.sealed_round() for _ in range(3)]
    for round_id in rounds:
        world.resolve(round_id)
    world.cycle(1, 2)
    world.pass_challenge_window()
    with ExitStack() as stack:
        seat = Seat(world, stack)
        seat.daemon.cycle()
    assert [world.record(round_id).state for round_id in rounds] == [RoundState.SETTLED] * 3


def test_the_folder_of_a_configuration_is_where_its_journal_lies(world: World) -> None:
    with ExitStack() as stack:
        Seat(world, stack)
        assert (Path(world.out) / "node-0" / "journal.sqlite").exists()


def unnumbered(request: Request, forward: Forward) -> Response:
    answer = forward(request)
    return {"result": {name: each for name, each in answer["result"].items() if name != "number"}}


def another_state(data: str, result: str) -> str:
    """A round of a state that no contract of ours has."""
    return "0x" + "ff" * 32 + result[66:] if len(result) > 500 else result


NONSENSE: dict[str, tuple[str, Fault]] = {
    "a block without a number": ("eth_getBlockByNumber", unnumbered),
    "null for a block": ("eth_getBlockByNumber", lambda request, forward: {"result": None}),
    "a list for a block": ("eth_getBlockByNumber", lambda request, forward: {"result": [[]]}),
    "null for a call": ("eth_call", lambda request, forward: {"result": None}),
    "nothing for a call": ("eth_call", lambda request, forward: {"result": "0x"}),
    "neither result nor error": ("eth_call", lambda request, forward: {"answer": "0x"}),
    "all ones for a call": ("eth_call", lying(lambda data, result: "0x" + "ff" * (len(result) // 2 - 1))),
    "a state that does not exist": ("eth_call", lying(another_state)),
    "words of a megabyte": ("eth_call", lambda request, forward: error(-1, "replacement " * 90_000)),
    "a limit": ("eth_call", lambda request, forward: error(-32005, "limit")),
}
LOGS: dict[str, Fault] = {
    "null": lambda request, forward: {"result": None},
    "doubled": lambda request, forward: {"result": forward(request)["result"] * 2},
    "foreign": lambda request, forward: {
        "result": [{**each, "address": "0x" + "11" * 20} for each in forward(request)["result"]]
    },
}


@begins(one_sealed)
def test_a_vote_is_sent_beside_an_endpoint_of_any_nonsense(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    with ExitStack() as stack:
        seat = Seat(world, stack, proxies=2, chain="agreement = 1")
        bad, good = seat.proxies
        for what, (method, fault) in NONSENSE.items():
            seat.daemon.context.endpoints._last.clear()
            bad.faults.clear()
            bad.misbehave(method, fault)
            loop = seat.assembled.loop()
            loop.once()
            loop.once()
            assert seat.daemon.context.endpoints.pin().host == good.url.removeprefix("http://"), what
        member = seat.daemon.member.address
        assert world.suite.vote(round_id, member, world.suite.w3.eth.block_number) is not None


@pytest.mark.parametrize("what", LOGS)
@begins(one_sealed)
def test_logs_that_are_out_of_order_are_named_and_another_endpoint_is_used(world: World, what: str) -> None:
    round_id = FIRST
    world.resolve(round_id)
    with ExitStack() as stack:
        seat = Seat(world, stack, proxies=2, chain="agreement = 1")
        seat.proxies[0].misbehave("eth_getLogs", LOGS[what])
        loop = seat.assembled.loop()
        loop.once()
        assert "INCOMPLETE_LOGS" in seat.alarms
        assert seat.sent() == 0
        loop.once()
        assert seat.sent() == 1
