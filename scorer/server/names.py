"""Names of the schema as Python and our mappings have them."""

import re
from functools import lru_cache
from typing import Final

NAMES_KEPT: Final = 4_096
"""Names that are remembered: the schema has some 700, and each is asked for in every row."""


@lru_cache(NAMES_KEPT)
def camel_case(name: str) -> str:
    """Return the one name of a field and its twin: ``return_1_day`` and ``return1Day`` are the same."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


@lru_cache(NAMES_KEPT)
def argument_name(name: str) -> str:
    """Return an argument's name as Python writes it: ``modelId`` and ``model_id`` are the same."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()
