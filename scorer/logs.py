"""Loggers of events: structlog, as it is where rich is not installed.

With rich it takes twice as long to import, in each process, and until `scorer.daemon.logging` configures it,
it would print the values of all variables in a traceback, secrets among them.
"""

import sys
from typing import Any, Final

_rich: Any = sys.modules.get("rich")
# To Python, a module that cannot be imported.
sys.modules["rich"] = None  # type: ignore[assignment]
try:
    import structlog as structlog
finally:
    del sys.modules["rich"]
    if _rich is not None:
        sys.modules["rich"] = _rich

get_logger: Final = structlog.get_logger
