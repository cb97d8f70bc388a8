"""Names and sizes that the template of AWS and the provider share, so that none is configured twice."""

import hashlib
from dataclasses import dataclass
from typing import Final

STACK: Final = "cupel-compute"
QUEUE: Final = "cupel-models"
JOBS: Final = "jobs"
"""The folder of the bucket in which each job has one of its own."""
SIZES: Final = (
    ("0.25", (512, 1_024, 2_048)),
    ("0.5", tuple(range(1_024, 4_097, 1_024))),
    ("1", tuple(range(2_048, 8_193, 1_024))),
    ("2", tuple(range(4_096, 16_385, 1_024))),
    ("4", tuple(range(8_192, 30_721, 1_024))),
    ("8", tuple(range(16_384, 61_441, 4_096))),
    ("16", tuple(range(32_768, 122_881, 8_192))),
)
"""The processors that Fargate has, and the MiB that go with each."""
SYSTEM: Final = 128
"""MiB that a container needs beside its model."""


@dataclass(frozen=True)
class FargateSize:
    """A size of Fargate: processors as AWS writes them, and MiB."""

    processors: str
    memory: int


def size_of(threads: int, memory_mib: int) -> FargateSize | None:
    """Return the smallest size with so many processors and so much memory; None where there is none."""
    for processors, sizes in SIZES:
        fits = [size for size in sizes if size >= memory_mib + SYSTEM]
        if float(processors) >= threads and fits:
            return FargateSize(processors, fits[0])
    return None


def bucket_of(account: str, region: str) -> str:
    """Return the name of the bucket: of an account and a region, as such names are the whole world's."""
    return f"cupel-models-{account}-{region}"


def definition_of(image: str, size: FargateSize) -> str:
    """Return the name of the job definition of an image and a size."""
    text = f"{image} {size.processors} {size.memory}"
    return f"cupel-model-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
