"""Calls a data scientist's node, so that it looks at the chain before its next cycle."""

import json
import time
import uuid
from typing import Final

import requests

from scorer.errors import CupelError
from scorer.protocol.wake_up import wake_up_headers
from scorer.redaction import host

TIMEOUT: Final = (5, 10)
"""Seconds to connect, and for an answer."""


class NotWoken(CupelError):
    """A node did not take a call; the message says what it answered."""


def wake(url: str, private_key: bytes) -> None:
    """Call a node once, signed by the operator's key; the node believes nothing of it but that it may look.

    Raises
    ------
    NotWoken
        When it does not answer, or refuses.
    """
    body = json.dumps({"triggerId": str(uuid.uuid4())}).encode()
    headers = wake_up_headers(private_key, str(uuid.uuid4()), int(time.time()), body)
    try:
        answer = requests.post(url, data=body, headers=headers, timeout=TIMEOUT, allow_redirects=False)
    except requests.RequestException as error:
        raise NotWoken(f"{host(url)}: expected an answer, found {type(error).__name__}") from None
    if answer.status_code != 202:
        raise NotWoken(
            f"{host(url)}: expected a node that takes the call, found status {answer.status_code}; does its "
            "tournament know this key as the operator's?"
        )
