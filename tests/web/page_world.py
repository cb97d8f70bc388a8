"""A server with something to show: settled rounds, a sealed one, an open one, and names that mean harm."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import requests
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount

from scorer.server.data_sets import DataSets
from scorer.server.pages.settings import PageSettings
from tests.chains import Chains
from tests.server.site import Site, running_site
from tests.world import World, lent_world

INJECTIONS: Final = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "{{ 7*7 }}{% raw %}",
    "<svg/onload=alert(1)>",
    "</textarea><script>alert(1)</script>",
    "javascript:alert(1)",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "\u202eevil\u2066",
    "a\x00b\r\nSet-Cookie: x=y",
)
"""Texts that would do harm where a page takes them for something else than text."""
LINKS: Final = (
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "//evil.example/",
    'https://evil.example/" onclick="alert(1)',
    "http://[",
    "vbscript:x",
)
ABOUT: Final = "A small tournament of made-up models, for the tests of these pages."


def settle_rounds(world: World, count: int) -> None:
    """Settle some rounds, leave one sealed, and one open."""
    for _ in range(count):
        world.settle(world.sealed_round())
    world.sealed_round()
    world.open()


@contextmanager
def page_site(chains: Chains, folder: Path, rounds: int = 2, **changes: Any) -> Iterator[Site]:
    """A server of a tournament with some settled rounds, whose accounts and models have names."""
    with lent_world(chains, folder / "world") as world:
        data = folder / "data" / "v1.0"
        data.mkdir(parents=True)
        for name in ("live.parquet", "train.parquet", "validation.parquet"):
            (data / name).write_bytes(b"x" * 123_456)
        owner = str(world.participants[0].account.address)
        given: dict[str, Any] = {
            "data": DataSets(folder / "data"),
            "page": PageSettings((owner,), (3, 7), ABOUT),
            "name": "Cupel demo",
        } | changes
        settle_rounds(world, rounds)
        with running_site(world, folder / "server", **given) as site:
            site.step()
            name_models(site)
            yield site


def name_models(site: Site) -> None:
    """Give accounts and models names, bios and links."""
    accounts = site.services.accounts
    ada = site.account_of(1, "ada")
    grace = site.account_of(2, "grace-h")
    accounts.describe(
        ada, bio="Ridge on everything.", link_url="https://example.org/ada", link_text="My notes"
    )
    accounts.describe(grace, bio=INJECTIONS[0], link_url=LINKS[0], link_text=INJECTIONS[1])
    for model, name in ((1, "old_faithful"), (2, "tin_whisker"), (3, "benchmark_ridge"), (4, "noble_gas")):
        accounts.edit_model(model, name=name)
    accounts.edit_model(1, bio="Gradient-boosted trees on the medium features, retrained every Sunday.")


def page(site: Site, path: str, **more: Any) -> requests.Response:
    """The answer to a browser's request for a page."""
    headers = {"Accept": "text/html,*/*;q=0.8", **more.pop("headers", {})}
    return requests.get(site.url + path, headers=headers, timeout=60, **more)


def signed_message(site: Site, account: LocalAccount, session: requests.Session) -> dict[str, str]:
    """A message to log in, as the server writes it, and an account's signature of it."""
    asked = session.post(
        site.url + "/session/message", data=json.dumps({"address": account.address}), timeout=60
    )
    message = asked.json()["message"]
    signature = "0x" + account.sign_message(encode_defunct(text=message)).signature.hex()
    return {"message": message, "signature": signature}


def login(site: Site, account: LocalAccount | None = None, **fields: str) -> requests.Session:
    """A browser's login, by the two requests that its script makes."""
    session = requests.Session()
    session.headers.update({"Origin": site.url, "Content-Type": "application/json"})
    signed = signed_message(site, account or site.world.participants[0].account, session)
    sent = session.post(site.url + "/session", data=json.dumps(signed | fields), timeout=60)
    assert sent.status_code == 200, sent.text
    return session


def token_of(text: str) -> str:
    """The token that forms of a login repeat."""
    return text.split('name="csrf" value="', 1)[1].split('"', 1)[0]
