"""Uploads by presigned PUT into an object store: what is accepted is what was checked, whoever sends what."""

import hashlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests
from numerapi import base_api
from typer.testing import CliRunner

from scorer.cli import app
from scorer.data.objects import ObjectFolder
from scorer.server.configuration import load_server_config
from scorer.server.data_sets import DataSets
from scorer.server.object_store import ObjectBlobs
from scorer.server.served_names import ENCRYPTS
from scorer.server.setup import CONFIG
from scorer.server.submission_records import ACCEPTED, DELIVERING, REFUSED
from scorer.server.upstream import GatewayError, Upstream
from scorer.storage.bundle import round_folder
from scorer.submission.table import most_bytes
from tests.encrypted_world import encrypted_world
from tests.object_store import LocalS3, s3, s3_server
from tests.server.site import Site, running_gateway, running_site
from tests.server.test_gateway import LyingServer, on_chain, submit_through
from tests.server.test_session import validation
from tests.server.test_submissions import LATER, frame, hosted, inbox, listed, name_signer
from tests.server.test_unfinished import stall_at
from tests.server.test_upload_races import CREATE, content_of, granted
from tests.world import HOUR, IDS, World

__all__ = ["s3", "s3_server"]
DAY = 86_400


@pytest.fixture
def site(world: World, tmp_path: Path, s3: LocalS3, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server whose uploads are in an object store, with data to diagnose on."""
    validation(tmp_path / "data")
    data = DataSets(tmp_path / "data")
    with running_site(world, tmp_path / "server", objects=s3.url, data=data) as running:
        monkeypatch.setattr(base_api, "API_TOURNAMENT_URL", running.url)
        yield running


def sent(site: Site, content: bytes) -> dict[str, str]:
    """An upload of the owner of model 1 that was sent."""
    grant = granted(hosted(site))
    assert requests.put(grant["url"], data=content, timeout=10).status_code == 200
    return grant


def create(site: Site, grant: dict[str, str]) -> Any:
    return site.ask(CREATE, site.key(site.account_of(1)), f=grant["filename"])


def refusal(site: Site, grant: dict[str, str]) -> str:
    return str(create(site, grant)["errors"][0]["message"])


def scratch(site: Site) -> list[Path]:
    """Files that the server has on its own disk."""
    return [path for path in site.services.uploads.blobs.root.rglob("*") if path.is_file()]


def test_numerapi_submits_past_the_server_and_its_file_is_kept_by_its_hash(
    site: Site, s3: LocalS3, tmp_path: Path
) -> None:
    client = hosted(site)
    assert granted(client)["url"].startswith(f"{s3.endpoint}/")
    made = client.upload_predictions(model_id="1", df=frame(site))
    (row,), (file,) = listed(site), inbox(site)
    assert (row["id"], row["state"], bool(row["receipt"])) == (made, ACCEPTED, True)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert s3.objects() == {f"blobs/{digest[:2]}/{digest}": file.read_bytes()}
    assert scratch(site) == []
    back = client.download_submission(submission_id=made, dest_path=str(tmp_path / "back.csv"))
    assert Path(back).read_bytes() == file.read_bytes()


def test_a_second_put_changes_nothing_that_was_accepted(site: Site, s3: LocalS3) -> None:
    grant = sent(site, content_of(site, 1))
    assert create(site, grant)["data"]["create_submission"]["id"]
    before, (file,) = s3.objects(), inbox(site)
    requests.put(grant["url"], data=content_of(site, 2), timeout=10)
    assert "not used" in refusal(site, grant)
    assert {name: content for name, content in s3.objects().items() if name.startswith("blobs/")} == before
    assert file.read_bytes() == content_of(site, 1)
    assert site.services.submissions.records.content(grant["filename"]) == content_of(site, 1)


def test_a_put_while_the_server_reads_changes_nothing_that_it_checked(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = sent(site, content_of(site, 1))

    def late() -> None:
        requests.put(grant["url"], data=content_of(site, 2), timeout=10)

    stall_at(monkeypatch, "submission-received", late)
    assert create(site, grant)["data"]["create_submission"]["id"]
    (file,) = inbox(site)
    assert file.read_bytes() == content_of(site, 1)


def test_an_object_that_is_too_large_is_refused_before_it_is_read(
    site: Site, s3: LocalS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = most_bytes(len(IDS))
    grant = sent(site, b"x" * (most + 1))
    monkeypatch.setattr(ObjectFolder, "parts", None)
    assert refusal(site, grant) == f"upload: expected at most {most} bytes, found {most + 1}"
    assert s3.objects() == {}
    assert (listed(site), inbox(site), scratch(site)) == ([], [], [])


def test_an_object_that_grows_while_it_is_read_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = sent(site, b"x" * (most_bytes(len(IDS)) + 1))
    monkeypatch.setattr(ObjectFolder, "size", lambda *_: 1)
    assert "expected at most" in refusal(site, grant)
    assert scratch(site) == []


def test_a_url_is_good_for_one_name_and_what_was_not_sent_is_not_there(site: Site) -> None:
    grant = granted(hosted(site))
    assert "sent by PUT" in refusal(site, grant)
    other = grant["url"].replace(grant["filename"], "other.csv")
    assert "X-Amz-Signature=" in other
    assert "X-Amz-SignedHeaders=host" in other, "numerapi sends no other header"


def test_one_s_upload_is_read_for_nobody_else(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    grant = sent(site, content_of(site, 1))
    monkeypatch.setattr(ObjectFolder, "parts", None)
    stranger = site.key(site.account_of(2, "bob"))
    status = "query ($f: String!) { uploadStatus(filename: $f) { size } }"
    for query in (CREATE.replace('"1"', '"2"'), status):
        assert "granted for" in site.ask(query, stranger, f=grant["filename"])["errors"][0]["message"]


def test_what_was_sent_is_said_before_it_is_submitted(site: Site) -> None:
    grant = sent(site, content_of(site, 1))
    status = "query ($f: String!) { uploadStatus(filename: $f) { size sha256 problem } }"
    key, content = site.key(site.account_of(1)), content_of(site, 1)
    found = site.ask(status, key, f=grant["filename"])["data"]["uploadStatus"]
    assert found == {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "problem": None}
    requests.put(grant["url"], data=content_of(site, 2), timeout=10)
    exact = CREATE.replace("$f: String!", "$f: String!, $h: String").replace("8", "8, sha256: $h")
    refused = site.ask(exact, key, f=grant["filename"], h=found["sha256"])
    assert refused["errors"][0]["message"].startswith("sha256: expected that of the bytes that were sent")


def test_while_the_store_is_lost_nothing_is_used_and_the_error_says_so(site: Site, s3: LocalS3) -> None:
    grant = sent(site, content_of(site, 1))
    s3.stop()
    try:
        assert refusal(site, grant).startswith("object store: expected the server's to answer")
    finally:
        s3.start()
    assert listed(site) == []
    assert create(site, grant)["data"]["create_submission"]["id"], "nothing was lost"
    assert [row["state"] for row in listed(site)] == [ACCEPTED]


def test_a_store_that_is_lost_before_the_file_is_kept_gives_the_upload_back(
    site: Site, s3: LocalS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant, keep = sent(site, content_of(site, 1)), ObjectBlobs.keep

    def lost(blobs: ObjectBlobs, claimed: Path) -> str:
        s3.stop()
        try:
            return keep(blobs, claimed)
        finally:
            s3.start()

    with monkeypatch.context() as patched:
        patched.setattr(ObjectBlobs, "keep", lost)
        assert "nothing was lost" in refusal(site, grant)
    assert listed(site) == []
    assert create(site, grant)["data"]["create_submission"]["id"]
    assert len(inbox(site)) == 1


class EndedError(BaseException):
    """Stands in for the end of a process; one that is forked has no threads of the store's library."""


def left_half_way(site: Site, grant: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a process end between the receipt, which is kept, and the delivery."""

    def end() -> None:
        raise EndedError

    account = site.account_of(1)
    model = site.services.accounts.model_of(account, "1")
    with monkeypatch.context() as patched:
        stall_at(patched, "submission-delivering", end)
        with pytest.raises(EndedError):
            site.services.submissions.create(account, model, grant["filename"], None)


def test_a_submission_left_half_way_waits_for_a_store_that_is_lost(
    site: Site, s3: LocalS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = sent(site, content_of(site, 1))
    left_half_way(site, grant, monkeypatch)
    s3.stop()
    try:
        site.world.anvil.advance_to(site.world.now + LATER)
        assert site.services.submissions.recover() == 1
        assert listed(site)[0]["state"] == DELIVERING
        assert requests.get(site.url + "/status", timeout=10).json()["oldest_unanswered_seconds"] >= LATER
    finally:
        s3.start()
    site.world.anvil.advance_to(site.world.now + LATER)
    site.services.submissions.recover()
    (row,) = listed(site)
    assert (row["state"], bool(row["receipt"]), len(inbox(site))) == (ACCEPTED, True, 1)


@pytest.mark.parametrize("kind", ["changed", "gone"])
def test_content_that_is_not_there_any_more_is_never_delivered(
    site: Site, s3: LocalS3, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = sent(site, content_of(site, 1))
    left_half_way(site, grant, monkeypatch)
    (name,) = (name for name in s3.objects() if name.startswith("blobs/"))
    store = ObjectFolder(s3.url)
    if kind == "changed":
        store.write(name, content_of(site, 2))
    else:
        store.delete([name])
    site.world.anvil.advance_to(site.world.now + LATER)
    site.services.submissions.recover()
    assert (listed(site)[0]["state"], inbox(site)) == (REFUSED if kind == "changed" else DELIVERING, [])
    site.world.anvil.advance_to(site.world.record(1).close_at + LATER)
    site.services.submissions.recover()
    (row,) = listed(site)
    assert (row["state"], row["receipt"], inbox(site)) == (REFUSED, None, [])


def test_any_process_submits_what_was_sent_and_reads_it_back(
    site: Site, world: World, tmp_path: Path, s3: LocalS3
) -> None:
    grant = sent(site, content_of(site, 1))
    database = tmp_path / "server" / "server.sqlite"
    with running_site(world, tmp_path / "other", objects=s3.url, database=database) as other:
        assert create(other, grant)["data"]["create_submission"]["id"]
        assert other.services.submissions.records.content(grant["filename"]) == content_of(site, 1)
    assert [row["state"] for row in listed(site)] == [ACCEPTED]
    assert site.services.submissions.records.content(grant["filename"]) == content_of(site, 1)


def test_a_page_sends_its_file_to_the_server_which_puts_it_into_the_store(site: Site, s3: LocalS3) -> None:
    hosted(site)
    services, account = site.services, site.account_of(1)
    model = services.accounts.model_of(account, "1")
    purpose, most = services.submissions.window.upload_kind(model, encrypts=False)
    grant = services.uploads.grant(account, "p.csv", model, purpose, most, here=True)
    assert grant["url"].startswith(f"{site.url}/upload/")
    assert requests.put(grant["url"], data=content_of(site, 1), timeout=10).status_code == 200
    assert s3.objects() == {f"uploads/{grant['filename']}": content_of(site, 1)}
    assert create(site, grant)["data"]["create_submission"]["id"]
    assert requests.put(grant["url"], data=content_of(site, 2), timeout=10).status_code == 409
    assert [name.partition("/")[0] for name in s3.objects()] == ["blobs"]


def test_a_page_s_file_is_answered_in_words_while_the_store_is_lost(site: Site, s3: LocalS3) -> None:
    hosted(site)
    services, account = site.services, site.account_of(1)
    grant = services.uploads.grant(account, "p.csv", None, "submission", 9_999, here=True)
    s3.stop()
    try:
        answer = requests.put(grant["url"], data=content_of(site, 1), timeout=60)
    finally:
        s3.start()
    assert (answer.status_code, answer.text[:13]) == (503, "object store:")


def test_uploads_that_nobody_used_are_removed_and_nothing_else(site: Site, s3: LocalS3) -> None:
    client = hosted(site)
    kept = client.upload_predictions(model_id="1", df=frame(site))
    unused = granted(client)
    requests.put(unused["url"], data=content_of(site, 2), timeout=10)
    assert site.services.uploads.sweep(0.0) == 0
    site.world.anvil.advance_to(site.world.now + 2 * HOUR + 1)
    assert site.services.uploads.expire() == 1
    ObjectFolder(s3.url).write("uploads/of-a-killed-process.csv", b"x")
    assert site.services.uploads.sweep(4_102_444_800.0) == 1
    assert [name.partition("/")[0] for name in s3.objects()] == ["blobs"]
    assert listed(site)[0]["id"] == kept


def test_diagnostics_are_made_from_the_store_and_their_file_removed(
    site: Site, s3: LocalS3, tmp_path: Path
) -> None:
    site.step()
    client = site.client(site.key(site.account_of(1)))
    table = pd.read_parquet(tmp_path / "data" / "v1.0" / "validation.parquet")
    values = np.random.default_rng(9).random(len(table))
    job = client.upload_diagnostics(df=pd.DataFrame({"id": table.index, "prediction": values}), model_id="1")
    assert [name.partition("/")[0] for name in s3.objects()] == ["diagnostics"]
    s3.stop()
    try:
        assert site.services.diagnoses.step() == 0
    finally:
        s3.start()
    assert client.diagnostics("1", job)[0]["status"] == "pending"
    assert site.services.diagnoses.step() == 0
    site.world.anvil.advance_to(site.world.now + 120)
    assert site.services.diagnoses.step() == 1
    assert client.diagnostics("1", job)[0]["status"] == "done"
    assert s3.objects() == {}


@pytest.fixture
def secret(world: World, tmp_path: Path, s3: LocalS3, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server with an object store, of a tournament whose open round encrypts."""
    with running_site(encrypted_world(world), tmp_path / "server", objects=s3.url) as running:
        running.world.open()
        running.step()
        monkeypatch.setattr(base_api, "API_TOURNAMENT_URL", running.url)
        yield running


def test_the_gateway_sends_its_envelope_to_the_store_that_the_server_names(
    secret: Site, s3: LocalS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_gateway(secret, tmp_path / "receipts", on_chain(secret)) as url:
        monkeypatch.setattr(base_api, "API_TOURNAMENT_URL", url)
        client = secret.client(secret.key(secret.account_of(1)))
        made = client.upload_predictions(model_id="1", df=frame(secret))
    assert (tmp_path / "receipts" / f"{made}.receipt.json").is_file()
    folder = round_folder(secret.world.operator.inbox, secret.world.suite.addresses.tournament, 1)
    (file,) = folder.glob("*.envelope")
    assert list(s3.objects().values()) == [file.read_bytes()]


def test_the_gateway_sends_to_no_store_but_the_named_one(secret: Site, tmp_path: Path) -> None:
    lying = LyingServer(secret.url)
    for url in ("http://127.0.0.1:9/bucket/uploads/p", f"{lying._document()['uploads'][:-1]}-other/p"):
        lying.grant = {"url": url}
        assert "found one of another server" in submit_through(secret, lying, tmp_path, on_chain(secret))
    assert lying.sent == []


@pytest.mark.parametrize("begin", ["http://store.example/uploads/", "https://store.example/uploads", 7, None])
def test_a_server_behind_tls_names_no_store_without(begin: object, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream = Upstream("https://host.example/t/7")
    monkeypatch.setattr(Upstream, "_document", lambda _: {"uploads": begin})
    with pytest.raises(GatewayError, match="found one of another server"):
        upstream.put("http://store.example/uploads/p.envelope", b"x")


def test_predictions_in_the_clear_are_not_kept_where_a_round_encrypts(secret: Site, s3: LocalS3) -> None:
    """The client said that it encrypts, and does not."""
    key = secret.key(secret.account_of(1))
    header = {"Authorization": f"Token {key.public_id}${key.secret}", ENCRYPTS: "1"}
    query = '{ submission_upload_auth(filename: "p.csv", tournament: 8, modelId: "1") { filename url } }'
    asked = requests.post(secret.url, json={"query": query}, headers=header, timeout=10).json()
    grant = asked["data"]["submission_upload_auth"]
    requests.put(grant["url"], data=content_of(secret, 1), timeout=10)
    assert "expected" in refusal(secret, grant)
    assert (s3.objects(), scratch(secret), listed(secret)) == ({}, [], [])


def test_a_hosted_file_reaches_the_store_encrypted_alone(secret: Site, s3: LocalS3) -> None:
    name_signer(secret, 1)
    client = secret.client(secret.key(secret.account_of(1)))
    grant = granted(client)
    assert grant["url"].startswith(f"{secret.url}/upload/")
    assert requests.put(grant["url"], data=content_of(secret, 1), timeout=60).status_code == 200
    (content,) = s3.objects().values()
    assert content_of(secret, 1)[-40:] not in content
    assert create(secret, grant)["data"]["create_submission"]["id"]
    assert [row["state"] for row in listed(secret)] == [ACCEPTED]
    assert list(s3.objects().values()) == [content]


def initialise(world: World, folder: Path, *options: str) -> Any:
    deployment = folder.parent / "deployment.json"
    deployment.write_text(json.dumps(world.suite.addresses.to_json()))
    places = ("--inbox", world.operator.inbox, "--published", world.operator.published)
    chain = ("--endpoint", world.anvil.url, "--deployment", deployment)
    bundles = ("--bundles", world.members[0].paths.rounds)
    arguments = ["server", "init", folder, *chain, *places, *bundles, *options]
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_server_is_set_up_with_a_store_that_it_tried(world: World, tmp_path: Path, s3: LocalS3) -> None:
    made = initialise(world, tmp_path / "site", "--preset", "dao", "--objects", s3.url)
    assert made.exit_code == 0, made.output
    config = load_server_config(tmp_path / "site" / CONFIG)
    assert (config.folders.objects, config.parts().objects) == (s3.url, s3.url)
    assert s3.objects() == {}


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--objects", "s3://no-such-bucket/x"), "no-such-bucket"),
        (("--objects", "file:///tmp/x"), "expected a URL of the scheme s3"),
        (("--objects", "s3://UPPER"), "expected a URL of the scheme s3"),
        (("--database", "mysql://u:secret@h/n"), "expected a URL of the scheme postgresql"),
        (
            ("--database", "postgresql+psycopg://u:secret@127.0.0.1:{port}/n"),
            "expected one that can be",
        ),
    ],
)
def test_a_store_or_database_that_cannot_be_used_is_refused_before_anything_is_written(
    world: World, tmp_path: Path, s3: LocalS3, options: tuple[str, str], words: str
) -> None:
    value = options[1].format(port=closed_port())
    made = initialise(world, tmp_path / "site", "--preset", "fund", options[0], value)
    assert made.exit_code == 1
    assert words in made.output
    assert "secret" not in made.output
    assert not (tmp_path / "site").exists()
