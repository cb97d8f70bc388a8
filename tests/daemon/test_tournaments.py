"""One daemon serves several tournaments: one key, one journal and one line of nonces, and no one waits."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from scorer.chain.contracts import Suite
from scorer.chain.records import RoundState
from scorer.daemon import assembly
from scorer.daemon.checks import check_member, check_operator
from scorer.daemon.config_errors import ConfigError
from scorer.daemon.configuration import load_config
from scorer.daemon.daemon import OracleDaemon, UnknownTournament
from scorer.lab.in_process import ADMIN, OPERATOR
from scorer.lab.proxy import Forward, Proxy, Request, Response, error, proxy_of
from scorer.lab.rounds import write_plan
from scorer.lab.suite import deploy_suite, local_deployment
from scorer.oracle.cache import MemberCache
from scorer.storage.bundle import Bundle, round_folder
from scorer.transactions.journal import Journal, JournalError
from tests.cli.test_cupel import write_config
from tests.world import HOUR, IDS, World


class Two:
    """A world with a second tournament, and the configuration of a daemon that serves both."""

    def __init__(self, world: World, url: str, *, account: int = OPERATOR) -> None:
        self.world = world
        self.second = self.deploy("second")
        self.path = write_config(world, 0, account=account, endpoint=url)
        folder = self.path.parent
        document = json.dumps(self.second.addresses.to_json())
        (folder / "second.json").write_text(document)
        self.plans = (folder / "plans", folder / "plans-2")
        text = self.path.read_text().replace("[files]", '[files]\nplans = "plans"')
        self.path.write_text(
            text
            + '[run]\nstagger = 0\nrecompute = false\n[[tournaments]]\nname = "second"\n'
            + 'deployment = "second.json"\nplans = "plans-2"\n'
        )

    def deploy(self, name: str) -> Suite:
        """A further suite, final at once."""
        world = self.world
        anvil, stake = world.anvil, world.rules.stake
        document = local_deployment(
            members=[member.address for member in world.members],
            operator=str(anvil.account(OPERATOR).address),
            guardian=str(anvil.account(ADMIN).address),
            stake=stake,
            challenge_window=6 * HOUR,
            name=name,
        )
        suite = deploy_suite(anvil, world.admin.account, document)
        anvil.finalise()
        return suite

    @property
    def suites(self) -> tuple[Suite, Suite]:
        return self.world.suite, self.second

    def plan(self) -> None:
        """A round in each tournament, open from now on."""
        for number, folder in enumerate(self.plans):
            start = self.world.now - 60
            times = (start, start + HOUR, start + 2 * HOUR, start + 30 * HOUR + number)
            write_plan(folder / "daily", self.world.rules, IDS, times)

    def states(self) -> list[RoundState]:
        block = self.world.suite.w3.eth.block_number
        return [suite.round(1, block).state for suite in self.suites]

    def published(self) -> list[Bundle]:
        """What is published of the first round of each."""
        root = self.world.operator.published
        return [Bundle(round_folder(root, str(each.tournament.address), 1)) for each in self.suites]

    def seal(self) -> list[RoundState]:
        """Let the members seal the first round of each; the states that are left."""
        for suite in self.suites:
            for member in self.world.members:
                paths = replace(member.paths, tournament=str(suite.tournament.address))
                replace(member, suite=suite, paths=paths, cache=MemberCache()).cycle([1])
        return self.states()

    def work(self) -> list[str]:
        """One cycle of the operator in a process of its own; what it did."""
        with assembly.operator(load_config(self.path), send=True) as assembled:
            lines = assembled.daemon.cycle()["actions"]
        self.world.anvil.finalise()
        return [line.partition(":")[0] for line in lines]


def failing(address: str) -> object:
    """An endpoint that answers no call of a contract."""

    def fault(request: Request, _: Forward) -> Response | None:
        asked = str(request["params"][0].get("to", "")).lower() == address.lower()
        return error(-32000, "header not found") if asked else None

    return fault


@pytest.fixture
def proxy(world: World) -> Iterator[Proxy]:
    with proxy_of(world.anvil.url) as found:
        yield found


def test_rounds_of_both_open_and_are_locked_each_once_over_restarts(world: World) -> None:
    two = Two(world, world.anvil.url)
    address = str(world.suite.tournament.address)
    two.plan()
    before = world.suite.w3.eth.get_transaction_count(world.operator_sender.account.address)
    assert two.work() == [f"{address} open daily", "second open daily"]
    assert two.work() == [f"{address} round 1", "second round 1"]  # published
    assert two.states() == [RoundState.OPEN, RoundState.OPEN]
    assert all(bundle.universe() == IDS for bundle in two.published())
    world.submit_all(1)
    world.anvil.advance_to(world.now + HOUR)
    assert two.work() == [f"{address} round 1 lock", "second round 1 endlock"]
    assert two.states() == [RoundState.LOCKING, RoundState.LOCKED]
    assert two.work() == [f"{address} round 1 endlock"]
    assert two.states() == [RoundState.LOCKED, RoundState.LOCKED]
    assert two.work() == []
    assert two.seal() == [RoundState.SEALED, RoundState.SETTLED]
    assert two.work() == []
    after = world.suite.w3.eth.get_transaction_count(world.operator_sender.account.address)
    assert after - before == 5
    with Journal.open(two.path.parent / "journal.sqlite") as journal:
        scopes = [":".join(intent.key.split(":")[:2]) for intent in journal.intents()]
        nonces = [intent.nonce for intent in journal.intents()]
    assert set(scopes) == {f"31337:{suite.tournament.address}" for suite in two.suites}
    assert nonces == list(range(before, after))


def test_what_fails_in_one_tournament_keeps_the_other_from_nothing(world: World, proxy: Proxy) -> None:
    two = Two(world, proxy.url, account=3)
    round_id = world.sealed_round()
    world.resolve(round_id)
    for address in (world.suite.tournament.address, two.second.tournament.address):
        proxy.misbehave("eth_call", failing(str(address)))  # type: ignore[arg-type]
        with assembly.oracle(load_config(two.path), send=True) as assembled:
            loop = assembled.loop()
            loop.once()
            page = loop.metrics.page().decode()
        name = "second" if address == two.second.tournament.address else str(address)
        assert f'cupel_alarm{{reason="CANNOT_REACH_CHAIN",tournament="{name}"}} 1.0' in page
        assert page.count('cupel_alarm{reason="CANNOT_REACH_CHAIN"') == 1
        assert loop.liveness.not_ready == "a part of the cycle failed: CANNOT_REACH_CHAIN"
    vote = world.suite.vote(round_id, world.members[0].address, world.suite.w3.eth.block_number)
    assert vote is not None
    assert f'cupel_actions_total{{action="Attest",tournament="{world.suite.tournament.address}"}} 1.0' in page


def of_version(suite: Suite, version: int) -> object:
    """An endpoint that says of a tournament that it is of another version."""
    call = suite.tournament.functions.VERSION()

    def fault(request: Request, _: Forward) -> Response | None:
        fields = request["params"][0]
        asked = (fields["to"], fields["data"]) == (call.address, call._encode_transaction_data())
        return {"result": "0x" + version.to_bytes(32, "big").hex()} if asked else None

    return fault


def test_contracts_of_an_unknown_version_stop_their_own_tournament_alone(world: World, proxy: Proxy) -> None:
    two = Two(world, proxy.url, account=3)
    round_id = world.sealed_round()
    world.resolve(round_id)
    proxy.misbehave("eth_call", of_version(two.second, 99))  # type: ignore[arg-type]
    with assembly.oracle(load_config(two.path), send=True) as assembled:
        loop = assembled.loop()
        loop.once()
        page = loop.metrics.page().decode()
    assert 'cupel_alarm{reason="UNKNOWN_VERSION",tournament="second"} 1.0' in page
    assert world.suite.vote(round_id, world.members[0].address, world.suite.w3.eth.block_number)


def test_a_round_is_asked_for_by_its_tournament_where_there_are_several(world: World) -> None:
    two = Two(world, world.anvil.url, account=3)
    round_id = world.sealed_round()
    world.resolve(round_id)
    with assembly.oracle(load_config(two.path), send=False) as assembled:
        daemon = assembled.daemon
        assert isinstance(daemon, OracleDaemon)
        address = str(world.suite.tournament.address)
        for wrong in (None, "third"):
            with pytest.raises(UnknownTournament, match=f"expected one of the tournaments {address}, second"):
                daemon.once([round_id], wrong)
        assert [step.round_id for step in daemon.once([round_id], address)] == [round_id]
        assert daemon.once([round_id], "second") == ()
        bundle, _ = daemon.recomputed(round_id, address)
        assert bundle.folder.parent.name.lower() == address.lower()


@pytest.mark.parametrize("twice", ["deployment", "name"])
def test_a_tournament_or_a_name_that_comes_twice_is_refused(world: World, twice: str) -> None:
    two = Two(world, world.anvil.url)
    deployment = "../deployment.json" if twice == "deployment" else "third.json"
    (two.path.parent / "third.json").write_text(json.dumps(two.deploy("third").addresses.to_json()))
    name = "second" if twice == "name" else "third"
    more = f'[[tournaments]]\nname = "{name}"\ndeployment = "{deployment}"\n'
    two.path.write_text(two.path.read_text() + more)
    with (
        pytest.raises(ConfigError, match="expected each tournament, and each name, once"),
        assembly.operator(load_config(two.path), send=False),
    ):
        pass


def test_two_daemons_of_one_key_do_not_share_a_journal_whatever_they_serve(world: World) -> None:
    two = Two(world, world.anvil.url)
    with ExitStack() as stack:
        stack.enter_context(assembly.operator(load_config(two.path), send=True))
        with pytest.raises(JournalError, match="found another process at work"):
            stack.enter_context(assembly.oracle(load_config(two.path), send=True))


def test_a_check_looks_at_every_tournament(world: World) -> None:
    two = Two(world, world.anvil.url)
    for folder in two.plans:
        folder.mkdir(exist_ok=True)
    checks = list(check_operator(load_config(two.path)))
    assert {check.name.split()[0] for check in checks if not check.ok} == {"clock"}  # the world's is not ours
    rights = [check.name for check in checks if "right to lock" in check.name]
    assert rights == [f"{suite.tournament.address} right to lock" for suite in two.suites]
    (two.path.parent / "second.json").write_text("{}")
    broken = [c.name for c in check_member(load_config(two.path)) if not c.ok]
    assert [name for name in broken if not name.startswith("clock")] == ["deployment"]


def test_a_restart_asks_about_no_more_than_what_was_not_over(world: World, proxy: Proxy) -> None:
    path = write_config(world, 0, account=3, endpoint=proxy.url)
    for _ in range(2):
        world.settle(world.sealed_round())
    world.open()
    world.anvil.finalise()
    hints = []
    for _ in range(2):
        with assembly.oracle(load_config(path), send=True) as assembled:
            assert isinstance(assembled.daemon, OracleDaemon)
            hints.append(assembled.daemon.member.cache.rounds.hint)
            assembled.daemon.cycle()
    assert hints == [0, 2]


def test_what_was_signed_for_a_round_that_is_over_is_pruned_and_never_before(world: World) -> None:
    path = write_config(world, 0, account=3)
    path.write_text(path.read_text() + "[run]\nstagger = 0\nrecompute = false\n")
    rounds = [world.sealed_round() for _ in range(2)]
    for round_id in rounds:
        world.resolve(round_id)

    def cycle() -> dict[int, set[bytes]]:
        with assembly.oracle(load_config(path), send=True) as assembled:
            assembled.daemon.cycle()
        world.anvil.finalise()
        found: dict[int, set[bytes]] = {}
        with Journal.open(path.parent / "journal.sqlite") as journal:
            for intent in journal.intents():
                kept = {attempt.raw for attempt in journal.attempts(intent)} | {intent.call.data}
                found.setdefault(int(intent.key.split(":")[2]), set()).update(kept)
                assert intent.nonce is not None
                assert all(len(attempt.hash) == 32 for attempt in journal.attempts(intent))
        return found

    for _ in range(3):
        assert all(b"" not in kept for kept in cycle().values())
    world.cycle(1, 2)
    world.pass_challenge_window()
    for _ in range(4):
        found = cycle()
    assert [world.record(each).state for each in rounds] == [RoundState.SETTLED] * 2
    assert found == {each: {b""} for each in rounds}


def test_paths_of_further_tournaments_are_beside_the_configuration(world: World) -> None:
    two = Two(world, world.anvil.url)
    (further,) = load_config(two.path).tournaments
    assert (further.deployment, further.plans) == (
        two.path.parent / "second.json",
        two.path.parent / "plans-2",
    )
    assert isinstance(further.deployment, Path)
