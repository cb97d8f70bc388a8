"""A server with something to show: settled rounds, a sealed one, an open one, and names that mean harm."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import requests
import sqlalchemy as sa
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount

from scorer.protocol.documents import from_hex, to_hex
from scorer.protocol.signature import SubmissionDigest
from scorer.server.data_sets import DataSets
from scorer.server.pages.settings import PageSettings
from scorer.server.tables import DIAGNOSIS
from scorer.server.validation import ValidationSet
from tests.chains import Chains
from tests.server.site import Site, running_site
from tests.world import IDS, World, lent_world

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
FEATURES: Final = [
    f"feature_{name}"
    for name in (
        *("agile_unrimed_weft", "bardic_tidal_loam", "calm_gilded_moor", "dapper_brittle_reed"),
        *("eolian_milky_scarp", "frosted_nimble_quay", "gaunt_lucid_tarn", "humid_oaken_spire"),
        *("ivied_pallid_brook", "jagged_quartz_fell", "keen_russet_holm", "limber_sandy_dene"),
    )
]
ABOUT: Final = "A small tournament of made-up models, for the tests of these pages."


def settle_rounds(world: World, count: int) -> None:
    """Settle some rounds, leave one sealed, and one open."""
    for _ in range(count):
        world.settle(world.sealed_round())
    world.sealed_round()
    world.open()


def write_data(root: Path) -> None:
    """Write a data set: validation eras, and a live era whose ids are those of every round."""
    generator, version = np.random.default_rng(11), root / "v1.0"
    version.mkdir(parents=True)
    eras, size = 8, 60
    count = eras * size
    columns = {name: generator.integers(0, 5, count).astype("int8") for name in FEATURES}
    pulls = sum((0.2 - 0.02 * n) * columns[name] for n, name in enumerate(FEATURES))
    target = np.digitize(pulls + generator.normal(0, 3, count), [-1.5, 0.5, 2.5, 4.5]) / 4
    labels = np.repeat([f"{era:04}" for era in range(1, eras + 1)], size)
    ids = pd.Index([f"n{number:05}" for number in range(count)], name="id")
    pd.DataFrame({"era": labels, **columns, "target": target}, ids).to_parquet(version / "validation.parquet")
    example = pd.DataFrame({"era": labels, "prediction": pulls + generator.normal(0, 2, count)}, ids)
    example.to_parquet(version / "validation_example_preds.parquet")
    (version / "features.json").write_text(json.dumps({"feature_sets": {"small": FEATURES}}))
    live = {name: generator.integers(0, 5, len(IDS)).astype("int8") for name in FEATURES}
    era = root / "v1.0.live" / "0009"
    era.mkdir(parents=True)
    table = pd.DataFrame({"era": "0009", **live}, pd.Index(IDS, name="id"))
    for path in (version / "live.parquet", era / "live.parquet"):
        table.to_parquet(path)


def diagnose(site: Site, model: int) -> None:
    """Keep diagnostics of a model that leans on two features, as if its owner had asked for them."""
    root = site.services.data.root
    assert root is not None
    known = ValidationSet.read(root / "v1.0")
    noise = np.random.default_rng(model).random(len(known.eras))
    leaning = 0.3 * known.features[FEATURES[3]] - 0.2 * known.features[FEATURES[8]]
    values = np.asarray((leaning + 2 * noise + 1) / 5, "float64")
    row = {"id": str(uuid.uuid4()), "model": model, "digest": "0" * 64, "state": "done", "attempts": 1}
    result, now = json.dumps(known.diagnose(values)), site.services.clock()
    with site.services.database.writing() as connection:
        connection.execute(sa.insert(DIAGNOSIS).values(**row, result=result, created_at=now, updated_at=now))


@contextmanager
def page_site(chains: Chains, folder: Path, rounds: int = 2, **changes: Any) -> Iterator[Site]:
    """A server of a tournament with some settled rounds, whose accounts and models have names."""
    with lent_world(chains, folder / "world") as world:
        write_data(folder / "data")
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
    diagnose(site, 1)
    accounts.edit_model(1, shows_exposures=True)
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


class OwnPage:
    """The requests that the script of the account's page makes, as the owner of a model."""

    def __init__(self, site: Site, model: int = 1) -> None:
        self.site, self.model = site, str(model)
        self.account = site.world.participants[model - 1].account
        self.session = login(site, self.account)
        self.csrf = token_of(self.text())

    def text(self, path: str = "/account") -> str:
        return self.session.get(self.site.url + path, timeout=60).text

    def post(self, path: str, **fields: str) -> Any:
        body = json.dumps({"csrf": self.csrf, "model": self.model, **fields})
        return self.session.post(self.site.url + path, data=body, timeout=60)

    def sent(self, content: bytes) -> str:
        granted = self.post("/account/upload", filename="p.csv").json()
        assert requests.put(granted["url"], data=content, timeout=60).status_code == 200
        return str(granted["filename"])

    def signature(self, unsigned: dict[str, Any], model: int = 1) -> str:
        suite = self.site.world.suite.addresses
        hashed = from_hex(unsigned["contentHash"], 32)
        digest = SubmissionDigest(suite.chain_id, suite.tournament, unsigned["round"], model, hashed)
        return to_hex(digest.sign(self.account.key))

    def submit(self, filename: str, unsigned: dict[str, Any], signature: str) -> Any:
        signed = {"signature": signature, "content_hash": unsigned["contentHash"]}
        return self.post("/account/submit", filename=filename, round=str(unsigned["round"]), **signed)
