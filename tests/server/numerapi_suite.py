"""Runs numerapi's own tests, live ones included, against a server: `make numerapi-tests`.

The tests are in numerapi's source distribution alone, which pip downloads.
"""

import os
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

from tests.chains import Chains
from tests.server.site import running_site
from tests.world import lent_world

ROUNDS = 83
"""The live tests want more than 80, and a current one of at least 82."""
PLUGIN = """
import os
from numerapi import base_api
base_api.API_TOURNAMENT_URL = os.environ["CUPEL_URL"]
"""


def download(folder: Path) -> Path:
    """Fetch the source distribution of the installed numerapi; the folder of its tests."""
    wanted = f"numerapi=={version('numerapi')}"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "numerapi"]
    subprocess.run([*pip, "--dest", folder, wanted], check=True)
    (archive,) = folder.glob("numerapi-*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz") / "tests"


def run(url: str, tests: Path, folder: Path) -> int:
    """Run the tests with numerapi's URL changed, and nothing else."""
    (folder / "livepatch.py").write_text(PLUGIN)
    hidden = ("NUMERAI_PUBLIC_ID", "NUMERAI_SECRET_KEY")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment |= {"CUPEL_URL": url, "PYTHONPATH": str(folder)}
    pytest = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "livepatch",
        "-p",
        "no:ape_test",
        "-p",
        "no:cacheprovider",
    ]
    return subprocess.run([*pytest, "-q", str(tests)], env=environment, cwd=folder, check=False).returncode


def main() -> int:
    """Run all; the exit code of pytest."""
    with tempfile.TemporaryDirectory() as temporary, Chains() as chains:
        folder = Path(temporary)
        tests = download(folder)
        with lent_world(chains, folder / "world") as world:
            world.settle(world.sealed_round())
            for _ in range(ROUNDS - 1):
                world.open()
            with running_site(world, folder / "server") as site:
                site.step()
                return run(site.url, tests, folder)


if __name__ == "__main__":
    sys.exit(main())
