"""Whole numbers as people type them."""

import re
from collections.abc import Callable
from typing import Final

import typer

from scorer.redaction import shown

_DIGITS: Final = re.compile(r"[0-9]{1,19}")
LARGEST: Final = (1 << 63) - 1


def whole(least: int = 0, most: int = LARGEST) -> Callable[[str | int], int]:
    """Reads a whole number from `least` to `most` in the digits 0 to 9, for an option or an argument.

    Python's ``int`` would also read ``1_000``, ``+7``, spaces, and digits of other scripts.
    """

    def number(text: str | int) -> int:
        if isinstance(text, str) and not _DIGITS.fullmatch(text):
            raise typer.BadParameter(f"expected a whole number in digits, such as 7, found {shown(text)}")
        if not least <= int(text) <= most:
            raise typer.BadParameter(f"expected a whole number from {least} to {most}, found {text}")
        return int(text)

    return number


NUMBER: Final = whole()
"""Of a model or a round."""
