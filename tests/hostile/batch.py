"""A child process that reads inputs one after the other and says after each how it went, a JSON line each.

A line is written after its input: where the process dies, the parent knows at which one.
"""

import json
import os
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Final

from tests.hostile.target import Target, all_targets

SLOW: Final = 2.0
"""Seconds."""
LARGE: Final = 512 * 2**20
HUNG: Final = 60
"""Seconds after which the process ends itself."""
MOST_MEMORY: Final = 3 * 2**30
"""Bytes of address space beyond what is held at the start: the machine is to outlive a bad parser."""
TRIES: Final = 3
"""How often a slow input is timed: on a busy machine the fastest time counts."""


def _status(name: str) -> int:
    """Bytes, of a line of /proc/self/status."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(name)


def _attempt(target: Target, content: bytes) -> tuple[str, str]:
    try:
        target.parse(content)
    except target.contained as error:
        return "contained", f"{type(error).__name__}: {error}"[:300]
    except target.refusals:
        return "refused", ""
    except Exception:  # noqa: BLE001 - that is what is looked for
        return "traceback", traceback.format_exc()[-1_500:]
    return "taken", ""


def measure(target: Target, content: bytes) -> dict[str, Any]:
    """Read one input: what came of it, the fastest time in seconds, bytes of memory at the most."""
    held = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    seconds, tries = float("inf"), 0
    while seconds > SLOW and tries < TRIES:
        before = time.perf_counter()
        verdict, detail = _attempt(target, content)
        seconds, tries = min(seconds, time.perf_counter() - before), tries + 1
    return {
        "verdict": verdict,
        "detail": detail,
        "seconds": seconds,
        "bytes": max(0, _status("VmHWM") - held),
    }


def main(name: str, seed: int, start: int, stop: int) -> None:
    """Read the inputs of those numbers."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whatever a parser prints is not ours
        os.dup2(1, 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        target = all_targets()[name]
        most = _status("VmSize") + MOST_MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        for index in range(start, stop):
            signal.alarm(HUNG * TRIES)
            found = measure(target, target.generate(seed, index))
            out.write(json.dumps({"index": index, **found}) + "\n")
            out.flush()
    os._exit(0)  # threads of a library may wait for nothing


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
