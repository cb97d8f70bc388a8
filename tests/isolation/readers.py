"""What a reader does in the hands of a hostile file, and what the tests ask of a child."""

import ctypes
import fcntl
import json
import mmap
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from scorer.isolation import ReadResult, refuses

SEEN: list[bytes] = []


class FileRefused(ValueError):
    """The domain's own refusal."""


def length(content: bytes) -> ReadResult:
    return ReadResult({"length": len(content)})


def echo(content: bytes, *arguments: Any) -> ReadResult:
    return ReadResult({"arguments": list(arguments)}, (content,))


def numbers(content: bytes, count: int) -> ReadResult:
    return ReadResult({}, (np.arange(float(count)), content))


def remember(content: bytes) -> ReadResult:
    SEEN.append(content)
    return ReadResult({"seen": [each.decode() for each in SEEN]})


@refuses(FileRefused)
def refuse(content: bytes) -> ReadResult:
    raise FileRefused(content.decode())


def undeclared(content: bytes) -> ReadResult:
    raise FileRefused(content.decode())


def die(content: bytes, number: int) -> ReadResult:
    if number == signal.SIGABRT:
        os.abort()
    if number == signal.SIGSEGV:
        ctypes.string_at(0)
    signal.raise_signal(number)
    return ReadResult()


def leave(content: bytes, status: int) -> ReadResult:
    os._exit(status)


def python_memory(content: bytes) -> ReadResult:
    return ReadResult({"length": len(b"1" * 2**40)})


def grow(content: bytes) -> ReadResult:
    held = []
    while True:
        held.append(np.ones(2**20))


def spin(content: bytes) -> ReadResult:
    while True:
        pass


def spin_on(content: bytes) -> ReadResult:
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    return spin(content)


def doze(content: bytes, seconds: float) -> ReadResult:
    time.sleep(seconds)
    return ReadResult()


def sleep(content: bytes) -> ReadResult:
    time.sleep(1_000)
    return ReadResult()


def stubborn(content: bytes) -> ReadResult:
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(1)


def answer_much(content: bytes, size: int) -> ReadResult:
    return ReadResult({}, (bytes(size),))


def facts_much(content: bytes, size: int) -> ReadResult:
    return ReadResult({"text": "x" * size})


def say(content: bytes) -> ReadResult:
    """Write the file's own bytes on the channel, as a reader that was taken over would."""
    socket.socket(fileno=os.dup(3)).sendall(content)
    os._exit(0)


def drip(content: bytes) -> ReadResult:
    channel = socket.socket(fileno=os.dup(3))
    while True:
        channel.sendall(b"x")
        time.sleep(0.05)


def name(path: Path) -> ReadResult:
    return ReadResult({"names": sorted(each.name for each in path.iterdir())})


def _attempt(act: Any) -> str:
    try:
        act()
    except OSError as error:
        return type(error).__name__
    return "done"


def attempt_all(content: bytes, folder: str, victim: int) -> ReadResult:
    """Everything that no reader may do."""
    there = Path(folder) / "there"

    def run() -> None:
        subprocess.run([sys.executable, "-c", ""], check=True)

    acts = {
        "socket": lambda: socket.socket(socket.AF_INET),
        "unix socket": lambda: socket.socket(socket.AF_UNIX),
        "socketpair": socket.socketpair,
        "fork": os.fork,
        "run": run,
        "exec": lambda: os.execv(sys.executable, [sys.executable, "-c", ""]),
        "kill": lambda: os.kill(victim, signal.SIGTERM),
        "create": lambda: (Path(folder) / "new").write_bytes(b"x"),
        "append": lambda: os.open(there, os.O_WRONLY | os.O_APPEND),
        "truncate": lambda: os.truncate(there, 0),
        "delete": there.unlink,
        "rename": lambda: there.rename(there.with_name("gone")),
        "link": lambda: (Path(folder) / "link").symlink_to(there),
        "folder": lambda: (Path(folder) / "deep").mkdir(),
        "mode": lambda: there.chmod(0o777),
        "more memory": lambda: resource.prlimit(0, resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2),
        "memory file": lambda: os.memfd_create("x"),
    }
    return ReadResult({what: _attempt(act) for what, act in acts.items()})


LIBC = ctypes.CDLL(None, use_errno=True)
LIMITS_AT_4_GIB = 2**32
MAP_FIXED_NOREPLACE = 0x100000
F_SETSIG = 10


def _called(name: str, *arguments: Any) -> None:
    """Call the C library as code would that a file smuggled in: OSError where it fails."""
    if getattr(LIBC, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)


def _limit(victim: int) -> None:
    """New limits for another process, at an address whose lower half is zero."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_FIXED_NOREPLACE
    LIBC.mmap.restype = ctypes.c_void_p
    at = LIBC.mmap(
        ctypes.c_void_p(LIMITS_AT_4_GIB), 4096, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, ctypes.c_long(0)
    )
    assert at == LIMITS_AT_4_GIB
    (ctypes.c_ulong * 2).from_address(at)[:] = [1_000, 1_000]
    _called("prlimit", victim, resource.RLIMIT_NOFILE, ctypes.c_void_p(at), None)


def _signal_by_input(victim: int) -> None:
    fcntl.fcntl(3, fcntl.F_SETOWN, victim)
    fcntl.fcntl(3, F_SETSIG, int(signal.SIGTERM))


def reach_out(content: bytes, folder: str, victim: int) -> ReadResult:
    """What a reader that was taken over may try on other processes of the same user, and on their files."""
    there = os.fsencode(Path(folder) / "there")
    times = (ctypes.c_long * 4)()
    acts = {
        "signal a thread": lambda: _called("tgkill", victim, victim, int(signal.SIGTERM)),
        "queue a signal": lambda: _called("sigqueue", victim, int(signal.SIGTERM), None),
        "signal by input": lambda: _signal_by_input(victim),
        "limits": lambda: _limit(victim),
        "priority": lambda: os.setpriority(os.PRIO_PROCESS, victim, 5),
        "scheduler": lambda: os.sched_setscheduler(victim, os.SCHED_IDLE, os.sched_param(0)),
        "processors": lambda: os.sched_setaffinity(victim, os.sched_getaffinity(victim)),
        "times of a file": lambda: _called("utimes", there, times),
        "times, an older way": lambda: _called("utime", there, times),
        "times, another way": lambda: _called("futimesat", -100, there, times),
        "shared memory": lambda: _called("shmget", 0, 4096, 0o1600),
        "semaphores": lambda: _called("semget", 0, 1, 0o1600),
        "messages": lambda: _called("msgget", 0, 0o1600),
        "read a key": lambda: Path(folder, "there").read_bytes(),
        "list a folder": lambda: any(Path(folder).iterdir()),
        "environment": lambda: Path(f"/proc/{victim}/environ").read_bytes(),
        "memory": lambda: os.open(f"/proc/{victim}/mem", os.O_RDONLY),
        "users": lambda: Path("/etc/passwd").read_bytes(),
        "name the host": lambda: socket.sethostname("x"),
        "become another": lambda: os.setuid(65534),
    }
    return ReadResult({what: _attempt(act) for what, act in acts.items()})


def inside(path: Path) -> ReadResult:
    """What is in a folder, and beside it."""
    return ReadResult({each: _attempt((path / each).read_bytes) for each in ("mine", "../beside", "link")})


def situation(content: bytes) -> ReadResult:
    """What a child has around it."""
    numbers = [resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE, resource.RLIMIT_CPU]
    status = Path("/proc/self/status").read_text()
    threads = [line for line in status.splitlines() if line.startswith("Threads:")]
    facts = {
        "environment": dict(os.environ),
        "limits": [resource.getrlimit(each)[0] for each in numbers],
        "threads": int(threads[0].split()[1]),
        "badness": int(Path("/proc/self/oom_score_adj").read_text()),
        "input": os.read(0, 10).decode(),
        "descriptors": sorted(int(each.name) for each in Path("/proc/self/fd").iterdir())[:-1],
        "standard": [str(Path(f"/proc/self/fd/{each}").readlink()) for each in (0, 1, 2)],
        "modules": sorted(sys.modules),
    }
    json.dumps(facts)
    return ReadResult(facts)


def thread(content: bytes) -> ReadResult:
    """A library may start threads of its own."""
    found: list[int] = []
    worker = threading.Thread(target=lambda: found.append(len(content)))
    worker.start()
    worker.join()
    return ReadResult({"found": found})
