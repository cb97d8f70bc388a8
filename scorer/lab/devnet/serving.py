"""Starts a server and a gateway beside a devnet that runs, with an account and a model for numerapi."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import requests

from scorer.chain.bulk import read_view
from scorer.chain.contracts import Suite
from scorer.chain.endpoint import LOCAL_CHAIN_ID, connect
from scorer.client.keystore import write_keystore
from scorer.daemon.deployment_file import read_deployment
from scorer.files import write_secret
from scorer.lab.batch import LOCAL_FEES
from scorer.lab.devnet.layout import PEOPLE, DevnetLayout, account_of
from scorer.lab.devnet.network import READY, NotReady
from scorer.lab.plain_sender import Sender
from scorer.lab.processes import cupel
from scorer.server.api_keys import NewKey
from scorer.server.configuration import ServerConfig
from scorer.server.serving import now
from scorer.server.setup import CONFIG, SetupOptions, set_up

SERVER, GATEWAY = "server", "gateway"
WHO: Final = PEOPLE[0]
PASSWORD: Final = "devnet"  # noqa: S105 - of a test account, whose key everybody knows
POLL: Final = 0.2


@dataclass(frozen=True)
class Served:
    """The server of a devnet.

    Attributes
    ----------
    url
        The gateway's, at which numerapi is pointed.
    model
        The model of `WHO`, by its number.
    environment
        The file with what numerapi reads from the environment.
    """

    url: str
    model: int
    environment: Path


def serve(layout: DevnetLayout, port: int, gateway_port: int) -> Served:
    """Start server and gateway, and write numerapi.env. Server and gateway stop with the devnet.

    Raises
    ------
    NoDevnet
        When there is none in the folder.
    NotReady
        When one of the two does not come up.
    """
    settings = layout.settings()
    suite = Suite.at(connect(settings.endpoint, LOCAL_CHAIN_ID), read_deployment(layout.manifest))
    config = _set_up(layout, settings.endpoint, port)
    model = _model(suite)
    keystore, password = layout.root / "server" / "alice.json", layout.root / "server" / "alice.password"
    if not keystore.exists():
        write_keystore(keystore, bytes(account_of(WHO).key), PASSWORD)
    write_secret(password, PASSWORD + "\n")
    group, url = layout.processes, f"http://127.0.0.1:{gateway_port}"
    group.start(SERVER, [cupel(), "server", "run", "--config", str(layout.root / "server" / CONFIG)])
    _await(layout, SERVER, f"{config.tournament.url}/status")
    command = [
        cupel(),
        "gateway",
        config.tournament.url,
        "--keystore",
        str(keystore),
        "--port",
        str(gateway_port),
        "--deployment",
        str(layout.manifest),
        "--endpoint",
        settings.endpoint,
        *(["--in-the-clear"] if settings.in_the_clear else []),
    ]
    receipts = layout.root / "server" / "receipts"
    group.start(GATEWAY, [*command, "--password-file", str(password), "--receipts", str(receipts)])
    _await(layout, GATEWAY, f"{url}/upload/none")
    return Served(url, model, _write_environment(layout, config, url))


def _set_up(layout: DevnetLayout, endpoint: str, port: int) -> ServerConfig:
    bundles = (layout.root / "member-1" / "exchange",)
    folders = (layout.inbox, layout.published, bundles)
    url = f"http://127.0.0.1:{port}"
    options = SetupOptions(
        *("dao", "devnet", "classic", url, endpoint, layout.manifest, *folders),
        port=port,
        private_webhooks=True,
        interval=1.0,
    )
    return set_up(layout.root / "server", options)


def _model(suite: Suite) -> int:
    """Register a model for `WHO`, unless there is one; its number."""
    registry, owner = suite.registry.functions, account_of(WHO)
    if not read_view(registry.balanceOf(owner.address)):
        Sender(suite.w3, owner, LOCAL_FEES).send(registry.register(owner.address))
    models = range(1, int(read_view(registry.modelCount())) + 1)
    return next(model for model in models if read_view(registry.ownerOf(model)) == owner.address)


def api_key(config: ServerConfig, name: str, wallet: str) -> NewKey:
    """Make an account of the server for a wallet, unless there is one, and a key of it."""
    database = config.open_database()
    services = config.parts().services(config.suite(), database, now)
    account = services.accounts.by_wallet(wallet) or services.accounts.join(name, wallet=wallet)
    key = services.keys.create(account, "devnet")
    database.close()
    return key


def _write_environment(layout: DevnetLayout, config: ServerConfig, url: str) -> Path:
    """Make an account and a key for `WHO`, and write them down."""
    key = api_key(config, WHO, str(account_of(WHO).address))
    path = layout.root / "numerapi.env"
    # The base URL of numerapi's scripts is the gateway's; cupel gateway and cupel mcp ask the server itself.
    urls = {"CUPEL_URL": url, "CUPEL_SERVER_URL": config.tournament.url}
    lines = {**urls, "NUMERAI_PUBLIC_ID": key.public_id, "NUMERAI_SECRET_KEY": key.secret}
    return write_secret(path, "".join(f"{name}={value}\n" for name, value in lines.items()))


def _await(layout: DevnetLayout, name: str, url: str) -> None:
    until = time.monotonic() + READY
    while True:
        try:
            if requests.get(url, timeout=5).status_code != 503:
                return
        except requests.RequestException:
            pass
        if layout.processes.pid(name) is None or time.monotonic() > until:
            raise NotReady(
                f"expected {name} to answer, found that it does not; see {layout.processes.log(name)}"
            )
        time.sleep(POLL)
