"""The page for a data set of one's own, as it is typed: from a CSV to an open round."""

import os
import re
import shlex
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from scorer.chain.records import RoundState
from scorer.data.recipe import load_recipe
from scorer.protocol.rules import load_rules
from scorer.storage.bundle import Bundle, round_folder
from tests.cli.test_cupel import run, write_config, write_deployment
from tests.data.markets import market
from tests.world import World

PAGE = Path(__file__).parents[2] / "docs/quickstart-data.md"
DAYS, NAMES = 200, 40
HEREDOC = re.compile(r"cat > (\S+) <<'END'\n(.*?)\nEND\n", re.DOTALL)


def prices(until: date) -> None:
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
    frame.to_csv("prices.csv", index=False)


def typed(block: str) -> None:
    """Type a block: files, and commands that must succeed, with yes to what they ask."""
    for name, content in HEREDOC.findall(block):
        Path(name).write_text(content + "\n")
    for line in HEREDOC.sub("", block).splitlines():
        command, *words = shlex.split(os.path.expandvars(line))
        assert command == "cupel"
        code, said = run(*words, answer="y\n")
        assert code == 0, said


def test_the_page_leads_from_prices_to_an_open_round(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = write_config(world, 2, account=1).read_text()
    today = datetime.fromtimestamp(world.now, UTC)
    noon = today.replace(hour=12, minute=0, second=0) + timedelta(days=7 - today.weekday())  # a Monday
    world.anvil.advance_to(int(noon.timestamp()))
    monkeypatch.setattr("scorer.cli.data.time", SimpleNamespace(time=noon.timestamp))
    (tmp_path / "own").mkdir()
    monkeypatch.chdir(tmp_path / "own")
    monkeypatch.setenv("CUPEL_RPC_URL", world.anvil.url)
    Path("manifest.json").write_text(write_deployment(world).read_text())
    Path("key").write_text(world.anvil.account(1).key.hex())
    Path("published").mkdir()
    operator = re.sub(r'deployment = ".*"', 'deployment = "manifest.json"', operator)
    operator = re.sub(r'published = ".*"', 'published = "published"', operator)
    Path("operator.toml").write_text(operator.replace("[files]", '[files]\nplans = "plans"'))
    (world.out / "node-2/encryption.key").rename("encryption.key")
    prices(noon.date() - timedelta(days=1))
    page = PAGE.read_text().replace('VALIDATION"\n', f'{noon.date() - timedelta(days=80)}"\n')
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 5
    before = world.suite.round_count(world.anvil.w3.eth.block_number)
    for block in blocks:
        typed(block)
    count = world.suite.round_count(world.anvil.w3.eth.block_number)
    assert count == before + 1
    record = world.record(count)
    assert record.state == RoundState.OPEN
    world.anvil.finalise()
    assert run("operator", "once", "--config", "operator.toml", "--send")[0] == 0
    assert record.open_at < world.now < record.close_at
    published = Bundle(round_folder(Path("published"), world.suite.addresses.tournament, count))
    live = pd.read_parquet(next(Path("versions/v1.0.live").iterdir()) / "live.parquet")
    assert set(published.universe()) == set(live.index)
    assert published.rules().data == load_recipe(Path("recipe.toml")).hash()
    assert load_rules(Path("rules.toml")).data is None
    opening = f"data key open data.key.age --identities {Path('encryption.key').resolve()} --out own.key"
    typed(f"cupel {opening} --version versions/v1.0\n")
    assert Path("own.key").read_text() == Path("data.key").read_text()
