"""Takes pictures of every page, in light and dark and at a phone's width, for docs/images/web.

python -m tests.web.screenshots [PATH ...]
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from PIL import Image

from tests.chains import Chains
from tests.server.site import Site
from tests.web.browser import PHONE, WIDE, Browser, running_browser
from tests.web.page_world import page_site
from tests.web.wallet import TestWallet, with_wallet

OUT: Final = Path("docs/images/web")
PATHS: Final = (
    *("/", "/rounds", "/rounds/5", "/rounds/1/verify", "/leaderboard", "/leaderboard/accounts"),
    *("/models/1", "/models/1/rounds/5", "/accounts/ada", "/datasets", "/rules", "/formulas"),
    *("/members", "/status", "/account", "/account/stake", "/console", "/embed/leaderboard"),
)
LOOKS: Final = (("light", WIDE), ("dark", WIDE), ("light", PHONE))
COLOURS: Final = 64
"""Colours of a picture: enough for text and charts, and a fifth of the bytes."""


def log_in(browser: Browser, site: Site) -> None:
    browser.goto(site.url + "/account")
    browser.do("click", selector="[data-login] button")
    browser.do("waits", selector="h1", words="ada")


def prepare(browser: Browser, path: str) -> None:
    """Let what a page does by itself, or by a click, come to its end."""
    if path == "/account/stake":
        browser.do("click", selector="[data-connect]")
        browser.do("waits", selector="[data-panel]", words="Model 1")
    if path == "/rounds/1/verify":
        browser.do("click", selector="[data-by-wallet]")
        browser.do("waits", selector="[data-said]", words="checks hold")
    browser.do("evaluate", code="new Promise((done) => setTimeout(done, 700))")


def name_of(path: str, scheme: str, width: int) -> str:
    plain = path.strip("/").replace("/", "-") or "home"
    return f"{plain}-{'phone' if width == PHONE else scheme}.png"


def small(path: Path) -> None:
    """Reduce a picture's colours."""
    with Image.open(path) as picture:
        reduced = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    reduced.save(path, optimize=True)


def main() -> None:
    """Take all pictures, or those of some paths."""
    os.umask(0o022)
    OUT.mkdir(parents=True, exist_ok=True)
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with (
        tempfile.TemporaryDirectory(dir=memory) as folder,
        Chains() as chains,
        page_site(chains, Path(folder), rounds=5) as site,
        running_browser() as browser,
    ):
        wallet = TestWallet(site.world, site.world.participants[0].account)
        for scheme, width in LOOKS:
            with_wallet(browser, wallet, scheme=scheme, width=width)
            log_in(browser, site)
            for path in sys.argv[1:] or PATHS:
                browser.goto(site.url + path)
                prepare(browser, path)
                picture = OUT / name_of(path, scheme, width)
                browser.do("screenshot", path=str(picture))
                small(picture)
            browser.calm()


if __name__ == "__main__":
    main()
