"""The package `scorer` under the distribution's name: ``import cupel`` and ``from cupel.scoring import ...``.

The code lives in `scorer`, whose rooms can be read one by one; here is only its other name. A module is the
same object under both names, so that a class of one is a class of the other.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_loader
from types import ModuleType
from typing import Any

from scorer import __version__

__all__ = ["__version__"]

_CODE = "scorer"


class _OtherName(MetaPathFinder, Loader):
    """Imports ``cupel.X`` as ``scorer.X``."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how a module is imported; None for one that is not ours."""
        del path, target
        if not fullname.startswith(f"{__name__}.") or find_spec(_named(fullname)) is None:
            return None
        return spec_from_loader(fullname, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module under its own name."""
        module = import_module(_named(spec.name))
        self._own[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module back its own specification: it ran when it was imported under its own name."""
        if module.__spec__ is not None:
            module.__spec__ = self._own.pop(module.__spec__.name)

    def __init__(self) -> None:
        self._own: dict[str, ModuleSpec | None] = {}


def _named(fullname: str) -> str:
    return _CODE + fullname.removeprefix(__name__)


def __getattr__(name: str) -> Any:
    """Return a room of the package, such as ``cupel.scoring``, imported when it is asked for."""
    try:
        return import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name not in (f"{__name__}.{name}", f"{_CODE}.{name}"):
            raise
        raise AttributeError(f"module {__name__} has no attribute {name}") from None


sys.meta_path.append(_OtherName())
