"""Runs a job in a container of a cloud as nobody, and sends its log and predictions to two URLs.

``python -I batch_job.py``: ``/cupel/job.json`` names the command, its environment, its bounds, and the URLs,
each good for one object and some hours. The model cannot read that file. Standard library alone.
"""

import json
import os
import resource
import stat
import subprocess
import sys
import time
import urllib.request
from typing import Any

FOLDER = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
OUT = "/out"
PREDICTIONS = "predictions.parquet"
NOBODY = 65_534
PART = 65_536
KEPT = 65_536
TRIES = 4
TOO_MUCH, NO_OUTPUT, NOT_SENT = 66, 67, 75


def prepare() -> dict[str, Any]:
    """Read the job, make the folders that it writes to, and take on the bounds that children inherit."""
    with open(os.path.join(FOLDER, "job.json"), encoding="utf-8") as file:  # noqa: PTH118, PTH123
        job: dict[str, Any] = json.load(file)
    for folder in (OUT, "/tmp"):  # noqa: S108 - the container's own
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103
        if os.geteuid() == 0:
            os.chmod(folder, 0o1777)  # noqa: PTH101, S103 - as /tmp is anywhere
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (job["files"], job["files"]))
    return job


def started(job: dict[str, Any]) -> "subprocess.Popen[bytes]":
    """Start the model, as nobody where this is root; it inherits no file and no variable."""
    identity: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    return subprocess.Popen(  # noqa: S603
        job["command"],
        env=job["environment"],
        cwd="/tmp",  # noqa: S108
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        **(identity if os.geteuid() == 0 else {}),
    )


def attended(process: "subprocess.Popen[bytes]", most: int) -> tuple[int, bytes]:
    """Read what it prints until its end; return its exit code, and the log's beginning and end."""
    first, last, count = b"", b"", 0
    while process.stdout is not None:
        part = os.read(process.stdout.fileno(), PART)
        if not part:
            break
        count += len(part)
        room = KEPT - len(first)
        first, last = first + part[:room], (last + part[max(room, 0) :])[-KEPT:]
        if count > most:
            process.kill()
            return TOO_MUCH, first + last
    left_out = count - len(first) - len(last)
    gap = f"\n... {left_out} bytes left out ...\n".encode() if left_out else b""
    return process.wait(), first + gap + last


def predictions(most: int) -> bytes | None:
    """Return the predictions; None for a link, another thing than a file, or one that is too large."""
    path = os.path.join(OUT, PREDICTIONS)  # noqa: PTH118
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return None
        content = file.read(most + 1)
    return content if len(content) <= most else None


def send(url: str, content: bytes) -> None:
    """Put an object where a URL says; raises OSError where it is not taken after some tries."""
    for attempt in range(TRIES):
        kind = {"Content-Type": "application/octet-stream"}
        request = urllib.request.Request(url, content, kind, method="PUT")  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=60):  # noqa: S310
                return
        except OSError:
            if attempt == TRIES - 1:
                raise
            time.sleep(2**attempt)


def main() -> int:
    """Run, send, and return the exit code."""
    job = prepare()
    code, log = attended(started(job), job["log"])
    try:
        send(job["log_url"], log)
        if code:
            return code if code > 0 else 128 - code
        found = predictions(job["output"])
        if found is None:
            return NO_OUTPUT
        send(job["output_url"], found)
    except OSError as error:
        print(f"expected the bucket to take an object, found {type(error).__name__}")  # noqa: T201
        return NOT_SENT
    return 0


if __name__ == "__main__":
    sys.exit(main())
