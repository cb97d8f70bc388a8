"""What a reader does in the hands of a hostile file, and what the tests ask of a child."""

import ctypes
import json
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


def situation(content: bytes) -> ReadResult:
    """What a child has around it."""
    numbers = [resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE, resource.RLIMIT_CPU]
    status = Path("/proc/self/status").read_text()
    threads = [line for line in status.splitlines() if line.startswith("Threads:")]
    facts = {
        "environment": dict(os.environ),
        "limits": [resource.getrlimit(each)[0] for each in numbers],
        "threads": int(threads[0].split()[1]),
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
