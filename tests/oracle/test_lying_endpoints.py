"""A lying endpoint beside a good one: what it makes up may cost a cycle, and is neither kept nor acted on."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from web3.contract.contract import ContractFunction

from scorer.chain.records import ProposalStatus, RoundState
from scorer.daemon import assembly
from scorer.daemon.configuration import load_config
from scorer.daemon.daemon import OperatorDaemon
from scorer.lab.proxy import Fault, Forward, Request, Response, error, proxy_of
from scorer.operator.cache import OperatorCache
from scorer.protocol.digest import prediction_bytes
from scorer.storage.bundle import RELEASE, REPORT, TARGETS, Bundle, round_folder
from tests.chains import Chains
from tests.cli.test_cupel import write_config
from tests.daemon.test_daemon import BRAVE, Seat
from tests.demanding_world import answers, demand, drawing_of, lent_demanding_world
from tests.encrypted_world import encrypted_world
from tests.world import FIRST, HOUR, IDS, MODELS, World, begins, one_sealed

CYCLES = 4
MONTH = 30 * 86400
TWO = "agreement = 2"
Lie = Callable[[str], str]


def selector(call: ContractFunction) -> str:
    return str(call._encode_transaction_data())[:10]


def of(call: ContractFunction, lie: Lie) -> tuple[str, Fault]:
    """An endpoint that lies about one view, of whatever arguments."""
    asked = selector(call)

    def fault(request: Request, forward: Forward) -> Response | None:
        if not request["params"][0].get("data", "").startswith(asked):
            return None
        answer = forward(request)
        return {"result": lie(answer["result"])} if isinstance(answer.get("result"), str) else answer

    return "eth_call", fault


def word(place: int, value: int) -> Lie:
    """Another value in one word of an answer."""
    start = 2 + 64 * place
    return lambda said: said[:start] + f"{value:064x}" + said[start + 64 :]


def of_round(world: World, name: str, value: int) -> Lie:
    """Another value in one field of a round."""
    (output,) = world.suite.tournament.functions.round(1).abi["outputs"]
    return word([each["name"] for each in output["components"]].index(name), value)


def later(seconds: int) -> Fault:
    """The latest block is of another time."""

    def fault(request: Request, forward: Forward) -> Response | None:
        if request["params"][0] != "latest":
            return None
        answer = forward(request)["result"]
        return {"result": {**answer, "timestamp": hex(int(answer["timestamp"], 16) + seconds)}}

    return fault


def lies(world: World) -> dict[str, tuple[str, Fault]]:
    tournament, committee = world.suite.tournament.functions, world.suite.committee.functions
    member = world.members[0].address
    return {
        "no round was ever opened": of(tournament.roundCount(), word(0, 0)),
        "every round is settled": of(tournament.round(1), word(0, RoundState.SETTLED)),
        "every round is void": of(tournament.round(1), word(0, RoundState.VOIDED)),
        "no round is sealed": of(tournament.round(1), word(0, RoundState.OPEN)),
        "the outcome is far away": of(tournament.round(1), of_round(world, "resolveAt", 2**40 - 2)),
        "the submissions have another root": of(tournament.round(1), of_round(world, "submissionsRoot", 7)),
        "the rules have another hash": of(tournament.round(1), of_round(world, "rulesHash", 7)),
        "a report was accepted": of(committee.proposalOf(member, 1), word(0, 7)),
        "we voted for another report": of(committee.voteOf(member, 1, member), word(0, 7)),
        "there are no models": of(world.suite.registry.functions.submittersAt(1, 1, 1), lambda _: EMPTY),
        "there are no lanes": of(tournament.laneCount(), word(0, 0)),
        "it is next month": ("eth_getBlockByNumber", later(MONTH)),
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
@begins(one_sealed)
def test_a_member_votes_beside_an_endpoint_that_lies(world: World, what: str) -> None:
    round_id = FIRST
    world.resolve(round_id)
    with ExitStack() as stack:
        seat = Seat(world, stack, proxies=3, chain=TWO)
        seat.proxies[0].misbehave(*lies(world)[what])
        loop = seat.assembled.loop()
        for _ in range(CYCLES):
            loop.once()
            world.anvil.finalise()
        member = seat.daemon.member.address
        vote = world.suite.vote(round_id, member, world.suite.w3.eth.block_number)
        assert vote is not None, (what, seat.alarms)
    world.cycle(1)
    at = world.suite.w3.eth.block_number
    assert vote == world.suite.vote(round_id, world.members[1].address, at)


def test_an_endpoint_that_says_that_we_signed_does_not_make_us_absent(world: World) -> None:
    round_id = world.sealed_without(0)
    committee, member = world.suite.committee.functions, world.members[0].address
    assert committee.absencesOf(member).call() == 1
    with ExitStack() as stack:
        seat = Seat(world, stack, proxies=3, chain=TWO)
        seat.proxies[0].misbehave(*of(committee.sealOf(member, round_id), word(2, 0)))
        loop = seat.assembled.loop()
        loop.once()
        assert "ENDPOINTS_DISAGREE" in seat.alarms
        for _ in range(CYCLES):
            loop.once()
            world.anvil.finalise()
    assert committee.absencesOf(member).call() == 0


class Office:
    """An operator's daemon behind three endpoints that must agree by two, with a plan that is due."""

    def __init__(self, world: World, stack: ExitStack) -> None:
        self.world = world
        self.proxies = [stack.enter_context(proxy_of(world.anvil.url)) for _ in range(3)]
        config = write_config(world, 2, account=1)
        urls = ", ".join(f'"{proxy.url}"' for proxy in self.proxies)
        one = f'endpoint = "{world.anvil.url}"'
        text = config.read_text().replace(one, f"endpoints = [{urls}]\n{TWO}")
        config.write_text(
            text.replace("[files]", '[files]\nplans = "plans"') + "\n[run]\nslots_per_chunk = 2\n"
        )
        plan = config.parent / "plans" / "weekly"
        if not plan.exists():
            self.plan(plan)
        self.assembled = stack.enter_context(assembly.operator(load_config(config), send=True))
        self.loop = self.assembled.loop()

    def plan(self, folder: Path) -> None:
        start = self.world.now - 60
        times = {"open_at": start, "close_at": start + HOUR, "resolve_at": start + 9 * HOUR}
        bundle = Bundle(folder)
        bundle.write_rules(self.world.rules)
        bundle.write_universe(IDS)
        (folder / "schedule.json").write_text(json.dumps(times | {"deadline": start + 30 * HOUR}))

    def work(self, cycles: int = 1) -> None:
        for _ in range(cycles):
            self.loop.once()
            self.world.anvil.finalise()

    def forget(self) -> None:
        """As after a restart; the journal is what it was."""
        daemon = self.assembled.daemon
        assert isinstance(daemon, OperatorDaemon)
        (seat,) = daemon.seats
        seat.operator.cache = OperatorCache()

    def opened(self) -> int:
        return self.world.suite.round_count(self.world.suite.w3.eth.block_number)


def newest(world: World, lie: Lie) -> Fault:
    """An endpoint that lies about rounds as they are in blocks that are not final."""
    _, always = of(world.suite.tournament.functions.round(1), lie)

    def fault(request: Request, forward: Forward) -> Response | None:
        final = world.anvil.w3.eth.get_block("finalized")["number"]
        return always(request, forward) if int(request["params"][1], 16) > final else None

    return fault


def lies_to_an_operator(world: World) -> dict[str, tuple[str, Fault]]:
    tournament, submitters = world.suite.tournament.functions, world.suite.registry.functions.submittersAt
    return {
        "there are no models": of(submitters(1, 1, 1), lambda _: EMPTY),
        "somebody else signs for a model": of(submitters(1, 1, 1), word(3, 7)),
        "there are no lanes": of(tournament.laneCount(), word(0, 0)),
        "a lane is another model's": of(tournament.modelsAt(0, 1), word(2, 77)),
        "all is locked": ("eth_call", newest(world, of_round(world, "nextSlot", 2**20))),
        "it was last month": ("eth_getBlockByNumber", later(-MONTH)),
        "it is next month": ("eth_getBlockByNumber", later(MONTH)),
        "no round was ever opened": of(tournament.roundCount(), word(0, 0)),
        "every round is settled": of(tournament.round(1), word(0, RoundState.SETTLED)),
        "every round has other rules": of(tournament.round(1), of_round(world, "rulesHash", 7)),
    }


OPERATOR_LIES = (
    "there are no models",
    "somebody else signs for a model",
    "there are no lanes",
    "a lane is another model's",
    "all is locked",
    "it was last month",
    "it is next month",
    "no round was ever opened",
    "every round is settled",
    "every round has other rules",
)


def one_opened_by_an_office(world: World) -> None:
    """Let an operator's daemon open a round, to which every model submits."""
    with ExitStack() as stack:
        Office(world, stack).work(3)
    world.submit_all(FIRST)


@pytest.mark.parametrize("what", OPERATOR_LIES)
@begins(one_opened_by_an_office)
def test_an_operator_opens_once_and_locks_all_beside_an_endpoint_that_lies(world: World, what: str) -> None:
    with ExitStack() as stack:
        office = Office(world, stack)
        assert office.opened() == 1
        office.proxies[0].misbehave(*lies_to_an_operator(world)[what])
        office.work(4)
        assert office.opened() == 1
        world.anvil.advance_to(world.record(1).close_at)
        office.work(6)
        world.cycle()
        assert world.record(1).state == RoundState.SEALED
        published = world.members[0].paths.published
        bundle = Bundle(round_folder(published, str(world.suite.tournament.address), 1))
        assert len(bundle.submitted()) == MODELS
        assert len(bundle.selection(lambda document: document["staked"])) == MODELS
        assert world.record(1).at_risk == sum(position_of(world))


def position_of(world: World) -> list[int]:
    """What each model locks by its allocation, nano-NMR."""
    return [100 * 10**9 // 4 if number % 2 else 30 * 10**9 for number in range(1, MODELS + 1)]


@begins(one_sealed)
def test_bundles_are_not_put_aside_over_and_over_while_one_of_two_endpoints_lies(world: World) -> None:
    """Each is as large as its round: the two would fill the disk, a bundle a cycle."""
    round_id = FIRST
    world.resolve(round_id)
    submitters = world.suite.registry.functions.submittersAt(1, 1, 1)
    with ExitStack() as stack:
        seat = Seat(world, stack, proxies=2, chain=TWO)
        seat.proxies[0].misbehave(*of(submitters, word(3, 7)))
        loop = seat.assembled.loop()
        for _ in range(8):
            loop.once()
            assert "ENDPOINTS_DISAGREE" in seat.alarms
        assert seat.sent() == 0
        seat.proxies[0].misbehave("eth_call", None)
        loop.once()
        loop.once()
        assert seat.sent() == 1
    folder = world.members[0].bundle(round_id).folder
    assert len(list(folder.parent.glob(f"{round_id}.aside-*"))) <= 1


@begins(one_sealed)
def test_a_challenge_is_not_lost_for_good_on_one_endpoints_word(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id, {0: 1.0 - world.target})
    world.cycle(1, 2)
    accepted = world.suite.proposal(round_id, world.suite.w3.eth.block_number)
    assert accepted is not None
    with ExitStack() as stack:
        ordered = f'{BRAVE}\ndispute = ["0x{accepted.report_hash.hex()}"]'
        seat = Seat(world, stack, proxies=3, chain=TWO, run=ordered)
        loop = seat.assembled.loop()
        loop.once()
        world.anvil.finalise()
        assert world.proposal_status(round_id) == ProposalStatus.DISPUTED
        member, proposal_of = seat.daemon.member.address, world.suite.committee.functions.proposalOf
        seat.proxies[0].misbehave(*of(proposal_of(member, 1), word(3, ProposalStatus.UPHELD)))
        seat.daemon.context.endpoints._last.clear()
        loop.once()
        assert "CHALLENGE_LOST" not in seat.alarms
        assert "ENDPOINTS_DISAGREE" in seat.alarms
        seat.proxies[0].misbehave("eth_call", None)
        loop.once()
        assert "CHALLENGE_LOST" not in seat.alarms


def test_no_share_is_released_on_one_endpoints_word_while_the_other_is_busy(world: World) -> None:
    """More can be locked: who reads predictions now chooses with them."""
    secret = encrypted_world(world)
    round_id = secret.open()
    secret.submit_all(round_id)
    secret.anvil.advance_to(secret.record(round_id).close_at)
    secret.operator.cycle()
    secret.anvil.finalise()
    assert secret.record(round_id).state == RoundState.LOCKING
    view = secret.suite.tournament.functions.round(1)

    def busy(request: Request, _forward: Forward) -> Response | None:
        asked = request["params"][0].get("data", "").startswith(selector(view))
        return error(-32005, "limit exceeded") if asked else None

    with ExitStack() as stack:
        seat = Seat(secret, stack, proxies=2, chain=TWO)
        seat.proxies[0].misbehave(*of(view, word(0, RoundState.LOCKED)))
        seat.proxies[1].misbehave("eth_call", busy)
        loop = seat.assembled.loop()
        for _ in range(3):
            loop.once()
        assert not secret.members[0].paths.exchange_bundle(round_id).has(RELEASE)
        assert "ENDPOINTS_DISAGREE" in seat.alarms


def test_an_endpoint_that_hides_models_hides_no_releases_of_other_members(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a release only as much is read as the models that could submit may need."""
    monkeypatch.setattr("scorer.oracle.shares.largest_release", lambda models: 1_000 * models)
    secret = encrypted_world(world)
    round_id = secret.locked_round()
    with ExitStack() as stack:
        seat = Seat(secret, stack, proxies=3, chain=TWO)
        seat.daemon.member.paths = secret.members[0].paths
        loop = seat.assembled.loop()
        loop.once()
        secret.cycle(1, 2)
        method, hidden = lies(secret)["there are no models"]
        for proxy in seat.proxies:
            proxy.misbehave(method, hidden)
            loop.once()
            proxy.misbehave(method, None)
        for _ in range(CYCLES):
            loop.once()
            secret.anvil.finalise()
        assert not np.isnan(secret.members[0].bundle(round_id).submissions().matrix[:]).any(), seat.alarms


def test_an_endpoint_that_hides_what_is_locked_keeps_no_round_from_its_end(world: World) -> None:
    with ExitStack() as stack:
        office = Office(world, stack)
        office.work(3)
        world.submit_all(1)
        office.proxies[0].misbehave("eth_call", newest(world, of_round(world, "nextSlot", 0)))
        office.forget()
        office.work(4)
        world.anvil.advance_to(world.record(1).close_at)
        office.work(8)
        assert world.record(1).state == RoundState.LOCKED


@pytest.mark.parametrize("what", ["demanded", "of another model"])
def test_nobodys_predictions_are_shown_on_one_endpoints_word(
    chains: Chains, tmp_path: Path, what: str
) -> None:
    """Whoever reads them at one endpoint would make demands up, or say that a lane is another model's."""
    with lent_demanding_world(chains, tmp_path / "world") as world, ExitStack() as stack:
        demands, tournament = world.suite.demands, world.suite.tournament
        assert demands is not None
        if what == "demanded":
            hidden, since, third = 1, world.now - 10_010, 10_000
            view = demands.contract.functions.drawOf(str(tournament.address), bytes(32))
            lie = words(since, 1, 1, 1, 1, 1, 0, 0, third, FIRST)
        else:
            (drawn,) = demand(world, FIRST, 0)
            hidden = 1 + drawn.model % MODELS
            swapped = {drawn.lane: hidden, hidden - 1: drawn.model}
            view = tournament.functions.modelsAt(0, 1)
            lie = words(32, MODELS, *(swapped.get(lane, lane + 1) for lane in range(MODELS)))
            # A member without a report of its own holds no other reading of the lanes against it.
            for bundle in (world.members[0].bundle(FIRST), world.members[0].paths.targets_bundle(FIRST)):
                for file in (REPORT, TARGETS):
                    (bundle.folder / file).unlink(missing_ok=True)
            world.anvil.advance_to(drawing_of(world, FIRST).until[0])
            world.anvil.finalise()
        seat, seen = Seat(world, stack, proxies=2, chain=TWO), list[str]()
        seat.daemon.member.paths = world.members[0].paths
        for proxy in seat.proxies:
            for method in ("eth_estimateGas", "eth_sendRawTransaction"):
                proxy.misbehave(method, spying(seen))
        seat.proxies[0].misbehave(*of(view, lie))
        loop = seat.assembled.loop()
        for _ in range(2):
            loop.once()
            world.anvil.finalise()
        numbers = np.asarray(world.predictions(hidden, FIRST), dtype=np.float64)
        shown = prediction_bytes(numbers).hex()
        assert not [request for request in seen if shown in request]


def test_a_member_answers_beside_an_endpoint_that_hides_a_demand(chains: Chains, tmp_path: Path) -> None:
    with lent_demanding_world(chains, tmp_path / "world") as world, ExitStack() as stack:
        assert world.suite.demands is not None
        demand(world, FIRST, 0)
        world.anvil.advance_to(drawing_of(world, FIRST).until[0])
        world.anvil.finalise()
        seat = Seat(world, stack, proxies=3, chain=TWO)
        seat.daemon.member.paths = world.members[0].paths
        view = world.suite.demands.contract.functions.drawOf(str(world.suite.tournament.address), bytes(32))
        seat.proxies[0].misbehave(*of(view, words(*[0] * 10)))
        loop = seat.assembled.loop()
        loop.once()
        assert "ENDPOINTS_DISAGREE" in seat.alarms
        for _ in range(CYCLES):
            loop.once()
            world.anvil.finalise()
        assert len(list(answers(world))) == 1


def words(*values: int) -> Lie:
    """These words, whatever is said."""
    return lambda _: "0x" + "".join(f"{value:064x}" for value in values)


def spying(seen: list[str]) -> Fault:
    """An endpoint that remembers what it was asked."""

    def fault(request: Request, _forward: Forward) -> Response | None:
        seen.append(json.dumps(request["params"]))
        return None

    return fault
