"""Every call to AWS that a job needs: S3 for its files, Batch for its run; boto3 is loaded with the first."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final

from scorer.compute.job import MIB, ModelJob
from scorer.compute.providers.cloud_names import JOBS, QUEUE, bucket_of, definition_of, size_of
from scorer.compute.providers.packing import packed
from scorer.compute.providers.protocol import ProviderUnavailable
from scorer.compute.sandbox.bubblewrap import RUNNER, SPARE, variables

WAITING: Final = 3_600
"""Seconds beyond its time for which a job's URLs are good: it may wait for a machine."""
LEAST: Final = 60
"""Seconds below which AWS Batch takes no time limit."""
CALLS: Final[Mapping[str, Any]] = {"connect_timeout": 10, "read_timeout": 60, "retries": {"mode": "standard"}}
SIGNED: Final[Mapping[str, Any]] = {"signature_version": "s3v4", "s3": {"addressing_style": "virtual"}}
"""URLs of the region itself, as the subnet of models leads to no other, signed in the way that all take."""
FILES, LOG, OUTPUT = "files", "log", "output"
BOOT: Final = f"""import os, tarfile, urllib.request
with urllib.request.urlopen(os.environ["CUPEL_FILES"], timeout=300) as files:
    tarfile.open(fileobj=files, mode="r|").extractall("/")
os.execvpe("python3", ["python3", "-I", "{RUNNER}/batch_job.py"], {{"PATH": os.environ["PATH"]}})
"""
"""The first program of a container: it fetches the files, and leaves nothing of where they came from."""


@contextmanager
def failures(what: str) -> Iterator[None]:
    """Turn whatever AWS or the way to it refuses into `ProviderUnavailable`, without names of keys."""
    exceptions = import_module("botocore.exceptions")
    try:
        yield
    except exceptions.ClientError as error:
        code = error.response.get("Error", {}).get("Code", "no code")
        raise ProviderUnavailable(f"aws: expected {what}, found {error.operation_name}: {code}") from None
    except exceptions.BotoCoreError as error:
        raise ProviderUnavailable(f"aws: expected {what}, found {type(error).__name__}") from None


@dataclass(frozen=True)
class JobStatus:
    """The state of a job at AWS: ``SUCCEEDED``, ``FAILED``, or any other while it has not ended."""

    state: str
    exit_code: int | None = None
    reason: str = ""

    @property
    def has_ended(self) -> bool:
        """True where it runs no more."""
        return self.state in ("SUCCEEDED", "FAILED")


@dataclass
class AwsJobs:
    """The queue and the bucket of an account in a region.

    All methods raise `ProviderUnavailable` where AWS refuses, or does not answer.
    """

    region: str
    account: str
    _clients: dict[str, Any] = field(default_factory=dict)

    @property
    def bucket(self) -> str:
        """The bucket through which files go."""
        return bucket_of(self.account, self.region)

    def client(self, service: str) -> Any:
        """Return the client of a service."""
        if service not in self._clients:
            try:
                boto3, config = import_module("boto3"), import_module("botocore.config").Config
            except ImportError:
                raise ProviderUnavailable(
                    "aws: expected boto3, found none; install it: pip install 'cupel[aws]'"
                ) from None
            with failures("a client"):
                more = SIGNED if service == "s3" else {}
                made = boto3.client(service, region_name=self.region, config=config(**CALLS, **more))
            self._clients[service] = made
        return self._clients[service]

    def check(self) -> str:
        """Return in words what jobs run with."""
        sts, batch = self.client("sts"), self.client("batch")
        with failures("the account and its queue"):
            found = str(sts.get_caller_identity()["Account"])
            queues = batch.describe_job_queues(jobQueues=[QUEUE])["jobQueues"]
        if found != self.account:
            raise ProviderUnavailable(
                f"aws: expected credentials of account {self.account}, as aws.account says, found those "
                f"of {found}"
            )
        if not any(queue["state"] == "ENABLED" for queue in queues):
            raise ProviderUnavailable(
                f"aws: expected the queue {QUEUE} in {self.region}, found none that is enabled; write its "
                "template by cupel compute deploy aws, and deploy it"
            )
        return f"queue {QUEUE} in {self.region}, bucket {self.bucket}"

    def submit(self, job: ModelJob) -> tuple[str, str]:
        """Start a job unless the very same runs already; return its name and its id at AWS."""
        name = f"{job.key}-{digest_of(job)}"
        for found in self.running(name):
            return name, found
        definition = self._definition(job)
        self._upload(job, name)
        environment = [{"name": "CUPEL_FILES", "value": self._url("get_object", f"{name}/{FILES}", job)}]
        with failures("the job to be taken"):
            made = self.client("batch").submit_job(
                jobName=name,
                jobQueue=QUEUE,
                jobDefinition=definition,
                containerOverrides={"command": ["python3", "-I", "-c", BOOT], "environment": environment},
                timeout={"attemptDurationSeconds": max(LEAST, int(job.seconds) + SPARE)},
            )
        return name, str(made["jobId"])

    def running(self, prefix: str) -> list[str]:
        """Return the ids of the jobs whose name begins so, and that have not ended."""
        by_name = [{"name": "JOB_NAME", "values": [f"{prefix}*"]}]
        with failures("the list of jobs"):
            found = self.client("batch").list_jobs(jobQueue=QUEUE, filters=by_name)["jobSummaryList"]
        return [str(each["jobId"]) for each in found if not JobStatus(str(each.get("status"))).has_ended]

    def status(self, job_id: str) -> JobStatus:
        """Return the state of a job."""
        with failures("the state of a job"):
            (found,) = self.client("batch").describe_jobs(jobs=[job_id])["jobs"]
        container = found.get("container", {})
        reason = str(found.get("statusReason") or container.get("reason") or "")
        return JobStatus(str(found["status"]), container.get("exitCode"), reason)

    def end(self, job_id: str) -> None:
        """End a job."""
        with failures("the end of a job"):
            self.client("batch").terminate_job(jobId=job_id, reason="its node ended it")

    def content(self, name: str, what: str, most: int) -> bytes | None:
        """Return what a job sent; None where that has more than so many bytes."""
        with failures(f"the {what} of a job"):
            named = {
                "Bucket": self.bucket,
                "Key": f"{JOBS}/{name}/{what}",
                "ExpectedBucketOwner": self.account,
            }
            body = self.client("s3").get_object(**named)["Body"]
            found = bytes(body.read(most + 1))
        return found if len(found) <= most else None

    def remove(self, name: str) -> None:
        """Remove the objects of a job; what stays is removed by the bucket's rule."""
        for what in (FILES, LOG, OUTPUT):
            with suppress(ProviderUnavailable), failures("an object to be removed"):
                self.client("s3").delete_object(Bucket=self.bucket, Key=f"{JOBS}/{name}/{what}")

    def _definition(self, job: ModelJob) -> str:
        """Return the job definition of a job: refused where it is of another image, or gives rights."""
        size = size_of(job.limits.threads, job.limits.memory // MIB)
        if size is None or job.image is None:
            raise ProviderUnavailable("aws: expected an image and a size that Fargate has, found none")
        name = definition_of(job.image, size)
        with failures("the job definition"):
            found = self.client("batch").describe_job_definitions(jobDefinitionName=name, status="ACTIVE")
        newest: Mapping[str, Any] = max(
            found["jobDefinitions"], key=lambda each: int(each["revision"]), default={}
        )
        properties = newest.get("containerProperties", {})
        address = properties.get("networkConfiguration", {}).get("assignPublicIp")
        if properties.get("image") != job.image or properties.get("jobRoleArn") or address != "DISABLED":
            raise ProviderUnavailable(
                f"aws: expected the job definition {name} of {job.image}, without a role and an address "
                "outside, found another or none; deploy the template that cupel compute deploy aws writes"
            )
        return f"{name}:{newest['revision']}"

    def _upload(self, job: ModelJob, name: str) -> None:
        urls = {f"{what}_url": self._url("put_object", f"{name}/{what}", job) for what in (LOG, OUTPUT)}
        bounds = {"files": job.limits.files, "log": job.limits.log, "output": job.limits.output}
        environment = {**variables(job), "CUPEL_PROCESSES": str(job.limits.processes)}
        document = {"command": command(job), "environment": environment, **bounds, **urls}
        path = packed(job, {f"{RUNNER}/job.json": json.dumps(document).encode()})
        try:
            with path.open("rb") as file, failures("the bucket to take a job's files"):
                named = {"Bucket": self.bucket, "Key": f"{JOBS}/{name}/{FILES}"}
                self.client("s3").put_object(Body=file, ExpectedBucketOwner=self.account, **named)
        finally:
            path.unlink()

    def _url(self, method: str, name: str, job: ModelJob) -> str:
        """Return a URL that reads or writes one object for some time."""
        named = {"Bucket": self.bucket, "Key": f"{JOBS}/{name}"}
        seconds = int(job.seconds) + WAITING
        with failures("a signed URL"):
            return str(self.client("s3").generate_presigned_url(method, Params=named, ExpiresIn=seconds))


def command(job: ModelJob) -> list[str]:
    """Return the command of a model in its container."""
    longest = ["timeout", "-s", "KILL", str(max(1, int(job.seconds)))]
    return [*longest, "python3", "-I", "-B", f"{RUNNER}/runner.py", str(job.kind), job.entry]


def digest_of(job: ModelJob) -> str:
    """Return a digest of what a job reads and runs, by which a later node finds it at AWS again."""
    path = packed(job)
    try:
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
    finally:
        path.unlink()
    return hashlib.sha256(f"{content} {job.image} {job.kind} {job.entry}".encode()).hexdigest()[:12]
