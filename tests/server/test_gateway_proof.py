"""A gateway proves that it is the user's, before a file or a key is sent to it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import requests
from eth_account import Account as EthAccount
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from scorer.server.gateway import Gateway
from scorer.server.gateway_proof import ROUTE, GatewayIdentity, LocalGateway
from scorer.server.gateway_routes import gateway_application
from scorer.server.signing_rounds import OwnConfiguration
from scorer.server.upstream import GatewayError, Upstream
from tests.server.loopback import served
from tests.server.other_server import OtherServer, addresses
from tests.server.site import wallet_of

ACCOUNT = EthAccount.from_key("0x" + "7c" * 32)
STRANGER = EthAccount.from_key("0x" + "7d" * 32)
PLACE = (addresses().chain_id, addresses().tournament)


@pytest.fixture
def server() -> Iterator[str]:
    with served(OtherServer(addresses())) as url:
        yield url


@contextmanager
def running(server: str, folder: Path, account: Any = ACCOUNT) -> Iterator[str]:
    """A gateway; its URL."""
    make = lambda url: gateway_application(Gateway(Upstream(server), wallet_of(account), url, folder))  # noqa: E731
    with served(make, by_url=True) as url:
        yield url


def expected(server: str, url: str) -> GatewayIdentity:
    return GatewayIdentity(*PLACE, server, url, str(ACCOUNT.address))


def test_one_s_own_gateway_is_known(server: str, tmp_path: Path) -> None:
    with running(server, tmp_path) as url:
        gateway = LocalGateway.of(expected(server, url))
        assert gateway.proven() is gateway.upstream


@pytest.mark.parametrize(
    "change", [{"server": "https://other.example"}, {"chain_id": 1}, {"tournament": "0x" + "22" * 20}]
)
def test_a_gateway_for_another_server_or_tournament_is_refused(
    server: str, tmp_path: Path, change: dict[str, Any]
) -> None:
    with running(server, tmp_path) as url, pytest.raises(GatewayError, match="neither file nor key was sent"):
        LocalGateway.of(replace(expected(server, url), **change)).proven()


def test_a_gateway_of_another_account_is_refused(server: str, tmp_path: Path) -> None:
    with (
        running(server, tmp_path, STRANGER) as url,
        pytest.raises(GatewayError, match="neither file nor key"),
    ):
        LocalGateway.of(expected(server, url)).proven()


@dataclass
class Impostor:
    """Another program at the port: it answers a challenge as it likes, and notes what it is sent."""

    answer: Any
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            for step in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{step}.complete"})
            return
        request = Request(scope, receive)
        self.seen.append((request.method, request.url.path, dict(request.headers)))
        content = self.answer(request.url.query) if callable(self.answer) else self.answer
        await Response(content, media_type="application/json")(scope, receive, send)


def signed(challenge: bytes, identity: GatewayIdentity) -> bytes:
    return json.dumps(identity.prove(challenge, wallet_of(ACCOUNT))).encode()


def test_another_program_is_refused_and_gets_the_challenge_alone(server: str) -> None:
    mine = expected(server, "http://127.0.0.1:8777")
    claims = {"server": server, "signer": mine.signer, "url": mine.url}
    answers = (b"", b"[]", b"7", b'{"signature": 7}', json.dumps(claims).encode(), signed(bytes(32), mine))
    for answer in answers:
        impostor = Impostor(answer)
        with served(impostor) as url, pytest.raises(GatewayError, match="neither file nor key was sent"):
            LocalGateway.of(expected(server, url)).proven()
        ((method, path, headers),) = impostor.seen
        assert (method, path, headers.get("authorization")) == ("GET", f"/{ROUTE}", None)


def test_another_program_cannot_pass_the_challenge_on_to_the_gateway(server: str, tmp_path: Path) -> None:
    with running(server, tmp_path) as real:
        impostor = Impostor(lambda query: requests.get(f"{real}/{ROUTE}?{query}", timeout=10).content)
        with served(impostor) as url:
            with pytest.raises(GatewayError, match="another program"):
                LocalGateway.of(expected(server, url)).proven()
            assert len(impostor.seen) == 1
            relayed = json.loads(impostor.answer("challenge=0x" + "11" * 32))
            assert relayed["url"] == real, "the gateway answered it"


def test_where_nothing_answers_nothing_is_sent(server: str) -> None:
    with pytest.raises(GatewayError, match="another gateway, or none"):
        LocalGateway.of(expected(server, "http://127.0.0.1:1")).proven()


@pytest.mark.parametrize(
    "url",
    [
        *("https://127.0.0.1:8777", "http://localhost:8777", "http://[::1]:8777", "http://127.0.0.1"),
        *("http://127.0.0.1:8777/x", "http://u@127.0.0.1:8777", "http://127.0.0.2:8777", "http://host:1"),
        *("http://127.0.0.1:0", "http://127.0.0.1:99999", "http://127.0.0.1:08777", "x"),
    ],
)
def test_a_gateway_is_asked_at_this_machine_s_own_address_alone(url: str) -> None:
    with pytest.raises(GatewayError, match=r"expected http://127\.0\.0\.1:PORT"):
        LocalGateway.of(expected("https://host.example", url))


@pytest.mark.parametrize("query", ["", "?challenge=", "?challenge=0x12", "?challenge=" + "11" * 32])
def test_a_gateway_signs_no_challenge_of_another_form(server: str, tmp_path: Path, query: str) -> None:
    with running(server, tmp_path) as url:
        assert requests.get(f"{url}/{ROUTE}{query}", timeout=10).status_code == 400
        good = f"{url}/{ROUTE}?challenge=0x{'11' * 32}"
        assert requests.get(good, headers={"Host": "evil.example:80"}, timeout=10).status_code == 400
        assert requests.get(good, timeout=10).status_code == 200
        assert requests.post(good, timeout=10).status_code == 405


def test_a_gateway_passes_no_key_on_that_is_another_server_s(tmp_path: Path) -> None:
    server, own = (
        OtherServer(addresses(), {"account": None}),
        OwnConfiguration(foreign_secrets=("OWNSECRET",)),
    )
    body = json.dumps({"query": "{ account { username } }"}).encode()
    with served(server) as url:
        gateway = Gateway(Upstream(url), wallet_of(ACCOUNT), "http://127.0.0.1:1", tmp_path, own)
        server.seen.clear()
        for header in ("Token PUBLIC$OWNSECRET", "Bearer PUBLIC$OWNSECRET"):
            (error,) = gateway.answer(body, header)["errors"]
            assert "was not sent on" in error["message"]
        assert server.seen == []
        assert gateway.answer(body, "Token PUBLIC$OTHER") == {"data": {"account": None}}
        assert [header for _, _, header, _ in server.seen] == ["Token PUBLIC$OTHER"]


def test_neither_a_proxy_nor_netrc_of_the_environment_sees_what_is_for_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, server = Impostor(b"{}"), OtherServer(addresses(), {"account": None})
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with served(proxy) as through, served(server) as url:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, through)
        Upstream(url).query("{ account { username } }", "Token PUBLIC$SECRET")
        Upstream("http://server.example").session.get("http://server.example/x", timeout=10)
    assert [header for _, _, header, _ in server.seen] == ["Token PUBLIC$SECRET"]
    ((_, _, headers),) = proxy.seen
    assert "authorization" not in headers, "a proxy is asked for other machines, without netrc's password"
