"""The filter of system calls that a child may not make, as a program in classic BPF."""

import os
import struct
from collections.abc import Iterator, Mapping
from typing import Final

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
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "fchmodat2": (452, 452),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "fallocate": (285, 47),
    "flock": (73, 32),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "setpriority": (141, 140),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    "sched_setaffinity": (203, 122),
    "ioprio_set": (251, 30),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "kcmp": (312, 272),
    "setpgid": (109, 154),
    "setsid": (112, 157),
    # What outlives a process, and no limit of its own counts:
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "memfd_secret": (447, 447),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "fanotify_init": (300, 262),
    # What only root may do, as which a container may run:
    "setuid": (105, 146),
    "setgid": (106, 144),
    "setreuid": (113, 145),
    "setregid": (114, 143),
    "setresuid": (117, 147),
    "setresgid": (119, 149),
    "setgroups": (116, 159),
    "setfsuid": (122, 151),
    "setfsgid": (123, 152),
    "capset": (126, 91),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "syslog": (103, 116),
    "iopl": (172, None),
    "ioperm": (173, None),
    "vhangup": (153, 58),
    "personality": (135, 92),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
}
CLONE3: Final = 435
CLONE: Final = {"x86_64": 56, "aarch64": 220}
OPENING: Final = {"x86_64": ((2, 1), (257, 2)), "aarch64": ((56, 2),)}
"""The numbers of open and openat, and which argument says how."""
PRLIMIT: Final = {"x86_64": 302, "aarch64": 261}
"""Its third argument points to new limits; without any it reads them, as the C library does."""
FCNTL: Final = {"x86_64": 72, "aarch64": 25}
FCNTL_ALLOWED: Final = (0, 1, 2, 3, 4, 1030)
"""Descriptors are copied, their flags changed. Locks, leases and an owner, who gets signals, reach others."""
IOCTL: Final = {"x86_64": 16, "aarch64": 29}
IOCTL_ALLOWED: Final = (0x5401, 0x802C542A, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""Python asks whether a file is a terminal, and sets how a descriptor blocks and is inherited."""
SIGNALLING: Final = {"x86_64": (200, 234), "aarch64": (130, 131)}
"""tkill and tgkill: their first argument is the process, which may only be the caller itself."""
OWN_PROCESS: Final = 0x7EADBEEF
"""Stands for the child's number in the filter, which is made before the child."""


def filter_program(machine: str) -> Iterator[bytes]:
    """Yield the filter in classic BPF: 8 bytes an instruction, see the kernel's seccomp_filter.rst."""
    column = list(ARCHITECTURES).index(machine)
    yield _instruction(LOAD, ARCHITECTURE_AT)
    # The same number is another call on another architecture, which a process may switch to.
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
        yield from _of_call(number, _without_bits(argument, WRITING))
    yield from _of_call(PRLIMIT[machine], _without_pointer(2))
    yield from _of_call(CLONE[machine], _with_bits(0, CLONE_THREAD))
    yield from _of_call(FCNTL[machine], _one_of(1, FCNTL_ALLOWED))
    yield from _of_call(IOCTL[machine], _one_of(1, IOCTL_ALLOWED))
    for number in SIGNALLING[machine]:
        yield from _of_call(number, _one_of(0, (OWN_PROCESS,)))
    yield _instruction(RETURN, ALLOW)


def _answer(jump: int, value: int, answer: int) -> Iterator[bytes]:
    """End with `answer` where the number of the system call compares so."""
    yield _instruction(jump, value, if_false=1)
    yield _instruction(RETURN, answer)


def _of_call(number: int, tests: list[bytes]) -> Iterator[bytes]:
    """Test the arguments of one system call, then deny or, two instructions after the last test, allow it."""
    yield _instruction(JUMP_EQUAL, number, if_false=len(tests) + 2)
    yield from tests
    yield _instruction(RETURN, DENY)
    yield _instruction(RETURN, ALLOW)


def _low(argument: int) -> bytes:
    # In struct seccomp_data the arguments begin at 16, the lower half of each first.
    return _instruction(LOAD, 16 + 8 * argument)


def _without_bits(argument: int, bits: int) -> list[bytes]:
    return [_low(argument), _instruction(JUMP_ANY_BIT, bits, if_false=1)]


def _with_bits(argument: int, bits: int) -> list[bytes]:
    return [_low(argument), _instruction(JUMP_ANY_BIT, bits, if_true=1)]


def _without_pointer(argument: int) -> list[bytes]:
    """Both halves of an address are zero."""
    high = _instruction(LOAD, 20 + 8 * argument)
    return [
        _low(argument),
        _instruction(JUMP_ANY_BIT, 0xFFFFFFFF, if_true=2),
        high,
        _instruction(JUMP_ANY_BIT, 0xFFFFFFFF, if_false=1),
    ]


def _one_of(argument: int, values: tuple[int, ...]) -> list[bytes]:
    jumps = (
        _instruction(JUMP_EQUAL, value, if_true=len(values) - place) for place, value in enumerate(values)
    )
    return [_low(argument), *jumps]


def _instruction(code: int, value: int, *, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)
