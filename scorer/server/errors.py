"""Errors that a caller of the server sees."""

from typing import Final

from scorer.errors import CupelError

NO_SESSION: Final = "Your session is invalid or has expired."
"""The words that clients of Numerai's API look for; numerapi's own tests do."""


class ApiError(CupelError):
    """A request is refused: the message says what was expected, what was found, and what to do next."""


class Unauthenticated(ApiError):
    """A request has no valid key."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"{NO_SESSION} Expected the header Authorization: Token PUBLIC$SECRET with a key of this server, "
            f"found {found}"
        )


class Forbidden(ApiError):
    """A key may not do this."""
