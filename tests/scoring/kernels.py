"""The BLAS kernels under which scores must be the same, as far as this machine can run them."""

import os
import signal
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

KERNELS = ("SkylakeX", "Haswell", "Nehalem", "Prescott")
"""By OpenBLAS's names, from the newest instructions to the oldest."""
PRODUCT = "import numpy; a = numpy.ones((99, 99)); a @ a; a @ a[0]"


@cache
def runs_here(kernel: str) -> bool:
    """Say whether this machine has the instructions of a kernel: without them OpenBLAS dies by SIGILL."""
    environment = {**os.environ, "OPENBLAS_CORETYPE": kernel}
    done = subprocess.run([sys.executable, "-c", PRODUCT], env=environment, capture_output=True, check=False)
    assert done.returncode in (0, -signal.SIGILL), done.stderr
    return done.returncode == 0


def runnable(parameter: Any, kernel: str) -> Any:
    """Skip a test of a kernel that this machine cannot run, and say why."""
    reason = f"this machine lacks the instructions of the kernel {kernel}"
    return pytest.param(parameter, marks=pytest.mark.skipif(not runs_here(kernel), reason=reason))
