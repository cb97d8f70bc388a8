"""Uploads that change while they are used: what is delivered is what was checked, whoever sends what when."""

import hashlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import sqlalchemy as sa

from scorer.failpoints import KILLED
from scorer.server.quotas import Quotas
from scorer.server.submission_records import ACCEPTED, REFUSED
from scorer.server.tables import UPLOAD
from scorer.submission.table import most_bytes
from tests.server.site import Site, running_site
from tests.server.site import site as site
from tests.server.test_submissions import LATER, fork_and_submit, frame, hosted, inbox, listed
from tests.waiting import eventually
from tests.world import HOUR, IDS, World

AUTH = 'query { submissionUploadAuth(filename: "p.csv", tournament: 8, modelId: "1") { url } }'
CREATE = 'mutation ($f: String!) { create_submission(filename: $f, tournament: 8, modelId: "1") { id } }'


class SlowPut:
    """An upload of which the last byte is sent later."""

    def __init__(self, url: str, content: bytes, head: str) -> None:
        parts = urlsplit(url)
        self._last, chunk = content[-1:], b"%x\r\n" % len(content) if "chunked" in head else b""
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=20)
        head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n{head}"
        self._socket.sendall(f"{head}\r\nConnection: close\r\n\r\n".encode() + chunk + content[:-1])

    def finish(self) -> int:
        """Send the last byte; the status of the answer."""
        self._socket.sendall(self._last)
        return int(self._socket.makefile("rb").readline().split()[1])


@contextmanager
def slow_put(site: Site, url: str, content: bytes, head: str = "") -> Iterator[SlowPut]:
    """An upload that hangs; `head` is how it states its length, else truly."""
    drafts = site.services.uploads.blobs.drafts
    before = len(list(drafts.glob("*")))
    put = SlowPut(url, content, head or f"Content-Length: {len(content)}")
    eventually(lambda: len(list(drafts.glob("*"))) > before, "an upload that has begun")
    yield put
    put._socket.close()


def content_of(site: Site, model: int) -> bytes:
    return frame(site, model).to_csv(index=False).encode()


def granted(client: Any) -> dict[str, str]:
    found: dict[str, str] = client._upload_auth("submission_upload_auth", "p.csv", 8, "1")
    return found


def test_an_upload_that_ends_after_the_submission_changes_nothing(site: Site) -> None:
    client = hosted(site)
    grant, key = granted(client), site.key(site.account_of(1))
    with slow_put(site, grant["url"], content_of(site, 2)) as late:
        assert requests.put(grant["url"], data=content_of(site, 1), timeout=10).status_code == 200
        assert site.ask(CREATE, key, f=grant["filename"])["data"]["create_submission"]["id"]
        assert late.finish() == 409
    (file,) = inbox(site)
    assert file.read_bytes() == content_of(site, 1)
    assert not list(site.services.uploads.blobs.drafts.glob("*"))


def test_a_file_that_is_replaced_while_it_is_hashed_is_delivered_as_it_was_hashed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other upload ends just after the hash was taken, as a disk or a scheduler may have it."""
    client = hosted(site)
    grant, key = granted(client), site.key(site.account_of(1))
    with slow_put(site, grant["url"], content_of(site, 2)) as late:
        assert requests.put(grant["url"], data=content_of(site, 1), timeout=10).status_code == 200
        digest_of = hashlib.file_digest

        def hashed(file: Any, kind: str) -> Any:
            found = digest_of(file, kind)
            late.finish()
            return found

        monkeypatch.setattr(hashlib, "file_digest", hashed)
        assert site.ask(CREATE, key, f=grant["filename"])["data"]["create_submission"]["id"]
    (file,) = inbox(site)
    assert file.read_bytes() == content_of(site, 1)
    for path in (site.services.uploads.blobs.root / "blobs").glob("*/*"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name


def test_a_stored_file_that_changed_is_never_delivered(site: Site) -> None:
    client = hosted(site)
    grant = granted(client)
    requests.put(grant["url"], data=content_of(site, 1), timeout=10)
    assert fork_and_submit(site, grant["filename"], "submission-delivering") == KILLED
    (path,) = (site.services.uploads.blobs.root / "blobs").glob("*/*")
    path.write_bytes(content_of(site, 2))
    site.world.anvil.advance_to(site.world.now + LATER)
    site.services.submissions.recover()
    (row,) = listed(site)
    assert (row["state"], row["receipt"]) == (REFUSED, None)
    assert "expected bytes of the SHA-256" in row["reason"]
    assert not inbox(site)
    assert ACCEPTED not in {entry["state"] for entry in listed(site)}


@pytest.mark.parametrize(
    ("quotas", "words"),
    [
        (Quotas(account_bytes=1_000), "of an account in a day"),
        (Quotas(waiting_bytes=1_000), "beside the uploads of others"),
        (Quotas(free_bytes=2**62), "room for"),
        (Quotas(waiting=0), "that are not used"),
    ],
    ids=("account", "all", "disk", "number"),
)
def test_nobody_fills_the_disk_with_uploads(world: World, tmp_path: Path, quotas: Quotas, words: str) -> None:
    with running_site(world, tmp_path / "server", quotas=quotas) as site:
        world.open()
        site.step()
        answer = site.ask(AUTH, site.key(site.account_of(1)))
        assert words in answer["errors"][0]["message"]


def test_what_was_sent_counts_by_its_size_and_what_was_not_by_its_limit(site: Site) -> None:
    client = hosted(site)
    grant = granted(client)
    with site.services.database.reading() as connection:
        most, size = connection.execute(sa.select(UPLOAD.c.most_bytes, UPLOAD.c.size)).one()
    assert (most, size) == (most_bytes(len(IDS)), None)
    requests.put(grant["url"], data=b"x" * 7, timeout=10)
    with site.services.database.reading() as connection:
        assert connection.scalar(sa.select(UPLOAD.c.size)) == 7


def test_uploads_that_nobody_used_are_removed(site: Site) -> None:
    client = hosted(site)
    grant = granted(client)
    requests.put(grant["url"], data=content_of(site, 1), timeout=10)
    assert site.services.uploads.expire() == 0
    site.world.anvil.advance_to(site.world.now + 2 * HOUR + 1)
    assert site.services.uploads.expire() == 1
    assert not list(site.services.uploads.blobs.drafts.glob("*"))
    with site.services.database.reading() as connection:
        assert connection.execute(sa.select(UPLOAD)).all() == []


def test_an_upload_is_sent_twice_at_once_and_no_more(site: Site) -> None:
    client = hosted(site)
    url = granted(client)["url"]
    with slow_put(site, url, content_of(site, 1)), slow_put(site, url, content_of(site, 1)):
        assert requests.put(url, data=content_of(site, 1), timeout=10).status_code == 409
