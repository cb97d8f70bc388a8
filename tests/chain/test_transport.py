"""What an endpoint sends is bounded in bytes and in time, whatever it sends."""

import gzip
import resource
import time
import zlib
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from socket import socket
from typing import Any

import pytest

from scorer.chain.errors import AnswerTooLarge, EndpointError, MalformedAnswer, NoConnection, Unreachable
from scorer.chain.transport import Transport, _retry_after
from tests.chain.server import Behaviour, raw, send, serving

MIB = 1 << 20


def post(behave: Behaviour, timeout: float = 1.0, most_bytes: int = MIB) -> bytes:
    with serving(behave) as server:
        return Transport(server.url, timeout, most_bytes).post(b'{"id": 1}').body


def head(handler: BaseHTTPRequestHandler, length: int, **headers: str) -> None:
    handler.send_response(200)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(length))
    handler.end_headers()


def drips_body(handler: BaseHTTPRequestHandler, _: Any) -> None:
    head(handler, 1000)
    for _number in range(1000):
        handler.wfile.write(b" ")
        time.sleep(0.1)


def drips_chunks(handler: BaseHTTPRequestHandler, _: Any) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for _number in range(1000):
        handler.wfile.write(b"1\r\n \r\n")
        time.sleep(0.1)


def drips_headers(handler: BaseHTTPRequestHandler, _: Any) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(1000):
        handler.wfile.write(f"x-{number}: 1\r\n".encode()[: 3 + number % 3])
        time.sleep(0.1)


def goes_on_forever_before_it_begins(handler: BaseHTTPRequestHandler, _: Any) -> None:
    for _number in range(1000):
        handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.1)


def says_nothing(_handler: BaseHTTPRequestHandler, _: Any) -> None:
    time.sleep(5)


@pytest.mark.parametrize(
    "behave",
    [drips_body, drips_chunks, drips_headers, goes_on_forever_before_it_begins, says_nothing],
)
def test_an_answer_that_does_not_end_is_given_up_at_its_deadline(behave: Behaviour) -> None:
    began = time.monotonic()
    with pytest.raises(Unreachable, match=r"expected an answer within 1 s, found .+; is the node up"):
        post(behave)
    assert 0.9 < time.monotonic() - began < 1.6


def endless(handler: BaseHTTPRequestHandler, _: Any) -> None:
    head(handler, 1 << 40)
    for _number in range(400):
        handler.wfile.write(b" " * MIB)


def endless_chunks(handler: BaseHTTPRequestHandler, _: Any) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for _number in range(400):
        handler.wfile.write(b"100000\r\n" + b" " * MIB + b"\r\n")


def bomb(handler: BaseHTTPRequestHandler, _: Any) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    packed = b"".join(packer.compress(b" " * MIB) for _ in range(100)) + packer.flush()
    send(handler, packed, Content_Encoding="gzip")


@pytest.mark.parametrize("behave", [endless, endless_chunks, bomb])
def test_no_more_than_the_most_bytes_are_read_or_unpacked(behave: Behaviour) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(
        AnswerTooLarge, match=r"127\.0\.0\.1:\d+: expected an answer of at most 1048576 bytes"
    ):
        post(behave, timeout=20)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def test_an_answer_of_exactly_the_most_bytes_is_read() -> None:
    assert len(post(lambda handler, _: send(handler, b" " * MIB))) == MIB


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP"])
def test_a_packed_answer_is_unpacked(encoding: str) -> None:
    packed = gzip.compress(b'{"result": 1}')
    assert post(lambda handler, _: send(handler, packed, Content_Encoding=encoding)) == b'{"result": 1}'


@pytest.mark.parametrize(
    ("body", "encoding", "error"),
    [
        (gzip.compress(b"{}" * 1000, mtime=0)[:-9], "gzip", MalformedAnswer),
        (b"no gzip", "gzip", Unreachable),
        (b"{}", "br", MalformedAnswer),
        (b"{}", "gzip, gzip", MalformedAnswer),
        (b"", "gzip", MalformedAnswer),
    ],
)
def test_an_answer_that_cannot_be_unpacked_is_none(
    body: bytes, encoding: str, error: type[EndpointError]
) -> None:
    with pytest.raises(error):
        post(lambda handler, _: send(handler, body, Content_Encoding=encoding))


def cut_short(handler: BaseHTTPRequestHandler, _: Any) -> None:
    head(handler, 100)
    handler.wfile.write(b"{}")
    handler.close_connection = True


def no_http(handler: BaseHTTPRequestHandler, _: Any) -> None:
    handler.wfile.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
    handler.close_connection = True


def bad_length(handler: BaseHTTPRequestHandler, _: Any) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    handler.close_connection = True


def hangs_up(handler: BaseHTTPRequestHandler, _: Any) -> None:
    handler.close_connection = True


@pytest.mark.parametrize("behave", [cut_short, no_http, bad_length, hangs_up])
def test_what_is_no_whole_http_is_no_answer(behave: Behaviour) -> None:
    with pytest.raises(Unreachable):
        post(behave)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with serving(raw('{"result": "0x1"}')) as other, pytest.raises(Unreachable) as caught:
        post(raw("", status, Location=f"{other.url}/SECRET"))
    assert "redirect" in str(caught.value)
    assert "SECRET" not in str(caught.value)
    assert not other.asked


def test_connections_are_kept_and_cookies_are_not() -> None:
    seen: list[Any] = []

    def behave(handler: BaseHTTPRequestHandler, _: Any) -> None:
        seen.append(handler.headers["Cookie"])
        send(handler, b"{}", Set_Cookie="a=b; Path=/")

    with serving(behave) as server:
        transport = Transport(server.url, 5)
        for _ in range(5):
            assert transport.post(b"{}").body == b"{}"
        assert len(server.connections) == 1
    assert seen == [None] * 5


def test_a_connection_in_the_middle_of_an_answer_is_not_used_again() -> None:
    with serving(endless) as server:
        transport = Transport(server.url, 5, most_bytes=10)
        for _ in range(3):
            with pytest.raises(AnswerTooLarge):
                transport.post(b"{}")
        assert len(server.connections) == 3


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/SECRET",
        "http://[::1/SECRET",
        "http:///SECRET",
        "no-url/SECRET",
        "http://user:SECRET@127.0.0.1:9",
        "http://" + "a" * 300 + "/SECRET",
        "http://\ud800/SECRET",
        "ftp://127.0.0.1/SECRET",
    ],
)
def test_what_cannot_be_reached_is_named_without_its_secrets(url: str) -> None:
    with pytest.raises(Unreachable) as caught:
        Transport(url, 1).post(b"{}")
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_nobody_who_takes_a_connection_is_distinguished_from_no_answer() -> None:
    with socket() as deaf, ExitStack() as stack:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        for _ in range(3):  # its queue is full, so that a further connection is not even refused
            waiting = stack.enter_context(socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        with pytest.raises(NoConnection):
            Transport(f"http://127.0.0.1:{port}", 0.3).post(b"{}")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3", 3),
        ("0", 0),
        (" 7 ", 7),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1e9", None),
        ("٣", None),
        ("9" * 500, float("9" * 40)),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 0),
    ],
)
def test_retry_after_is_read_in_either_form(text: str, seconds: float | None) -> None:
    assert _retry_after({"Retry-After": text}) == seconds


def test_retry_after_may_be_a_date_to_come() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    found = _retry_after({"Retry-After": at})
    assert found is not None
    assert 25 < found <= 30
