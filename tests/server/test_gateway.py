"""The gateway: unchanged numerapi submits for a model whose key never leaves the data scientist's machine."""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from eth_account import Account as EthAccount
from numerapi import base_api

from scorer.operator.inbox_files import read_signature
from scorer.protocol.digest import content_hash
from scorer.protocol.documents import to_hex
from scorer.protocol.signature import SubmissionDigest
from scorer.server.gateway import Gateway
from scorer.server.known_servers import ServerChanged
from scorer.server.signing_rounds import OwnConfiguration
from scorer.server.upstream import GatewayError, Upstream
from scorer.storage.bundle import RULES, UNIVERSE, Bundle, round_folder
from tests.server.site import IN_THE_CLEAR, Site, running_gateway, wallet_of
from tests.server.site import site as site
from tests.server.test_submissions import frame, inbox, listed
from tests.world import IDS


@pytest.fixture
def gateway(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A gateway with the key of model 1's owner, at which numerapi is pointed, in an open round."""
    site.world.open()
    site.step()
    with running_gateway(site, tmp_path / "receipts", IN_THE_CLEAR) as url:
        monkeypatch.setattr(base_api, "API_TOURNAMENT_URL", url)
        yield url


@pytest.mark.usefixtures("gateway")
def test_numerapi_submits_through_the_gateway_with_the_owner_s_signature(site: Site, tmp_path: Path) -> None:
    client = site.client(site.key(site.account_of(1)))
    made = client.upload_predictions(model_id="1", df=frame(site))
    (file,) = inbox(site)
    owner = site.world.participants[0].account
    suite = site.world.suite.addresses
    expected = content_hash(IDS, frame(site)["prediction"].to_numpy())
    digest = SubmissionDigest(suite.chain_id, suite.tournament, 1, 1, expected)
    assert digest.signer(read_signature(file).signature) == owner.address
    receipt = json.loads((tmp_path / "receipts" / f"{made}.receipt.json").read_text())
    assert receipt == listed(site)[0]["receipt"]


@pytest.mark.usefixtures("gateway")
def test_all_else_is_the_server_s_answer(site: Site) -> None:
    key = site.key(site.account_of(1))
    through = site.client(key)
    asked = [through.get_account(), through.list_rounds(), through.get_models(), through.get_leaderboard()]
    base_api.API_TOURNAMENT_URL = site.url
    assert [
        through.get_account(),
        through.list_rounds(),
        through.get_models(),
        through.get_leaderboard(),
    ] == asked


@pytest.mark.usefixtures("gateway")
def test_a_broken_file_never_leaves_the_machine(site: Site) -> None:
    client = site.client(site.key(site.account_of(1)))
    with pytest.raises(ValueError, match="expected"):
        client.upload_predictions(model_id="1", df=frame(site).iloc[:5])
    assert not listed(site)
    assert not list(site.services.uploads.blobs.drafts.glob("*"))


@pytest.mark.usefixtures("gateway")
def test_a_model_of_another_key_is_refused_by_the_server(site: Site) -> None:
    owners = [participant.account.address for participant in site.world.participants]
    other = next(number for number, owner in enumerate(owners, start=1) if owner != owners[0])
    client = site.client(site.key(site.account_of(other, "bob")))
    with pytest.raises(ValueError, match="the submitter of model"):
        client.upload_predictions(model_id=str(other), df=frame(site))
    assert not inbox(site)


def test_a_page_of_another_name_gets_no_answer(gateway: str) -> None:
    body = {"query": "query { tournaments { name } }"}
    answer = requests.post(gateway, json=body, headers={"Host": "evil.example:80"}, timeout=10)
    assert "from this machine" in answer.json()["errors"][0]["message"]
    assert requests.post(gateway, json=body, timeout=10).json()["data"]["tournaments"]
    assert requests.put(f"{gateway}/upload/unknown.csv", data=b"x", timeout=10).status_code == 404


HIDING = (
    "query { ...hidden } fragment hidden on Query { %s }",
    "query { ... on Query { %s } }",
    "query { ... { %s } }",
)
"""Documents whose roots stand in a fragment."""


@pytest.mark.parametrize("hiding", HIDING, ids=("named", "typed", "inline"))
def test_nothing_passes_the_gateway_behind_a_fragment(gateway: str, site: Site, hiding: str) -> None:
    """The server would grant an upload at its own URL, to which the file would go as it is."""
    key, grant = site.key(site.account_of(1)), "submissionUploadAuth"
    query = hiding % f'{grant}(filename: "p.csv", tournament: 8, modelId: "1") {{ url }}'
    assert site.url in site.ask(query, key)["data"][grant]["url"]
    headers = {"Authorization": f"Token {key.public_id}${key.secret}"}
    answer = requests.post(gateway, json={"query": query}, headers=headers, timeout=10).json()
    assert "data" not in answer
    assert "fields alone at the root" in answer["errors"][0]["message"]


def test_a_hash_of_the_file_is_no_hash_of_the_envelope(
    site: Site, lying: "LyingServer", tmp_path: Path
) -> None:
    """A client that names one must not think that it was compared."""
    gateway = Gateway(lying, wallet_of(site.world.participants[0].account), "http://127.0.0.1:1", tmp_path)
    gateway._granted({"filename": "p.csv", "url": site.url})
    assert gateway.take("p.csv", b"x")
    create = (
        'mutation { createSubmission(filename: "p.csv", tournament: 8, modelId: "1", sha256: "0") { id } }'
    )
    (error,) = gateway.answer(json.dumps({"query": create}).encode(), None)["errors"]
    assert error["message"].startswith("sha256: expected none through a gateway")
    assert lying.sent == []


def test_what_is_meant_for_another_round_is_not_signed(
    site: Site, lying: "LyingServer", tmp_path: Path
) -> None:
    own = on_chain(site)
    gateway = Gateway(
        lying, wallet_of(site.world.participants[0].account), "http://127.0.0.1:1", tmp_path, own
    )
    gateway._granted({"filename": "p.csv", "url": f"{site.url}/upload/p.csv"})
    assert gateway.take("p.csv", frame(site).to_csv(index=False).encode())
    arguments = 'filename: "p.csv", modelId: "1", tournament: 8, roundNumber: %s'
    create = f"mutation {{ createSubmission({arguments}) {{ id }} }}"
    for other in ("2", "0", '"1"'):
        (error,) = gateway.answer(json.dumps({"query": create % other}).encode(), None)["errors"]
        assert error["message"].startswith("roundNumber: expected 1")
    assert lying.sent == []


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"query": "query {"}', b'{"query": "{ a }", "variables": [1]}', b"\xff"]
)
def test_what_the_gateway_cannot_read_is_not_sent_on(
    site: Site, lying: "LyingServer", tmp_path: Path, body: bytes
) -> None:
    wallet = wallet_of(site.world.participants[0].account)
    gateway = Gateway(lying, wallet, "http://127.0.0.1:1", tmp_path)
    lying.url = "http://127.0.0.1:1"  # whatever is sent on fails by another message
    (error,) = gateway.answer(body, None)["errors"]
    assert error["message"].startswith("request: expected")


def test_a_server_that_is_none_is_refused_at_once(site: Site, tmp_path: Path) -> None:
    wallet = wallet_of(site.world.participants[0].account)
    with pytest.raises(GatewayError, match="expected a file of the server"):
        Gateway(Upstream(f"{site.url}/nowhere"), wallet, "http://127.0.0.1:1", tmp_path)
    with pytest.raises(GatewayError, match="expected an answer"):
        Gateway(Upstream("http://127.0.0.1:1"), wallet, "http://127.0.0.1:1", tmp_path)


def test_nothing_is_sent_in_the_clear_unless_the_gateway_s_user_said_so(
    site: Site, lying: "LyingServer", tmp_path: Path
) -> None:
    """Whatever a server says of its rules: the word of one that is not checked is no reason."""
    assert "start it with --in-the-clear" in submit_through(site, lying, tmp_path, OwnConfiguration())
    assert lying.sent == []


@dataclass
class LyingServer(Upstream):
    """A server that says other things than the one behind it, and counts what it is sent."""

    document: dict[str, Any] = field(default_factory=dict)
    round: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    grant: dict[str, str] = field(default_factory=dict)
    receipts: Callable[[list[dict[str, Any]]], object] = lambda rows: rows
    sent: list[str] = field(default_factory=list)

    def get(self, path: str) -> bytes:
        name = path.rpartition("/")[2]
        if path == "tournament.json":
            return json.dumps({**json.loads(super().get(path)), **self.document}).encode()
        return self.files.get(name) or super().get(path)

    def put(self, url: str, content: bytes) -> None:
        super().put(url, content)
        self.sent.append("file")

    def ask(self, body: bytes, authorization: str | None) -> dict[str, Any]:
        answer = super().ask(body, authorization)
        data = answer.get("data") or {}
        if b"signUpload" in body:
            self.sent.append("signature")
        for row in data.get("rounds") or ():
            row.update(self.round)
        for key in set(data) & {"submission_upload_auth"}:
            data[key].update(self.grant)
        if data.get("submissions") is not None:
            self.receipts(data["submissions"])
        return answer


@pytest.fixture
def lying(site: Site) -> LyingServer:
    """A server that can be made to lie, in an open round."""
    site.world.open()
    site.step()
    return LyingServer(site.url)


def on_chain(site: Site) -> OwnConfiguration:
    return OwnConfiguration(site.world.suite.addresses, site.world.suite, in_the_clear=True)


def submit_through(site: Site, server: LyingServer, folder: Path, own: OwnConfiguration) -> str:
    """Submit for model 1 by the documents of numerapi; the error, or the id."""
    wallet = wallet_of(site.world.participants[0].account)
    gateway = Gateway(server, wallet, "http://127.0.0.1:1", folder, own)
    key = site.key(site.account_of(1))

    def ask(query: str, **variables: str) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        return gateway.answer(body, f"Token {key.public_id}${key.secret}")

    answer = ask(
        '{ submission_upload_auth(filename: "p.csv", tournament: 8, modelId: "1") { filename url } }'
    )
    if "errors" in answer:
        return str(answer["errors"][0]["message"])
    filename = answer["data"]["submission_upload_auth"]["filename"]
    assert gateway.take(filename, frame(site).to_csv(index=False).encode())
    create = 'mutation ($f: String!) { create_submission(filename: $f, tournament: 8, modelId: "1") { id } }'
    made = ask(create, f=filename)
    return str(made["errors"][0]["message"] if "errors" in made else made["data"]["create_submission"]["id"])


def test_an_honest_server_is_believed_as_the_chain_says_the_same(
    site: Site, lying: LyingServer, tmp_path: Path
) -> None:
    made = submit_through(site, lying, tmp_path, on_chain(site))
    assert uuid.UUID(made)
    assert (tmp_path / f"{made}.receipt.json").is_file()
    assert lying.sent == ["file", "signature"]


OTHER = "0x" + "11" * 20


@pytest.mark.parametrize("change", [{"chain_id": 1}, {"tournament": OTHER}, {"server": OTHER}])
def test_a_server_of_another_tournament_is_refused_from_the_second_start_on(
    site: Site, lying: LyingServer, tmp_path: Path, change: dict[str, Any]
) -> None:
    wallet = wallet_of(site.world.participants[0].account)
    Gateway(lying, wallet, "http://127.0.0.1:1", tmp_path)
    lying.document = change
    with pytest.raises(ServerChanged, match="as at the first start"):
        Gateway(lying, wallet, "http://127.0.0.1:1", tmp_path)


@pytest.mark.parametrize("change", [{"chain_id": 1}, {"tournament": OTHER}])
def test_a_server_of_another_deployment_is_refused_at_once(
    site: Site, lying: LyingServer, tmp_path: Path, change: dict[str, Any]
) -> None:
    lying.document = change
    wallet, own = wallet_of(site.world.participants[0].account), OwnConfiguration(site.world.suite.addresses)
    with pytest.raises(ServerChanged, match="as the deployment file says"):
        Gateway(lying, wallet, "http://127.0.0.1:1", tmp_path, own)


def test_a_new_deployment_file_stands_above_what_was_known(
    site: Site, lying: LyingServer, tmp_path: Path
) -> None:
    wallet = wallet_of(site.world.participants[0].account)
    lying.document = {"tournament": OTHER}
    Gateway(lying, wallet, "http://127.0.0.1:1", tmp_path)
    lying.document = {}
    own = OwnConfiguration(site.world.suite.addresses)
    Gateway(lying, wallet, "http://127.0.0.1:1", tmp_path, own)
    lying.document = {"server": OTHER}
    with pytest.raises(ServerChanged, match="as at the first start"):
        Gateway(lying, wallet, "http://127.0.0.1:1", tmp_path, own)


def published(site: Site, file: str) -> bytes:
    folder = round_folder(site.world.operator.published, site.world.suite.addresses.tournament, 1)
    return (folder / file).read_bytes()


def other_files(tmp_path: Path, site: Site) -> dict[str, bytes]:
    """Rules and a universe that the chain has not, well-formed."""
    bundle = Bundle(tmp_path / "other")
    bundle.folder.mkdir()
    bundle.write_universe((*IDS[1:], "other"))
    rules = json.loads(published(site, RULES))
    rules["cap"] = 1
    return {UNIVERSE: (bundle.folder / UNIVERSE).read_bytes(), RULES: json.dumps(rules).encode()}


@pytest.mark.parametrize("file", [UNIVERSE, RULES])
def test_files_that_the_chain_does_not_know_are_not_signed_for(
    site: Site, lying: LyingServer, tmp_path: Path, file: str
) -> None:
    lying.files = {file: other_files(tmp_path, site)[file]}
    lying.round = {"rulesHash": "0x" + "22" * 32, "universeDigest": "0x" + "22" * 32}
    assert "nothing was signed" in submit_through(site, lying, tmp_path / "r", on_chain(site))
    assert lying.sent == []
    lying.files = {}
    assert uuid.UUID(submit_through(site, lying, tmp_path / "r", on_chain(site))), "nothing wrong was kept"


def test_without_a_chain_files_have_the_hashes_that_the_server_states(
    site: Site, lying: LyingServer, tmp_path: Path
) -> None:
    lying.files = other_files(tmp_path, site)
    assert "nothing was signed" in submit_through(site, lying, tmp_path / "r", IN_THE_CLEAR)
    assert lying.sent == []


def test_a_round_that_takes_nothing_on_the_chain_is_not_signed_for(
    site: Site, lying: LyingServer, tmp_path: Path
) -> None:
    lying.round = {"number": 9}
    assert "expected a round from 1 to 1" in submit_through(site, lying, tmp_path, on_chain(site))
    assert lying.sent == []


def test_a_file_goes_to_no_other_server(site: Site, lying: LyingServer, tmp_path: Path) -> None:
    lying.grant = {"url": f"{site.url}0/upload/p.csv"}
    assert "found one of another server" in submit_through(site, lying, tmp_path, on_chain(site))
    lying.grant = {"filename": "../p.csv"}
    assert "expected a plain name" in submit_through(site, lying, tmp_path, on_chain(site))
    assert lying.sent == []


@pytest.mark.parametrize("field_name", ["roundId", "contentHash", "receivedAt", "signer", "tournament"])
def test_a_receipt_for_something_else_is_none(
    site: Site, lying: LyingServer, tmp_path: Path, field_name: str
) -> None:
    def forge(rows: list[dict[str, Any]]) -> None:
        wrong = {"contentHash": "0x" + "33" * 32, "tournament": OTHER, "signer": OTHER}.get(field_name, "5")
        rows[0]["receipt"][field_name] = wrong
        if field_name == "signer":  # a stranger's signature, where the rest is right
            rows[0]["receipt"]["signature"] = to_hex(
                EthAccount.create().unsafe_sign_hash(b"1" * 32).signature
            )

    lying.receipts = forge
    assert "found none that it signed" in submit_through(site, lying, tmp_path, on_chain(site))
    assert not list(tmp_path.glob("*.receipt.json"))


def test_a_submission_s_id_that_is_a_path_names_no_file(
    site: Site, lying: LyingServer, tmp_path: Path
) -> None:
    lying.receipts = lambda rows: rows[0].update(id="../../escaped")
    submit_through(site, lying, tmp_path / "receipts" / "deep", on_chain(site))
    assert not list(tmp_path.rglob("*.receipt.json"))
