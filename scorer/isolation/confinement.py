"""Confines a child process before it reads an untrusted file: resources, files, network, processes."""

import ctypes
import os
import platform
import resource
import signal
import struct
from pathlib import Path
from typing import Final

from scorer.isolation.landlock import Landlock
from scorer.isolation.limits import ReadLimits
from scorer.isolation.seccomp import ARCHITECTURES, OWN_PROCESS, filter_program

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_SECCOMP: Final = 22
PR_SET_NO_NEW_PRIVS: Final = 38
SECCOMP_MODE_FILTER: Final = 2


class Confinement:
    """A child's confinement, prepared before the fork: each page that the child touches itself is a copy."""

    def __init__(self) -> None:
        self._parent = os.getpid()
        self._control = ctypes.CDLL(None, use_errno=True).prctl
        machine = platform.machine()
        content = b"".join(filter_program(machine)) if machine in ARCHITECTURES else b""
        self._instructions = ctypes.create_string_buffer(content, len(content))
        self._own_process = _places(content, struct.pack("I", OWN_PROCESS))
        address = ctypes.addressof(self._instructions)
        # The kernel's struct sock_fprog: number of instructions, padding, their address.
        self._program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(content) // 8, address))
        self.files = Landlock()

    def enter(self, limits: ReadLimits, held: int) -> None:
        """Give up, for good, all that reading a file does not need. The calling process must be the child.

        Parameters
        ----------
        held
            Bytes of address space that the process holds, see `address_space`.
        """
        _limit_resources(limits, held)
        self._control(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        # A parent that ended before the line above sends no signal.
        if os.getppid() != self._parent:
            os._exit(1)
        # Other processes of this user can neither attach to it nor read its memory.
        self._control(PR_SET_DUMPABLE, 0, 0, 0, 0)
        # Without it the kernel takes a filter from root alone.
        self._control(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        for place in self._own_process:
            struct.pack_into("I", self._instructions, place, os.getpid())
        if len(self._instructions):  # where the kernel takes no filter, the other limits still hold
            self._control(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, self._program, 0, 0)


def _places(content: bytes, word: bytes) -> tuple[int, ...]:
    """Return the places of a constant in the filter."""
    # The last four of an instruction's eight bytes are its constant.
    return tuple(at for at in range(4, len(content), 8) if content[at : at + 4] == word)


def _limit_resources(limits: ReadLimits, held: int) -> None:
    seconds = max(1, int(-(-limits.cpu // 1)))
    for what, soft, hard in (
        # SIGXCPU at the first limit, by which the parent knows the cause; SIGKILL at the second.
        (resource.RLIMIT_CPU, seconds, seconds + 1),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NOFILE, limits.open_files, limits.open_files),
        (resource.RLIMIT_AS, *(held + limits.memory,) * 2),
    ):
        _, most = resource.getrlimit(what)
        bound = hard if most == resource.RLIM_INFINITY else min(hard, most)
        resource.setrlimit(what, (min(soft, bound), bound))


def address_space() -> int:
    """Return the bytes of address space that this process holds, 0 where the system does not say."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    except OSError:
        return 0
    return int(pages) * resource.getpagesize()
