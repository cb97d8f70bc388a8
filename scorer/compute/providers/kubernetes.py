"""The provider ``kubernetes``: a job is a pod, which gets its files by standard input and has no network.

The node stays where it is, with its key: a pod sees the model, its input and nothing else. The namespace's
policy keeps it from the network: ``cupel compute deploy kubernetes`` writes it, and `check` looks for it.
"""

import json
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from scorer.compute.job import IN, MIB, MODEL, OUT, ModelJob, RunOutcome
from scorer.compute.providers.attached import AttachedRun
from scorer.compute.providers.local import LocalProvider
from scorer.compute.providers.packing import packed
from scorer.compute.providers.protocol import ProviderUnavailable
from scorer.compute.sandbox.bubblewrap import RUNNER, runner_command, variables

NAMESPACE: Final = "cupel-models"
POLICY: Final = "deny-all"
LABELS: Final = {"app.kubernetes.io/name": "cupel-model"}
USER: Final = 65_534
ENDING: Final = 60.0
KILLED: Final = 137
"""The exit code of a container that the kernel ended."""
UNPACK: Final = 'tar -x -f - -C / && exec "$@"'


def pod_of(job: ModelJob) -> dict[str, Any]:
    """Return the pod of a job: no rights, no token, bounded memory, disk and time, an image by its digest."""
    limits = job.limits
    most = {
        "memory": str(limits.memory),
        "cpu": str(limits.threads),
        "ephemeral-storage": str(2 * limits.files + 64 * MIB),
    }
    files = {"in": IN, "model": MODEL, "cupel": RUNNER, "out": OUT, "tmp": "/tmp"}  # noqa: S108
    container = {
        "name": "model",
        "image": job.image,
        "stdin": True,
        "stdinOnce": True,
        "command": ["/bin/sh", "-c", UNPACK, "sh", *runner_command(job, "python3")],
        "env": [{"name": name, "value": value} for name, value in variables(job).items()],
        "resources": {"requests": most, "limits": most},
        "workingDir": "/tmp",  # noqa: S108
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in files.items()],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name_of(job.key), "namespace": NAMESPACE, "labels": LABELS},
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": max(1, int(job.seconds)),
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "dnsPolicy": "None",
            "dnsConfig": {"nameservers": ["127.0.0.1"]},
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [{"name": name, "emptyDir": {"sizeLimit": str(limits.files)}} for name in files],
        },
    }


def name_of(key: str) -> str:
    """Return the name of a job's pod."""
    return f"cupel-{key}"


@dataclass
class KubernetesProvider(LocalProvider):
    """Runs each job in a pod of its own, by kubectl, in the cluster that this user's configuration names."""

    name: str = "kubernetes"

    def check(self) -> str:
        """Return what it runs with; raises `ProviderUnavailable` without a cluster or its policy."""
        kubectl = shutil.which("kubectl")
        if kubectl is None:
            raise ProviderUnavailable("kubernetes: expected kubectl, found none; install it")
        done = self._kubectl("get", "networkpolicy", POLICY, "--output", "json")
        if done.returncode:
            raise ProviderUnavailable(
                f"kubernetes: expected the network policy {POLICY} in the namespace {NAMESPACE}, found none; "
                "write it by cupel compute deploy kubernetes, and apply it"
            )
        _require_deny_all(done.stdout)
        return f"{kubectl}, namespace {NAMESPACE}"

    def run_of(self, job: ModelJob) -> AttachedRun:
        """Return the run of a job in its pod; one of that name that a node left is removed first."""
        self._remove(job.key)
        files = packed(job)
        return AttachedRun(
            command(job),
            job.limits,
            job.seconds,
            explain=partial(_explain, job),
            release=partial(self._released, job.key, files),
            on_end=self.on_end,
            stdin=files,
        )

    def cancel(self, key: str) -> None:
        """End a job, also one that an earlier node left."""
        super().cancel(key)
        if key not in self._runs:
            self._remove(key)

    def _released(self, key: str, files: Path) -> int:
        files.unlink(missing_ok=True)
        self._remove(key)
        return 0

    def _remove(self, key: str) -> None:
        with suppress(OSError, subprocess.TimeoutExpired):
            self._kubectl("delete", "pod", name_of(key), "--ignore-not-found", "--now")

    def _kubectl(self, *words: str) -> "subprocess.CompletedProcess[bytes]":
        line = ["kubectl", "--namespace", NAMESPACE, *words]
        return subprocess.run(line, capture_output=True, check=False, timeout=ENDING)  # noqa: S603


def command(job: ModelJob) -> list[str]:
    """Return the command that starts a pod, feeds it, and passes its output and its exit code on."""
    overrides = json.dumps(pod_of(job))
    attached = (
        "--attach",
        "--stdin",
        "--quiet",
        "--restart=Never",
        f"--pod-running-timeout={max(1, int(job.seconds))}s",
    )
    named = ("run", name_of(job.key), f"--image={job.image}", f"--overrides={overrides}")
    return ["kubectl", "--namespace", NAMESPACE, *named, *attached]


def _require_deny_all(content: bytes) -> None:
    """Refuse a policy that leaves pods a way out, or is for some of them alone."""
    try:
        spec = json.loads(content)["spec"]
        kept = set(spec["policyTypes"]) == {"Ingress", "Egress"} and not spec.get("podSelector")
        is_closed = kept and not spec.get("egress") and not spec.get("ingress")
    except (ValueError, KeyError, TypeError):
        is_closed = False
    if not is_closed:
        raise ProviderUnavailable(
            f"kubernetes: expected the network policy {POLICY} to forbid all traffic of all pods in "
            f"{NAMESPACE}, found another; nothing is run there"
        )


def _explain(job: ModelJob, code: int) -> tuple[RunOutcome, str] | None:
    if code == KILLED:
        most = job.limits.memory
        return RunOutcome.OUT_OF_MEMORY, f"expected at most {most} bytes of memory, found that it took more"
    return None
