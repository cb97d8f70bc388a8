"""The limits of one call in a child process."""

from dataclasses import dataclass
from typing import Final

MIB: Final = 2**20


@dataclass(frozen=True)
class ReadLimits:
    """Resources that reading one untrusted file may take.

    Attributes
    ----------
    memory
        Bytes of address space beyond what the child holds at its fork.
    cpu, wall
        Seconds; CPU time is counted in whole seconds, rounded up.
    answer
        Bytes that the child may answer, facts and blobs together.
    open_files
        How many descriptors the child may have.
    """

    memory: int = 512 * MIB
    cpu: float = 10.0
    wall: float = 20.0
    answer: int = 16 * MIB
    open_files: int = 32
