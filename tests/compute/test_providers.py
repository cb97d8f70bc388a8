"""One suite for every provider on this machine: what a job is given, and that it gets no further.

``process`` runs everywhere; ``podman`` where it is installed, by its way without images.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scorer.compute.job import MIB, JobLimits, ModelKind, RunOutcome
from scorer.compute.providers.container import ContainerProvider
from scorer.compute.providers.local import LocalProvider
from scorer.compute.providers.process import ProcessProvider
from scorer.compute.providers.protocol import JobState
from scorer.compute.sandbox import bubblewrap, cgroups
from scorer.compute.sandbox.bubblewrap import SandboxUnavailable
from scorer.compute.sandbox.processes import family
from tests.compute.models import FAST, GOOD, PYTHON, WRITE, job, result_of, script, write_live
from tests.waiting import eventually

IDS = tuple(f"n{number:03}" for number in range(20))
SMALL = JobLimits(memory=384 * MIB, processes=48, files=16 * MIB, output=MIB, log=4 * MIB)
PODMAN = ("--cgroup-manager=cgroupfs", "--runtime=runc")


def podman_works() -> bool:
    """Whether podman runs a container from a folder here: some machines forbid what it needs."""
    if shutil.which("podman") is None or shutil.which("runc") is None:
        return False
    done = subprocess.run(["podman", *PODMAN, "info"], capture_output=True, check=False, timeout=60)
    return done.returncode == 0


@pytest.fixture(scope="module", params=["process", pytest.param("podman", marks=pytest.mark.long)])
def provider(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalProvider]:
    if request.param == "podman":
        if not podman_works():
            pytest.skip("podman and runc are not here")
        made: LocalProvider = ContainerProvider(name="podman", options=PODMAN)
    else:
        made = ProcessProvider()
    yield made
    made.close()


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    write_live(tmp_path / "in", IDS)
    return tmp_path / "in"


@pytest.fixture
def rootfs(tmp_path_factory: pytest.TempPathFactory, provider: LocalProvider) -> Path | None:
    """For a container, a folder of mount points alone; the process's sandbox needs none."""
    if provider.name == "process":
        return None
    folder = tmp_path_factory.mktemp("rootfs")
    for name in ("usr", "in", "out", "model", "cupel", "tmp", "proc", "dev", "sys", "etc", "run"):
        (folder / name).mkdir()
        (folder / name).chmod(0o1777 if name in ("out", "tmp") else 0o755)
    folder.chmod(0o755)
    for name in ("lib", "lib64", "bin", "sbin"):
        (folder / name).symlink_to(f"usr/{name}")
    return folder


class Ran:
    """Runs a script's source as a job."""

    def __init__(self, provider: LocalProvider, inputs: Path, folder: Path, rootfs: Path | None) -> None:
        self.provider, self.inputs, self.folder, self.rootfs = provider, inputs, folder, rootfs
        self.count = 0

    def __call__(self, source: str, seconds: float = 120.0, limits: JobLimits = SMALL):  # type: ignore[no-untyped-def]
        self.count += 1
        code = script(self.folder / f"model-{self.count}", source)
        made = job(self.inputs, code, f"{self.folder.name}-{self.count}", seconds=seconds, limits=limits)
        return result_of(self.provider, replace(made, rootfs=self.rootfs))


@pytest.fixture
def ran(provider: LocalProvider, inputs: Path, tmp_path: Path, rootfs: Path | None) -> Ran:
    return Ran(provider, inputs, tmp_path, rootfs)


def test_predictions_come_out_and_what_was_printed_is_the_log(ran: Ran) -> None:
    result = ran(GOOD + "import sys; print('to the log'); print('too', file=sys.stderr)")
    assert (result.outcome, result.exit_code) == (RunOutcome.GOOD, 0)
    assert result.output.startswith(b"PAR1")
    assert set(result.log.decode().split("\n")) >= {"to the log", "too"}


def test_an_exit_code_is_reported_with_the_last_line_that_was_printed(ran: Ran) -> None:
    result = ran("print('before'); raise SystemExit('no features today')")
    assert (result.outcome, result.exit_code) == (RunOutcome.FAILED, 1)
    assert result.reason == "expected exit code 0, found 1: no features today"


def test_a_model_without_predictions_fails(ran: Ran) -> None:
    assert ran("pass").outcome is RunOutcome.FAILED


def test_the_same_key_runs_once(ran: Ran, provider: LocalProvider, inputs: Path, tmp_path: Path) -> None:
    code = script(tmp_path / "once", GOOD)
    one = replace(job(inputs, code, f"{tmp_path.name}-same"), rootfs=ran.rootfs)
    provider.submit(one)
    provider.submit(replace(one, entry="other.py"))
    eventually(lambda: provider.status(one.key) is JobState.ENDED, "an end", 120)
    result = provider.result(one.key)
    assert result is not None
    assert result.outcome is RunOutcome.GOOD
    provider.forget(one.key)
    assert provider.status(one.key) is JobState.UNKNOWN
    assert provider.result(one.key) is None


def test_a_cancelled_job_ends_and_says_so(
    ran: Ran, provider: LocalProvider, inputs: Path, tmp_path: Path
) -> None:
    code = script(tmp_path / "long", "import time; print('began', flush=True); time.sleep(600)")
    one = replace(job(inputs, code, f"{tmp_path.name}-cancelled"), rootfs=ran.rootfs)
    provider.submit(one)
    eventually(lambda: b"began" in provider.logs(one.key), "its log", 120)
    provider.cancel(one.key)
    result = provider.result(one.key)
    assert result is not None
    assert result.outcome is RunOutcome.CANCELLED
    provider.forget(one.key)


WRITES_OUTSIDE = """
import os
places = ["/in/x", "/model/x", "/usr/x", "/etc/x", "/x", "/cupel/runner.py", "/dev/x"]
places += ["/proc/sys/kernel/hostname", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger"]
for place in places:
    try:
        open(place, "w").write("x")
    except OSError as error:
        continue
    print("WROTE", place)
for place in ("/in", "/model", "/usr", "/"):
    try:
        os.chmod(place, 0o777)
    except OSError:
        continue
    print("CHANGED", place)
"""


def test_a_model_writes_nowhere_but_into_out_and_tmp(ran: Ran, inputs: Path) -> None:
    before = sorted(path.name for path in inputs.iterdir())
    result = ran(WRITES_OUTSIDE + GOOD + "open('/tmp/own', 'w').write('x'); open('/out/own', 'w').write('x')")
    assert (result.outcome, result.log) == (RunOutcome.GOOD, b"")
    assert sorted(path.name for path in inputs.iterdir()) == before


def test_a_model_fills_no_disk(ran: Ran) -> None:
    source = """
import errno
for place in ("/out", "/tmp", "/dev/shm"):
    try:
        for number in range(64):
            with open(f"{place}/{number}", "wb") as file:
                file.write(bytes(1 << 20) * 2)
        print("FILLED", place)
    except OSError as error:
        pass
"""
    assert b"FILLED" not in ran(source).log


def test_a_model_finds_no_key_no_home_and_no_variable_of_the_node(
    ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key lies beside the model, as an operator of a node may well have it."""
    key = tmp_path / "submitter.json"
    key.write_text("the-secret")
    monkeypatch.setenv("CUPEL_PASSWORD", "the-secret")
    source = f"""
import glob, os
print(os.environ.get("CUPEL_PASSWORD"))
for place in ({str(key)!r}, "/proc/1/environ", "/etc/shadow", "/root/.ssh/id_rsa"):
    try:
        print(open(place).read())
    except OSError:
        pass
for number in os.listdir("/proc"):
    if number.isdecimal():
        for name in ("environ", "cmdline", "root/{str(key).lstrip("/")}"):
            try:
                print(open(f"/proc/{{number}}/{{name}}").read())
            except OSError:
                pass
for folder, folders, names in os.walk("/"):
    if folder.startswith(("/proc", "/sys", "/usr")):
        folders.clear()
    if "submitter.json" in names:
        print("FOUND", folder)
"""
    log = ran(source).log
    assert b"the-secret" not in log
    assert b"FOUND" not in log


def test_a_model_reaches_no_network_and_no_socket_of_this_machine(ran: Ran, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as named:
        named.bind(b"\0cupel-test-" + str(os.getpid()).encode())
        named.listen()
        port = server.getsockname()[1]
        source = f"""
import socket
for family, place in (
    (socket.AF_INET, ("127.0.0.1", {port})),
    (socket.AF_INET, ("10.0.0.1", 80)),
    (socket.AF_UNIX, b"\\0cupel-test-{os.getpid()}"),
):
    try:
        with socket.socket(family) as made:
            made.settimeout(2)
            made.connect(place)
            print("REACHED", place)
    except OSError:
        pass
try:
    print("RESOLVED", socket.gethostbyname("example.org"))
except OSError:
    pass
"""
        result = ran(source + GOOD)
    assert (result.outcome, result.log) == (RunOutcome.GOOD, b"")


def test_a_model_that_forks_without_end_is_contained_and_nothing_of_it_is_left(ran: Ran) -> None:
    source = """
import os, time
refused = 0
while refused < 20:
    try:
        if os.fork() == 0:
            os.setsid()
            time.sleep(600)
    except OSError:
        refused += 1
        time.sleep(0.01)
print("REFUSED")
"""
    assert b"REFUSED" in ran(source).log
    assert not _left("time.sleep(600)")


def test_children_that_outlive_the_model_end_with_it(ran: Ran) -> None:
    source = (
        GOOD
        + """
import os, time
if os.fork() == 0:
    os.setsid()
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    time.sleep(987654)
"""
    )
    assert ran(source).outcome is RunOutcome.GOOD
    assert not _left("time.sleep(987654)")


def _left(text: str) -> list[str]:
    """Processes whose program's file holds a text, and which are not this one's."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                command = (entry / "cmdline").read_bytes()
                uid_map = (entry / "status").read_text()
            except OSError:
                continue
            if (
                b"/cupel/runner.py" in command
                and "NSpid:" in uid_map
                and text in command.decode("utf-8", "replace")
            ):
                found.append(entry.name)
    return found


def test_a_model_that_eats_memory_is_ended_and_the_reason_is_memory(ran: Ran) -> None:
    result = ran("held = []\nwhile True: held.append(bytearray(b'x' * (8 << 20)))")
    assert result.outcome in (RunOutcome.OUT_OF_MEMORY, RunOutcome.FAILED)
    assert "memory" in result.reason.lower() or "MemoryError" in result.log.decode()


def test_processes_of_a_model_share_its_memory(ran: Ran) -> None:
    """Each of these takes less than the limit; all of them together take more."""
    source = """
import os, time
children = [os.fork() for _ in range(1)]
for _ in range(7):
    if os.fork() == 0:
        held = bytearray(b"x" * (120 << 20))
        time.sleep(2)
        os._exit(0)
codes = []
while True:
    try:
        codes.append(os.waitstatus_to_exitcode(os.wait()[1]))
    except ChildProcessError:
        break
print("ALL LIVED" if not any(codes) else "SOME DIED", codes)
raise SystemExit(1)
"""
    source = source.replace("children = [os.fork() for _ in range(1)]\n", "")
    result = ran(source)
    assert b"ALL LIVED" not in result.log


def test_a_model_that_hangs_is_ended_at_its_time(ran: Ran) -> None:
    began = time.monotonic()
    result = ran("import signal, time\nsignal.signal(15, signal.SIG_IGN)\ntime.sleep(600)", seconds=3.0)
    assert result.outcome is RunOutcome.OUT_OF_TIME
    assert time.monotonic() - began < 60


def test_a_model_that_prints_without_end_is_ended_and_its_log_stays_small(ran: Ran) -> None:
    result = ran("import sys\nwhile True: sys.stdout.write('x' * 65536)")
    assert result.outcome is RunOutcome.TOO_MUCH_OUTPUT
    assert len(result.log) < 200_000
    assert b"bytes left out" in result.log


def test_predictions_without_end_are_refused(ran: Ran) -> None:
    for source in (
        "import os; os.symlink('/dev/zero', '/out/predictions.parquet')",
        "open('/out/predictions.parquet', 'wb').write(bytes(2 << 20))",
    ):
        assert ran(source).outcome is RunOutcome.TOO_MUCH_OUTPUT


def test_a_pipe_in_place_of_predictions_holds_nobody_up(ran: Ran) -> None:
    assert (
        ran("import os; os.mkfifo('/out/predictions.parquet')", seconds=5.0).outcome is RunOutcome.OUT_OF_TIME
    )


def test_a_link_in_place_of_predictions_leads_nowhere_outside(ran: Ran, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the-secret")
    result = ran(f"import os; os.symlink({str(tmp_path / 'secret')!r}, '/out/predictions.parquet')")
    assert result.outcome is RunOutcome.FAILED
    assert b"the-secret" not in result.output


def test_a_model_gains_no_rights_and_no_namespaces(ran: Ran) -> None:
    source = """
import ctypes, os
CLONE_NEWUSER, CLONE_NEWNS = 0x10000000, 0x20000
libc = ctypes.CDLL(None, use_errno=True)
print("UNSHARED" if libc.unshare(CLONE_NEWUSER) == 0 else "kept")
print("MOUNTED" if libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0 else "kept")
for line in open("/proc/self/status"):
    if line.startswith(("CapEff", "NoNewPrivs")):
        print(line.split()[1])
for uid in (0, 1000):
    try:
        os.setuid(uid)
        print("BECAME", uid)
    except OSError:
        pass
"""
    log = ran(source + GOOD).log.decode()
    assert "UNSHARED" not in log
    assert "MOUNTED" not in log
    assert "BECAME" not in log
    assert log.split()[2:4] == ["0000000000000000", "1"]


def test_after_all_of_that_the_next_model_runs(ran: Ran) -> None:
    ran("import os\nwhile True: os.fork()", seconds=3.0)
    assert ran(GOOD).outcome is RunOutcome.GOOD


def test_without_bubblewrap_nothing_runs_and_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, inputs: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    made = ProcessProvider()
    with pytest.raises(SandboxUnavailable, match="apt-get install bubblewrap"):
        made.check()
    code = script(tmp_path / "model", f"open({str(tmp_path / 'ran')!r}, 'w')")
    result = result_of(made, job(inputs, code, "without"))
    assert (result.outcome, (tmp_path / "ran").exists()) == (RunOutcome.UNAVAILABLE, False)
    assert "never run without a sandbox" in result.reason


def test_of_an_environment_whose_home_is_a_link_only_the_installation_is_shown(tmp_path: Path) -> None:
    """Such as one that was made from a folder of links, which may lie beside keys."""
    (tmp_path / "links" / "bin").mkdir(parents=True)
    (tmp_path / "links" / "key").write_text("secret")
    real = tmp_path / "installed"
    for folder in (real / "bin", real / "lib" / "python3.11"):
        folder.mkdir(parents=True)
    (real / "bin" / "python3").write_bytes(b"")
    (tmp_path / "links" / "bin" / "python3").symlink_to(real / "bin" / "python3")
    own = tmp_path / "environment"
    for folder in (own / "bin", own / "lib" / "python3.11"):
        folder.mkdir(parents=True)
    (own / "bin" / "python").symlink_to(tmp_path / "links" / "bin" / "python3")
    (own / "pyvenv.cfg").write_text(f"home = {tmp_path / 'links' / 'bin'}\n")
    link = tmp_path / "links" / "bin" / "python3"
    assert bubblewrap.interpreter(own / "bin" / "python") == (str(own / "bin" / "python"), (own, real, link))


@pytest.mark.parametrize("place", ["me/bin/python", "me/.local/bin/python", "empty/bin/python"])
def test_an_interpreter_beside_other_things_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    """All of the folder that it is in would be shown to the model."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "me")
    for folder in ("me", "me/.local"):
        (tmp_path / folder / "lib" / "python3.11").mkdir(parents=True)
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).write_bytes(PYTHON.resolve().read_bytes())
    with pytest.raises(SandboxUnavailable, match="python -m venv"):
        bubblewrap.interpreter(tmp_path / place)
    with pytest.raises(SandboxUnavailable, match="expected a Python interpreter, found none"):
        bubblewrap.interpreter(tmp_path / "nowhere" / "python")


def test_root_without_cgroups_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "usable", lambda: None)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(SandboxUnavailable, match="run the node as another user"):
        ProcessProvider().check()


def test_without_cgroups_memory_is_looked_at_from_outside(
    monkeypatch: pytest.MonkeyPatch, inputs: Path, tmp_path: Path
) -> None:
    """As for another user than root; this test may itself be run by root."""
    monkeypatch.setattr(cgroups, "usable", lambda: None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    code = script(tmp_path / "hungry", "held = []\nwhile True: held.append(bytearray(b'x' * (1 << 20)))")
    result = result_of(ProcessProvider(), job(inputs, code, "hungry", limits=SMALL))
    assert result.outcome is RunOutcome.OUT_OF_MEMORY


def test_a_node_that_is_killed_leaves_no_run_behind_once_another_one_starts(
    inputs: Path, tmp_path: Path
) -> None:
    """Killed at the very beginning of a sandbox, when its own end with its parent is not arranged yet."""
    code = script(tmp_path / "long", "import time; time.sleep(600)")
    pid = os.fork()
    if pid == 0:
        try:
            ProcessProvider().submit(job(inputs, code, f"orphan-{os.getppid()}"))
            time.sleep(600)
        finally:
            os._exit(0)
    eventually(lambda: _sandboxes_of(pid), "a sandbox", 60)
    eventually(lambda: len(family(pid)) > 2, "its processes", 60)
    started = family(pid)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    ProcessProvider().check()
    eventually(lambda: not any(Path(f"/proc/{each}").exists() for each in started), "their ends", 20)


def _sandboxes_of(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if int(fields[1]) == parent and b"bwrap" in command.split(b"\0")[0]:
                found.append(int(entry.name))
    return found


@pytest.mark.parametrize("kind", [ModelKind.FUNCTION, ModelKind.NOTEBOOK])
def test_kinds_that_need_a_file_fail_without_it(
    ran: Ran, kind: ModelKind, inputs: Path, tmp_path: Path
) -> None:
    code = script(tmp_path / "empty", FAST + WRITE)
    made = replace(
        job(inputs, code, f"{tmp_path.name}-{kind}", kind=kind, entry="missing.py"), rootfs=ran.rootfs
    )
    assert result_of(ran.provider, made).outcome is RunOutcome.FAILED
