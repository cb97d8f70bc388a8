"""The network of models at AWS: a subnet whose only neighbours are services of AWS, each for little."""

from dataclasses import dataclass
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_route53resolver as resolver

NET: Final = "10.66.0.0/16"
CLOSED: Final = "10.66.0.0/20"
SERVICES: Final = ("ecr.api", "ecr.dkr", "logs")
"""Services that Fargate needs to start a container: its image, and where it prints."""
PULL: Final = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetAuthorizationToken",
    "ecr:GetDownloadUrlForLayer",
)
WRITE: Final = ("logs:CreateLogStream", "logs:PutLogEvents")


@dataclass(frozen=True)
class Network:
    """Parts of the network, by their ids.

    Attributes
    ----------
    closed, models
        The subnet and the security group of models.
    """

    closed: str
    models: str


def network(stack: Any, bucket: str, account: str, region: str) -> Network:
    """Add the network of models, who reach one bucket and two services, as this account alone."""
    vpc = ec2.CfnVPC(stack, "Net", cidr_block=NET, enable_dns_hostnames=True, enable_dns_support=True)
    closed = _subnet(stack, "Closed", vpc.ref, CLOSED)
    table = ec2.CfnRouteTable(stack, "ClosedRoutes", vpc_id=vpc.ref)
    ec2.CfnSubnetRouteTableAssociation(stack, "ClosedRouting", subnet_id=closed.ref, route_table_id=table.ref)
    models = _group(stack, "Models", vpc.ref, "Models: to services of AWS, by TLS")
    _tls(stack, "ModelsOut", models, {"cidr_ip": "0.0.0.0/0"})
    _bucket_endpoint(stack, vpc.ref, table.ref, bucket, region)
    _services(stack, vpc.ref, closed.ref, models, account, region)
    _names(stack, vpc.ref)
    return Network(closed.ref, models)


def _subnet(stack: Any, name: str, vpc: str, block: str) -> Any:
    """Add a subnet in the first zone."""
    zone = cdk.Fn.select(0, cdk.Fn.get_azs())
    return ec2.CfnSubnet(
        stack, name, vpc_id=vpc, cidr_block=block, availability_zone=zone, map_public_ip_on_launch=False
    )


def _group(stack: Any, name: str, vpc: str, words: str) -> str:
    """Add a security group; the rule that allows nothing stands in for AWS's own, which allows all."""
    nothing = ec2.CfnSecurityGroup.EgressProperty(
        ip_protocol="icmp", cidr_ip="255.255.255.255/32", from_port=252, to_port=86, description="nothing"
    )
    made = ec2.CfnSecurityGroup(
        stack, name, group_description=words, vpc_id=vpc, security_group_egress=[nothing]
    )
    return str(made.attr_group_id)


def _tls(stack: Any, name: str, group: str, to: dict[str, str]) -> None:
    """Let a group connect by TLS; a subnet's routes say where that leads."""
    ec2.CfnSecurityGroupEgress(
        stack, name, group_id=group, ip_protocol="tcp", from_port=443, to_port=443, description="TLS", **to
    )


def _bucket_endpoint(stack: Any, vpc: str, table: str, bucket: str, region: str) -> None:
    """Add the way to S3: to objects of jobs, and to where AWS keeps the layers of images."""
    layers = f"arn:{cdk.Aws.PARTITION}:s3:::prod-{region}-starport-layer-bucket/*"
    statements = [
        {
            "Effect": "Allow",
            "Principal": "*",
            "Action": ["s3:GetObject", "s3:PutObject"],
            "Resource": f"{bucket}/*",
        },
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": layers},
    ]
    ec2.CfnVPCEndpoint(
        stack,
        "ToBucket",
        vpc_id=vpc,
        service_name=f"com.amazonaws.{region}.s3",
        vpc_endpoint_type="Gateway",
        route_table_ids=[table],
        policy_document={"Version": "2012-10-17", "Statement": statements},
    )


def _services(stack: Any, vpc: str, subnet_id: str, models: str, account: str, region: str) -> None:
    """Add the ways to services, for roles of this account alone: a model may bring keys of another."""
    services = _group(stack, "Services", vpc, "Services of AWS: from models, by TLS")
    ec2.CfnSecurityGroupIngress(
        stack,
        "ServicesIn",
        group_id=services,
        source_security_group_id=models,
        ip_protocol="tcp",
        from_port=443,
        to_port=443,
        description="TLS from models",
    )
    for service in SERVICES:
        statement = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": list(WRITE if service == "logs" else PULL),
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:PrincipalAccount": account}},
        }
        ec2.CfnVPCEndpoint(
            stack,
            f"To{service.title().replace('.', '')}",
            vpc_id=vpc,
            service_name=f"com.amazonaws.{region}.{service}",
            vpc_endpoint_type="Interface",
            private_dns_enabled=True,
            subnet_ids=[subnet_id],
            security_group_ids=[services],
            policy_document={"Version": "2012-10-17", "Statement": [statement]},
        )


def _names(stack: Any, vpc: str) -> None:
    """Answer for no name but AWS's own: a question for a name would be a way out as well."""
    lists = {"Known": ["*.amazonaws.com."], "Others": ["*."]}
    made = {
        name: resolver.CfnFirewallDomainList(stack, f"{name}Names", domains=domains)
        for name, domains in lists.items()
    }
    own = resolver.CfnFirewallRuleGroup.FirewallRuleProperty
    allow = own(action="ALLOW", priority=1, firewall_domain_list_id=made["Known"].ref)
    block = own(
        action="BLOCK", block_response="NXDOMAIN", priority=2, firewall_domain_list_id=made["Others"].ref
    )
    group = resolver.CfnFirewallRuleGroup(stack, "Names", firewall_rules=[allow, block])
    resolver.CfnFirewallRuleGroupAssociation(
        stack, "NamesHere", firewall_rule_group_id=group.ref, priority=101, vpc_id=vpc
    )
