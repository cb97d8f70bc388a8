"""Jobs of AWS Batch: the calls on moto, and a container's own program run as Fargate would run it.

There is no Fargate here: what a job definition and its overrides say is run in bubblewrap, whose files come
from moto's S3 by the URLs that the provider signed.
"""

import json
import logging
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from scorer.compute.job import MIB, JobLimits, ModelJob, RunOutcome
from scorer.compute.providers.aws import AwsProvider
from scorer.compute.providers.aws_jobs import AwsJobs, digest_of
from scorer.compute.providers.cloud_names import QUEUE, bucket_of, definition_of, size_of
from scorer.compute.providers.protocol import JobState, ProviderUnavailable
from scorer.compute.sandbox.bubblewrap import interpreter
from tests.compute.models import GOOD, PYTHON, job, result_of, script, write_live

ACCOUNT, REGION = "123456789012", "us-east-1"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/m@sha256:" + "0" * 64
LIMITS = JobLimits(memory=1_000 * MIB, files=64 * MIB, output=MIB, log=4 * MIB)
FARGATE = {
    "networkConfiguration": {"assignPublicIp": "DISABLED"},
    "executionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/s",
}


ROOT = ("--unshare-pid", "--unshare-ipc", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")
"""As Fargate starts a container: its first program is root, and may become another."""
USER = ("--unshare-all", "--share-net", "--uid", "65534", "--gid", "65534")


@pytest.fixture(scope="module")
def moto_server() -> Iterator[str]:
    """The URL of a server that answers as AWS does."""
    moto = pytest.importorskip("moto.server")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@dataclass
class Fargate:
    """Batch as moto has it, but for a job's end: its container runs here, and its exit code is kept.

    Attributes
    ----------
    ran
        Ids of jobs with their exit codes; None for one that no machine was found for.
    runs
        Whether containers run at all.
    """

    batch: Any
    ran: dict[str, int | None] = field(default_factory=dict)
    runs: bool = True
    ended: list[str] = field(default_factory=list)

    def submit_job(self, **asked: Any) -> Any:
        made = self.batch.submit_job(**asked)
        if self.runs:
            self.ran[made["jobId"]] = contained(asked["containerOverrides"])
        return made

    def describe_jobs(self, jobs: list[str]) -> Any:
        (job_id,) = jobs
        (found,) = self.batch.describe_jobs(jobs=jobs)["jobs"]
        if job_id not in self.ran:
            return {"jobs": [found | {"status": "RUNNABLE"}]}
        code = self.ran[job_id]
        ended = {"exitCode": code} if code is not None else {}
        return {"jobs": [found | {"status": "SUCCEEDED" if code == 0 else "FAILED", "container": ended}]}

    def list_jobs(self, **asked: Any) -> Any:
        found = self.batch.list_jobs(**asked)["jobSummaryList"]
        rows = [
            each | {"status": "SUCCEEDED" if each["jobId"] in self.ran else "RUNNING"}
            for each in found
            if each["jobId"] not in self.ended
        ]
        return {"jobSummaryList": rows}

    def terminate_job(self, jobId: str, reason: str) -> None:  # noqa: N803 - boto's name
        assert reason
        self.ended.append(jobId)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.batch, name)


def contained(overrides: dict[str, Any]) -> int | None:
    """Run a container's command where nothing is but an installation of Python; its exit code."""
    line = ["bwrap", *(ROOT if os.geteuid() == 0 else USER), "--die-with-parent", "--clearenv"]
    line += ["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]
    line += ["--setenv", "PATH", "/starter:/usr/bin:/bin"]
    folders = [Path("/usr"), *interpreter(PYTHON)[1]]
    above = {parent for folder in folders for parent in folder.parents} | {Path("/starter")}
    for folder in sorted(above - {Path("/")}):  # nobody is to get through them
        line += ["--perms", "0755", "--dir", str(folder)]
    for folder in folders:
        line += ["--ro-bind", str(folder.resolve()), str(folder)]
    for name in ("lib", "lib64", "bin"):
        line += ["--symlink", f"usr/{name}", f"/{name}"]
    for variable in overrides["environment"]:
        line += ["--setenv", variable["name"], variable["value"]]
    # A link would lose the environment that it stands in: a script in its place starts the interpreter.
    read, written = os.pipe()
    os.write(written, f'#!/bin/sh\nexec {PYTHON} "$@"\n'.encode())
    os.close(written)
    line += ["--perms", "0755", "--file", str(read), "/starter/python3", *overrides["command"]]
    try:
        return subprocess.run(line, pass_fds=[read], check=False, timeout=120).returncode
    finally:
        os.close(read)


@pytest.fixture
def provider(moto_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsProvider]:
    """A provider, and what the template makes: the bucket, the queue and a job definition."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_ENDPOINT_URL": moto_server}
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    import_module("requests").post(f"{moto_server}/moto-api/reset", timeout=30)
    made = AwsProvider(jobs=AwsJobs(REGION, ACCOUNT), poll=0.02)
    batch = made.jobs.client("batch")
    made.jobs.client("s3").create_bucket(Bucket=bucket_of(ACCOUNT, REGION))
    deploy(made, batch)
    made.jobs._clients["batch"] = Fargate(batch)
    yield made
    made.close()


def deploy(provider: AwsProvider, batch: Any) -> None:
    ec2, iam = provider.jobs.client("ec2"), provider.jobs.client("iam")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    role = iam.create_role(RoleName="batch", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    resources = {"type": "FARGATE", "maxvCpus": 4, "subnets": [subnet], "securityGroupIds": [group]}
    named = {"computeEnvironmentName": "machines", "type": "MANAGED", "serviceRole": role}
    place = batch.create_compute_environment(computeResources=resources, **named)["computeEnvironmentArn"]
    order = [{"order": 1, "computeEnvironment": place}]
    batch.create_job_queue(jobQueueName=QUEUE, state="ENABLED", priority=1, computeEnvironmentOrder=order)
    define(batch, {})


def define(batch: Any, changes: dict[str, Any]) -> None:
    """Add a revision of the job definition."""
    size = size_of(LIMITS.threads, LIMITS.memory // MIB)
    assert size is not None
    needed = [{"type": "VCPU", "value": size.processors}, {"type": "MEMORY", "value": str(size.memory)}]
    batch.register_job_definition(
        jobDefinitionName=definition_of(IMAGE, size),
        type="container",
        platformCapabilities=["FARGATE"],
        containerProperties={"image": IMAGE, "resourceRequirements": needed, **FARGATE, **changes},
    )


@pytest.fixture
def fargate(provider: AwsProvider) -> Fargate:
    found: Fargate = provider.jobs.client("batch")
    return found


def job_of(tmp_path: Path, source: str, **changes: Any) -> ModelJob:
    write_live(tmp_path / "in", tuple(f"n{number}" for number in range(20)))
    code = script(tmp_path / "model", source)
    path = {"PATH": "/starter:/usr/bin:/bin"}
    given: dict[str, Any] = {"image": IMAGE, "limits": LIMITS, "environment": path, **changes}
    return job(tmp_path / "in", code, "run-1", **given)


def objects(provider: AwsProvider) -> list[str]:
    found = provider.jobs.client("s3").list_objects_v2(Bucket=provider.jobs.bucket)
    return [each["Key"] for each in found.get("Contents", ())]


def test_a_job_s_files_go_there_its_predictions_come_back_and_nothing_stays(
    provider: AwsProvider, tmp_path: Path
) -> None:
    assert f"queue {QUEUE}" in provider.check()
    result = result_of(provider, job_of(tmp_path, GOOD + "print('hello')\n"))
    assert (result.outcome, result.log, result.exit_code) == (RunOutcome.GOOD, b"hello\n", 0)
    assert result.output.startswith(b"PAR1")
    assert objects(provider) == []


LOOKS = (
    GOOD
    + """
import os, stat
print(sorted(name for name in os.environ if "URL" in name or "AWS" in name or "FILES" in name))
print(oct(stat.S_IMODE(os.stat("/cupel/job.json").st_mode)), os.access("/cupel/job.json", os.R_OK))
print(os.access("/model", os.W_OK), os.access("/in/live.parquet", os.W_OK))
print("http" in open("/proc/self/environ").read())
"""
)


def test_a_model_s_environment_holds_no_url_and_the_file_with_them_is_its_owner_s_alone(
    provider: AwsProvider, tmp_path: Path
) -> None:
    result = result_of(provider, job_of(tmp_path, LOOKS))
    is_root = os.geteuid() == 0
    found = result.log.decode().splitlines()
    assert found == ["[]", f"0o600 {not is_root}", f"{not is_root} {not is_root}", "False"]


def test_an_exit_code_is_the_model_s_and_its_log_comes_back(provider: AwsProvider, tmp_path: Path) -> None:
    result = result_of(provider, job_of(tmp_path, "print('no luck'); raise SystemExit(7)"))
    assert (result.outcome, result.exit_code, result.log) == (RunOutcome.FAILED, 7, b"no luck\n")


BAD = {
    "none": ("pass", RunOutcome.FAILED),
    "a link": ("import os; os.symlink('/etc/passwd', '/out/predictions.parquet')", RunOutcome.FAILED),
    "a pipe": ("import os; os.mkfifo('/out/predictions.parquet')", RunOutcome.FAILED),
    "too large": ("open('/out/predictions.parquet', 'wb').write(b'x' * (2 << 20))", RunOutcome.FAILED),
    "a flood": ("while True: print('x' * 10**6)", RunOutcome.TOO_MUCH_OUTPUT),
    "a kill": ("import os; os.kill(os.getpid(), 9)", RunOutcome.OUT_OF_MEMORY),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_output_is_no_output(provider: AwsProvider, tmp_path: Path, what: str) -> None:
    source, outcome = BAD[what]
    result = result_of(provider, job_of(tmp_path, source))
    assert result.outcome is outcome
    assert result.output == b""
    assert len(result.log) < 200_000


def test_a_job_that_runs_already_is_not_started_again(
    provider: AwsProvider, fargate: Fargate, tmp_path: Path
) -> None:
    fargate.runs = False
    given = job_of(tmp_path, GOOD)
    name, first = provider.jobs.submit(given)
    assert provider.jobs.submit(given) == (name, first)
    assert name == f"run-1-{digest_of(given)}"
    script(tmp_path / "model", GOOD + "# other code")
    assert provider.jobs.submit(given)[1] != first


def test_a_job_that_no_machine_takes_ends_with_its_time(
    provider: AwsProvider, fargate: Fargate, tmp_path: Path
) -> None:
    fargate.runs = False
    result = result_of(provider, job_of(tmp_path, GOOD, seconds=0.2))
    assert result.outcome is RunOutcome.OUT_OF_TIME
    assert len(fargate.ended) == 1
    assert objects(provider) == []


def test_a_cancelled_job_is_ended_also_one_of_a_node_before(
    provider: AwsProvider, fargate: Fargate, tmp_path: Path
) -> None:
    fargate.runs = False
    given = job_of(tmp_path, GOOD)
    _, left = provider.jobs.submit(replace(given, key="run-0"))
    _, other = provider.jobs.submit(replace(given, key="run-01"))
    provider.cancel("run-0")
    assert fargate.ended == [left]
    provider.submit(given)
    provider.cancel(given.key)
    assert provider.status(given.key) is JobState.ENDED
    result = provider.result(given.key)
    assert result is not None
    assert result.outcome is RunOutcome.CANCELLED
    assert other not in fargate.ended


def test_a_machine_that_is_lost_is_no_fault_of_the_model(
    provider: AwsProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.compute.test_aws.contained", lambda overrides: None)
    assert result_of(provider, job_of(tmp_path, GOOD)).outcome is RunOutcome.UNAVAILABLE


RIGHTS: dict[str, dict[str, Any]] = {
    "a role": {"jobRoleArn": f"arn:aws:iam::{ACCOUNT}:role/all"},
    "an address": {"networkConfiguration": {"assignPublicIp": "ENABLED"}},
    "another image": {"image": "other@sha256:" + "1" * 64},
}


@pytest.mark.parametrize("what", RIGHTS)
def test_a_definition_that_gives_a_model_rights_is_refused(
    provider: AwsProvider, fargate: Fargate, tmp_path: Path, what: str
) -> None:
    define(fargate.batch, RIGHTS[what])
    result = result_of(provider, job_of(tmp_path, GOOD))
    assert result.outcome is RunOutcome.UNAVAILABLE
    assert "without a role and an address" in result.reason
    assert objects(provider) == []


def test_another_account_s_credentials_and_a_missing_queue_are_refused(provider: AwsProvider) -> None:
    with pytest.raises(ProviderUnavailable, match="expected credentials of account 999999999999"):
        AwsProvider(jobs=AwsJobs(REGION, "999999999999")).check()
    with pytest.raises(ProviderUnavailable, match="found none that is enabled"):
        AwsProvider(jobs=AwsJobs("eu-central-1", ACCOUNT)).check()


def test_an_aws_that_does_not_answer_is_no_fault_of_the_model(
    provider: AwsProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    away = AwsProvider(jobs=AwsJobs(REGION, ACCOUNT), poll=0.02)
    result = result_of(away, job_of(tmp_path, GOOD))
    assert result.outcome is RunOutcome.UNAVAILABLE
    assert "found EndpointConnectionError" in result.reason


def test_what_is_handed_to_batch_is_small_and_names_one_object(
    provider: AwsProvider, fargate: Fargate, tmp_path: Path
) -> None:
    fargate.runs = False
    name, job_id = provider.jobs.submit(job_of(tmp_path, GOOD))
    (found,) = fargate.batch.describe_jobs(jobs=[job_id])["jobs"]
    container = found["container"]
    assert len(json.dumps([container["command"], container["environment"]])) < 8_000
    (url,) = (each["value"] for each in container["environment"] if each["name"] == "CUPEL_FILES")
    assert f"/jobs/{name}/files?" in url
