"""The CDK stack: a subnet without a way out for models, a queue, a bucket, and the rights of a node.

It is put together offline, and needs no bootstrapped account: its template holds no asset. Loaded only by
``cupel compute deploy aws``, as CDK is an optional part.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_batch as batch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3

from scorer.compute.infrastructure.aws_network import Network, network
from scorer.compute.infrastructure.aws_node import CloudNode, add_node
from scorer.compute.providers.cloud_names import JOBS, QUEUE, STACK, FargateSize, bucket_of, definition_of

LONGEST: Final = 86_400
"""Seconds after which any job ends; the node asks for less."""


@dataclass(frozen=True)
class StackPlan:
    """The parts of a stack that depend on a configuration.

    Attributes
    ----------
    models
        Images by their digests, each with a size, once.
    processors
        Of all jobs at once.
    node
        The node that runs there too; None where it stays where it is.
    """

    account: str
    region: str
    models: Sequence[tuple[str, FargateSize]]
    processors: int
    node: CloudNode | None = None


def template_of(plan: StackPlan) -> Mapping[str, Any]:
    """Return the template of a plan, as CloudFormation takes it."""
    with tempfile.TemporaryDirectory(prefix="cupel-cdk-") as folder:
        app = cdk.App(analytics_reporting=False, outdir=folder)
        stack = cdk.Stack(
            app,
            STACK,
            synthesizer=cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
            description="Cupel: models as jobs of AWS Batch on Fargate, without a way out",
        )
        _add(stack, plan)
        template: Mapping[str, Any] = app.synth().get_stack_by_name(STACK).template
        return template


def _add(stack: Any, plan: StackPlan) -> None:
    bucket = _bucket(stack, plan)
    place = network(stack, bucket.bucket_arn, plan.account, plan.region)
    printed = logs.LogGroup(
        stack,
        "Printed",
        log_group_name="/cupel/compute",
        retention=logs.RetentionDays.TWO_WEEKS,
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
    starter = _starter(stack, printed)
    queue = _queue(stack, plan, place)
    names = [_definition(stack, plan, each, starter, printed) for each in plan.models]
    rights = _rights(stack, plan, bucket, queue, names)
    if plan.node is not None:
        add_node(stack, plan.node, printed, rights)
    cdk.CfnOutput(
        stack, "NodeRights", value=rights.managed_policy_arn, description="For whoever runs the node"
    )


def _bucket(stack: Any, plan: StackPlan) -> Any:
    """Return the bucket of jobs: closed, encrypted, by TLS alone, and emptied after a day."""
    return s3.Bucket(
        stack,
        "Jobs",
        bucket_name=bucket_of(plan.account, plan.region),
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        encryption=s3.BucketEncryption.S3_MANAGED,
        enforce_ssl=True,
        lifecycle_rules=[
            s3.LifecycleRule(
                expiration=cdk.Duration.days(1), abort_incomplete_multipart_upload_after=cdk.Duration.days(1)
            )
        ],
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )


def _starter(stack: Any, printed: Any) -> Any:
    """Return the role by which Fargate starts containers: it pulls images and writes what they print."""
    role = iam.Role(stack, "Starter", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
    region = cdk.Aws.REGION
    repositories = f"arn:{cdk.Aws.PARTITION}:ecr:{region}:{cdk.Aws.ACCOUNT_ID}:repository/*"
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    role.add_to_policy(iam.PolicyStatement(actions=pull, resources=[repositories]))
    # This one has no resource: it says who asks, and gives no image.
    role.add_to_policy(iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=["*"]))
    printed.grant(role, "logs:CreateLogStream", "logs:PutLogEvents")
    return role


def _queue(stack: Any, plan: StackPlan, place: Network) -> Any:
    environment = batch.CfnComputeEnvironment(
        stack,
        "Machines",
        type="MANAGED",
        state="ENABLED",
        replace_compute_environment=False,
        compute_resources=batch.CfnComputeEnvironment.ComputeResourcesProperty(
            type="FARGATE",
            maxv_cpus=plan.processors,
            subnets=[place.closed],
            security_group_ids=[place.models],
        ),
    )
    order = batch.CfnJobQueue.ComputeEnvironmentOrderProperty(
        compute_environment=environment.attr_compute_environment_arn, order=1
    )
    return batch.CfnJobQueue(
        stack,
        "Queue",
        job_queue_name=QUEUE,
        job_queue_type="ECS_FARGATE",
        priority=1,
        state="ENABLED",
        compute_environment_order=[order],
    )


def _definition(
    stack: Any, plan: StackPlan, model: tuple[str, FargateSize], starter: Any, printed: Any
) -> str:
    """Add the job definition of an image and a size; it has no role: a model asks AWS for nothing."""
    image, size = model
    name = definition_of(image, size)
    own = batch.CfnJobDefinition
    options = {"awslogs-group": printed.log_group_name, "awslogs-region": plan.region}
    given = {"VCPU": size.processors, "MEMORY": str(size.memory)}
    own(
        stack,
        f"Model{name.rpartition('-')[2]}",
        job_definition_name=name,
        type="container",
        platform_capabilities=["FARGATE"],
        propagate_tags=False,
        retry_strategy=own.RetryStrategyProperty(attempts=1),
        timeout=own.TimeoutProperty(attempt_duration_seconds=LONGEST),
        container_properties=own.ContainerPropertiesProperty(
            image=image,
            command=["false"],
            execution_role_arn=starter.role_arn,
            fargate_platform_configuration=own.FargatePlatformConfigurationProperty(platform_version="1.4.0"),
            network_configuration=own.NetworkConfigurationProperty(assign_public_ip="DISABLED"),
            log_configuration=own.LogConfigurationProperty(log_driver="awslogs", options=options),
            resource_requirements=[
                own.ResourceRequirementProperty(type=kind, value=value) for kind, value in given.items()
            ],
        ),
    )
    return name


def _rights(stack: Any, plan: StackPlan, bucket: Any, queue: Any, names: Sequence[str]) -> Any:
    """Return the rights of a node: it starts and ends jobs of these definitions, and moves their files."""
    base = f"arn:{cdk.Aws.PARTITION}:batch:{plan.region}:{plan.account}"
    definitions = [f"{base}:job-definition/{name}:*" for name in names]
    statements = [
        iam.PolicyStatement(actions=["batch:SubmitJob"], resources=[queue.attr_job_queue_arn, *definitions]),
        iam.PolicyStatement(actions=["batch:TerminateJob"], resources=[f"{base}:job/*"]),
        # These know no resource; they read, and start nothing.
        iam.PolicyStatement(
            actions=[
                "batch:DescribeJobDefinitions",
                "batch:DescribeJobQueues",
                "batch:DescribeJobs",
                "batch:ListJobs",
            ],
            resources=["*"],
        ),
        iam.PolicyStatement(
            actions=["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
            resources=[bucket.arn_for_objects(f"{JOBS}/*")],
        ),
    ]
    return iam.ManagedPolicy(stack, "Rights", managed_policy_name="cupel-node", statements=statements)
