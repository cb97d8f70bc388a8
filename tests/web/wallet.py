"""A wallet in a browser (EIP-6963) that signs here with a test key, and does wrong when it is told to."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import requests
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from tests.web.browser import Browser
from tests.world import World

ASKS: Final = "walletAsk"
SCRIPT: Final = """
(() => {
  const uuid = "00000000-0000-4000-8000-00000000cafe";
  const info = Object.freeze({ uuid, name: "Test wallet", icon: "", rdns: "x.test" });
  const provider = {
    async request(call) {
      const answer = await window.walletAsk(call);
      if (answer.error) throw Object.assign(new Error(answer.error.message), answer.error);
      return answer.value;
    },
    on() {},
  };
  const detail = Object.freeze({ info, provider });
  const announce = () => dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail }));
  addEventListener("eip6963:requestProvider", announce);
  announce();
})();
"""
HIDE: Final = (
    "addEventListener('eip6963:announceProvider', (event) => event.stopImmediatePropagation(), true)"
)
"""Hides the wallet from a page that has loaded."""


class Refused(Exception):
    """An error as a wallet gives it to a page."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code, self.data = code, data


def refuse(_call: Any) -> Any:
    raise Refused(4001, "User rejected the request.")


@dataclass
class TestWallet:
    """A wallet of one account; `instead` has what it does in place of a method's own work."""

    __test__ = False
    world: World
    account: LocalAccount
    chain_id: int = 31337
    instead: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def answer(self, call: dict[str, Any]) -> dict[str, Any]:
        """The answer to one request of a page."""
        method, params = call["method"], call.get("params") or []
        self.asked.append(method)
        try:
            return {"value": self.instead.get(method, self._own(method))(params)}
        except Refused as refused:
            return {"error": {"code": refused.code, "message": str(refused), "data": refused.data}}

    def _own(self, method: str) -> Callable[[Any], Any]:
        known: dict[str, Callable[[Any], Any]] = {
            "eth_requestAccounts": lambda _: [self.account.address.lower()],
            "eth_accounts": lambda _: [self.account.address.lower()],
            "eth_chainId": lambda _: hex(self.chain_id),
            "wallet_switchEthereumChain": self._switch,
            "personal_sign": self._sign,
            "eth_signTypedData_v4": self._sign_typed,
            "eth_sendTransaction": self._send,
        }
        return known.get(method, lambda params: self.node(method, params))

    def node(self, method: str, params: Any) -> Any:
        """The node's answer; time passes whenever a page asks what is final."""
        if "finalized" in params:
            self.world.anvil.finalise()
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        response = requests.post(self.world.anvil.url, json=body, timeout=60).json()
        if "error" in response:
            error = response["error"]
            raise Refused(error["code"], str(error["message"]), error.get("data"))
        return response.get("result")

    def _switch(self, params: Any) -> None:
        self.chain_id = int(params[0]["chainId"], 16)

    def _sign(self, params: Any) -> str:
        assert params[1] == self.account.address
        message = encode_defunct(bytes.fromhex(params[0][2:]))
        return "0x" + self.account.sign_message(message).signature.hex()

    def _sign_typed(self, params: Any) -> str:
        document = json.loads(params[1])
        return "0x" + self.account.sign_typed_data(full_message=document).signature.hex()

    def _send(self, params: Any) -> Any:
        given = params[0]
        assert given["from"].lower() == self.account.address.lower()
        return self.node("eth_sendRawTransaction", [self.signed(given)])

    def signed(self, given: dict[str, Any], **changes: Any) -> str:
        """A transaction of a page, signed with this wallet's key."""
        eth = self.world.anvil.w3.eth
        gas = int(given["gas"], 16) if "gas" in given else 400_000
        fields: dict[str, Any] = {
            "to": to_checksum_address(given["to"]),
            "data": given.get("data", "0x"),
            "value": 0,
            "gas": gas,
            "gasPrice": eth.gas_price * 2,
            "nonce": eth.get_transaction_count(self.account.address, "pending"),
            "chainId": 31337,
        }
        return "0x" + self.account.sign_transaction(fields | changes).raw_transaction.hex()


def with_wallet(browser: Browser, wallet: TestWallet, **settings: Any) -> None:
    """Begin with a fresh profile in which a wallet is installed."""
    browser.answers[ASKS] = wallet.answer
    browser.open(wallet=SCRIPT, **settings)
    browser.do("expose", name=ASKS)
