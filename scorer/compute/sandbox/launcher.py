"""Starts a command under limits: ``python -I -S launcher.py LIMITS COMMAND...``; it becomes the command.

It imports the standard library alone, as it starts once for each run.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from typing import Any

PR_SET_PDEATHSIG = 1


def enter(limits: dict[str, Any]) -> None:
    """Take limits on: cgroups, resources, and an end with the parent."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    # A parent that ended before the line above sends no signal.
    if os.getppid() != limits["parent"]:
        os._exit(1)
    for procs in limits["cgroups"]:
        with open(procs, "w", encoding="ascii") as file:  # noqa: PTH123
            file.write(str(os.getpid()))
    for name, most in limits["resources"].items():
        what = getattr(resource, name)
        _, hard = resource.getrlimit(what)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (bound, bound))
    # The node comes first, but by little: whatever else a machine does, a model has a close to meet.
    os.nice(1)


if __name__ == "__main__":
    enter(json.loads(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606
