"""An agent at Uniswap's own contracts: it knows the price of what it trades, or does nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scorer.agents.leaves import asset_of
from scorer.agents.run import Agent
from scorer.agents.signing import QuorumConsensus, with_quorum
from scorer.agents.template import CONFIGURATION, AgentError
from scorer.client import plain_sending
from scorer.client.actions import ActionRefused
from scorer.lab.agents.trading import AGENT, AWAY_ADMIN, BOOK, UNIT, Trading
from scorer.lab.anvil import run_anvil
from scorer.lab.batch import LOCAL_FEES
from scorer.lab.plain_sender import Sender
from tests.agents.documents import BODY, KEYS, MEMBERS, QUORUM, document, sign

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Acting:
    trading: Trading
    document: QuorumConsensus
    folder: Path

    def run(self, pools: dict[str, str]) -> int:
        """Run the agent with these pools in its configuration; how many acts were planned."""
        place, anvil = self.trading.configured(self.folder, "http://127.0.0.1/mcp"), self.trading.anvil
        file = self.folder / CONFIGURATION
        # So little that it hardly moves a price.
        head = file.read_text().partition("[assets]")[0].replace(str(BOOK), str(UNIT))
        file.write_text(head + "[assets]\n" + "".join(f'"{name}" = "{at}"\n' for name, at in pools.items()))
        sender = Sender(anvil.w3, anvil.account(AGENT))
        return len(Agent.at(anvil.w3, place, sender.address, sender).run(self.document, BODY))


@pytest.fixture
def acting(tmp_path: Path) -> Iterator[Acting]:
    with run_anvil(accounts=AGENT + 1) as anvil:
        now = int(anvil.w3.eth.get_block("latest")["timestamp"])
        signed = [sign(key, document(published_at=now, expires_at=now + 86_400)) for key in KEYS]
        agreed = with_quorum(signed, MEMBERS, QUORUM)
        assert agreed is not None
        yield Acting(Trading.on(anvil, REPOSITORY, agreed, BODY), agreed, tmp_path / "agent")


def test_it_acts_at_the_pools_of_what_its_account_trades(acting: Acting) -> None:
    assert acting.run(dict(acting.trading.pools)) > 0
    assert acting.trading.acts()


def test_a_pool_of_another_token_bounds_no_price(acting: Acting) -> None:
    """Two lines of a configuration, taken one for the other, would let an act be made at any price."""
    first, *_, last = acting.trading.pools
    with pytest.raises(AgentError, match=f"{first}: expected the pool"):
        acting.run({first: acting.trading.pools[last]})
    assert acting.trading.acts() == []


def test_an_asset_that_its_account_does_not_trade_is_named(acting: Acting) -> None:
    first, anvil = next(iter(acting.trading.pools)), acting.trading.anvil
    admin = Sender(anvil.w3, anvil.account(AWAY_ADMIN))
    admin.send(acting.trading.account.functions.list(asset_of(first), f"0x{0:040x}"))
    with pytest.raises(AgentError, match=f"{first}: expected an asset that the account"):
        acting.run({first: acting.trading.pools[first]})


def test_an_act_that_is_not_mined_for_long_says_what_to_do(
    acting: Acting, monkeypatch: pytest.MonkeyPatch
) -> None:
    anvil, name = acting.trading.anvil, next(iter(acting.trading.pools))
    monkeypatch.setattr(plain_sending, "TIMEOUT", 0.5)
    anvil.w3.provider.make_request("evm_setAutomine", [False])  # type: ignore[arg-type]
    admin = plain_sending.PlainSending(anvil.w3, anvil.account(AWAY_ADMIN), LOCAL_FEES)
    with pytest.raises(ActionRefused, match="expected it in a block within"):
        admin.send(acting.trading.account.functions.list(asset_of(name), f"0x{0:040x}"))
