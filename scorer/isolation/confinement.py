"""What a child process gives up before it reads an untrusted file: resources, files, network, processes."""

import ctypes
import os
import platform
import resource
import signal
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from scorer.isolation.limits import ReadLimits

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_SECCOMP: Final = 22
PR_SET_NO_NEW_PRIVS: Final = 38
SECCOMP_MODE_FILTER: Final = 2

ALLOW: Final = 0x7FFF0000
DENY: Final = 0x00050000 | 1
"""The call fails with EPERM."""
UNKNOWN: Final = 0x00050000 | 38
"""The call fails with ENOSYS, after which the C library falls back to an older one that can be filtered."""
LOAD, JUMP_EQUAL, JUMP_ANY_BIT, JUMP_LEAST, RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
"""Instructions of classic BPF: load a word, compare it with a constant, end."""
NUMBER_AT: Final = 0
ARCHITECTURE_AT: Final = 4
X32: Final = 0x40000000
"""System calls of x86-64 from here on are those of another calling convention."""
CLONE_THREAD: Final = 0x10000
WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

ARCHITECTURES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
FORBIDDEN: Final[Mapping[str, tuple[int | None, int | None]]] = {
    # name: its number on x86-64 and on arm64
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    "sendmsg": (46, 211),
    "sendmmsg": (307, 269),
    "recvmsg": (47, 212),
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "kill": (62, 129),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "io_uring_setup": (425, 425),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "memfd_create": (319, 279),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "chroot": (161, 51),
    "pivot_root": (155, 41),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "setrlimit": (160, 164),
    "openat2": (437, 437),
    "open_by_handle_at": (304, 265),
    "creat": (85, None),
    "truncate": (76, 45),
    "ftruncate": (77, 46),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "link": (86, None),
    "linkat": (265, 37),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
}
CLONE3: Final = 435
CLONE: Final = {"x86_64": 56, "aarch64": 220}
OPENING: Final = {"x86_64": ((2, 1), (257, 2)), "aarch64": ((56, 2),)}
"""The numbers of open and openat, and which argument says how."""
PRLIMIT: Final = {"x86_64": 302, "aarch64": 261}
"""Its third argument points to new limits; without any it reads them, as the C library does."""


class Confinement:
    """What a child gives up, prepared before it is forked: each page that it touches itself is a copy."""

    def __init__(self) -> None:
        self._parent = os.getpid()
        self._control = ctypes.CDLL(None, use_errno=True).prctl
        machine = platform.machine()
        content = b"".join(filter_program(machine)) if machine in ARCHITECTURES else b""
        self._instructions = ctypes.create_string_buffer(content, len(content))
        address = ctypes.addressof(self._instructions)
        self._program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(content) // 8, address))

    def enter(self, limits: ReadLimits, held: int) -> None:
        """Give up, for good, all that reading a file does not need. The calling process must be the child.

        Parameters
        ----------
        held
            Bytes of address space that the process holds, see `address_space`.
        """
        _limit_resources(limits, held)
        self._control(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != self._parent:
            os._exit(1)
        self._control(PR_SET_DUMPABLE, 0, 0, 0, 0)
        self._control(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if len(self._instructions):  # where the kernel takes no filter, the other limits still hold
            self._control(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, self._program, 0, 0)


def _limit_resources(limits: ReadLimits, held: int) -> None:
    seconds = max(1, int(-(-limits.cpu // 1)))
    for what, soft, hard in (
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
    """Bytes of address space that this process holds, 0 where the system does not say."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    except OSError:
        return 0
    return int(pages) * resource.getpagesize()


def filter_program(machine: str) -> Iterator[bytes]:
    """The filter in classic BPF: 8 bytes an instruction, see the kernel's seccomp_filter.rst."""
    column = list(ARCHITECTURES).index(machine)
    yield _instruction(LOAD, ARCHITECTURE_AT)
    yield _instruction(JUMP_EQUAL, ARCHITECTURES[machine], if_true=1)
    yield _instruction(RETURN, DENY)
    yield _instruction(LOAD, NUMBER_AT)
    yield from _answer(JUMP_LEAST, X32, DENY)
    yield from _answer(JUMP_EQUAL, CLONE3, UNKNOWN)
    for numbers in FORBIDDEN.values():
        number = numbers[column]
        if number is not None:
            yield from _answer(JUMP_EQUAL, number, DENY)
    for number, argument in OPENING[machine]:
        yield from _answer_argument(number, argument, WRITING, denied_if=True)
    yield from _answer_argument(PRLIMIT[machine], 2, 0xFFFFFFFF, denied_if=True)
    yield from _answer_argument(CLONE[machine], 0, CLONE_THREAD, denied_if=False)
    yield _instruction(RETURN, ALLOW)


def _answer(jump: int, value: int, answer: int) -> Iterator[bytes]:
    """End with `answer` where the number of the system call compares so."""
    yield _instruction(jump, value, if_false=1)
    yield _instruction(RETURN, answer)


def _answer_argument(number: int, argument: int, bits: int, *, denied_if: bool) -> Iterator[bytes]:
    """Deny a system call where its argument has one of the bits, or has none; other calls go on."""
    yield _instruction(JUMP_EQUAL, number, if_false=4)
    yield _instruction(LOAD, 16 + 8 * argument)
    yield _instruction(JUMP_ANY_BIT, bits, if_true=0 if denied_if else 1, if_false=1 if denied_if else 0)
    yield _instruction(RETURN, DENY)
    yield _instruction(RETURN, ALLOW)


def _instruction(code: int, value: int, *, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)
