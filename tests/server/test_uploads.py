"""Uploads leave the event loop and the threads of other requests free, and ask the chain once a round."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.concurrency import run_in_threadpool

from scorer.encryption import EncryptionError
from scorer.server import envelopes
from scorer.server.blobs import BlobFolder
from scorer.server.envelopes import RoundMembers
from scorer.server.errors import ApiError
from scorer.server.upload_forms import UploadForm

MANY = 60
"""More uploads than the shared pool has threads."""


async def chunks(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def drained(form: UploadForm) -> bytes:
    return b"".join([chunk async for chunk in form.kept(chunks(b"predictions"))])


async def beside_many_encryptions(go_on: threading.Event) -> tuple[int, list[bytes]]:
    def encrypt(content: bytes) -> bytes:
        assert go_on.wait(20)
        return content[::-1]

    uploads = [asyncio.ensure_future(drained(UploadForm(100, encrypt=encrypt))) for _ in range(MANY)]
    await asyncio.sleep(0)
    try:
        answer = await asyncio.wait_for(run_in_threadpool(lambda: 200), 10)
    finally:
        go_on.set()
    return answer, await asyncio.gather(*uploads)


def test_requests_are_answered_while_many_files_are_encrypted() -> None:
    answer, kept = asyncio.run(beside_many_encryptions(threading.Event()))
    assert answer == 200
    assert kept == [b"snoitciderp"] * MANY


def test_the_event_loop_does_not_wait_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, fsync = list[int](), os.fsync

    def noted(file: int) -> None:
        synced.append(threading.get_ident())
        fsync(file)

    monkeypatch.setattr(os, "fsync", noted)
    part, size = asyncio.run(BlobFolder(tmp_path).write_part(chunks(b"abc"), 3))
    assert (part.read_bytes(), size) == (b"abc", 3)
    assert len(synced) == 1
    assert threading.get_ident() not in synced


def test_a_member_set_that_cannot_be_used_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[Any]()

    def round_members(_suite: Any, record: Any) -> Any:
        asked.append(record)
        raise EncryptionError("too-few-keys: expected 2, found 1")

    monkeypatch.setattr(envelopes, "round_members", round_members)
    eth = SimpleNamespace(block_number=7)
    suite: Any = SimpleNamespace(round=lambda number, block: number, w3=SimpleNamespace(eth=eth))
    members = RoundMembers(suite)
    for _ in range(3):
        with pytest.raises(ApiError, match=r"round 5: too-few-keys"):
            members.keys(5)
    with pytest.raises(ApiError, match="round 6"):
        members.keys(6)
    assert asked == [5, 6]
