"""The sections of a node's configuration: the key, sources and ways of files, models and their limits."""

from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from scorer.compute.decide import NodePolicy
from scorer.compute.job import MIB, JobLimits, ModelKind
from scorer.compute.providers.cloud_names import FargateSize, size_of
from scorer.daemon.sections import LONGEST, ConfigSection, FilePath, Url

ProviderName = Literal["process", "podman", "docker", "kubernetes", "aws"]
IMAGE: Final = r"^[a-z0-9][a-z0-9._/:-]*@sha256:[0-9a-f]{64}$"
"""An image by its digest: a tag may be another image tomorrow."""


def _inside(value: str) -> str:
    """Refuse an entry that leaves the model's folder, or would be read as an option."""
    path = Path(value.partition(":")[0])
    if path.is_absolute() or ".." in path.parts or value.startswith("-") or not path.parts:
        raise ValueError(
            "expected a file in the model's folder, such as model.py:predict, found another path"
        )
    return value


class SubmitterSection(ConfigSection):
    """The submitter's key, which a process of its own holds: it signs submissions, and moves no stake.

    Attributes
    ----------
    keystore, password_file
        Hold it encrypted (Web3 Secret Storage, version 3), and the password, in one line.
    """

    keystore: FilePath
    password_file: FilePath


class RoundsSection(ConfigSection):
    """The sources of rounds' files and live data.

    Attributes
    ----------
    published
        A folder in which the operator publishes rounds, as ``<tournament>/<round>`` or ``<round>``.
    server
        Or the tournament's server.
    data
        The URL of published versions of the data set, see ``cupel data pull``.
    signer
        The operator's address, which must have signed each version.
    """

    published: FilePath | None = None
    server: Url | None = None
    data: str | None = None
    signer: Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.published is None) == (self.server is None):
            raise ValueError("expected either published or server")
        if (self.data is None) != (self.signer is None):
            raise ValueError("expected data and signer together: a version that nobody signed is not taken")
        return self


class SubmitSection(ConfigSection):
    """The way that submissions take.

    Attributes
    ----------
    inbox
        The operator's inbox, a folder.
    server, api_key_file
        Or the tournament's server, and a file with ``id$secret`` of a key that may upload.
    in_the_clear
        Whether they may be sent unencrypted, where a round's rules say that all are.
    """

    inbox: FilePath | None = None
    server: Url | None = None
    api_key_file: FilePath | None = None
    in_the_clear: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.inbox is None) == (self.server is None):
            raise ValueError("expected either inbox or server")
        if (self.server is None) != (self.api_key_file is None):
            raise ValueError("expected server and api_key_file together")
        return self


class RunSection(ConfigSection):
    """The way in which the node works; see `NodePolicy`.

    Attributes
    ----------
    interval
        Seconds between two cycles.
    port
        Port of /metrics, /healthz and /readyz on 127.0.0.1; 0 for none.
    """

    interval: Annotated[float, Field(gt=0, le=LONGEST)] = 15.0
    port: Annotated[int, Field(ge=0, le=65_535)] = 0
    concurrent: Annotated[int, Field(ge=1, le=256)] = 2
    margin: Annotated[int, Field(ge=0, le=LONGEST)] = 60
    reserve: Annotated[int, Field(ge=0, le=LONGEST)] = 1_800
    alert: Annotated[int, Field(ge=0, le=LONGEST)] = 3_600
    attempts: Annotated[int, Field(ge=1, le=100)] = 3
    pause: Annotated[int, Field(ge=0, le=LONGEST)] = 30

    @property
    def policy(self) -> NodePolicy:
        """The bounds within which the node works."""
        given = (self.concurrent, self.margin, self.reserve, self.alert, self.attempts, self.pause)
        return NodePolicy(*given)


class WebhookSection(ConfigSection):
    """The place where calls arrive that wake the node; see `scorer.compute.webhook`.

    Attributes
    ----------
    secret_file
        The secret of the server's webhook, ``whsec_...``; without it, only calls of the operator's key count.
    """

    port: Annotated[int, Field(ge=1, le=65_535)]
    host: str = "127.0.0.1"
    secret_file: FilePath | None = None


class LimitsSection(ConfigSection):
    """Resources that one run may take; see `JobLimits`.

    Attributes
    ----------
    seconds
        The time that it may take.
    """

    seconds: Annotated[int, Field(ge=1, le=LONGEST)] = 3_600
    memory_mib: Annotated[int, Field(ge=32, le=1 << 20)] = 2_048
    files_mib: Annotated[int, Field(ge=1, le=1 << 20)] = 512
    processes: Annotated[int, Field(ge=1, le=100_000)] = 256
    log_mib: Annotated[int, Field(ge=1, le=1 << 12)] = 64
    threads: Annotated[int, Field(ge=1, le=1_024)] = 1

    def of(self, output: int) -> JobLimits:
        """Return the limits of a run whose predictions have so many bytes at most."""
        sizes = (self.memory_mib * MIB, self.processes, self.files_mib * MIB, output, self.log_mib * MIB)
        return JobLimits(*sizes, self.threads)


class ModelSection(ConfigSection):
    """A model that takes part.

    Attributes
    ----------
    folder
        All that it needs, and nothing else: all of it is seen by the model, and none of it written.
    entry
        What is run: ``model.py:predict`` for a function, else a file.
    python
        The interpreter of the environment that it needs.
    image
        For containers, by digest: ``name@sha256:...``.
    """

    model: Annotated[int, Field(ge=1, lt=1 << 63)]
    folder: FilePath
    kind: Annotated[ModelKind, Field(strict=False)]
    entry: Annotated[str, AfterValidator(_inside), Field(min_length=1, max_length=200)]
    python: FilePath = Path("/usr/bin/python3")
    provider: ProviderName = "process"
    image: Annotated[str, Field(pattern=IMAGE)] | None = None
    rootfs: FilePath | None = None
    limits: LimitsSection = LimitsSection()

    @model_validator(mode="after")
    def _something_to_run_in(self) -> Self:
        if self.provider in ("podman", "docker") and (self.image is None) == (self.rootfs is None):
            raise ValueError("expected either image, by its digest, or rootfs for a container")
        if self.provider in ("kubernetes", "aws") and self.image is None:
            raise ValueError(f"expected image, by its digest, for {self.provider}")
        return self

    @property
    def fargate(self) -> FargateSize | None:
        """The size of Fargate that its limits need; None where there is none."""
        return size_of(self.limits.threads, self.limits.memory_mib)


class AwsSection(ConfigSection):
    """The place at AWS where models run as jobs of Batch.

    Attributes
    ----------
    account, region
        Credentials of another account are refused.
    node_image
        An image with the node in it, its folder as ``/node``, to be run there as well; without it the node
        stays where it is.
    """

    account: Annotated[str, Field(pattern=r"^[0-9]{12}$")]
    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")]
    node_image: Annotated[str, Field(pattern=IMAGE)] | None = None
