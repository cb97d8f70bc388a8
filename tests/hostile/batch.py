"""A process that takes batches of inputs, and reads each batch in a child: ``python -m tests.hostile.batch``.

A batch is a line of JSON on standard input: target, seed, first number, number after the last. The answer is
a line of JSON for each input, written after it, so that a death is known to be of the next one; then a line
that says how the child ended. What all parsers import takes seconds: it is imported once, before any child.
"""

import json
import os
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Final, TextIO

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


def read(target: Target, seed: int, numbers: range, out: TextIO) -> None:
    """Read the inputs of those numbers in this process, within its limits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whatever a parser prints is not ours
    os.dup2(1, 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    most = _status("VmSize") + MOST_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    for index in numbers:
        signal.alarm(HUNG * TRIES)
        found = measure(target, target.generate(seed, index))
        out.write(json.dumps({"index": index, **found}) + "\n")
        out.flush()


def main() -> None:
    """Give every batch a child of its own, until standard input ends."""
    targets = all_targets()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        for line in sys.stdin:
            name, seed, start, stop = json.loads(line)
            target = targets[name]
            target.corpus  # noqa: B018 - made here, so that the children of this target share it
            child = os.fork()
            if child == 0:
                read(target, seed, range(start, stop), out)
                os._exit(0)  # threads of a library may wait for nothing
            _, status = os.waitpid(child, 0)
            out.write(json.dumps({"ended": os.waitstatus_to_exitcode(status)}) + "\n")
            out.flush()


if __name__ == "__main__":
    main()
