"""Commands that people copy into a shell: what others wrote stands in them as one word, whatever it is."""

import shlex
from urllib.parse import urlsplit

from scorer.server.errors import ApiError


def quoted_url(url: object) -> str:
    """Return a URL as one word of a shell.

    Raises
    ------
    ApiError
        When it is none: a text that begins with a dash would be an option of the command, however quoted.
    """
    text = str(url)
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc or not text.isprintable():
        raise ApiError("url: expected that of a round, such as https://host/rounds/1, found another text")
    return shlex.quote(text)
