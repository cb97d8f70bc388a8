"""Targets without a cloud: a systemd unit, a cron job, and a workflow of GitHub Actions."""

import shlex
import sys
from pathlib import Path
from typing import Final

from scorer.compute.configuration import ComputeConfig
from scorer.compute.infrastructure.common import Plan, memory_mib, secret_files

UNIT: Final = "cupel-compute.service"


def cupel() -> str:
    """Return the path of the ``cupel`` command of this installation."""
    return str(Path(sys.executable).parent / "cupel")


def systemd(config: ComputeConfig, file: Path) -> Plan:
    """Return a unit: another user than root, with cgroups of its own and nothing else of the machine."""
    command = shlex.join([cupel(), "compute", "run", "--config", str(file.resolve())])
    unit = f"""[Unit]
Description=Cupel: runs models when rounds open
Wants=network-online.target
After=network-online.target

[Service]
ExecStart={command}
User=cupel
Restart=always
RestartSec=5
# cgroups of its own, in which the node bounds each model.
Delegate=memory pids
DelegateSubgroup=node
MemoryMax={memory_mib(config)}M
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
ReadWritePaths={config.root.resolve()}
UMask=0077

[Install]
WantedBy=multi-user.target
"""
    words = (
        f"install it: cp {UNIT} /etc/systemd/system/ && systemctl enable --now cupel-compute",
        "it costs nothing but the machine it runs on",
    )
    return Plan({UNIT: unit}, words, ("systemctl disable --now cupel-compute",))


def cron(config: ComputeConfig, file: Path) -> Plan:
    """Return a line of cron: every ten minutes the node looks, and ends when nothing is missing."""
    longest = max(each.limits.seconds for each in config.models)
    once = shlex.join(
        [cupel(), "compute", "once", "--config", str(file.resolve()), "--seconds", str(longest)]
    )
    lock = shlex.quote(str(config.root.resolve() / "cron.lock"))
    # flock: a run that is still at work is not disturbed. What it prints, cron sends by mail.
    line = f"*/10 * * * * flock --nonblock --conflict-exit-code 0 {lock} {once}\n"
    words = (
        "install it: crontab -l | cat - cupel-compute.cron | crontab -",
        "a round must be open for more than ten minutes and the time of a run; it costs nothing",
    )
    return Plan(
        {"cupel-compute.cron": line}, words, ("crontab -e, and remove the line with cupel compute once",)
    )


def github(config: ComputeConfig, file: Path) -> Plan:
    """Return a workflow of GitHub Actions: the node runs every hour on a hosted machine."""
    longest = max(each.limits.seconds for each in config.models)
    minutes = min(350, longest // 60 + 20)
    workflow = f"""# Every hour the node looks for open rounds, runs what is missing, and ends.
# Secrets of the repository: {", ".join(_named(name) for name in secret_files(config))}.
# The keystore is that of a submitter's key, which moves no stake.
name: cupel compute
on:
  schedule:
    - cron: "17 * * * *"
  workflow_dispatch:
permissions:
  contents: read
concurrency:
  group: cupel-compute
  cancel-in-progress: false
jobs:
  submit:
    runs-on: ubuntu-24.04
    timeout-minutes: {minutes}
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
        with:
          persist-credentials: false
      - name: Install the sandbox and the node
        run: |
          sudo apt-get update
          sudo apt-get install --yes bubblewrap
          # Ubuntu forbids user namespaces to programs without a profile: bubblewrap gets one.
          printf 'abi <abi/4.0>,\\nprofile bwrap /usr/bin/bwrap flags=(unconfined) {{ userns, }}\\n' \\
            | sudo tee /etc/apparmor.d/bwrap > /dev/null
          sudo apparmor_parser --replace /etc/apparmor.d/bwrap
          python3 -m venv .venv
          .venv/bin/pip install --require-hashes --no-deps --requirement requirements.lock
      - name: Write the secrets where the node alone reads them
        env:
{_passed(config)}
        run: |
          umask 077
{_written(config)}
      - name: Run what is missing
        run: .venv/bin/cupel compute once --config {shlex.quote(file.name)} --seconds {longest}
"""
    words = (
        "install it: copy cupel-compute.yml to .github/workflows/ of a private repository with this folder",
        "hosted machines start late at times: it suits rounds that are open for many hours",
        "it costs nothing within the minutes that GitHub gives a private repository for free",
    )
    return Plan({"cupel-compute.yml": workflow}, words, ("remove .github/workflows/cupel-compute.yml",))


def _named(name: str) -> str:
    return f"CUPEL_{name.upper().replace('-', '_')}"


def _passed(config: ComputeConfig) -> str:
    """Return the variables of the step that writes secrets: none is in a command line."""
    names = (_named(name) for name in secret_files(config))
    return "\n".join(f"          {name}: ${{{{ secrets.{name} }}}}" for name in names)


def _written(config: ComputeConfig) -> str:
    """Return the commands that write each secret where the configuration names it."""
    files = secret_files(config).items()
    lines = (f"printf '%s\\n' \"${_named(name)}\" > {shlex.quote(file)}" for name, file in files)
    return "\n".join(f"          {line}" for line in lines)
