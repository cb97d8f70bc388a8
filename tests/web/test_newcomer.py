"""In a real browser: a newcomer logs in, registers, deposits, uploads, is paid or burned, and withdraws."""

from collections.abc import Iterator
from typing import Any

import pytest

from scorer.units import wei_from_nano
from tests.chains import Chains
from tests.server.site import Site, send
from tests.web.browser import Browser
from tests.web.page_world import page_site
from tests.web.wallet import Refused, TestWallet, refuse, with_wallet
from tests.world import MODELS, NMR

pytestmark = pytest.mark.long

NEWCOMER = 35
"""An account of the chain that nobody uses."""
SAID = "[data-said]"
AMOUNTS = "[...document.querySelectorAll('[data-nano]')].map((cell) => Number(cell.dataset.nano))"


@pytest.fixture(scope="module")
def site(chains: Chains, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with page_site(chains, tmp_path_factory.mktemp("newcomer"), rounds=0) as running:
        yield running


def newcomer(site: Site) -> TestWallet:
    return TestWallet(site.world, site.world.anvil.account(NEWCOMER))


def owner_of_model_1(site: Site) -> TestWallet:
    return TestWallet(site.world, site.world.participants[0].account)


def give_tokens(site: Site, wallet: TestWallet, nano: int) -> None:
    transfer = site.world.suite.token.functions.transfer(wallet.account.address, wei_from_nano(nano))
    send(site.world, transfer, site.world.anvil.account(0).address)


def act(browser: Browser, form: str, **fields: str) -> None:
    """Fill in a form of a model's card, and send it off."""
    for name, value in fields.items():
        browser.do("fill", selector=f"form[data-act={form}] [name={name}]", text=value)
    browser.do("click", selector=f"form[data-act={form}] button")


def confirm(browser: Browser) -> str:
    """Read what is to be signed, and agree."""
    browser.do("waits", selector=".review", words="Sign and send")
    text = str(browser.do("text", selector=".review"))
    browser.do("click", selector=".review button")
    return text


def done(browser: Browser) -> str:
    return str(browser.do("waits", selector=SAID, words="Done and final"))


def log_in(browser: Browser, site: Site, name: str = "") -> None:
    browser.goto(site.url + "/account")
    if name:
        browser.do("fill", selector="#username", text=name)
    browser.do("click", selector="[data-login] button")
    browser.do("waitsUrl", pattern="/account$")
    browser.do("waits", selector="h1", words=name)


def test_a_newcomer_takes_part_from_login_to_withdrawal(site: Site, browser: Browser) -> None:
    world, wallet = site.world, newcomer(site)
    give_tokens(site, wallet, 50 * NMR)
    with_wallet(browser, wallet)
    browser.goto(site.url + "/account")
    browser.do("click", selector="[data-login] button")
    browser.do("waits", selector=SAID, words="has no account here yet")
    log_in(browser, site, "newcomer")

    browser.goto(site.url + "/account/stake")
    browser.do("click", selector="[data-connect]")
    browser.do("waits", selector="[data-panel]", words="50 NMR")
    browser.do("click", selector="[data-panel] button.second")
    assert "register a new model" in confirm(browser)
    done(browser)
    model = MODELS + 1
    browser.do("waits", selector="h2", words=f"Model {model}")
    act(browser, "deposit", amount="20.5")
    reviewed = confirm(browser)
    assert "deposit 20.5 NMR" in reviewed
    assert "a permit for exactly this amount" in reviewed
    done(browser)
    assert wallet.asked.count("eth_signTypedData_v4") == 1
    act(browser, "allocate", amount="50%")
    assert "10.25 NMR" in confirm(browser)
    done(browser)
    act(browser, "name", submitter=site.services.submissions.signer.address)
    confirm(browser)
    done(browser)
    browser.calm()
    block = world.anvil.w3.eth.block_number
    lane = world.suite.tournament.functions
    assert lane.idleOf(model).call(block_identifier=block) == 20_500_000_000

    round_id = world.open()
    site.step()
    browser.goto(site.url + "/account")
    content = "id,prediction\n" + "".join(f"{name},{n / 60}\n" for n, name in enumerate(world.ids))
    wrong = content.replace("id007", "id070")
    browser.do("files", selector="#upload-file", name="bad.csv", text=wrong)
    browser.do("click", selector="[data-upload] button")
    browser.do("waits", selector=SAID, words="line 9: expected an id of the round, found id070")
    browser.do("files", selector="#upload-file", name="good.csv", text=content)
    browser.do("click", selector="[data-upload] button")
    browser.do("waits", selector=SAID, words=f"Round {round_id}: accepted")

    world.submit_all(round_id)
    world.close_and_seal(round_id)
    site.step()
    browser.goto(f"{site.url}/models/{model}/rounds/{round_id}")
    assert "10.250000000 NMR are at risk" in browser.do("text", selector="main")
    world.settle(round_id)
    site.step()
    browser.goto(f"{site.url}/models/{model}/rounds/{round_id}")
    amounts = browser.do("evaluate", code=AMOUNTS)
    assert amounts, browser.do("text", selector="main")
    assert sum(amounts[:-1]) == amounts[-1] != 0
    result = next(row for row in site.services.queries.results_of([model]) if row.id == round_id)
    assert amounts[-1] == result.payout - result.burn

    browser.goto(site.url + "/account/stake")
    browser.do("click", selector="[data-connect]")
    browser.do("waits", selector="h2", words=f"Model {model}")
    act(browser, "withdraw", amount="40")
    browser.do("waits", selector=SAID, words="NMR are idle, and 40 NMR were asked for")
    act(browser, "withdraw", amount="19.5")
    confirm(browser)
    done(browser)
    tokens = world.suite.token.functions.balanceOf(wallet.account.address).call()
    assert tokens == wei_from_nano(49 * NMR)
    browser.calm()
    browser.goto(site.url + "/account")
    browser.do("click", selector="form[action$='/account/end'] button")
    browser.do("waits", selector="h1", words="Log in")


def connected(browser: Browser, site: Site, wallet: TestWallet) -> None:
    """The staking page with a wallet, which owns model 1."""
    with_wallet(browser, wallet)
    browser.goto(site.url + "/account/stake")
    browser.do("click", selector="[data-connect]")


def shows_model_1(browser: Browser) -> None:
    browser.do("fill", selector="#other-model", text="1")
    browser.do("press", key="Enter")
    browser.do("waits", selector="h2", words="Model 1")


def says(browser: Browser, words: str) -> None:
    browser.do("waits", selector=SAID, words=words)


def test_a_browser_without_a_wallet_is_told_what_to_do(site: Site, browser: Browser) -> None:
    browser.open()
    browser.goto(site.url + "/account/stake")
    browser.do("click", selector="[data-connect]")
    says(browser, "No wallet found")
    browser.goto(site.url + "/account")
    browser.do("click", selector="[data-login] button")
    says(browser, "No wallet found")


def test_a_refusal_in_the_wallet_leaves_all_as_it_was(site: Site, browser: Browser) -> None:
    wallet = owner_of_model_1(site)
    wallet.instead["personal_sign"] = refuse
    with_wallet(browser, wallet)
    browser.goto(site.url + "/account")
    browser.do("click", selector="[data-login] button")
    says(browser, "Refused in the wallet. Nothing was signed.")
    wallet.instead = {"eth_sendTransaction": refuse}
    connected(browser, site, wallet)
    shows_model_1(browser)
    act(browser, "allocate", amount="0")
    confirm(browser)
    says(browser, "Refused in the wallet. Nothing was sent.")
    wallet.instead = {"eth_requestAccounts": refuse}
    connected(browser, site, wallet)
    says(browser, "Refused in the wallet. Nothing was shared.")


def test_a_wallet_on_another_chain_is_asked_to_switch(site: Site, browser: Browser) -> None:
    wallet = owner_of_model_1(site)
    wallet.chain_id = 1
    connected(browser, site, wallet)
    says(browser, "The wallet is on chain 1; this tournament is on chain 31337.")
    browser.do("click", selector="[data-panel] button")
    browser.do("waits", selector="[data-panel]", words="NMR")
    wallet.chain_id = 1
    wallet.instead["wallet_switchEthereumChain"] = unknown_chain
    connected(browser, site, wallet)
    browser.do("click", selector="[data-panel] button")
    says(browser, "The wallet does not know this chain.")


def unknown_chain(_call: Any) -> Any:
    raise Refused(4902, "Unrecognized chain ID")


def test_too_few_tokens_or_coins_are_named_before_anything_is_signed(site: Site, browser: Browser) -> None:
    wallet = owner_of_model_1(site)
    connected(browser, site, wallet)
    shows_model_1(browser)
    act(browser, "deposit", amount="5")
    says(browser, "fewer than 5. Nothing was sent.")
    act(browser, "deposit", amount="5,5")
    says(browser, "expected NMR in plain decimals")
    wallet.instead["eth_getBalance"] = lambda _: "0x1"
    act(browser, "allocate", amount="0")
    says(browser, "Get more coins first. Nothing was sent.")
    assert "eth_sendTransaction" not in wallet.asked


def replaces(wallet: TestWallet, **changes: str) -> list[str]:
    """Let a wallet send a transaction, and then another one with its nonce and a higher fee; their hashes.

    `changes` are those of the second one's recipient and data.
    """
    anvil, sent = wallet.world.anvil, list[str]()

    def first(params: Any) -> Any:
        """Send it, and leave it waiting."""
        anvil.mines(at_once=False)
        nonce = anvil.w3.eth.get_transaction_count(wallet.account.address)
        sent.append(wallet.node("eth_sendRawTransaction", [wallet.signed(params[0], nonce=nonce)]))
        return sent[0]

    def second(params: Any) -> Any:
        """Answer where the first one is; once it was seen waiting, send the other and mine it."""
        found = wallet.node("eth_getTransactionByHash", params)
        if found is not None and len(sent) == 1:
            price, nonce = int(found["gasPrice"], 16) * 2, int(found["nonce"], 16)
            given = {"to": found["to"], "data": found["input"], "from": found["from"]} | changes
            other = wallet.signed(given, nonce=nonce, gasPrice=price)
            sent.append(wallet.node("eth_sendRawTransaction", [other]))
            anvil.mine_pool()
        return found

    wallet.instead = {"eth_sendTransaction": first, "eth_getTransactionByHash": second}
    return sent


def allocates(browser: Browser, site: Site, wallet: TestWallet, amount: str) -> None:
    connected(browser, site, wallet)
    shows_model_1(browser)
    act(browser, "allocate", amount=amount)
    confirm(browser)


def test_a_transaction_that_is_sent_again_with_a_higher_fee_is_followed(site: Site, browser: Browser) -> None:
    wallet = owner_of_model_1(site)
    sent = replaces(wallet)
    allocates(browser, site, wallet, "25")
    said = done(browser)
    site.world.anvil.mines(at_once=True)
    assert "sent again with another fee" in said
    assert len(sent) == 2
    assert sent[1] in said


def test_a_transaction_that_another_one_replaced_is_not_done(site: Site, browser: Browser) -> None:
    """As wallets do that cancel, that change the call, or that send something else with the nonce."""
    wallet, suite = owner_of_model_1(site), site.world.suite
    own = wallet.account.address
    transfer = suite.token.encode_abi("approve", [own, 1])
    withdrawal = suite.tournament.encode_abi("setAllocation", [1, 0])
    others = (
        ({"to": own, "data": "0x"}, "It was cancelled by"),
        ({"to": suite.addresses.numeraire, "data": transfer}, "Another transaction took its place:"),
        ({"data": withdrawal}, "Another transaction took its place:"),
    )
    for changes, words in others:
        sent = replaces(wallet, **changes)
        allocates(browser, site, wallet, "26")
        says(browser, "Not done: ")
        said = str(browser.do("text", selector=SAID))
        site.world.anvil.mines(at_once=True)
        assert words in said
        assert sent[1] in said
        assert "Done and final" not in said


def test_a_transaction_that_another_block_reverts_is_not_done(site: Site, browser: Browser) -> None:
    """A reorganisation put it into another block, where it did nothing."""
    wallet, asked = owner_of_model_1(site), list[Any]()

    def receipt(params: Any) -> Any:
        """Answer what the node does, but with another status once the transaction was seen in a block."""
        found = wallet.node("eth_getTransactionReceipt", params)
        if found is not None:
            asked.append(params)
        return found if len(asked) < 2 else found | {"status": "0x0"}

    wallet.instead["eth_getTransactionReceipt"] = receipt
    allocates(browser, site, wallet, "27")
    says(browser, "The transaction was reverted in block")
    assert len(asked) >= 2


def test_a_transaction_that_is_cancelled_in_the_wallet_is_followed(site: Site, browser: Browser) -> None:
    wallet = owner_of_model_1(site)
    anvil, seen = site.world.anvil, list[str]()

    def sent(params: Any) -> Any:
        anvil.mines(at_once=False)
        nonce = anvil.w3.eth.get_transaction_count(wallet.account.address)
        seen.append(wallet.node("eth_sendRawTransaction", [wallet.signed(params[0], nonce=nonce)]))
        return seen[0]

    def cancelled(params: Any) -> Any:
        """Answer where it is; once seen waiting, send nothing to oneself in its place, and mine that."""
        found = wallet.node("eth_getTransactionByHash", params)
        if found is not None and len(seen) == 1:
            own, price = wallet.account.address, int(found["gasPrice"], 16) * 2
            given = {"to": own, "from": own, "data": "0x", "gas": "0x5208"}
            changes = {"nonce": int(found["nonce"], 16), "gasPrice": price}
            seen.append(wallet.node("eth_sendRawTransaction", [wallet.signed(given, **changes)]))
            anvil.mine_pool()
        return found

    wallet.instead = {"eth_sendTransaction": sent, "eth_getTransactionByHash": cancelled}
    connected(browser, site, wallet)
    shows_model_1(browser)
    act(browser, "allocate", amount="27")
    confirm(browser)
    says(browser, "Nothing was changed.")
    anvil.mines(at_once=True)
    assert len(seen) == 2
    assert f"It was cancelled by {seen[1]}" in str(browser.do("text", selector=SAID))


def test_a_transaction_that_is_reverted_is_told_from_one_that_is_done(site: Site, browser: Browser) -> None:
    wallet = owner_of_model_1(site)
    before = site.world.suite.tournament.functions.allocationOf(1).call()

    def starved(params: Any) -> Any:
        """Send it with less gas than it needs, as a person can choose in a wallet."""
        return wallet.node("eth_sendRawTransaction", [wallet.signed({**params[0], "gas": hex(24_000)})])

    wallet.instead["eth_sendTransaction"] = starved
    connected(browser, site, wallet)
    shows_model_1(browser)
    act(browser, "allocate", amount="29")
    confirm(browser)
    says(browser, "The transaction was reverted in block")
    assert "nothing but its fee was spent" in str(browser.do("text", selector=SAID))
    assert site.world.suite.tournament.functions.allocationOf(1).call() == before


def test_a_reorganisation_that_drops_a_transaction_is_reported(site: Site, browser: Browser) -> None:
    wallet = owner_of_model_1(site)

    def finalised(params: Any) -> Any:
        """Answer what is final, once the block of the transaction is gone."""
        if "finalized" in params and not wallet.asked.count("dropped"):
            wallet.asked.append("dropped")
            site.world.anvil.reorganise(1)
        return wallet.node("eth_getBlockByNumber", params)

    wallet.instead["eth_getBlockByNumber"] = finalised
    connected(browser, site, wallet)
    shows_model_1(browser)
    act(browser, "allocate", amount="30")
    confirm(browser)
    says(browser, "The chain was reorganised and dropped the transaction.")
