"""The target ``aws``: a template of CloudFormation for models as jobs of Batch, and what it costs."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from scorer.compute.configuration import ComputeConfig
from scorer.compute.infrastructure.common import Plan, secret_files
from scorer.compute.infrastructure.costs import NODE, monthly
from scorer.compute.providers.cloud_names import STACK, FargateSize, bucket_of
from scorer.compute.sections import AwsSection
from scorer.daemon.config_errors import ConfigError

FILE: Final = "cupel-compute.template.json"
LEAST: Final = 1
"""Processors of a queue at least."""


def plan(config: ComputeConfig, _file: Path) -> Plan:
    """Return the template, and what to type; raises `ConfigError` without a model there, or without CDK."""
    models = models_of(config)
    if config.aws is None or not models:
        raise ConfigError(
            'aws: expected a section [aws] and a model with provider = "aws", found none; nothing was written'
        )
    template = _stack().template_of(_plan(config, config.aws, models))
    named = f"--stack-name {STACK} --region {config.aws.region}"
    deploy = f"aws cloudformation deploy --template-file {FILE} {named} --capabilities CAPABILITY_NAMED_IAM"
    words = (
        monthly(config).words(),
        f"deploy it: {deploy}",
        "the node's rights are the policy cupel-node: attach it to the role that runs the node",
        *_about_node(config),
    )
    ends = (
        f"aws s3 rm --recursive s3://{bucket_of(config.aws.account, config.aws.region)}",
        f"aws cloudformation delete-stack {named}",
    )
    return Plan({FILE: json.dumps(template, indent=1) + "\n"}, words, ends)


def models_of(config: ComputeConfig) -> list[tuple[str, FargateSize]]:
    """Return the images of models that run at AWS, each with its size, once."""
    own = (each for each in config.models if each.provider == "aws" and each.image and each.fargate)
    found = {(str(each.image), each.fargate) for each in own if each.fargate is not None}
    return sorted(found, key=lambda each: (each[0], float(each[1].processors), each[1].memory))


def _stack() -> Any:
    try:
        return import_module("scorer.compute.infrastructure.aws_stack")
    except ImportError:
        raise ConfigError(
            "aws: expected CDK to put the template together, found none; install it: pip install 'cupel[aws]'"
        ) from None


def _plan(config: ComputeConfig, aws: AwsSection, models: list[tuple[str, FargateSize]]) -> Any:
    largest = max(float(size.processors) for _, size in models)
    processors = max(LEAST, round(largest * config.run.concurrent))
    node = None
    if aws.node_image is not None:
        node = import_module("scorer.compute.infrastructure.aws_node").CloudNode(
            aws.node_image, NODE, secret_files(config)
        )
    return _stack().StackPlan(aws.account, aws.region, models, processors, node)


def _about_node(config: ComputeConfig) -> tuple[str, ...]:
    if config.aws is None or config.aws.node_image is None:
        return ("the node stays where it is; with aws.node_image it would run there too",)
    put = "aws secretsmanager put-secret-value --secret-id"
    return tuple(
        f"{put} cupel/{name} --secret-string file://{file}" for name, file in secret_files(config).items()
    )
