"""``cupel prove`` and ``cupel watch``: what is wrong, what a proof costs and brings, and the proof itself."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from scorer.chain.bulk import read_view
from scorer.chain.calldata import calldata
from scorer.chain.records import ProposalStatus
from scorer.cli import app
from scorer.cli.prove import WRONG
from scorer.client import download
from scorer.client.keystore import write_keystore
from scorer.lab.false_report import FalseReport
from scorer.lab.in_process import ADMIN, FIRST_MEMBER
from scorer.lab.proxy import error, proxy_of
from scorer.proofs import pieces
from scorer.proofs.staged import COMMITMENT_AGE
from scorer.storage.bundle import SUBMISSIONS, Bundle
from tests.chains import Chains
from tests.cli.test_cupel import run
from tests.world import FIRST, IDS, World, lent_world

HONEST, MODEL = 2, 5
PASSWORD = "a long password for tests"


def false_report(world: World) -> FalseReport:
    """What an honest member computed of the first round, but for the score of one model."""
    bundle = world.members[HONEST].bundle(FIRST)
    columns = bundle.scores()
    score = dict(zip(columns["model_id"].tolist(), columns["reward_score"].tolist(), strict=True))[MODEL]
    return FalseReport.of(bundle, {MODEL: score + 70_000})


def one_lied_about(world: World) -> None:
    """Let a quorum attest the false report of a round."""
    world.resolve(world.sealed_round())
    world.cycle(HONEST)
    liars = [world.tournament.sender(FIRST_MEMBER + liar) for liar in (0, 1)]
    false_report(world).attest(world.suite, liars)


@pytest.fixture
def lied(chains: Chains, tmp_path: Path) -> Iterator[tuple[World, int, FalseReport]]:
    """A round whose accepted report gives one model another score, with public evidence."""
    with lent_world(chains, tmp_path / "world", begin=one_lied_about) as world:
        yield world, FIRST, false_report(world)


def chain_options(world: World, tmp_path: Path) -> list[str]:
    deployment = tmp_path / "deployment.json"
    deployment.write_text(json.dumps(world.suite.addresses.to_json()))
    return ["--endpoint", world.anvil.url, "--deployment", str(deployment)]


def public(world: World, round_id: int, tmp_path: Path, *, withheld: bool) -> Path:
    """The public bundle of a round; with or without everybody's predictions."""
    bundle, folder = world.members[HONEST].bundle(round_id), tmp_path / "public" / str(round_id)
    Bundle(folder).copy(
        bundle, *(name for name in ("rules.json", "universe.parquet", "submissions.json", "verdicts.json"))
    )
    if not withheld:
        Bundle(folder).copy(bundle, SUBMISSIONS)
    return folder


def own_file(world: World, round_id: int, tmp_path: Path, model: int = MODEL) -> Path:
    path = tmp_path / "mine.csv"
    series = world.predictions(model, round_id)
    pd.DataFrame({"id": series.index, "prediction": series.to_numpy()}).to_csv(path, index=False)
    return path


def post(world: World, false: FalseReport) -> None:
    false.post(world.suite, world.tournament.sender(ADMIN))
    world.anvil.finalise()


@contextmanager
def blocks_every_second(world: World) -> Iterator[None]:
    """Let blocks come by themselves: a proof is taken in a later one than its announcement."""
    request = world.anvil.w3.provider.make_request
    request("evm_setIntervalMining", [1])  # type: ignore[arg-type]
    try:
        yield
    finally:
        request("evm_setIntervalMining", [0])  # type: ignore[arg-type]
        world.anvil.mines(at_once=True)


def test_ones_own_false_score_is_named_with_the_price_of_a_proof_and_nothing_is_sent(
    lied: tuple[World, int, FalseReport], tmp_path: Path
) -> None:
    world, round_id, false = lied
    folder, options = public(world, round_id, tmp_path, withheld=True), chain_options(world, tmp_path)
    mine = ["--model", str(MODEL), "--predictions", str(own_file(world, round_id, tmp_path))]
    code, said = run("prove", folder, *mine, *options)
    assert code == 0
    assert "is not public: nothing to check yet" in said
    post(world, false)
    before = world.anvil.w3.eth.block_number
    code, said = run("prove", folder, *mine, *options)
    assert code == WRONG, said
    assert f"WRONG: model {MODEL} has the reward score" in said
    assert "a proof takes at most" in said
    assert "half of what 2 members lose" in said
    assert world.anvil.w3.eth.block_number == before


def test_of_anothers_model_nothing_is_said_where_its_predictions_are_withheld(
    lied: tuple[World, int, FalseReport], tmp_path: Path
) -> None:
    world, round_id, false = lied
    post(world, false)
    folder, options = public(world, round_id, tmp_path, withheld=True), chain_options(world, tmp_path)
    other = ["--model", "1", "--predictions", str(own_file(world, round_id, tmp_path, model=1))]
    code, said = run("prove", folder, *other, *options)
    assert (code, "nothing is wrong" in said, "(1 scores computed)" in said) == (0, True, True), said
    everybody = public(world, round_id, tmp_path / "all", withheld=False)
    code, said = run("prove", everybody, *options)
    assert code == WRONG
    assert f"model {MODEL}" in said


def test_a_stranger_with_a_keystore_proves_it_and_the_report_ends(
    lied: tuple[World, int, FalseReport], tmp_path: Path
) -> None:
    world, round_id, false = lied
    post(world, false)
    folder, options = public(world, round_id, tmp_path, withheld=True), chain_options(world, tmp_path)
    keystore, password = tmp_path / "key.json", tmp_path / "password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    write_keystore(keystore, bytes(world.anvil.account(ADMIN).key), PASSWORD)
    typed = ["prove", folder, "--model", MODEL, "--predictions", own_file(world, round_id, tmp_path)]
    typed += [*options, "--keystore", keystore, "--password-file", password, "--send", "--yes", "--json"]
    with blocks_every_second(world):
        result = CliRunner().invoke(app, list(map(str, typed)))
    assert result.exit_code == 0, (result.output, result.exception)
    document: dict[str, Any] = json.loads(result.stdout)
    assert [done["title"].split()[0] for done in document["done"]] == ["announce", "prove"]
    assert document["report"] == "disproven"
    assert world.proposal_status(round_id) == ProposalStatus.DISPROVEN
    result = CliRunner().invoke(app, list(map(str, typed)))
    assert result.exit_code == 1
    assert "expected a report that stands, found one that is disproven" in result.output


@contextmanager
def time_passes_once_walked(world: World) -> Iterator[None]:
    """Let the time of an announcement pass once a walk has come to its end."""
    ended, staged = threading.Event(), world.suite.court
    assert staged is not None
    assert staged.staged is not None
    walked = staged.staged.contract.events.WalkedOn()

    def wait() -> None:
        while not ended.wait(0.5):
            if any(event["args"]["place"] == len(IDS) for event in walked.get_logs(from_block=0)):
                request = world.anvil.w3.provider.make_request
                request("evm_increaseTime", [COMMITMENT_AGE])  # type: ignore[arg-type]
                return

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_a_proof_that_is_more_than_one_transaction_carries_is_staged_walked_and_sent(
    lied: tuple[World, int, FalseReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, round_id, false = lied
    post(world, false)
    monkeypatch.setattr(pieces, "POOL_BYTES", 4_000)
    monkeypatch.setattr(pieces, "MAX_PIECE", 1_000)
    folder, options = public(world, round_id, tmp_path, withheld=True), chain_options(world, tmp_path)
    mine = ["--model", str(MODEL), "--predictions", str(own_file(world, round_id, tmp_path))]
    code, said = run("prove", folder, *mine, *options)
    assert (code, "gas in 2 transactions" in said) == (WRONG, False), said
    keystore, password = tmp_path / "key.json", tmp_path / "password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    write_keystore(keystore, bytes(world.anvil.account(ADMIN).key), PASSWORD)
    typed = ["prove", folder, *mine, *options, "--keystore", keystore, "--password-file", password]
    with blocks_every_second(world), time_passes_once_walked(world):
        result = CliRunner().invoke(app, list(map(str, [*typed, "--send", "--yes", "--json"])))
    assert result.exit_code == 0, (result.output, result.exception)
    document: dict[str, Any] = json.loads(result.stdout)
    titles = [done["title"].split()[0] for done in document["done"]]
    assert list(dict.fromkeys(titles)) == ["announce", "stage", "add", "prove"]
    assert world.proposal_status(round_id) == ProposalStatus.DISPROVEN


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("round", "--round"),
        ("predictions", "name the file that you submitted last"),
        ("universe", "expected the universe that the chain committed to"),
        ("alone", "expected --model and --predictions together"),
        ("key", "expected --keystore"),
    ],
)
def test_what_cannot_be_checked_or_sent_is_refused_by_name(
    lied: tuple[World, int, FalseReport], tmp_path: Path, change: str, expected: str
) -> None:
    world, round_id, false = lied
    post(world, false)
    folder, options = public(world, round_id, tmp_path, withheld=True), chain_options(world, tmp_path)
    file = own_file(world, round_id, tmp_path, model=1 if change == "predictions" else MODEL)
    typed: list[object] = ["--model", MODEL, "--predictions", file]
    if change == "round":
        folder = folder.rename(tmp_path / "public" / "unnamed")
    if change == "universe":
        Bundle(folder).write_universe(("other", *world.ids[1:]))
        typed = []
    if change == "alone":
        typed = ["--model", MODEL]
    if change == "key":
        typed.append("--send")
    code, said = run("prove", folder, *typed, *options)
    assert code == 1
    assert expected in said


def test_a_watcher_without_a_key_rings_for_a_lie_and_says_what_it_could_not_check(
    lied: tuple[World, int, FalseReport], tmp_path: Path
) -> None:
    world, round_id, false = lied
    options, rounds = chain_options(world, tmp_path), tmp_path / "public"
    rounds.mkdir()
    code, said = run("watch", rounds, *options)
    assert (code, "NOT CHECKED" in said) == (1, True), said
    public(world, round_id, tmp_path, withheld=False)
    code, said = run("watch", rounds, *options)
    assert (code, "NOT CHECKED: its evidence is not public" in said) == (1, True), said
    post(world, false)
    code, said = run("watch", rounds, *options)
    assert (code, "WRONG" in said) == (WRONG, True), said


@pytest.mark.parametrize("nonsense", [2 * [{"result": "0x"}], [error(-32_000, "out of order")]])
def test_a_watcher_goes_on_after_an_endpoint_that_answered_nonsense(
    lied: tuple[World, int, FalseReport], tmp_path: Path, nonsense: list[dict[str, Any]]
) -> None:
    """Whoever leaves it running relies on it until the last report is final."""
    world, round_id, false = lied
    public(world, round_id, tmp_path, withheld=False)
    post(world, false)
    count = world.suite.tournament.functions.roundCount()
    left = [*nonsense]

    def once(request: Any, _forward: Any) -> Any:
        asked = request["params"][0].get("data") or request["params"][0].get("input")
        return left.pop() if left and asked == "0x" + calldata(count).hex() else None

    with proxy_of(world.anvil.url) as proxy:
        proxy.misbehave("eth_call", once)
        options = ["--endpoint", proxy.url, *chain_options(world, tmp_path)[2:]]
        code, said = run("watch", tmp_path / "public", "--every", 1, *options)
    assert left == []
    assert "NOT CHECKED" in said
    assert (code, "WRONG" in said) == (WRONG, True), said


def test_attack_a_member_whose_answer_never_ends_keeps_no_watcher(
    lied: tuple[World, int, FalseReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line of a header now and then is an answer that comes in time, for ever."""
    world, _, false = lied
    post(world, false)
    monkeypatch.setattr(download, "LONGEST", 0.5)
    pace = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 404 Not Found\r\n")
        for number in range(50):
            pace.wait(0.1)
            handler.wfile.write(b"X-%d: y\r\n" % number)
        handler.wfile.write(b"Content-Length: 0\r\n\r\n")

    with dripping(drip) as url:
        code, said = run("watch", url, *chain_options(world, tmp_path))
    assert code == 1, said
    assert "expected a round's files within 0.5 s" in said


@contextmanager
def dripping(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A server that answers as it likes."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(OSError):
                answer(self)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize("file", ["rules.json", "submissions.json", "verdicts.json"])
def test_attack_files_so_large_that_reading_them_ends_a_watcher_are_not_read(
    lied: tuple[World, int, FalseReport], tmp_path: Path, file: str
) -> None:
    """A member who lies serves them: a few bytes of JSON take a hundred in memory."""
    world, round_id, false = lied
    folder = public(world, round_id, tmp_path, withheld=False)
    post(world, false)
    with (folder / file).open("ab") as large:
        large.write(b" " * 2**21)
    for command in (("watch", tmp_path / "public"), ("prove", folder)):
        code, said = run(*command, *chain_options(world, tmp_path))
        assert code == 1, said
        assert "expected at most" in said
        assert file in said


def test_a_watcher_finds_nothing_wrong_in_an_honest_report(chains: Chains, tmp_path: Path) -> None:
    with lent_world(chains, tmp_path / "world") as world:
        round_id = world.sealed_round()
        world.resolve(round_id)
        world.cycle()
        public(world, round_id, tmp_path, withheld=False)
        options = chain_options(world, tmp_path)
        code, said = run("watch", tmp_path / "public", *options)
        assert (code, "nothing is wrong" in said) == (0, True), said
        world.pass_challenge_window()
        assert run("watch", tmp_path / "public", *options) == (0, "")
        credit = read_view(world.suite.committee.functions.creditOf(world.suite.addresses.tournament))
        assert credit == 0
