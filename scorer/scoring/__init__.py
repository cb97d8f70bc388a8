"""Scores of submissions: the same bits on every machine, with the names of ``numerai_tools.scoring``.

The first group of functions takes numpy arrays and is what oracles run. The second takes pandas objects
under the names of ``numerai_tools.scoring`` and ``numerai_tools.signals`` 0.7.2, so that a data scientist
changes one import. docs/scoring.md has the formulas and the argument for exactness.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scorer.scoring.names import *  # noqa: F403 - the one list of names


# Pandas and scipy take seconds to import: a process that needs neither does not wait for them.
def __getattr__(name: str) -> Any:
    if name.startswith("__") and name != "__all__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    names = import_module("scorer.scoring.names")
    if name != "__all__" and name not in names.__all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(names, name)


def __dir__() -> list[str]:
    names: list[str] = import_module("scorer.scoring.names").__all__
    return names
