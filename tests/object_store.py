"""An S3 server on this machine (moto), for tests that keep objects."""

import logging
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import pytest

BUCKET = "cupel-tests"
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}


@dataclass
class LocalS3:
    """A server with a bucket, which can be lost and come back with all that it had.

    Attributes
    ----------
    url
        Of a folder of the test's own in the bucket.
    """

    port: int = 0
    url: str = f"s3://{BUCKET}"
    server: Any = field(init=False)

    def start(self) -> None:
        """Start the server, at the port that it had before."""
        moto = pytest.importorskip("moto.server")
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self.server.start()
        self.port = int(self.server.get_host_and_port()[1])

    def stop(self) -> None:
        """Stop the server: connections are refused from then on."""
        self.server.stop()
        self.server._server.server_close()

    @property
    def endpoint(self) -> str:
        """The URL of the server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def client(self) -> Any:
        """A client of the bucket."""
        return import_module("boto3").client("s3", endpoint_url=self.endpoint, **KEYS)

    def objects(self) -> dict[str, bytes]:
        """All objects of the test, by name."""
        prefix = self.url.removeprefix(f"s3://{BUCKET}/") + "/"
        found = self.client.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", ())
        return {
            each["Key"].removeprefix(prefix): self.client.get_object(Bucket=BUCKET, Key=each["Key"])[
                "Body"
            ].read()
            for each in found
        }


@pytest.fixture(scope="module")
def s3_server() -> Iterator[LocalS3]:
    """An S3 server with a bucket."""
    pytest.importorskip("obstore")
    running = LocalS3()
    running.start()
    running.client.create_bucket(Bucket=BUCKET)
    yield running
    running.stop()


@pytest.fixture
def s3(s3_server: LocalS3, monkeypatch: pytest.MonkeyPatch) -> LocalS3:
    """A folder of its own in the bucket, with the environment in which AWS's tools find it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_ENDPOINT_URL": s3_server.endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3_server.url = f"s3://{BUCKET}/{uuid.uuid4().hex}"
    return s3_server
