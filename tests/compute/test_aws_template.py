"""The template of AWS: put together offline by CDK, the one that was reviewed, and with few rights.

After a change on purpose: ``CUPEL_SNAPSHOT=write pytest tests/compute/test_aws_template.py``.
"""

import json
import os
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from typer.testing import CliRunner

from scorer.cli.compute import app
from scorer.compute.configuration import ComputeConfig, load_compute_config
from scorer.compute.infrastructure import aws
from scorer.compute.infrastructure.costs import monthly
from scorer.compute.providers.cloud_names import FargateSize, definition_of, size_of
from scorer.daemon.config_errors import ConfigError
from tests.compute.models import GOOD, model, script

# Not imported here: that would start Node.js wherever tests are collected.
pytestmark = pytest.mark.skipif(find_spec("aws_cdk") is None, reason="an extra that is not installed")
ACCOUNT, REGION = "123456789012", "us-east-1"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
IMAGE, OTHER, NODE = (
    f"{REGISTRY}/{name}@sha256:{digit * 64}" for name, digit in zip("abn", "012", strict=True)
)
SNAPSHOT = Path(__file__).parent / "snapshots" / "aws.template.json"


def write(root: Path, models: list[dict[str, Any]], **sections: Any) -> ComputeConfig:
    """Write compute.toml of a chain that nobody asks, and read it."""
    document = {
        "chain": {"endpoint": "http://127.0.0.1:9", "chain_id": 1, "deployment": "deployment.json"},
        "submitter": {"keystore": "submitter.json", "password_file": "submitter.password"},
        "rounds": {"published": "rounds"},
        "submit": {"inbox": "inbox"},
        "models": models,
        **sections,
    }
    (root / "compute.toml").write_text(tomli_w.dumps(document))
    return load_compute_config(root / "compute.toml")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> ComputeConfig:
    """Three models of two images, and a node that runs there too."""
    root = tmp_path_factory.mktemp("aws")
    folder = script(root / "one", GOOD)
    limits = {"seconds": 900, "memory_mib": 7_000, "threads": 2}
    models = [
        model(1, folder, provider="aws", image=IMAGE, limits=limits),
        model(2, folder, provider="aws", image=IMAGE, limits=limits),
        model(3, folder, provider="aws", image=OTHER),
        model(4, folder),
    ]
    return write(root, models, aws={"account": ACCOUNT, "region": REGION, "node_image": NODE})


@pytest.fixture(scope="module")
def written(config: ComputeConfig) -> str:
    """The template, as it is written."""
    return aws.plan(config, Path("compute.toml")).files[aws.FILE]


@pytest.fixture(scope="module")
def template(written: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(written)
    return found


def of_type(template: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [each["Properties"] for each in template["Resources"].values() if each["Type"] == name]


def statements(document: Any) -> Iterator[dict[str, Any]]:
    """Every statement of a policy in a template, wherever it stands."""
    if isinstance(document, dict):
        if "Effect" in document:
            yield document
        for value in document.values():
            yield from statements(value)
    elif isinstance(document, list):
        for value in document:
            yield from statements(value)


def test_the_template_is_the_one_that_was_reviewed(written: str) -> None:
    if os.environ.get("CUPEL_SNAPSHOT") == "write":
        SNAPSHOT.parent.mkdir(exist_ok=True)
        SNAPSHOT.write_text(written)
    assert written == SNAPSHOT.read_text()


def test_cloudformation_s_linter_finds_nothing(written: str) -> None:
    lint = pytest.importorskip("cfnlint.api").lint
    assert [str(match) for match in lint(written, regions=[REGION, "eu-central-1"])] == []


def test_models_have_no_role_no_address_outside_and_images_by_digest(template: dict[str, Any]) -> None:
    found = of_type(template, "AWS::Batch::JobDefinition")
    assert {each["ContainerProperties"]["Image"] for each in found} == {IMAGE, OTHER}
    for definition in found:
        container = definition["ContainerProperties"]
        assert "JobRoleArn" not in container
        assert not container.get("Secrets")
        assert not container.get("Environment")
        assert container["NetworkConfiguration"] == {"AssignPublicIp": "DISABLED"}
    (environment,) = of_type(template, "AWS::Batch::ComputeEnvironment")
    assert environment["ComputeResources"]["Subnets"] == [{"Ref": "Closed"}]


def test_no_route_leads_out_of_the_subnet_of_models(template: dict[str, Any]) -> None:
    assert all(
        route["RouteTableId"] != {"Ref": "ClosedRoutes"} for route in of_type(template, "AWS::EC2::Route")
    )
    associated = of_type(template, "AWS::EC2::SubnetRouteTableAssociation")
    tables = [each["RouteTableId"] for each in associated if each["SubnetId"] == {"Ref": "Closed"}]
    assert tables == [{"Ref": "ClosedRoutes"}]


def test_endpoints_serve_this_account_alone_and_one_bucket(template: dict[str, Any]) -> None:
    for endpoint in of_type(template, "AWS::EC2::VPCEndpoint"):
        for statement in statements(endpoint["PolicyDocument"]):
            if endpoint["VpcEndpointType"] == "Gateway":
                assert statement["Resource"] != "*"
            else:
                assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}


def test_names_but_aws_s_own_are_not_answered(template: dict[str, Any]) -> None:
    (group,) = of_type(template, "AWS::Route53Resolver::FirewallRuleGroup")
    rules = sorted(group["FirewallRules"], key=lambda rule: rule["Priority"])
    assert [rule["Action"] for rule in rules] == ["ALLOW", "BLOCK"]


READING = {
    "batch:DescribeJobDefinitions",
    "batch:DescribeJobQueues",
    "batch:DescribeJobs",
    "batch:ListJobs",
    "ecr:GetAuthorizationToken",
}


def test_roles_may_do_named_things_to_named_resources(template: dict[str, Any]) -> None:
    roles = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role")
    found = [
        each for name in roles for properties in of_type(template, name) for each in statements(properties)
    ]
    assert found
    for statement in found:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not any("*" in action for action in actions), statement
        assert not any(action.startswith("iam:") for action in actions), statement
        if statement.get("Resource") == "*":
            assert set(actions) <= READING, statement


def test_secrets_are_in_the_store_and_no_value_is_in_the_template(
    template: dict[str, Any], written: str
) -> None:
    assert {each["Name"] for each in of_type(template, "AWS::SecretsManager::Secret")} == {
        "cupel/keystore",
        "cupel/password",
    }
    assert not any("SecretString" in each for each in of_type(template, "AWS::SecretsManager::Secret"))
    (task,) = of_type(template, "AWS::ECS::TaskDefinition")
    (container,) = task["ContainerDefinitions"]
    assert container["Image"] == NODE
    assert container["User"] == "65534:65534"
    assert {each["Name"] for each in container["Secrets"]} == {
        "CUPEL_SECRET_KEYSTORE",
        "CUPEL_SECRET_PASSWORD",
    }
    (line,) = container["Command"][2:]
    assert "unset CUPEL_SECRET_KEYSTORE" in line
    assert re.search(r"umask 077\n", line)


def test_the_bucket_is_closed_encrypted_and_emptied(template: dict[str, Any]) -> None:
    (bucket,) = of_type(template, "AWS::S3::Bucket")
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == 1
    (policy,) = of_type(template, "AWS::S3::BucketPolicy")
    denied = [each for each in statements(policy) if each["Effect"] == "Deny"]
    assert denied[0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_what_it_costs_is_said_before_anything_is_deployed(config: ComputeConfig, tmp_path: Path) -> None:
    path = str(config.base / "compute.toml")
    done = CliRunner().invoke(app, ["deploy", "aws", "--config", path, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    said = next(place for place, line in enumerate(lines) if "USD a month standing" in line)
    deploy = next(place for place, line in enumerate(lines) if line.startswith("deploy it: "))
    assert said < deploy
    assert "put-secret-value --secret-id cupel/keystore" in done.output
    ended = CliRunner().invoke(app, ["destroy", "--out", str(tmp_path / "out")])
    assert "delete-stack --stack-name cupel-compute" in ended.output


def test_costs_are_those_of_the_list(config: ComputeConfig) -> None:
    costs = monthly(config)
    # Models 1 and 2: 2 processors and 7 GiB; model 3: 1 processor and 3 GiB for an hour at most.
    hours = 2 * (2 * 0.04048 + 7 * 0.004445) * 0.25 + (0.04048 + 3 * 0.004445)
    assert costs.most == pytest.approx(22 * hours)
    assert costs.runs == pytest.approx(costs.most / 4)
    node = (0.25 * 0.04048 + 0.004445 + 0.005) * 730 + 3 * 0.40
    assert costs.standing == pytest.approx(3 * 0.01 * 730 + node)


def test_sizes_are_the_smallest_that_fargate_has() -> None:
    assert size_of(1, 2_048) == FargateSize("1", 3_072)
    assert size_of(1, 300) == FargateSize("1", 2_048)
    assert size_of(2, 16_000) == FargateSize("2", 16_384)
    assert size_of(2, 20_000) == FargateSize("4", 20_480)
    assert size_of(16, 200_000) is None
    assert definition_of(IMAGE, FargateSize("1", 2_048)) != definition_of(IMAGE, FargateSize("1", 3_072))


def test_without_a_model_there_nothing_is_written(tmp_path: Path) -> None:
    config = write(tmp_path, [model(1, script(tmp_path / "one", GOOD))])
    with pytest.raises(ConfigError, match="nothing was written"):
        aws.plan(config, Path("compute.toml"))


def test_a_model_at_aws_needs_a_place_an_image_and_a_size_that_is_sold(tmp_path: Path) -> None:
    folder = script(tmp_path / "one", GOOD)
    with pytest.raises(ConfigError, match=r"section \[aws\]"):
        write(tmp_path, [model(1, folder, provider="aws", image=IMAGE)])
    place = {"account": ACCOUNT, "region": REGION}
    with pytest.raises(ConfigError, match="expected image, by its digest, for aws"):
        write(tmp_path, [model(1, folder, provider="aws")], aws=place)
    large = {"memory_mib": 200_000}
    with pytest.raises(ConfigError, match="expected limits that Fargate has"):
        write(tmp_path, [model(1, folder, provider="aws", image=IMAGE, limits=large)], aws=place)
    with pytest.raises(ConfigError, match=r"aws\.account"):
        write(tmp_path, [model(1, folder, provider="aws", image=IMAGE)], aws={**place, "account": "1"})
