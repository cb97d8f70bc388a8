"""The page for a data set of one's own, as it is typed: from a CSV to an open round."""

import re
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from scorer.chain.records import RoundState
from scorer.data.recipe import load_recipe
from scorer.protocol.rules import load_rules
from scorer.storage.bundle import Bundle, round_folder
from tests.cli.test_cupel import write_config, write_deployment
from tests.data.markets import market
from tests.docs.pages import ROOT, blocks, page
from tests.docs.terminal import terminal
from tests.world import World

DAYS, NAMES = 200, 40
CLOCK = Path(__file__).parent / "clock"


def prices(folder: Path, until: date) -> None:
    """Write prices of coins, the last of a day that is over."""
    raw = market(names=NAMES, days=DAYS)
    days = [(until - timedelta(days=DAYS - 1 - number)).isoformat() for number in range(DAYS)]
    coins = [f"C{number:02d}" for number in range(NAMES)]
    frame = pd.DataFrame(
        {
            "date": np.repeat(days, NAMES),
            "coin": np.tile(coins, DAYS),
            "close": raw["close"].ravel(),
            "volume": raw["volume"].ravel(),
            "sector": np.tile([f"s{number % 3}" for number in range(NAMES)], DAYS),
        }
    )
    frame.to_csv(folder / "prices.csv", index=False)


def operators_files(world: World, folder: Path) -> None:
    """Write what the operator's quick start leaves in a folder, and a member's own key of encryption."""
    text = write_config(world, 2, account=1).read_text()
    (folder / "manifest.json").write_text(write_deployment(world).read_text())
    (folder / "key").write_text(world.anvil.account(1).key.hex())
    (folder / "published").mkdir()
    text = re.sub(r'deployment = ".*"', 'deployment = "manifest.json"', text)
    text = re.sub(r'published = ".*"', 'published = "published"', text)
    (folder / "operator.toml").write_text(text.replace("[files]", '[files]\nplans = "plans"'))
    (world.out / "node-2/encryption.key").rename(folder / "encryption.key")


def test_the_page_leads_from_prices_to_an_open_round(world: World, tmp_path: Path) -> None:
    today = datetime.fromtimestamp(world.now, UTC)
    noon = today.replace(hour=12, minute=0, second=0) + timedelta(days=7 - today.weekday())  # a Monday
    world.anvil.advance_to(int(noon.timestamp()))
    folder = tmp_path / "own"
    folder.mkdir()
    operators_files(world, folder)
    prices(folder, noon.date() - timedelta(days=1))
    before = world.suite.round_count(world.anvil.w3.eth.block_number)
    text = page("docs/quickstart-data.md").replace('VALIDATION"\n', f'{noon.date() - timedelta(days=80)}"\n')
    ahead = {"CLOCK_AHEAD": str(noon.timestamp() - time.time()), "PYTHONPATH": f"{ROOT}:{CLOCK}"}
    path = {"PATH": f"{ROOT / '.venv/bin'}:/usr/bin:/bin", "CUPEL_RPC_URL": world.anvil.url}
    with terminal(folder, tmp_path / "home", network=True, **ahead, **path) as shell:
        shell.read(blocks(text))
        count = world.suite.round_count(world.anvil.w3.eth.block_number)
        assert count == before + 1
        record = world.record(count)
        assert record.state == RoundState.OPEN
        world.anvil.finalise()
        shell.type("cupel operator once --config operator.toml --send")
        assert record.open_at < world.now < record.close_at
        opening = "cupel data key open data.key.age --identities encryption.key --out own.key"
        assert opening.replace("own.key", "data.key") in text
        shell.type(f"{opening} --version versions/v1.0")
    published = Bundle(round_folder(folder / "published", world.suite.addresses.tournament, count))
    live = pd.read_parquet(next((folder / "versions/v1.0.live").iterdir()) / "live.parquet")
    assert set(published.universe()) == set(live.index)
    assert published.rules().data == load_recipe(folder / "recipe.toml").hash()
    assert load_rules(folder / "rules.toml").data is None
    assert (folder / "own.key").read_text() == (folder / "data.key").read_text()
