"""In a real browser: whoever took part without a wallet links one, and claims the model that was held."""

from collections.abc import Iterator

import pytest

from scorer.server.api_keys import OWNER_SCOPES
from tests.chains import Chains
from tests.server.site import Site, send
from tests.web.browser import Browser
from tests.web.page_world import page, page_site
from tests.web.test_newcomer import confirm, done, log_in, says
from tests.web.wallet import HIDE, TestWallet, refuse, with_wallet
from tests.world import lent_world

pytestmark = pytest.mark.long

CLAIMER, STRANGER = 36, 37
"""Accounts of the chain that nobody uses."""
HELD = (2, 5)
"""Models of the custodian's, who is the third of the world's owners."""
CARD = "[data-model='{}']"


@pytest.fixture(scope="module")
def site(chains: Chains, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server whose custodian holds two models for an account that was invited."""
    folder = tmp_path_factory.mktemp("claim")
    with lent_world(chains, folder / "look") as world:
        custodian = str(world.participants[1].account.address)
    with page_site(chains, folder, rounds=0, custodian=custodian) as running:
        accounts = running.services.accounts
        late = accounts.join("late-bloomer", invitation=accounts.invite())
        for model in HELD:
            accounts.edit_model(model, account=late.id)
        yield running


def custodian(site: Site) -> str:
    return str(site.world.participants[1].account.address)


def offer(site: Site, model: int, to: str) -> None:
    send(site.world, site.world.suite.registry.functions.approve(to, model), custodian(site))


def look(browser: Browser, site: Site, wallet: TestWallet) -> None:
    """The account's page with a wallet, which has looked at the models that are held."""
    with_wallet(browser, wallet)
    log_in(browser, site)
    browser.do("click", selector="[data-claim]")


def test_a_key_s_account_gets_its_wallet_and_takes_the_model_that_is_offered(
    site: Site, browser: Browser
) -> None:
    wallet = TestWallet(site.world, site.world.anvil.account(CLAIMER))
    late = site.services.accounts.by_name("late-bloomer")
    assert late is not None
    key = site.services.keys.create(late, "first", OWNER_SCOPES)
    assert "who can <a" in page(site, "/models/2").text

    with_wallet(browser, wallet)
    browser.goto(site.url + "/account")
    browser.do("click", selector="[data-login] summary")
    browser.do("fill", selector="#public-id", text=key.public_id)
    browser.do("fill", selector="#secret", text="wrong")
    browser.do("click", selector="[data-login] button")
    says(browser, "one that this server did not make")
    assert len(browser.do("problems")) == 1, "the refused login"
    browser.do("fill", selector="#secret", text=key.secret)
    browser.do("click", selector="[data-login] button")
    browser.do("waits", selector="h1", words="late-bloomer")
    linked = site.services.accounts.by_name("late-bloomer")
    assert linked is not None
    assert linked.wallet == wallet.account.address

    browser.do("click", selector="[data-claim]")
    browser.do("waits", selector=CARD.format(2), words="not yet")
    command = f"cupel model offer 2 {wallet.account.address}"
    assert command in str(browser.do("text", selector=CARD.format(2)))
    offer(site, 2, wallet.account.address)
    browser.do("click", selector=CARD.format(2) + " button")
    browser.do("waits", selector=CARD.format(2), words="Claim model 2")
    browser.do("click", selector="[data-act=claim]")
    reviewed = confirm(browser)
    assert f"take model 2 from {custodian(site)}" in reviewed
    assert "no token leaves your wallet" in reviewed
    assert "coins (" in reviewed, "the fee is named"
    done(browser)
    browser.do("waits", selector=CARD.format(2), words="It is yours")
    registry = site.world.suite.registry.functions
    assert registry.ownerOf(2).call() == registry.submitterOf(2).call() == wallet.account.address
    browser.calm()

    site.step()
    assert "who can <a" not in page(site, "/models/2").text
    browser.goto(site.url + "/account")
    assert "tin_whisker" in str(browser.do("text", selector="[data-upload] select"))


def test_a_claim_says_what_is_wrong_and_sends_nothing(site: Site, browser: Browser) -> None:
    wallet = TestWallet(site.world, site.world.anvil.account(CLAIMER))
    other = site.world.anvil.account(STRANGER)
    accounts = site.services.accounts
    late = accounts.by_name("late-bloomer")
    assert late is not None
    if late.wallet is None:
        accounts.link(late, wallet.account.address)

    look(browser, site, wallet)
    browser.do("waits", selector=CARD.format(5), words="not yet")
    wallet.instead["eth_requestAccounts"] = lambda _: [other.address.lower()]
    browser.do("click", selector="[data-claim]")
    says(browser, f"this one is {other.address}")
    wallet.instead = {}

    offer(site, 5, wallet.account.address)
    browser.do("click", selector="[data-claim]")
    browser.do("waits", selector=CARD.format(5), words="Claim model 5")
    wallet.instead["eth_sendTransaction"] = refuse
    browser.do("click", selector="[data-act=claim]")
    confirm(browser)
    says(browser, "Refused in the wallet. Nothing was sent.")
    wallet.instead = {"eth_getBalance": lambda _: "0x1"}
    browser.do("click", selector="[data-act=claim]")
    says(browser, "Get more coins first. Nothing was sent.")
    wallet.instead = {}
    offer(site, 5, other.address)
    browser.do("click", selector="[data-act=claim]")
    says(browser, "its owner does not offer the model to your wallet any more. Nothing was sent.")
    wallet.chain_id = 1
    browser.do("click", selector="[data-claim]")
    says(browser, "The wallet is on chain 1; this tournament is on chain 31337.")
    browser.do("click", selector="[data-panel] button")
    browser.do("waits", selector=CARD.format(5), words="not yet")
    assert "eth_sendRawTransaction" not in wallet.asked
    assert site.world.suite.registry.functions.ownerOf(5).call() == custodian(site)


def test_a_browser_without_a_wallet_is_told_how_to_claim(site: Site, browser: Browser) -> None:
    wallet = TestWallet(site.world, site.world.anvil.account(CLAIMER))
    late = site.services.accounts.by_name("late-bloomer")
    assert late is not None
    if late.wallet is None:
        site.services.accounts.link(late, wallet.account.address)
    with_wallet(browser, wallet)
    log_in(browser, site)
    browser.do("waits", selector="[data-claim]", words="wallet")
    browser.do("evaluate", code=HIDE)
    browser.do("click", selector="[data-claim]")
    says(browser, "No wallet found")
