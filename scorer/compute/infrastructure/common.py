"""Parts that all targets of a deployment share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from scorer.compute.configuration import ComputeConfig

NODE_MEMORY: Final = 1_024
"""MiB that the node itself takes at most, beside its models."""


@dataclass(frozen=True)
class Plan:
    """The files of a target by name, what to type and know, and what ends what runs by them."""

    files: Mapping[str, str]
    words: tuple[str, ...]
    ends: tuple[str, ...]


def memory_mib(config: ComputeConfig) -> int:
    """Return the MiB that a node and its models take at most: as many of the largest as run at once."""
    sizes = sorted((each.limits.memory_mib for each in config.models), reverse=True)
    return NODE_MEMORY + sum(sizes[: config.run.concurrent])


def threads(config: ComputeConfig) -> int:
    """Return the processors that models use at most."""
    counts = sorted((each.limits.threads for each in config.models), reverse=True)
    return max(1, sum(counts[: config.run.concurrent]))


def secret_files(config: ComputeConfig) -> dict[str, str]:
    """Return the files of secrets, as the configuration names them, by the secret's name."""
    files = {"keystore": config.submitter.keystore, "password": config.submitter.password_file}
    if config.submit.api_key_file is not None:
        files["api-key"] = config.submit.api_key_file
    return {name: str(path) for name, path in files.items()}
