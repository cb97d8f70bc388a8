"""A node at AWS: one container that starts again whenever it ends, its secrets in Secrets Manager."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_secretsmanager as secrets

from scorer.compute.providers.cloud_names import FargateSize

BLOCK: Final = "10.67.0.0/24"
FOLDER: Final = "/node"
NOBODY: Final = "65534:65534"


@dataclass(frozen=True)
class CloudNode:
    """A node to be run at AWS.

    Attributes
    ----------
    image
        By its digest: the node, and its folder as ``/node``, which its user may write.
    files
        The path of each secret's file in that folder, by the secret's name.
    """

    image: str
    size: FargateSize
    files: Mapping[str, str]


def add_node(stack: Any, node: CloudNode, printed: Any, rights: Any) -> None:
    """Add the node: no call reaches it, and it may do what a node at home may."""
    vpc = ec2.Vpc(
        stack,
        "NodeNet",
        ip_addresses=ec2.IpAddresses.cidr(BLOCK),
        max_azs=1,
        nat_gateways=0,
        restrict_default_security_group=False,
        subnet_configuration=[
            ec2.SubnetConfiguration(name="Node", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=26)
        ],
    )
    group = ec2.SecurityGroup(
        stack, "NodeGroup", vpc=vpc, allow_all_outbound=False, description="The node: out, by TLS"
    )
    group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "TLS: endpoints, server, AWS")
    task = _task(stack, node, printed)
    rights.attach_to_role(task.task_role)
    ecs.FargateService(
        stack,
        "NodeService",
        cluster=ecs.Cluster(stack, "NodeCluster", vpc=vpc),
        task_definition=task,
        desired_count=1,
        # Never two at once: the one that runs is ended before the next begins.
        min_healthy_percent=0,
        max_healthy_percent=100,
        assign_public_ip=True,
        security_groups=[group],
        platform_version=ecs.FargatePlatformVersion.VERSION1_4,
        circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
    )


def _task(stack: Any, node: CloudNode, printed: Any) -> Any:
    task = ecs.FargateTaskDefinition(
        stack,
        "NodeTask",
        cpu=int(float(node.size.processors) * 1_024),
        memory_limit_mib=node.size.memory,
        runtime_platform=ecs.RuntimePlatform(operating_system_family=ecs.OperatingSystemFamily.LINUX),
    )
    kept = {_variable(name): _secret(stack, name) for name in node.files}
    task.add_container(
        "node",
        image=ecs.ContainerImage.from_registry(node.image),
        command=["/bin/sh", "-c", script(node)],
        user=NOBODY,
        secrets={name: ecs.Secret.from_secrets_manager(secret) for name, secret in kept.items()},
        linux_parameters=ecs.LinuxParameters(stack, "NodeLinux", init_process_enabled=True),
        logging=ecs.LogDrivers.aws_logs(stream_prefix="node", log_group=printed),
        working_directory=FOLDER,
    )
    return task


def _secret(stack: Any, name: str) -> Any:
    """Add a secret, empty of any meaning until its owner puts a value: none is in a template."""
    return secrets.Secret(
        stack,
        _variable(name).title().replace("_", ""),
        secret_name=f"cupel/{name}",
        description="Put by: aws secretsmanager put-secret-value",
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )


def _variable(name: str) -> str:
    return f"CUPEL_SECRET_{name.upper().replace('-', '_')}"


def script(node: CloudNode) -> str:
    """Return what the container runs: secrets become files that one user reads, and are in no environment."""
    lines = ["set -eu", "umask 077"]
    for name, file in sorted(node.files.items()):
        lines += [f'printf "%s\\n" "${_variable(name)}" > {shlex.quote(file)}', f"unset {_variable(name)}"]
    return "\n".join([*lines, "exec cupel compute run --config compute.toml"])
