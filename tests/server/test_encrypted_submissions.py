"""Rounds that encrypt: numerapi takes part through the gateway, and no server ever holds a prediction."""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from numerapi import base_api

from scorer.chain.records import RoundState
from scorer.encryption import Identity, MemberKeys, RoundContext
from scorer.errors import CupelError
from scorer.failpoints import KILLED
from scorer.observation.encryption import encrypt_submission
from scorer.operator.inbox_files import read_signature, received_at
from scorer.protocol.digest import content_hash
from scorer.protocol.documents import to_hex
from scorer.protocol.envelopes import envelope_hash
from scorer.protocol.signature import SubmissionDigest
from scorer.server import file_routes
from scorer.server.errors import ApiError
from scorer.server.gateway import SIGN
from scorer.server.signing_rounds import OwnConfiguration
from scorer.server.submission_records import ACCEPTED, REFUSED
from scorer.server.upstream import Upstream
from scorer.storage.bundle import SUBMISSIONS, Bundle, round_folder
from scorer.submission.table import most_bytes
from tests.encrypted_world import encrypted_world, files_with_predictions
from tests.server.site import Site, running_gateway, running_site
from tests.server.test_gateway import LyingServer, on_chain, submit_through
from tests.server.test_submissions import LATER, fork_and_submit, frame, listed, name_signer
from tests.server.test_upload_races import slow_put
from tests.waiting import eventually
from tests.world import IDS, World

GRANT = '{ submission_upload_auth(filename: "p.csv", tournament: 8, modelId: "1") { filename url } }'
CREATE = 'mutation ($f: String!) { create_submission(filename: $f, tournament: 8, modelId: "1") { id } }'


@pytest.fixture
def site(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server of a tournament whose open round encrypts; it reads what a member publishes."""
    secret = encrypted_world(world)
    shown = secret.members[0].paths.exchange
    assert shown is not None
    with running_site(secret, tmp_path / "server", bundles=(shown,)) as running:
        secret.open()
        running.step()
        monkeypatch.setattr(base_api, "API_TOURNAMENT_URL", running.url)
        yield running


@pytest.fixture
def gateway(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A gateway that reads the chain, at which numerapi is pointed."""
    own = OwnConfiguration(site.world.suite.addresses, site.world.suite)
    with running_gateway(site, tmp_path / "receipts", own) as url:
        monkeypatch.setattr(base_api, "API_TOURNAMENT_URL", url)
        yield url


def delivered(site: Site, round_id: int = 1) -> list[Path]:
    """The submissions in the operator's inbox; everything else in it belongs to one."""
    folder = round_folder(site.world.operator.inbox, site.world.suite.addresses.tournament, round_id)
    files = sorted(path for path in folder.glob("*") if not path.name.endswith(".signature.json"))
    assert {path.suffix for path in files} <= {".envelope"}
    return files


def kept(site: Site) -> list[Path]:
    """Every file of uploads and submissions that the server holds."""
    return [path for path in site.services.uploads.blobs.root.rglob("*") if path.is_file()]


@pytest.mark.usefixtures("gateway")
def test_numerapi_takes_part_in_a_round_that_encrypts_and_is_paid_by_the_chain_s_score(
    site: Site, tmp_path: Path
) -> None:
    world, client = site.world, site.client(site.key(site.account_of(1)))
    made = client.upload_predictions(model_id="1", df=frame(site))
    (row,) = listed(site)
    assert (row["id"], row["state"], row["selected"]) == (made, ACCEPTED, True)
    world.submit_all(1, range(2, 11))
    world.close_and_seal(1)
    world.settle(1)
    site.step()
    site.step()
    assert world.record(1).state == RoundState.SETTLED
    scores = {row["displayName"]: row for row in client.submission_scores("1")}
    scored = world.members[1].bundle(1).scored_round()
    place = scored.scores["model_id"].tolist().index(1)
    assert {name: row["value"] for name, row in scores.items()} == {
        name: scored.scores[name][place] for name in ("corr_target_20d2l", "mmc_target_20d2l")
    }
    assert all(row["resolved"] for row in scores.values())
    (paid,) = (row for row in client.pending_model_payouts()["actual"] if row["modelId"] == "1")
    explained = scored.explain(1)
    assert scored.scores["position"][place] > 0
    assert paid["payoutNmr"] * 10**9 == explained.payout - explained.burn
    members = tmp_path / "members"
    found = set(files_with_predictions(world, 1, tmp_path))
    assert found, "members decrypt"
    assert {path for path in found if not path.is_relative_to(members)} == set()
    assert not any("exchange" in path.parts for path in found)


@pytest.mark.usefixtures("gateway")
def test_the_operator_gets_the_envelope_that_was_signed_and_its_sender_a_receipt(
    site: Site, tmp_path: Path
) -> None:
    client = site.client(site.key(site.account_of(1)))
    made = client.upload_predictions(model_id="1", df=frame(site))
    (file,), (row,) = delivered(site), listed(site)
    content, signed, receipt = file.read_bytes(), read_signature(file), row["receipt"]
    assert signed.ciphertext_hash == envelope_hash(content)
    assert to_hex(signed.ciphertext_hash) == row["ciphertextHash"] == receipt["ciphertextHash"]
    assert to_hex(signed.content_hash) == row["contentHash"] == receipt["contentHash"]
    assert int(receipt["receivedAt"]) == received_at(file)
    assert (tmp_path / "receipts" / f"{made}.receipt.json").is_file()
    names = client.get_submission_filenames(model_id="1")
    assert [name["filename"] for name in names] == [row["filename"]]
    path = client.download_submission(submission_id=made, dest_path=str(tmp_path / "back"))
    assert Path(path).read_bytes() == content


@pytest.mark.usefixtures("gateway")
def test_of_two_submissions_the_later_counts_and_each_has_a_key_of_its_own(site: Site) -> None:
    client = site.client(site.key(site.account_of(1)))
    for _ in range(2):
        client.upload_predictions(model_id="1", df=frame(site))
    first, second = delivered(site)
    assert first.read_bytes() != second.read_bytes()
    assert first.stat().st_size == second.stat().st_size
    assert [row["selected"] for row in listed(site)] == [True, False]


@pytest.mark.usefixtures("gateway")
def test_a_file_that_would_be_refused_is_refused_here_and_not_sent(site: Site) -> None:
    client = site.client(site.key(site.account_of(1)))
    with pytest.raises(ValueError, match="expected"):
        client.upload_predictions(model_id="1", df=frame(site).iloc[:5])
    assert [*kept(site), *delivered(site), *listed(site)] == []


def test_a_gateway_without_a_chain_takes_the_members_keys_from_the_server(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_gateway(site, tmp_path / "receipts") as url:
        monkeypatch.setattr(base_api, "API_TOURNAMENT_URL", url)
        client = site.client(site.key(site.account_of(1)))
        assert client.upload_predictions(model_id="1", df=frame(site))
    assert len(delivered(site)) == 1
    document = requests.get(f"{site.url}/rounds/1/members.json", timeout=10).json()
    keys = site.world.tournament.keys_of(1)
    assert document == {"threshold": keys.threshold, "keys": [to_hex(key) for key in keys.published]}
    assert requests.get(f"{site.url}/rounds/2/members.json", timeout=10).status_code == 404


def test_a_gateway_with_a_chain_encrypts_to_no_keys_that_a_server_makes_up(
    site: Site, tmp_path: Path
) -> None:
    strangers = [to_hex(Identity.generate().public) for _ in site.world.members]
    document = {"threshold": 2, "keys": strangers}
    lying = LyingServer(site.url, files={"members.json": json.dumps(document).encode()})
    assert "other-members" in submit_through(site, lying, tmp_path / "believes", OwnConfiguration())
    assert delivered(site) == []
    assert uuid.UUID(submit_through(site, lying, tmp_path / "asks the chain", on_chain(site)))
    assert len(delivered(site)) == 1


def test_without_a_gateway_nothing_is_taken(site: Site) -> None:
    client = site.client(site.key(site.account_of(1)))
    with pytest.raises(ValueError, match="submit through cupel gateway"):
        client.upload_predictions(model_id="1", df=frame(site))
    assert kept(site) == []


@pytest.fixture
def owner(site: Site) -> Any:
    """numerapi as the owner of a model that lets the server sign."""
    name_signer(site, 1)
    return site.client(site.key(site.account_of(1)))


def test_a_hosted_submission_is_encrypted_as_it_comes_and_counts(
    site: Site, owner: Any, tmp_path: Path
) -> None:
    owner.upload_predictions(model_id="1", df=frame(site))
    (file,), (row,) = delivered(site), listed(site)
    signed, suite = read_signature(file), site.world.suite.addresses
    hashes = (signed.content_hash, signed.ciphertext_hash)
    digest = SubmissionDigest(suite.chain_id, suite.tournament, 1, 1, *hashes)
    assert digest.signer(signed.signature) == site.services.submissions.signer.address
    assert signed.content_hash == content_hash(IDS, frame(site)["prediction"].to_numpy())
    assert (row["state"], row["receipt"]["ciphertextHash"]) == (ACCEPTED, to_hex(signed.ciphertext_hash))
    assert [path.read_bytes() for path in kept(site)] == [file.read_bytes()]
    assert list(files_with_predictions(site.world, 1, tmp_path)) == []
    site.world.submit_all(1, range(2, 11))
    site.world.close_and_seal(1)
    record = site.world.record(1)
    assert (record.state, record.valid_at_risk) == (RoundState.SEALED, record.at_risk)
    decrypted = site.world.members[0].bundle(1).submissions().matrix[0]
    assert decrypted.tolist() == frame(site)["prediction"].tolist()


def test_a_hosted_file_that_is_refused_is_kept_nowhere_and_its_sender_hears_why(
    site: Site, owner: Any, tmp_path: Path
) -> None:
    """numerapi does not look at the answer to an upload: the reason comes when it submits."""
    with pytest.raises(ValueError, match="expected all 60 ids of the round"):
        owner.upload_predictions(model_id="1", df=frame(site).iloc[:50])
    assert [*kept(site), *delivered(site), *listed(site)] == []
    assert list(files_with_predictions(site.world, 1, tmp_path)) == []
    owner.upload_predictions(model_id="1", df=frame(site))
    assert len(delivered(site)) == 1


def test_hosted_files_have_bounded_room_in_memory(
    site: Site, owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = frame(site).to_csv(index=False).encode()
    monkeypatch.setattr(file_routes, "MOST_HELD", len(content) + 1)
    name_signer(site, 2)
    other = site.client(site.key(site.account_of(2, "bob")))
    first = owner._upload_auth("submission_upload_auth", "p.csv", 8, "1")["url"]
    second = other._upload_auth("submission_upload_auth", "p.csv", 8, "2")["url"]
    with slow_put(site, first, content):
        answer = requests.put(second, data=content, timeout=10)
    assert answer.status_code == 503
    assert "room in memory to encrypt" in answer.text
    sent = lambda: requests.put(second, data=content, timeout=10).status_code == 200  # noqa: E731
    eventually(sent, "room for the second file")


def test_slow_files_of_one_account_leave_room_for_others(
    site: Site, owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = frame(site).to_csv(index=False).encode()
    monkeypatch.setattr(file_routes, "MOST_HELD_OF_ACCOUNT", len(content) + 1)
    name_signer(site, 2)
    other = site.client(site.key(site.account_of(2, "bob")))
    first, second = (owner._upload_auth("submission_upload_auth", "p.csv", 8, "1")["url"] for _ in range(2))
    with slow_put(site, first, content):
        answer = requests.put(second, data=content, timeout=10)
        assert answer.status_code == 503
        assert "beside your other files" in answer.text
        other.upload_predictions(model_id="2", df=frame(site, 2))
    assert len(delivered(site)) == 1


def test_a_file_that_comes_in_chunks_has_the_room_of_the_largest_whatever_length_it_states(
    site: Site, owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_routes, "MOST_HELD_OF_ACCOUNT", most_bytes(len(IDS)))
    content = frame(site).to_csv(index=False).encode()
    first, second = (owner._upload_auth("submission_upload_auth", "p.csv", 8, "1")["url"] for _ in range(2))
    with slow_put(site, first, content, head="Content-Length: 1\r\nTransfer-Encoding: chunked"):
        assert requests.put(second, data=content, timeout=10).status_code == 503


def test_a_hosted_upload_of_a_round_before_is_not_submitted_to_the_next(site: Site, owner: Any) -> None:
    granted = owner._upload_auth("submission_upload_auth", "p.csv", 8, "1")
    requests.put(granted["url"], data=frame(site).to_csv(index=False).encode(), timeout=10)
    site.world.anvil.advance_to(site.world.record(1).close_at)
    site.world.open()
    site.step()
    with pytest.raises(ApiError, match="other-round"):
        Sender(site).ask(CREATE, f=granted["filename"])
    assert delivered(site, 1) == delivered(site, 2) == []


class Sender:
    """A client that encrypts by itself, and may send anything."""

    def __init__(self, site: Site) -> None:
        key = site.key(site.account_of(1))
        self.site, self.server = site, Upstream(site.url)
        self.authorization = f"Token {key.public_id}${key.secret}"

    def ask(self, query: str, **variables: Any) -> Any:
        return self.server.query(query, self.authorization, **variables)

    def upload(self, content: bytes, digest: SubmissionDigest, signer: int = 1, round_id: int = 1) -> str:
        """Upload an envelope and sign it; its name."""
        granted = self.ask(GRANT)
        self.server.put(granted["url"], content)
        signature = digest.sign(bytes(self.site.world.participants[signer - 1].account.key))
        hashes = {"c": to_hex(digest.content_hash), "s": to_hex(signature)}
        self.ask(SIGN, f=granted["filename"], r=round_id, **hashes)
        return str(granted["filename"])

    def submit(self, content: bytes, digest: SubmissionDigest, signer: int = 1) -> str:
        return str(self.ask(CREATE, f=self.upload(content, digest, signer))["id"])


Envelope = tuple[SubmissionDigest, bytes]


def envelope(
    site: Site, model: int = 1, round_id: int = 1, members: MemberKeys | None = None, ids: int = len(IDS)
) -> Envelope:
    """An envelope of the predictions that model 1 makes for a round, and what its submitter signs."""
    suite = site.world.suite.addresses
    place = RoundContext(suite.chain_id, suite.tournament, round_id)
    values = frame(site)["prediction"].to_numpy()[:ids]
    return encrypt_submission(place, IDS[:ids], values, model, members or site.world.tournament.keys_of(1))


def other_members(site: Site) -> Envelope:
    keys = site.world.tournament.keys_of(1)
    strangers = tuple(Identity.generate().public for _ in keys.published)
    return envelope(site, members=MemberKeys(strangers, keys.threshold))


def changed(site: Site, place: int) -> Envelope:
    """An envelope of which one byte was changed after it was signed."""
    digest, content = envelope(site)
    broken = bytearray(content)
    broken[place] ^= 1
    return digest, bytes(broken)


def resigned(site: Site, place: int) -> Envelope:
    """An envelope of which one byte was changed before it was signed."""
    digest, content = changed(site, place)
    return replace(digest, ciphertext_hash=envelope_hash(content)), content


def of_other_content(site: Site) -> Envelope:
    digest, content = envelope(site)
    return replace(digest, content_hash=b"\x01" * 32), content


BOX = 16 + 7 * 32
"""Where the first member's box begins."""
WRONG: dict[str, tuple[Callable[[Site], Envelope], str]] = {
    "another model": (lambda site: envelope(site, model=2), "other-model"),
    "another round": (lambda site: envelope(site, round_id=2), "other-round"),
    "other members": (other_members, "other-members"),
    "fewer ids": (lambda site: envelope(site, ids=30), "other-universe"),
    "another content": (of_other_content, "other-content"),
    "a byte less": (lambda site: (envelope(site)[0], envelope(site)[1][:-1]), "found fewer"),
    "a byte more": (lambda site: (envelope(site)[0], envelope(site)[1] + b"x"), "found more"),
    "nothing": (lambda site: (envelope(site)[0], b""), "found fewer"),
    "a changed header": (lambda site: changed(site, 0), "no-envelope"),
    "a changed content hash": (lambda site: changed(site, 16 + 4 * 32), "other-content"),
    "a changed box": (lambda site: resigned(site, BOX), "malformed-box"),
    "a changed payload": (lambda site: changed(site, -1), "over this file"),
    "plaintext": (lambda site: in_the_clear(site), "no-envelope"),
}


def in_the_clear(site: Site) -> Envelope:
    """A file of predictions of an envelope's size."""
    digest, content = envelope(site)
    return digest, frame(site).to_csv(index=False).encode().ljust(len(content), b"\n")[: len(content)]


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_envelope_is_refused_by_name_and_nothing_is_delivered(site: Site, name: str) -> None:
    make, words = WRONG[name]
    digest, content = make(site)
    with pytest.raises(CupelError, match=words):
        Sender(site).submit(content, digest)
    assert delivered(site) == []
    assert {row["state"] for row in listed(site)} <= {REFUSED}
    assert list(files_with_predictions(site.world, 1, site.services.uploads.blobs.root)) == []


def test_a_signature_of_another_key_is_refused(site: Site) -> None:
    digest, content = envelope(site)
    with pytest.raises(ApiError, match="the submitter of model 1"):
        Sender(site).submit(content, digest, signer=2)
    assert delivered(site) == []


def test_an_envelope_without_a_signature_is_refused(site: Site) -> None:
    sender = Sender(site)
    granted = sender.ask(GRANT)
    sender.server.put(granted["url"], envelope(site)[1])
    with pytest.raises(ApiError, match="found none; submit through cupel gateway"):
        sender.ask(CREATE, f=granted["filename"])
    assert delivered(site) == []


def test_an_envelope_is_taken_once(site: Site) -> None:
    """Whoever has an old envelope and its signature must not put it in place of a newer one."""
    sender, (digest, content) = Sender(site), envelope(site)
    first = sender.submit(content, digest)
    with pytest.raises(ApiError, match=f"found that of submission {first}"):
        sender.submit(content, digest)
    assert len(delivered(site)) == 1


def test_an_envelope_of_a_round_before_is_refused(site: Site) -> None:
    sender, (digest, content) = Sender(site), envelope(site)
    name = sender.upload(content, digest)
    site.world.anvil.advance_to(site.world.record(1).close_at)
    site.world.open()
    site.step()
    with pytest.raises(ApiError, match="expected one for round 2, found one for round 1"):
        sender.ask(CREATE, f=name)
    assert delivered(site, 1) == delivered(site, 2) == []


@pytest.mark.parametrize(
    ("label", "state"),
    [
        ("submission-received", REFUSED),
        ("submission-delivering", ACCEPTED),
        ("submission-delivered", ACCEPTED),
    ],
)
def test_killed_before_its_delivery_an_envelope_is_finished_exactly_once(
    site: Site, label: str, state: str
) -> None:
    sender, (digest, content) = Sender(site), envelope(site)
    assert fork_and_submit(site, sender.upload(content, digest), label) == KILLED
    assert listed(site)[0]["receipt"] is None
    site.world.anvil.advance_to(site.world.now + LATER)
    for _ in range(2):
        site.services.submissions.recover()
        (row,) = listed(site)
        assert row["state"] == state
        assert bool(row["receipt"]) == (state == ACCEPTED) == (len(delivered(site)) == 1)
    if state == ACCEPTED:
        assert delivered(site)[0].read_bytes() == content
        with pytest.raises(ApiError, match="not submitted before"):
            sender.submit(content, digest)
    else:
        assert sender.submit(content, digest)
    assert len(delivered(site)) == 1


def test_what_the_server_delivers_is_under_the_round_s_root(site: Site) -> None:
    digest, content = envelope(site)
    Sender(site).submit(content, digest)
    site.world.submit_all(1, range(2, 11))
    site.world.close_and_seal(1)
    published = Bundle(round_folder(site.world.operator.published, site.world.suite.addresses.tournament, 1))
    assert not published.has(SUBMISSIONS)
    (mine,) = (each for each in published.published_submissions().entries if each.model_id == 1)
    assert (mine.content_hash, mine.ciphertext_hash) == (digest.content_hash, digest.ciphertext_hash)
