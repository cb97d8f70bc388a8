"""What libraries' exceptions mean, in words."""

import json
import socket

import pytest
import requests
from urllib3.exceptions import LocationValueError, ProtocolError

from scorer.errors import cause_text, field_text


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (requests.exceptions.InvalidSchema("x"), "a URL without http://"),
        (LocationValueError("no host"), "a URL without http://"),
        (requests.exceptions.ReadTimeout("x"), "no whole answer in that time"),
        (ProtocolError("x"), "a connection that ended too early"),
        (json.JSONDecodeError("x", "y", 0), "text that is no JSON"),
        (ConnectionRefusedError(111, "Connection refused"), "nobody who answers there"),
        (FileNotFoundError(2, "No such file or directory"), "No such file or directory"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
    ],
)
def test_an_exception_is_said_in_words(error: Exception, said: str) -> None:
    assert cause_text(error).startswith(said)
    assert type(error).__name__ not in cause_text(error)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Value error, expected an address, found 7", "expected an address, found 7"),
        ("Input should be a valid string", "expected text"),
        ("Input should be a valid integer", "expected a whole number"),
        ("Input should be 1 or 2", "expected 1 or 2"),
        ("String should match pattern '^a$'", "expected text that matches '^a$'"),
        ("Tuple should have at least 1 item after validation, not 0", "expected at least 1 in the list"),
        ("Field required", "expected a value"),
    ],
)
def test_what_a_field_should_be_is_said_as_what_was_expected(message: str, said: str) -> None:
    assert field_text(message) == said
