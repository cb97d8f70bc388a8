"""The contract between a node and a model: what a job is given, what it may take, and how it ended.

A job reads ``/in`` and writes ``/out/predictions.parquet``. It ends with exit code 0 within its time. This
holds for every provider.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

MIB: Final = 2**20
IN: Final = "/in"
OUT: Final = "/out"
MODEL: Final = "/model"
PREDICTIONS: Final = "predictions.parquet"
LIVE: Final = "live.parquet"
ROUND: Final = "round.json"


class ModelKind(StrEnum):
    """The kinds of models that the runner knows; the value is what a configuration says."""

    FUNCTION = "function"
    SCRIPT = "script"
    NOTEBOOK = "notebook"
    ONNX = "onnx"
    SKOPS = "skops"
    SAFETENSORS = "safetensors"
    PICKLE = "pickle"


class RunOutcome(StrEnum):
    """The ways in which a run ends; the value says it in a sentence."""

    GOOD = "The run ended well, and its predictions are valid."
    FAILED = "The model ended with another exit code than 0, or without predictions."
    REFUSED = "The predictions are not those that the round takes."
    OUT_OF_TIME = "The model took more time than there was."
    OUT_OF_MEMORY = "The model took more memory than it may."
    TOO_MUCH_OUTPUT = "The model wrote or printed more than it may."
    CANCELLED = "The run was cancelled."
    INTERRUPTED = "The node ended while the model ran."
    UNAVAILABLE = "The provider could not start the run."

    @property
    def is_fault_of_model(self) -> bool:
        """True where the model, and not the machine, is why there are no predictions."""
        others = (RunOutcome.GOOD, RunOutcome.CANCELLED, RunOutcome.INTERRUPTED, RunOutcome.UNAVAILABLE)
        return self not in others


@dataclass(frozen=True)
class JobLimits:
    """Resources that one run may take.

    Attributes
    ----------
    memory
        Bytes of all its processes together, files in ``/out`` and ``/tmp`` included.
    processes
        Processes and threads at once.
    files
        Bytes of files that it may write, in each of ``/out`` and ``/tmp``.
    output
        Bytes of its predictions.
    log
        Bytes that it may print; of these the first and the last are kept.
    threads
        Threads that numerical libraries are to use.
    """

    memory: int = 2048 * MIB
    processes: int = 256
    files: int = 512 * MIB
    output: int = 64 * MIB
    log: int = 64 * MIB
    threads: int = 1


@dataclass(frozen=True)
class ModelJob:
    """One run of a model.

    Attributes
    ----------
    key
        Names the run: a provider that is given the same key twice runs it once.
    inputs, code
        The folders that it sees as ``/in`` and ``/model``, read-only.
    python
        The interpreter of the user's own environment.
    entry
        What of the code is run: ``model.py:predict``, ``predict.py`` or ``model.onnx``.
    seconds
        The time that it may take.
    environment
        Variables that it sees beside the contract's own.
    image, rootfs
        For a container, what it is made of: an image by its digest, or a folder.
    """

    key: str
    inputs: Path
    code: Path
    python: Path
    kind: ModelKind
    entry: str
    seconds: float
    limits: JobLimits = JobLimits()
    environment: Mapping[str, str] = field(default_factory=dict)
    image: str | None = None
    rootfs: Path | None = None


@dataclass(frozen=True)
class JobResult:
    """The end of a run, as its provider saw it.

    Attributes
    ----------
    outcome
        `RunOutcome.GOOD` where there is an output; whether it is valid is looked at later.
    reason
        What was expected and found, in one line; empty where all is well.
    output
        The content of its predictions: bytes that a stranger may have written.
    log
        The first and the last of what it printed.
    peak_memory
        Bytes, 0 where the provider does not know.
    """

    outcome: RunOutcome
    reason: str
    output: bytes = b""
    log: bytes = b""
    exit_code: int | None = None
    seconds: float = 0.0
    peak_memory: int = 0
