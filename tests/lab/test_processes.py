"""Processes in the background are known by their ids, and stopped by them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scorer.lab.processes import ProcessGroup

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_process_that_was_started_runs_until_it_is_stopped(tmp_path: Path) -> None:
    crew = ProcessGroup(tmp_path)
    pid = crew.start("sleeper", SLEEP)
    assert crew.pid("sleeper") == pid
    assert crew.names() == ["sleeper"]

    assert crew.stop("sleeper") == -signal.SIGTERM

    assert not runs(pid)
    assert crew.names() == []


def test_whoever_opens_the_folder_later_can_stop_what_another_started(tmp_path: Path) -> None:
    starter = ProcessGroup(tmp_path)
    pid = starter.start("sleeper", SLEEP)

    assert ProcessGroup(tmp_path).pid("sleeper") == pid
    ProcessGroup(tmp_path).stop_all()

    assert starter.children["sleeper"].wait(10) == -signal.SIGTERM


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not say when a process began")
def test_a_number_that_another_process_has_by_now_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(SLEEP, start_new_session=True)
    try:
        (tmp_path / "sleeper.pid").write_text(f"{stranger.pid} 1\n")
        crew = ProcessGroup(tmp_path)
        assert crew.pid("sleeper") is None
        crew.stop("sleeper")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_process_that_ended_by_itself_does_not_run(tmp_path: Path) -> None:
    crew = ProcessGroup(tmp_path)
    crew.start("short", [sys.executable, "-c", "print('done')"])
    crew.children["short"].wait(30)
    assert crew.pid("short") is None
    assert crew.log("short").read_text() == "done\n"
    assert crew.stop("short") == 0


def test_what_a_launcher_launched_ends_with_it(tmp_path: Path) -> None:
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    crew = ProcessGroup(tmp_path)
    pid = crew.start("launcher", [sys.executable, "-c", child])
    crew.stop("launcher")
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)
