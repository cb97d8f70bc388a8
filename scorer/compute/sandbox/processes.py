"""The memory of a process and all that it started, from ``/proc``: for machines without usable cgroups."""

import os
from pathlib import Path
from typing import Final

PAGE: Final = os.sysconf("SC_PAGE_SIZE")
PROC: Final = Path("/proc")


def family(pid: int) -> list[int]:
    """Return a process and all its descendants that run."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdecimal() and (parent := _parent(entry)) is not None:
            children.setdefault(parent, []).append(int(entry.name))
    found, left = [], [pid]
    while left:
        found.append(left.pop())
        left += children.get(found[-1], [])
    return found


def _parent(entry: Path) -> int | None:
    try:
        # The name of a process may hold anything, also parentheses: the fields begin behind the last one.
        return int((entry / "stat").read_text("latin-1").rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return None


def resident(pid: int) -> int:
    """Return the bytes of memory that a process and its descendants hold; shared pages count for each."""
    return sum(_resident(each) for each in family(pid))


def _resident(pid: int) -> int:
    try:
        return int((PROC / str(pid) / "statm").read_text("ascii").split()[1]) * PAGE
    except (OSError, IndexError, ValueError):
        return 0
