"""In a real browser: a wallet signs predictions; whatever it does wrong is said before anything counts."""

from collections.abc import Iterator
from typing import Any

import pytest

from scorer.lab.demo.files import write_submission
from tests.chains import Chains
from tests.server.site import Site
from tests.web.browser import Browser
from tests.web.page_world import page_site
from tests.web.test_newcomer import log_in, owner_of_model_1, says, unknown_chain
from tests.web.wallet import HIDE, TestWallet, refuse, with_wallet

pytestmark = pytest.mark.long

SUBMIT = "[data-upload] [type=submit]"


@pytest.fixture(scope="module")
def site(chains: Chains, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with page_site(chains, tmp_path_factory.mktemp("upload"), rounds=0) as running:
        yield running


def ready(browser: Browser, site: Site, wallet: TestWallet) -> None:
    """The account's page of model 1's owner, with a good file chosen."""
    with_wallet(browser, wallet)
    log_in(browser, site)
    number = site.services.submissions.window.row().id
    content = write_submission(site.world.predictions(1, number), "csv").decode()
    browser.do("files", selector="#upload-file", name="mine.csv", text=content)


def states(site: Site) -> list[str]:
    return [found["state"] for found in site.services.submissions.records.documents(1)]


def test_a_wallet_signs_a_file_and_it_is_accepted(site: Site, browser: Browser) -> None:
    wallet = owner_of_model_1(site)
    ready(browser, site, wallet)
    browser.do("click", selector=SUBMIT)
    browser.do("waits", selector=".review", words="Sign and submit")
    reviewed = str(browser.do("text", selector=".review"))
    assert "for model 1 to round" in reviewed
    assert "in the clear" in reviewed
    assert "none: it is no transaction" in reviewed
    before = len(states(site))
    browser.do("click", selector=".review button")
    says(browser, "accepted. The server signed a receipt for it.")
    assert wallet.asked.count("eth_signTypedData_v4") == 1
    assert len(states(site)) == before + 1
    (newest, *_) = site.services.submissions.records.documents(1)
    assert newest["contentHash"] in reviewed
    browser.calm()
    browser.goto(site.url + f"/account/submissions/{newest['id']}")
    assert newest["contentHash"] in str(browser.do("text", selector="main"))


def test_a_device_that_writes_its_signature_otherwise_is_understood(site: Site, browser: Browser) -> None:
    wallet = owner_of_model_1(site)

    def old(params: Any) -> str:
        signed = wallet._sign_typed(params)
        return signed[:-2] + f"{int(signed[-2:], 16) - 27:02x}"

    wallet.instead["eth_signTypedData_v4"] = old
    ready(browser, site, wallet)
    browser.do("click", selector=SUBMIT)
    browser.do("waits", selector=".review", words="Sign and submit")
    browser.do("click", selector=".review button")
    says(browser, "accepted. The server signed a receipt for it.")


def test_what_a_wallet_refuses_or_a_person_cancels_is_not_submitted(site: Site, browser: Browser) -> None:
    wallet, before = owner_of_model_1(site), len(states(site))
    ready(browser, site, wallet)
    browser.do("click", selector=SUBMIT)
    browser.do("waits", selector=".review", words="Sign and submit")
    browser.do("click", selector=".review .second")
    says(browser, "Cancelled. Nothing was submitted.")
    wallet.instead["eth_signTypedData_v4"] = refuse
    browser.do("click", selector=SUBMIT)
    browser.do("waits", selector=".review", words="Sign and submit")
    browser.do("click", selector=".review button")
    says(browser, "Refused in the wallet. Nothing was submitted.")
    wallet.instead = {"eth_requestAccounts": refuse}
    browser.do("click", selector=SUBMIT)
    says(browser, "Refused in the wallet. Nothing was submitted.")
    assert len(states(site)) == before


def test_another_account_another_chain_and_another_key_are_named(site: Site, browser: Browser) -> None:
    wallet, before = owner_of_model_1(site), len(states(site))
    other = site.world.participants[1].account
    ready(browser, site, wallet)
    wallet.instead["eth_requestAccounts"] = lambda _: [other.address.lower()]
    browser.do("click", selector=SUBMIT)
    says(browser, f"the wallet names {other.address.lower()}. Choose that account")
    wallet.instead = {"wallet_switchEthereumChain": unknown_chain}
    wallet.chain_id = 1
    browser.do("click", selector=SUBMIT)
    says(browser, "The wallet does not know chain 31337.")

    def forged(params: Any) -> str:
        return TestWallet(site.world, other)._sign_typed(params)

    wallet.instead = {"eth_signTypedData_v4": forged}
    browser.do("click", selector=SUBMIT)  # the wallet switches, as it is asked to
    browser.do("waits", selector=".review", words="Sign and submit")
    browser.do("click", selector=".review button")
    says(browser, "expected that of")
    assert "accepted" not in states(site)[: len(states(site)) - before]


def test_a_browser_without_a_wallet_sends_nothing(site: Site, browser: Browser) -> None:
    before = len(states(site))
    ready(browser, site, owner_of_model_1(site))
    browser.do("evaluate", code=HIDE)
    browser.do("click", selector=SUBMIT)
    says(browser, "No wallet found")
    assert len(states(site)) == before
