"""Landlock: which files a process may open from now on, of those that its user may. Since Linux 5.13.

A child reads its file, the interpreter and its libraries; the keys and journals of the same user it cannot
open, nor write to anything. See the kernel's Documentation/userspace-api/landlock.rst.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
"""System calls, of one number on all architectures."""
ASK_VERSION: Final = 1
BENEATH: Final = 1
READ_FILE, READ_FOLDER = 1 << 2, 1 << 3
FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 5: 16}
"""By the version that brought the last one: how many rights on files there are."""
NETWORK: Final = (4, 0b11)
"""Since this version: to bind and to connect TCP."""
SCOPES: Final = (6, 0b11)
"""Since this version: abstract sockets and signals reach only processes that are confined likewise."""
SYSTEM: Final = (
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/lib",
    "/lib64",
    "/usr/share/zoneinfo",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/dev/null",
    "/dev/urandom",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/self",
    "/sys/devices/system/cpu",
)
"""Files that the C library and others read."""


class Landlock:
    """Forbids a process, and whatever it starts, all files but some. Prepared once, entered in each child."""

    def __init__(self) -> None:
        call = ctypes.CDLL(None, use_errno=True).syscall
        call.restype = ctypes.c_long
        self._call = call
        self.version = max(0, call(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(ASK_VERSION)))
        self._ruleset = self._handled()
        self._readable = tuple(filter(os.path.exists, (*SYSTEM, *_interpreter())))

    def _handled(self) -> bytes:
        """Return the kernel's ``landlock_ruleset_attr``: all that is forbidden unless a rule allows it."""
        rights = [count for since, count in FILE_RIGHTS.items() if since <= self.version]
        words = [(1 << max(rights, default=0)) - 1]
        words += [bits for since, bits in (NETWORK, SCOPES) if since <= self.version]
        return struct.pack(f"{len(words)}Q", *words)

    def enter(self, folders: Iterable[str | Path]) -> bool:
        """Open from now on nothing but the interpreter and what is in some folders, or some files, to read.

        Returns
        -------
        bool
            False where the kernel has no Landlock: then nothing is forbidden.
        """
        if not self.version:
            return False
        ruleset = self._call(CREATE_RULESET, self._ruleset, ctypes.c_size_t(len(self._ruleset)), 0)
        if ruleset < 0:
            return False
        for path in (*self._readable, *folders):
            self._allow(ruleset, path)
        entered = self._call(RESTRICT_SELF, ruleset, ctypes.c_uint(0)) == 0
        os.close(ruleset)
        return bool(entered)

    def _allow(self, ruleset: int, path: str | Path) -> None:
        """Allow to read a file, or all that is in a folder; what is not there needs no rule."""
        with suppress(OSError):
            at = os.open(path, os.O_PATH | os.O_CLOEXEC)
            rights = READ_FILE | (READ_FOLDER if os.path.isdir(path) else 0)  # noqa: PTH112 - imports little
            # The kernel's struct landlock_path_beneath_attr has no padding.
            rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, at), 12)
            self._call(ADD_RULE, ruleset, BENEATH, rule, ctypes.c_uint(0))
            os.close(at)


def _interpreter() -> Sequence[str]:
    """Return the interpreter's folders and those of installed packages; not that of a working directory."""
    packages = [path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages")]  # noqa: PTH119
    roots = [sys.prefix, sys.base_prefix, sys.exec_prefix]
    # A prefix such as / would open all files again.
    return [path for path in dict.fromkeys((*roots, *packages)) if path not in ("/", str(Path.home()))]


def package_of(function: str) -> list[str]:
    """Return the folder of the outermost package of ``module:name``, from which it may import more."""
    package = function.partition(":")[0].partition(".")[0]
    file = getattr(sys.modules.get(package), "__file__", None)
    return [os.path.dirname(file)] if file else []  # noqa: PTH120
