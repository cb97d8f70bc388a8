"""A model that was to show its predictions and did not: server, pages and commands say why it is not paid."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from scorer.server.pages.settings import PageSettings
from scorer.server.tables import STANDING
from scorer.storage.bundle import Bundle
from scorer.units import ONE, nmr_text
from tests.chains import Chains
from tests.cli.test_cupel import run, write_deployment
from tests.demanding_world import lent_demanding_world, public_folder, settle_silent
from tests.server.site import Site, running_site
from tests.server.test_explanations import EXPLAIN
from tests.web.browser import Browser, running_browser
from tests.web.page_world import page
from tests.web.wallet import TestWallet, with_wallet
from tests.world import FIRST


@dataclass(frozen=True)
class Silent:
    """A server of a tournament with one settled round, in which one model kept quiet."""

    site: Site
    model: int
    payout: int

    @property
    def chain(self) -> list[object]:
        """The options that name the chain."""
        world = self.site.world
        return ["--endpoint", world.anvil.url, "--deployment", write_deployment(world)]

    @property
    def folder(self) -> Path:
        """What a member publishes of the round."""
        return public_folder(self.site.world, FIRST)


@pytest.fixture(scope="module")
def silent(chains: Chains, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Silent]:
    """A settled round with a silent model, and a server that shows it."""
    folder = tmp_path_factory.mktemp("silent")
    with lent_demanding_world(chains, folder / "world") as world:
        model, payout = settle_silent(world)
        with running_site(world, folder / "server", page=PageSettings(), name="Cupel") as site:
            site.step()
            yield Silent(site, model, payout)


def test_the_server_explains_that_nothing_was_paid(silent: Silent) -> None:
    answer = silent.site.ask(EXPLAIN, m=str(silent.model), r=FIRST)["data"]["explanation"]
    assert (answer["payout"], answer["burn"], answer["ratePpm"]) == ("0", "0", 0)
    assert answer["rewardScorePpm"] > 0
    *_, last = answer["steps"]
    lost = f"-{nmr_text(silent.payout)}"
    assert last == {"reason": "silent", "detail": "predictions were demanded and not shown", "nmr": lost}


def test_the_pages_of_round_and_payout_say_that_the_model_was_silent(silent: Silent) -> None:
    text = page(silent.site, f"/rounds/{FIRST}").text
    assert text.count(">silent</span>") == 1
    text = page(silent.site, f"/models/{silent.model}/rounds/{FIRST}").text
    assert "predictions were demanded and not shown, so that its position came back whole" in text
    assert "Silent" in text
    other = 1 if silent.model != 1 else 2
    assert "demanded" not in page(silent.site, f"/models/{other}/rounds/{FIRST}").text


def test_a_silent_model_stands_with_a_reward_of_nothing(silent: Silent) -> None:
    with silent.site.services.database.reading() as connection:
        rows = {row.holder: row for row in connection.execute(sa.select(STANDING))}
    assert rows[str(silent.model)].reward == 0
    assert rows[str(silent.model)].net_all == 0
    scores = Bundle(silent.folder).scores()
    reported = dict(zip(scores["model_id"].tolist(), scores["reward_score"].tolist(), strict=True))
    for model, score in reported.items():
        if model != silent.model:
            assert rows[str(model)].reward == pytest.approx(score / ONE)


def test_explain_statement_and_leaderboard_take_the_chains_word_for_it(silent: Silent) -> None:
    code, said = run("explain", silent.folder, "--model", silent.model, *silent.chain, "--json")
    assert code == 0, said
    found = json.loads(said)
    assert (found["silent"], found["payout"], found["net"]) == (True, "0", "0")
    assert found["steps"][-1]["reason"] == "silent"

    rounds = silent.folder.parent.parent
    code, said = run("statement", rounds, "--model", silent.model, *silent.chain)
    assert code == 0, said
    (row, _) = csv.DictReader(said.splitlines())
    assert (row["payout_nmr"], row["silent (NMR)"]) == ("0", f"-{nmr_text(silent.payout)}")

    code, said = run("leaderboard", rounds, *silent.chain, "--json")
    assert code == 0, said
    board = {row["model"]: row for row in json.loads(said)}
    assert (board[silent.model]["reward_score"], board[silent.model]["net_nmr"]) == (0, 0)


def test_verify_agrees_and_names_who_was_silent(silent: Silent) -> None:
    code, said = run("verify", silent.folder, *silent.chain)
    assert code == 0, said
    assert f"positions came back whole, of model {silent.model}" in said


def test_a_record_of_the_chain_alone_says_what_the_model_earned(silent: Silent, tmp_path: Path) -> None:
    out = tmp_path / "record.json"
    code, said = run("record", silent.model, out, *silent.chain)
    assert code == 0, said
    (entry,) = json.loads(out.read_text())["rounds"]
    assert entry["payout"] == "0"
    assert entry["score_ppm"] > 0


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with running_browser() as running:
        yield running


@pytest.mark.long
def test_a_browser_recomputes_the_payouts_of_a_round_with_a_silent_model(
    silent: Silent, browser: Browser
) -> None:
    world = silent.site.world
    with_wallet(browser, TestWallet(world, world.participants[0].account))
    browser.goto(f"{silent.site.url}/rounds/{FIRST}/verify")
    browser.do("click", selector="[data-by-wallet]")
    assert "All 8 checks hold" in browser.do("waits", selector="[data-said]", words="check")
