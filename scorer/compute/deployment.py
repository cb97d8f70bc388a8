"""Writes what runs a node elsewhere: a unit, a cron job, a workflow, manifests; it starts none."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scorer.compute.configuration import ComputeConfig
from scorer.compute.infrastructure import aws, kubernetes, machine
from scorer.compute.infrastructure.common import Plan
from scorer.daemon.config_errors import ConfigError
from scorer.files import write_whole
from scorer.owned_files import is_owned, make_owned_folder

MADE_BY: Final = "cupel compute deploy"
CONTENTS: Final = ("*.yml", "*.json", "*.service", "*.cron", "words.txt")
WORDS: Final = "words.txt"
Make = Callable[[ComputeConfig, Path], Plan]
TARGETS: Final[Mapping[str, Make]] = {
    "systemd": machine.systemd,
    "cron": machine.cron,
    "github": machine.github,
    "kubernetes": kubernetes.plan,
    "aws": aws.plan,
}
"""The function that makes the files of each target."""


@dataclass(frozen=True)
class Written:
    """The files that were written, and what to type and to know."""

    files: tuple[Path, ...]
    words: tuple[str, ...]


def write(target: str, config: ComputeConfig, file: Path, out: Path) -> Written:
    """Write the files of a target into a folder of its own.

    Parameters
    ----------
    file
        The path of the node's configuration.

    Raises
    ------
    scorer.daemon.config_errors.ConfigError
        When the configuration does not fit the target: nothing is written.
    """
    plan = TARGETS[target](config, file)
    make_owned_folder(out, MADE_BY, CONTENTS)
    paths = []
    for name, content in plan.files.items():
        write_whole(out / name, content.encode())
        paths.append(out / name)
    ends = "".join(f"{line}\n" for line in plan.ends)
    write_whole(out / WORDS, ends.encode())
    return Written(tuple(paths), plan.words)


def remove(out: Path) -> tuple[str, ...]:
    """Remove what was written; return what to type to end what runs by it.

    Raises
    ------
    scorer.daemon.config_errors.ConfigError
        When the folder is none that `write` made.
    """
    if not is_owned(out, MADE_BY):
        raise ConfigError(f"{out}: expected a folder that {MADE_BY} made, found another; nothing was removed")
    words = (out / WORDS).read_text().splitlines() if (out / WORDS).is_file() else []
    # By the same rules as when it is made anew: a foreign file in it is kept, and reported.
    make_owned_folder(out, MADE_BY, CONTENTS)
    shutil.rmtree(out)
    return tuple(words)
