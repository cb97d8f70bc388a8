"""Builds the sdist and from it the wheel, installs it where nothing else of ours is, and runs it there.

python scripts/try_package.py [INTERPRETER ...]

The environment is fresh and has the checkout's libraries on its path, not the checkout: to install them once
more would take minutes and prove what `make setup` proves. anvil is found on PATH, as a user has it.

With interpreters, such as python3.13, each gets an environment of its own, into which pip installs the wheel
and all that it asks for.
"""

import os
import socket
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
SDIST = "import sys, uv_build; print(uv_build.build_sdist(sys.argv[1]))"
IMPORTS = """
import sys
import cupel, scorer
from cupel.scoring import numerai_corr
assert scorer.__file__.startswith(sys.prefix), scorer.__file__
assert cupel.scoring is scorer.scoring
"""


def run(*command: object, folder: Path, **environment: str) -> str:
    """Run a command in a folder with nothing but PATH in its environment; its output.

    Raises
    ------
    SystemExit
        When it fails; the message holds what it said.
    """
    given = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"} | environment
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, env=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"package: expected {' '.join(words)} to work, found\n{done.stdout}{done.stderr}")
    return done.stdout


def built(folder: Path) -> Path:
    """Return the wheel of the sdist of this checkout: what is in no sdist is in no wheel either."""
    name = run(sys.executable, "-c", SDIST, folder, folder=REPOSITORY).strip().splitlines()[-1]
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    run(*pip, "--wheel-dir", folder, folder / name, folder=folder)
    (wheel,) = folder.glob("cupel-*.whl")
    return wheel


def installed(wheel: Path, folder: Path) -> Path:
    """Return the executables of a fresh environment with the wheel and the libraries that it asks for."""
    home = folder / "environment"
    venv.create(home, with_pip=False)
    (packages,) = (home / "lib").glob("python*/site-packages")
    libraries = next(path for path in sys.path if path.endswith("site-packages"))
    (packages / "libraries.pth").write_text(f"{libraries}\n")
    pip = (sys.executable, "-m", "pip", "--python", home / "bin" / "python", "install", "--quiet")
    run(*pip, "--no-deps", "--no-index", "--ignore-installed", wheel, folder=folder)
    return home / "bin"


def installed_whole(wheel: Path, folder: Path, interpreter: str) -> Path:
    """Return the executables of another Python's environment with the wheel and all that it asks for."""
    run(interpreter, "-m", "venv", folder, folder=folder.parent)
    given = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
    run(folder / "bin/python", "-m", "pip", "install", "--quiet", wheel, folder=folder, **given)
    return folder / "bin"


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def try_out(executables: Path, folder: Path) -> None:
    """Import the package under both names, and run what needs its data: rules, a chain and contracts."""
    cupel = executables / "cupel"
    run(executables / "python", "-c", IMPORTS, folder=folder)
    print("package:", run(cupel, "--version", folder=folder).strip())
    run(cupel, "rules", "check", "cupel", folder=folder)
    devnet = ("--folder", folder / "devnet")
    run(cupel, "devnet", "up", *devnet, "--port", free_port(), "--models", "1", folder=folder)
    try:
        run(cupel, "devnet", "status", *devnet, folder=folder)
    finally:
        run(cupel, "devnet", "down", *devnet, folder=folder)


def main() -> None:
    """Build, install and try the package, with this Python or with those that are named."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        wheel = built(folder)
        if not sys.argv[1:]:
            try_out(installed(wheel, folder), folder)
            print(f"package: {wheel.name} works alone")
        for number, interpreter in enumerate(sys.argv[1:]):
            try_out(installed_whole(wheel, folder / f"python-{number}", interpreter), folder)
            print(f"package: {wheel.name} works with {interpreter}")


if __name__ == "__main__":
    main()
