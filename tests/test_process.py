"""A process that holds a key leaves no core dump, and nobody else looks into it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scorer.redaction import remember

NOBODY = 65_534
SCRIPT = """
import sys, threading
from scorer.process import clean_tracebacks, forbid_core_dumps
from scorer.redaction import remember
forbid_core_dumps()
clean_tracebacks()
"""


def started(code: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT + code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"CUPEL_TEST_SECRET": "hunter2secret"},
    )


def test_a_process_leaves_no_core_dump_and_keeps_its_environment() -> None:
    with started("print('up', flush=True); sys.stdin.read()") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        environment = Path(f"/proc/{process.pid}/environ")
        (line,) = (line for line in limits.splitlines() if line.startswith("Max core file size"))
        assert line.split()[4:6] == ["0", "0"]
        # What is not dumpable belongs to root, whoever runs it.
        assert environment.stat().st_uid == 0
        if os.geteuid() == 0:
            looked = subprocess.run(
                ["/bin/cat", str(environment)], user=NOBODY, capture_output=True, text=True, check=False
            )
            assert looked.returncode == 1
            assert "hunter2secret" not in looked.stdout
        process.send_signal(signal.SIGABRT)
        process.communicate(timeout=10)
    assert process.returncode == -signal.SIGABRT


@pytest.mark.parametrize(
    "code",
    [
        "raise ValueError(f'found {secret}')",
        "threading.Thread(target=lambda: int(secret)).start()",
        "raise RuntimeError('x') from ValueError(secret)",
        "import logging; logging.getLogger('urllib3').warning('Error: %s', secret)",
        "import logging; logging.getLogger('x').error('Error', exc_info=ValueError(secret))",
        "import warnings; warnings.warn('Error: ' + secret)",
        "class Late:\n    def __del__(self): raise ValueError(secret)\nLate()",
    ],
)
def test_an_error_that_nobody_caught_is_printed_without_secrets(code: str) -> None:
    with started(f"secret = sys.stdin.readline().strip()\nremember(secret)\n{code}") as process:
        _, said = process.communicate("correct horse battery\n", timeout=20)
    assert "Error" in said
    assert "horse" not in said
    assert "[hidden]" in said


def test_the_command_line_protects_itself() -> None:
    code = (
        "from scorer.cli import app; app(['rules', 'check', 'classic'], standalone_mode=False); "
        "print(open('/proc/self/limits').read())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("Max core file size"))
    assert line.split()[4:6] == ["0", "0"]


def test_secrets_that_are_too_short_hide_no_words() -> None:
    from scorer.redaction import clean

    remember("a", "round")
    assert clean("a round opens") == "a round opens"
