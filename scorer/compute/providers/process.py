"""The provider ``process``: a job is a child of this process, in a sandbox by bubblewrap."""

import json
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from scorer.compute.job import ModelJob, RunOutcome
from scorer.compute.providers.attached import AttachedRun
from scorer.compute.providers.local import LocalProvider
from scorer.compute.sandbox import cgroups, launcher
from scorer.compute.sandbox.bubblewrap import SandboxUnavailable, bubblewrap, sandboxed
from scorer.compute.sandbox.cgroups import ControlGroup
from scorer.compute.sandbox.processes import resident

LAUNCHER: Final = Path(launcher.__file__)
OPEN_FILES: Final = 4096
ROOM: Final = 4 << 30
"""Bytes of address space beyond its memory that a process may map: libraries map much and use little."""
OWN_PROCESSES: Final = 8
"""Processes of the sandbox itself."""


@dataclass
class ProcessProvider(LocalProvider):
    """Runs each job in a sandbox of its own on this machine."""

    name: str = "process"

    def check(self) -> str:
        """Return in words what it runs with; raises `SandboxUnavailable` where there is no sandbox."""
        found = bubblewrap()
        hierarchy = cgroups.usable()
        if hierarchy is None and os.geteuid() == 0:
            raise SandboxUnavailable(
                "sandbox: expected cgroups that can be written, as the kernel does not limit the processes "
                "of root otherwise, found none; run the node as another user"
            )
        if hierarchy is not None:
            cgroups.sweep(hierarchy)
        limits = f"cgroups of version {hierarchy.version}" if hierarchy else "limits by process"
        return f"{found}, {limits}"

    def run_of(self, job: ModelJob) -> AttachedRun:
        """Return the run of a job in its sandbox."""
        self.check()
        command, stack = sandboxed(job), ExitStack()
        hierarchy, limits = cgroups.usable(), job.limits
        if hierarchy is None:
            started = [*_launched(limits.files, [], limits.memory + ROOM), *command]
            return AttachedRun(started, limits, job.seconds, memory=resident, on_end=self.on_end)
        name = f"{cgroups.PREFIX}{os.getpid()}-{job.key}"
        group = stack.enter_context(
            cgroups.group(hierarchy, name, limits.memory, limits.processes + OWN_PROCESSES)
        )
        return AttachedRun(
            [*_launched(limits.files, group.procs, None), *command],
            limits,
            job.seconds,
            explain=partial(_explain, group, limits.memory),
            release=partial(_release, group, stack),
            on_end=self.on_end,
        )


def _launched(files: int, procs: Sequence[str], address_space: int | None) -> list[str]:
    """Return the launcher's part of the command line, which takes the limits on before the sandbox begins."""
    resources = {"RLIMIT_CORE": 0, "RLIMIT_NOFILE": OPEN_FILES, "RLIMIT_FSIZE": files}
    if address_space is not None:
        resources["RLIMIT_AS"] = address_space
    limits = {"parent": os.getpid(), "cgroups": list(procs), "resources": resources}
    return [sys.executable, "-I", "-S", str(LAUNCHER), json.dumps(limits)]


def _explain(group: ControlGroup, memory: int, _code: int) -> tuple[RunOutcome, str] | None:
    if group.was_out_of_memory:
        return RunOutcome.OUT_OF_MEMORY, f"expected at most {memory} bytes of memory, found that it took more"
    return None


def _release(group: ControlGroup, stack: ExitStack) -> int:
    peak = group.peak
    stack.close()
    return peak
