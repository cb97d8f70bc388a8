"""Takes pictures of every page, in light and dark and at a phone's width, for docs/images/web.

python -m tests.web.screenshots [PATH ...]
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from PIL import Image

from scorer.lab.demo.files import write_submission
from tests.chains import Chains
from tests.server.site import Site
from tests.web.browser import PHONE, WIDE, Browser, running_browser
from tests.web.page_world import OwnPage, page_site
from tests.web.wallet import TestWallet, with_wallet
from tests.world import lent_world

OUT: Final = Path("docs/images/web")
SUBMISSION: Final = "/account/submission"
"""Stands for the page of the account's newest submission, whose address holds its id."""
PATHS: Final = (
    *("/", "/rounds", "/rounds/5", "/rounds/5/verify", "/leaderboard", "/leaderboard/accounts"),
    *("/models/1", "/models/1/rounds/5", "/meta-model", "/accounts/ada", "/datasets", "/rules", "/formulas"),
    *("/members", "/status", "/account", SUBMISSION, "/account/stake", "/console", "/embed/leaderboard"),
)
LOOKS: Final = (("light", WIDE), ("dark", WIDE), ("light", PHONE))
COLOURS: Final = 48
"""Colours of a picture: enough for text and charts, and a fifth of the bytes."""
TALLEST: Final = 2_400
"""Pixels of a picture; what is below goes on in the same way."""
HELD: Final = 5
"""A model of the custodian's, held for the account that looks."""


def log_in(browser: Browser, site: Site) -> None:
    browser.goto(site.url + "/account")
    browser.do("click", selector="[data-login] button")
    browser.do("waits", selector="h1", words="ada")


def prepare(browser: Browser, path: str) -> None:
    """Let what a page does by itself, or by a click, come to its end."""
    if path == "/account/stake":
        browser.do("click", selector="[data-connect]")
        browser.do("waits", selector="[data-panel]", words="Model 1")
    if path.endswith("/verify"):
        browser.do("click", selector="[data-by-wallet]")
        browser.do("waits", selector="[data-said]", words="checks hold")
    browser.do("evaluate", code="new Promise((done) => setTimeout(done, 700))")


def name_of(path: str, scheme: str, width: int) -> str:
    plain = path.strip("/").replace("/", "-") or "home"
    return f"{plain}-{'phone' if width == PHONE else scheme}.png"


def small(path: Path) -> None:
    """Cut a picture off where it is too tall, and reduce its colours."""
    with Image.open(path) as picture:
        shown = picture.convert("RGB").crop((0, 0, picture.width, min(picture.height, TALLEST)))
        reduced = shown.quantize(COLOURS, dither=Image.Dither.NONE)
    reduced.save(path, optimize=True)


def own_submission(site: Site) -> str:
    """Send a file for model 1 as its owner's page does; the address of the submission's page."""
    page = OwnPage(site)
    number = site.services.submissions.window.row().id
    filename = page.sent(write_submission(site.world.predictions(1, number), "csv"))
    unsigned = page.post("/account/prepare", filename=filename).json()
    made: dict[str, Any] = page.submit(filename, unsigned, page.signature(unsigned)).json()
    return f"/account/submissions/{made['id']}"


def prepared_site(site: Site) -> str:
    """Give the account a model that is held for it, and a submission; the address of its page."""
    accounts = site.services.accounts
    ada = accounts.by_name("ada")
    assert ada is not None
    accounts.edit_model(HELD, account=ada.id)
    return own_submission(site)


def main() -> None:
    """Take all pictures, or those of some paths."""
    os.umask(0o022)
    OUT.mkdir(parents=True, exist_ok=True)
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as folder, Chains() as chains, running_browser() as browser:
        with lent_world(chains, Path(folder) / "look") as world:
            custodian = str(world.participants[HELD - 1].account.address)
        with page_site(chains, Path(folder), rounds=5, custodian=custodian) as site:
            take(site, browser, prepared_site(site))


def take(site: Site, browser: Browser, submission: str) -> None:
    """Take the pictures of a site."""
    wallet = TestWallet(site.world, site.world.participants[0].account)
    for scheme, width in LOOKS:
        with_wallet(browser, wallet, scheme=scheme, width=width)
        log_in(browser, site)
        for path in sys.argv[1:] or PATHS:
            browser.goto(site.url + (submission if path == SUBMISSION else path))
            prepare(browser, path)
            picture = OUT / name_of(path, scheme, width)
            browser.do("screenshot", path=str(picture))
            small(picture)
        browser.calm()


if __name__ == "__main__":
    main()
