"""Builds the command line of a sandbox by bubblewrap: namespaces, read-only files, no network, no keys."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from scorer.compute.job import IN, MODEL, OUT, PREDICTIONS, ModelJob
from scorer.errors import CupelError
from scorer.redaction import shown_path

INSIDE: Final = Path(__file__).parents[1] / "inside"
"""The runner and what a model finds beside it."""
RUNNER: Final = "/cupel"
NOBODY: Final = "65534"
SPARE: Final = 10
"""Seconds after its time at which a run ends by itself, where nobody ended it."""
SHARED_MEMORY: Final = 64 << 20
SYSTEM: Final = ("/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin")
ETC: Final = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/alternatives", "/etc/localtime", "/etc/ssl/certs")
COLLECT: Final = (
    f'"$@" >&2 </dev/null; code=$?; [ "$code" -eq 0 ] || exit "$code"; exec cat {OUT}/{PREDICTIONS}'
)
"""The model prints to standard error, which is the log; standard output carries its predictions alone."""


class SandboxUnavailable(CupelError):
    """A machine has no sandbox; the message says what to install. Nothing is run without one."""


def bubblewrap() -> str:
    """Return the path of bubblewrap.

    Raises
    ------
    SandboxUnavailable
        When it is not installed.
    """
    found = shutil.which("bwrap")
    if found is None:
        raise SandboxUnavailable(
            "sandbox: expected bubblewrap, found none; install it (apt-get install bubblewrap, dnf install "
            "bubblewrap), or use the provider podman; a model is never run without a sandbox"
        )
    return found


def runner_command(job: ModelJob, python: str, *options: str) -> list[str]:
    """Return the command inside of any sandbox that runs a model and then writes its predictions out."""
    # Whatever else fails, nothing runs for ever: a node may be killed just as a sandbox begins.
    longest = ["timeout", "-s", "KILL", str(int(job.seconds) + SPARE)]
    run = [*longest, python, "-I", "-B", *options, f"{RUNNER}/runner.py", str(job.kind), job.entry]
    return ["/bin/sh", "-c", COLLECT, "sh", *run]


def _bytecode() -> tuple[str, ...]:
    """Return the folder of this interpreter's compiled files, where that is apart from the sources."""
    prefix = sys.pycache_prefix
    return (prefix,) if prefix and Path(prefix).is_dir() else ()


def variables(job: ModelJob) -> dict[str, str]:
    """Return the environment of a model, whole: nothing of the node's is in it."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": "/tmp",  # noqa: S108 - the sandbox's own
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        **dict.fromkeys(threads, str(job.limits.threads)),
        **job.environment,
    }


def sandboxed(job: ModelJob) -> list[str]:
    """Return the command that runs a job in a sandbox.

    Raises
    ------
    SandboxUnavailable
        When bubblewrap is not installed, or the interpreter is none.
    """
    python, folders = interpreter(job.python)
    size = str(job.limits.files)
    return [
        bubblewrap(),
        *(
            "--unshare-user",
            "--unshare-all",
            "--disable-userns",
            "--die-with-parent",
            "--new-session",
            "--clearenv",
        ),
        *("--cap-drop", "ALL", "--uid", NOBODY, "--gid", NOBODY, "--hostname", "cupel"),
        *("--proc", "/proc", "--dev", "/dev"),
        *("--size", str(min(SHARED_MEMORY, job.limits.files)), "--tmpfs", "/dev/shm"),  # noqa: S108
        *("--size", size, "--tmpfs", "/tmp"),  # noqa: S108
        *_system(),
        *_read_only({str(path): path for path in folders}),
        *_read_only({path: Path(path) for path in _bytecode()}),
        *_read_only({RUNNER: INSIDE, MODEL: job.code, IN: job.inputs}),
        *("--size", size, "--tmpfs", OUT),
        # /proc too: run by root, a sandbox could write the kernel's settings there, without any capability.
        *("--remount-ro", "/proc", "--remount-ro", "/dev", "--remount-ro", "/"),
        *_environment({**variables(job), "CUPEL_PROCESSES": str(job.limits.processes)}),
        *("--chdir", "/tmp"),  # noqa: S108
        *runner_command(job, python, *(f"-Xpycache_prefix={path}" for path in _bytecode())),
    ]


def interpreter(python: Path) -> tuple[str, tuple[Path, ...]]:
    """Return an interpreter's path and what it needs beside ``/usr``: folders, and links on the way to it.

    It is not run for that. A virtual environment names its base in ``pyvenv.cfg``.

    Raises
    ------
    SandboxUnavailable
        When there is none, or it is in a folder with other things.
    """
    # Not resolved: a virtual environment is known by where its link to an interpreter stands.
    path = Path(os.path.abspath(python))  # noqa: PTH100
    if not path.is_file():
        raise SandboxUnavailable(f"{shown_path(python)}: expected a Python interpreter, found none")
    own, real = path.parent.parent, path.resolve().parent.parent
    base = _base_of(own / "pyvenv.cfg")
    found = dict.fromkeys(folder for folder in (own, base, real) if folder is not None)
    folders = [folder for folder in found if not _is_system(folder)]
    known = (*folders, Path("/usr"))
    links = [link for link in _links(path) if not any(link.is_relative_to(folder) for folder in known)]
    return str(path), (*folders, *links)


def _links(path: Path) -> Iterator[Path]:
    """Yield the files that a link leads to, one after the other, as each is named."""
    while path.is_symlink():
        path = path.parent.resolve() / path.readlink()
        yield path


def _base_of(configuration: Path) -> Path | None:
    """Return the installation that a virtual environment was made from; None for no such.

    The home that it names may hold no more than a link to the interpreter, beside anything.
    """
    if not configuration.is_file():
        return None
    for line in configuration.read_text("utf-8", "replace").splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "home":
            found = (Path(value.strip()) / each for each in ("python3", "python"))
            return next((each.resolve().parent.parent for each in found if each.is_file()), None)
    return None


def _is_system(path: Path) -> bool:
    """Return whether a folder is there anyway; refuse one with more in it than an installation of Python.

    All of it is shown to the model: a home, or ``~/.local``, holds keys and much else.
    """
    if path.is_relative_to("/usr"):
        return True
    homes = (Path("/"), Path("/root"), Path("/home"), Path.home())
    is_home = path in homes or path.parent == Path("/home") or path.name == ".local"
    if is_home or not any((path / "lib").glob("python3*")):
        raise SandboxUnavailable(
            f"{shown_path(path)}: expected a folder with an installation of Python and nothing else, as the "
            "model sees all of it, found another; make a virtual environment: python -m venv .venv"
        )
    return False


def _system() -> Iterator[str]:
    yield from ("--ro-bind", "/usr", "/usr")
    for name in SYSTEM:
        if Path(name).is_symlink():
            yield from ("--symlink", str(Path(name).readlink()), name)
        elif Path(name).is_dir():
            yield from ("--ro-bind", name, name)
    for name in ETC:
        yield from ("--ro-bind-try", name, name)


def _read_only(places: Mapping[str, Path]) -> Iterator[str]:
    for inside, outside in places.items():
        yield from ("--ro-bind", str(outside.resolve()), inside)


def _environment(given: Mapping[str, str]) -> Sequence[str]:
    return [part for name, value in given.items() for part in ("--setenv", name, value)]
