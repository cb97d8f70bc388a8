"""A server on a small tournament: accounts, a signing process, and numerapi as its client."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import requests
from eth_account import Account as EthAccount
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount
from numerapi import CryptoAPI, NumerAPI, SignalsAPI, base_api

from scorer.client.keystore import Wallet
from scorer.client.signing_service import SigningClient, SigningService
from scorer.server.accounts import Account
from scorer.server.api_keys import SCOPES, NewKey
from scorer.server.application import application
from scorer.server.assembly import ServerParts
from scorer.server.data_sets import DataSets
from scorer.server.database import Database
from scorer.server.follower import Follower
from scorer.server.gateway import Gateway
from scorer.server.gateway_routes import gateway_application
from scorer.server.services import Services
from scorer.server.signing_rounds import OwnConfiguration
from scorer.server.upstream import Upstream
from tests.server.loopback import served
from tests.waiting import mined
from tests.world import World

SIGNER_KEY = "0x" + "5e" * 32
PASSWORD = "correct horse"


class KnownKey(Wallet):
    """A wallet whose key is in memory; keystores are tested elsewhere, and take a second to open."""

    @property
    def address(self) -> str:
        return str(self.account.address)

    @property
    def account(self) -> LocalAccount:
        account: LocalAccount = EthAccount.from_key(self.password())
        return account


def send(world: World, call: Any, sender: str) -> None:
    """Send a transaction from an account whose key the node has, and wait until it is mined."""
    eth = world.anvil.w3.eth
    # In a later second than the estimate's a change takes a slot more.
    transaction = call.build_transaction({"from": sender, "gas": 300_000})
    assert mined(world.anvil.w3, eth.send_transaction(transaction))["status"] == 1


def wallet_of(account: LocalAccount) -> Wallet:
    return KnownKey(Path("nowhere"), lambda: account.key.hex())


@dataclass(frozen=True)
class Site:
    """A running server."""

    world: World
    services: Services
    follower: Follower
    url: str

    def step(self) -> None:
        """Let the server see all that has happened on the chain."""
        self.world.anvil.finalise()
        self.follower.step()

    def account_of(self, model: int, username: str = "alice") -> Account:
        """The account of the wallet that owns a model."""
        owner = str(self.world.participants[model - 1].account.address)
        accounts = self.services.accounts
        return accounts.by_wallet(owner) or accounts.join(username, wallet=owner)

    def key(self, account: Account, scopes: tuple[str, ...] = SCOPES) -> NewKey:
        return self.services.keys.create(account, "test", scopes)

    def client(self, key: NewKey | None = None, kind: type = NumerAPI) -> Any:
        """A client of numerapi, pointed at this server by `monkeypatch`."""
        given = (key.public_id, key.secret) if key else (None, None)
        return kind(*given, verbosity="CRITICAL", show_progress_bars=False)

    def ask(self, query: str, key: NewKey | None = None, session: str = "", **variables: Any) -> Any:
        """The answer to a GraphQL request."""
        header = f"Session {session}" if session else f"Token {key.public_id}${key.secret}" if key else None
        headers = {"Authorization": header} if header else {}
        body = {"query": query, "variables": variables}
        answer = requests.post(self.url, json=body, headers=headers, timeout=60)
        assert answer.status_code == 200
        return answer.json()

    def log_in(self, wallet: LocalAccount, **more: str) -> str:
        """The token of a login by wallet."""
        text = self.ask("mutation ($a: String!) { loginMessage(address: $a) }", a=wallet.address)
        message = text["data"]["loginMessage"]
        signature = "0x" + wallet.sign_message(encode_defunct(text=message)).signature.hex()
        login = (
            "mutation ($m: String!, $s: String!, $u: String, $i: String) "
            "{ login(message: $m, signature: $s, username: $u, invitation: $i) { token } }"
        )
        answer = self.ask(login, m=message, s=signature, u=more.get("username"), i=more.get("invitation"))
        assert "errors" not in answer, answer
        return str(answer["data"]["login"]["token"])


@contextmanager
def signing(world: World, folder: Path) -> Iterator[SigningClient]:
    """A signing service in a thread, at a socket."""
    wallet = wallet_of(EthAccount.from_key(SIGNER_KEY))
    suite = world.suite.addresses
    path = folder / "run" / "sign"
    server = SigningService(wallet, suite.chain_id, suite.tournament).server(path)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield SigningClient(path, wallet.address)
    finally:
        server.shutdown()
        server.server_close()


@cache
def _made_tables() -> bytes:
    """The SQLite file of an empty server: its migrations take a third of a second each time."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "server.sqlite"
        database = Database.open(path)
        database.migrate()
        database.close()
        return path.read_bytes()


def _opened(location: str | Path) -> Database:
    """A database with its tables, by URL or by the path of a file."""
    is_new = isinstance(location, Path) and not location.exists()
    if isinstance(location, Path) and is_new:
        location.parent.mkdir(parents=True, exist_ok=True)
        location.write_bytes(_made_tables())
    database = Database.open(location)
    if not is_new:
        database.migrate()
    return database


@contextmanager
def running_site(world: World, folder: Path, **changes: Any) -> Iterator[Site]:
    """A server of a world's tournament, by the chain's clock; `clock`, `database` and `agents` may differ."""
    clock = changes.pop("clock", lambda: world.now)
    database = _opened(changes.pop("database", folder / "server.sqlite"))
    agents = changes.pop("agents", None)
    made: list[Services] = []
    with signing(world, folder) as signer:
        parts: dict[str, Any] = {
            "kind": "classic",
            "name": "test",
            "is_private": False,
            "secret": b"s" * 32,
            "signer": signer,
            "custodian": None,
            "files": folder / "files",
            "inbox": world.operator.inbox,
            "published": world.operator.published,
            "bundles": (world.members[0].paths.rounds,),
            "data": DataSets(None),
        } | changes

        def make(url: str) -> Any:
            services = ServerParts(url=url, **parts).services(world.suite, database, clock)
            made.append(services)
            return application(services, agents=agents)

        with served(make, by_url=True) as url:
            follower = ServerParts(url=url, **parts).follower(world.suite, database)
            site = Site(world, made[0], follower, url)
            site.step()
            yield site
    database.close()


@contextmanager
def running_gateway(site: Site, receipts: Path, own: OwnConfiguration | None = None) -> Iterator[str]:
    """A gateway before a server with the key of model 1's owner; its URL."""
    wallet = wallet_of(site.world.participants[0].account)

    def make(url: str) -> Any:
        return gateway_application(Gateway(Upstream(site.url), wallet, url, receipts, own))

    with served(make, by_url=True) as url:
        yield url


@pytest.fixture
def site(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server with nothing in it, at which numerapi is pointed."""
    with running_site(world, tmp_path / "server") as running:
        monkeypatch.setattr(base_api, "API_TOURNAMENT_URL", running.url)
        yield running


IN_THE_CLEAR = OwnConfiguration(in_the_clear=True)
CLIENTS = (NumerAPI, SignalsAPI, CryptoAPI)
