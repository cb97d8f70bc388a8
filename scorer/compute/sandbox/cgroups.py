"""Control groups: one for each run, which bounds the memory and the processes of all of it together.

Version 2 where groups may be made beside or below this process's own (root, or systemd's ``Delegate=`` with
``DelegateSubgroup=``), else version 1, which root alone can use. Where neither can be had, `usable` says so.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path("/sys/fs/cgroup")
OWN: Final = Path("/proc/self/cgroup")
PREFIX: Final = "cupel-"
"""The beginning of a group's name; the id of the process that made it follows."""
ENDING: Final = 5.0
"""Seconds that killed processes may take to leave their group."""


@dataclass(frozen=True)
class Hierarchy:
    """The folders below which groups are made.

    Attributes
    ----------
    memory, pids
        The same folder in version 2.
    version
        1 or 2.
    """

    memory: Path
    pids: Path
    version: int

    @property
    def folders(self) -> tuple[Path, ...]:
        """Each folder once."""
        return tuple(dict.fromkeys((self.memory, self.pids)))


@dataclass(frozen=True)
class ControlGroup:
    """A group of one run."""

    memory: Path
    pids: Path
    version: int

    @property
    def procs(self) -> list[str]:
        """The files into which a process writes its id to enter."""
        return [str(folder / "cgroup.procs") for folder in dict.fromkeys((self.memory, self.pids))]

    @property
    def peak(self) -> int:
        """The most memory that its processes took at once, bytes; 0 where the kernel does not say."""
        name = "memory.peak" if self.version == 2 else "memory.max_usage_in_bytes"
        return _number(self.memory / name)

    @property
    def was_out_of_memory(self) -> bool:
        """True where the kernel killed one of its processes for want of memory."""
        name = "memory.events" if self.version == 2 else "memory.oom_control"
        return _fields(self.memory / name).get("oom_kill", 0) > 0

    def end(self) -> None:
        """Kill what is left in it, and remove it."""
        until = time.monotonic() + ENDING
        while time.monotonic() < until:
            with suppress(OSError):
                (self.memory / "cgroup.kill").write_text("1")
            for pid in _members(self.memory):
                with suppress(OSError):
                    os.kill(pid, 9)
            with suppress(OSError):
                for folder in dict.fromkeys((self.memory, self.pids)):
                    if folder.is_dir():
                        folder.rmdir()
                return
            time.sleep(0.02)


@cache
def usable() -> Hierarchy | None:
    """Return the folders below which this process may make groups; None where it may not."""
    for found in _candidates():
        with suppress(OSError):
            probe = _made(found, f"{PREFIX}{os.getpid()}-probe", 64 << 20, 16)
            probe.end()
            return found
    return None


def sweep(hierarchy: Hierarchy) -> None:
    """End and remove the groups of nodes that were killed, with what is still in them."""
    names = {path.name for folder in hierarchy.folders for path in folder.glob(f"{PREFIX}*")}
    for name in names:
        owner = name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdecimal() and not Path(f"/proc/{owner}").exists():
            ControlGroup(hierarchy.memory / name, hierarchy.pids / name, hierarchy.version).end()


@contextmanager
def group(hierarchy: Hierarchy, name: str, memory: int, processes: int) -> Iterator[ControlGroup]:
    """Make a group while the context lasts; whatever is still in it at the end is killed.

    Parameters
    ----------
    memory
        Bytes.
    """
    made = _made(hierarchy, name, memory, processes)
    try:
        yield made
    finally:
        made.end()


def _candidates() -> Iterator[Hierarchy]:
    own = dict(_own_groups(OWN.read_text("ascii") if OWN.is_file() else ""))
    for mount in (ROOT, ROOT / "unified"):
        if "" in own and (mount / "cgroup.controllers").is_file():
            folder = mount / own[""].lstrip("/")
            # Beside this process first: a group with processes of its own gives its children no controllers.
            for place in (folder.parent, folder) if folder != mount else (folder,):
                yield Hierarchy(place, place, 2)
    if "memory" in own and "pids" in own:
        memory, pids = (ROOT / name / own[name].lstrip("/") for name in ("memory", "pids"))
        yield Hierarchy(memory, pids, 1)


def _own_groups(text: str) -> Iterator[tuple[str, str]]:
    """Yield this process's group for each controller; under an empty name that of version 2."""
    for line in text.splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            yield name, path


def _made(hierarchy: Hierarchy, name: str, memory: int, processes: int) -> ControlGroup:
    made = ControlGroup(hierarchy.memory / name, hierarchy.pids / name, hierarchy.version)
    if hierarchy.version == 2:
        with suppress(OSError):  # they may be given already, by whoever may
            (hierarchy.memory / "cgroup.subtree_control").write_text("+memory +pids")
    for folder in dict.fromkeys((made.memory, made.pids)):
        if folder.is_dir():
            folder.rmdir()  # of a node that was killed: nothing is in it any more
        folder.mkdir()
    try:
        for path, value in _settings(made, memory, processes).items():
            path.write_text(str(value))
    except OSError:
        made.end()
        raise
    for path in _swap(made):
        with suppress(OSError):  # a kernel may count no swap
            path.write_text("0" if made.version == 2 else str(memory))
    return made


def _settings(made: ControlGroup, memory: int, processes: int) -> Mapping[Path, int]:
    if made.version == 2:
        return {made.memory / "memory.max": memory, made.memory / "pids.max": processes}
    return {made.memory / "memory.limit_in_bytes": memory, made.pids / "pids.max": processes}


def _swap(made: ControlGroup) -> tuple[Path, ...]:
    name = "memory.swap.max" if made.version == 2 else "memory.memsw.limit_in_bytes"
    return (made.memory / name,)


def _members(folder: Path) -> list[int]:
    try:
        return [int(line) for line in (folder / "cgroup.procs").read_text("ascii").split()]
    except OSError:
        return []


def _number(path: Path) -> int:
    try:
        return int(path.read_text("ascii"))
    except (OSError, ValueError):
        return 0


def _fields(path: Path) -> dict[str, int]:
    try:
        lines = (line.split() for line in path.read_text("ascii").splitlines())
        return {line[0]: int(line[1]) for line in lines if len(line) == 2}
    except (OSError, ValueError):
        return {}
