"""The providers ``podman`` and ``docker``: a job is a container here, without network or rights."""

import json
import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Final

from scorer.compute.job import IN, MODEL, OUT, ModelJob, RunOutcome
from scorer.compute.providers.attached import AttachedRun
from scorer.compute.providers.local import LocalProvider
from scorer.compute.providers.protocol import ProviderUnavailable
from scorer.compute.sandbox import seccomp
from scorer.compute.sandbox.bubblewrap import INSIDE, NOBODY, RUNNER, interpreter, runner_command, variables

OPEN_FILES: Final = 4096
ALL_PROCESSES: Final = 4096
ENDING: Final = 60.0
OUT_OF_MEMORY: Final = 137
"""The exit code of a container that the kernel ended."""


@dataclass
class ContainerProvider(LocalProvider):
    """Runs each job in a container of its own, by podman or docker.

    Attributes
    ----------
    options
        Further options of the engine, before its command, such as a runtime.
    """

    name: str = "podman"
    options: tuple[str, ...] = ()
    _written: list[Path] = field(default_factory=list)

    def check(self) -> str:
        """Return what it runs with; raises `ProviderUnavailable` where the engine does not answer."""
        engine = shutil.which(self.name)
        if engine is None:
            raise ProviderUnavailable(
                f"{self.name}: expected it to be installed, found none; install it, or "
                "use the provider process"
            )
        done = subprocess.run(  # noqa: S603
            [engine, *self.options, "info"], capture_output=True, check=False, timeout=ENDING
        )
        if done.returncode:
            raise ProviderUnavailable(
                f"{self.name}: expected an engine that answers, found that it does not; start it, or use the "
                "provider process"
            )
        _ = self._calls  # which raises where there is no profile
        return engine

    def run_of(self, job: ModelJob) -> AttachedRun:
        """Return the run of a job in its container; one of that name that a node left is removed first."""
        container = f"cupel-{job.key}"
        self._remove(container)
        return AttachedRun(
            self.command(job, container),
            job.limits,
            job.seconds,
            explain=partial(_explain, job),
            release=partial(self._released, container),
            on_end=self.on_end,
        )

    def cancel(self, key: str) -> None:
        """End a job, also one that an earlier node left."""
        super().cancel(key)
        if key not in self._runs:
            self._remove(f"cupel-{key}")

    def command(self, job: ModelJob, container: str) -> list[str]:
        """Return the command that runs a job in a container."""
        limits = job.limits
        python, folders = ("python3", ()) if job.image else interpreter(job.python)
        seen: dict[str, Path] = {
            RUNNER: INSIDE,
            MODEL: job.code,
            IN: job.inputs,
            **{str(path): path for path in folders},
        }
        if job.rootfs is not None:
            # A folder that is empty but for mount points: the system's own files are shown in it.
            seen["/usr"] = Path("/usr")
        size = f"rw,nosuid,nodev,size={limits.files},mode=1777"
        return [
            *(self.name, *self.options, "run", "--rm", "--name", container),
            # What it prints comes through pipes; an engine's own log would fill the disk.
            *(
                "--log-driver",
                "none",
                "--network",
                "none",
                "--read-only",
                "--cap-drop",
                "all",
                "--user",
                f"{NOBODY}:{NOBODY}",
            ),
            *self._calls,
            *("--security-opt", "no-new-privileges", "--pids-limit", str(limits.processes)),
            *("--memory", str(limits.memory), "--memory-swap", str(limits.memory)),
            *("--ulimit", f"nofile={OPEN_FILES}:{OPEN_FILES}", "--ulimit", "core=0:0"),
            # Of all containers of this user together: each by itself is bounded by --pids-limit.
            *("--ulimit", f"nproc={ALL_PROCESSES}:{ALL_PROCESSES}"),
            *("--tmpfs", f"{OUT}:{size}", "--tmpfs", f"/tmp:{size}", "--workdir", "/tmp"),  # noqa: S108
            *(part for at, path in seen.items() for part in ("--volume", f"{path.resolve()}:{at}:ro")),
            *(part for name, value in variables(job).items() for part in ("--env", f"{name}={value}")),
            *(("--rootfs", str(job.rootfs)) if job.rootfs else ("--entrypoint", "", str(job.image))),
            *runner_command(job, python),
        ]

    @cached_property
    def _calls(self) -> tuple[str, ...]:
        """Options that keep podman's containers from making namespaces; docker keeps its own from that."""
        if self.name != "podman":
            return ()
        profile = seccomp.installed()
        if profile is None:
            raise ProviderUnavailable(
                f"podman: expected its profile of system calls, {seccomp.PROFILES[-1]}, found none; install "
                "the package that has it (golang-github-containers-common, containers-common)"
            )
        descriptor, path = tempfile.mkstemp(prefix="cupel-seccomp-", suffix=".json")
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump(seccomp.tightened(profile), file)
        self._written.append(Path(path))
        return ("--security-opt", f"seccomp={path}")

    def close(self) -> None:
        """End all jobs."""
        super().close()
        for path in self._written:
            path.unlink(missing_ok=True)

    def _released(self, container: str) -> int:
        self._remove(container)
        return 0

    def _remove(self, container: str) -> None:
        engine = shutil.which(self.name)
        if engine is not None:
            with suppress(OSError, subprocess.TimeoutExpired):
                subprocess.run(  # noqa: S603
                    [engine, *self.options, "rm", "--force", "--volumes", container],
                    capture_output=True,
                    check=False,
                    timeout=ENDING,
                    env={"PATH": os.environ.get("PATH", os.defpath)},
                )


def _explain(job: ModelJob, code: int) -> tuple[RunOutcome, str] | None:
    if code == OUT_OF_MEMORY:
        return (
            RunOutcome.OUT_OF_MEMORY,
            f"expected at most {job.limits.memory} bytes of memory, found that it took more",
        )
    return None
