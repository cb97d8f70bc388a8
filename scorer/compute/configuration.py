"""The configuration of a node that runs models: one TOML file, checked as a whole before anything runs."""

from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import Field, ValidationError, model_validator

from scorer.chain.endpoints import Endpoints
from scorer.chain.records import Addresses
from scorer.compute.sections import (
    AwsSection,
    ModelSection,
    RoundsSection,
    RunSection,
    SubmitSection,
    SubmitterSection,
    WebhookSection,
)
from scorer.daemon.config_errors import ConfigError, problems
from scorer.daemon.deployment_file import read_deployment
from scorer.daemon.sections import Chain, ConfigSection, FilePath
from scorer.files import SecretExposed, one_line, parse_toml, read_bounded, read_secret
from scorer.redaction import remember, shown_path

FILE: Final = "compute.toml"
MOST_MODELS: Final = 1_000
FARGATE_DISK: Final = 18 << 10
"""MiB of a container's disk, of its 20 GiB, that a model may fill."""


class ComputeConfig(ConfigSection):
    """The configuration of a node that runs models.

    Attributes
    ----------
    state
        The folder in which the node keeps its journal, inputs and data.
    """

    chain: Chain
    submitter: SubmitterSection
    rounds: RoundsSection
    submit: SubmitSection
    models: Annotated[tuple[ModelSection, ...], Field(strict=False, min_length=1, max_length=MOST_MODELS)]
    run: RunSection = RunSection()
    webhook: WebhookSection | None = None
    aws: AwsSection | None = None
    state: FilePath = Path("state")
    base: Annotated[Path, Field(strict=False, exclude=True)] = Path()

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        numbers = [each.model for each in self.models]
        if len(set(numbers)) < len(numbers):
            raise ValueError("expected each model once")
        return self

    @model_validator(mode="after")
    def _somewhere_at_aws(self) -> Self:
        own = [each for each in self.models if each.provider == "aws"]
        if own and self.aws is None:
            raise ValueError("expected a section [aws] with account and region, for models that run there")
        for each in own:
            if each.fargate is None or 2 * each.limits.files_mib > FARGATE_DISK:
                raise ValueError(
                    f"model {each.model}: expected limits that Fargate has (16 processors, 120 GiB of memory "
                    f"and {FARGATE_DISK // 2} MiB of files), found more"
                )
        return self

    def at(self, path: Path) -> Path:
        """Return a path of the configuration, from where the file is."""
        return self.base / path

    @property
    def root(self) -> Path:
        """The folder in which the node keeps what it knows."""
        return self.at(self.state)

    def endpoints(self) -> Endpoints:
        """Return all endpoints, of which as many as the configuration asks for must agree."""
        chain = self.chain
        return Endpoints(chain.urls, chain.chain_id, chain.agreement, chain.timeout)

    def addresses(self) -> Addresses:
        """Return the addresses of the deployment; raises `ConfigError` where it is of another chain."""
        addresses = read_deployment(self.at(self.chain.deployment))
        if addresses.chain_id != self.chain.chain_id:
            raise ConfigError(
                f"{self.chain.deployment}: expected a deployment on chain {self.chain.chain_id}, "
                f"found one on {addresses.chain_id}"
            )
        return addresses

    def secret(self, path: Path) -> str:
        """Return the only line of a file that its owner alone can read.

        Raises
        ------
        ConfigError
            When it cannot be read, or others can.
        """
        try:
            secret = read_secret(self.at(path), one_line).strip()
        except (OSError, SecretExposed, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ConfigError(f"{shown_path(self.at(path))}: expected a secret, found {reason}") from None
        remember(secret)
        return secret

    def model(self, number: int) -> ModelSection:
        """Return a model by its number; raises `ConfigError` where there is none."""
        for each in self.models:
            if each.model == number:
                return each
        known = ", ".join(str(each.model) for each in self.models)
        raise ConfigError(f"models: expected one of {known}, found {number}")


def load_compute_config(path: Path) -> ComputeConfig:
    """Read and check a configuration; paths in it are relative to it.

    Raises
    ------
    ConfigError
        Names each wrong field, what is expected, and what was found.
    """
    name = shown_path(path)
    try:
        document: dict[str, Any] = parse_toml(read_bounded(path))
        return ComputeConfig.model_validate({**document, "base": path.resolve().parent})
    except ValidationError as error:
        raise ConfigError(f"{name}: {'; '.join(problems(error))}") from None
    except OSError as error:
        raise ConfigError(f"{name}: expected a TOML file, found {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from None
