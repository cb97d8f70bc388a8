"""The system calls of podman's containers: its own profile, without those that make namespaces and mounts.

Podman lets every container make user namespaces, in which a model would have all rights over its own; the
kernel's faults are most often found there. Docker's profile forbids that by itself.
"""

import json
from pathlib import Path
from typing import Any, Final

PROFILES: Final = (Path("/etc/containers/seccomp.json"), Path("/usr/share/containers/seccomp.json"))
"""Places of podman's profile, the first that is there holding."""
FORBIDDEN: Final = frozenset(
    (
        *("clone", "clone3", "unshare", "setns"),
        *("mount", "mount_setattr", "move_mount", "open_tree", "umount", "umount2", "pivot_root"),
        *("fsconfig", "fsmount", "fsopen", "fspick"),
    )
)
NEW_NAMESPACES: Final = 0x7E02_0000
"""The flags of ``clone`` for new namespaces: mounts, cgroups, names, IPC, users, processes, network."""
NO_SUCH_CALL: Final = 38
"""ENOSYS: a C library then takes ``clone``, whose flags a profile can see."""


def tightened(profile: dict[str, Any]) -> dict[str, Any]:
    """Return a profile under which no process makes a namespace, or mounts anything."""
    rules = []
    for rule in profile["syscalls"]:
        names = [name for name in rule["names"] if name not in FORBIDDEN]
        if names:
            rules.append({**rule, "names": names})
    masked = {"index": 0, "value": NEW_NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}
    rules.append({"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [masked]})
    rules.append({"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": NO_SUCH_CALL})
    return {**profile, "defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules}


def installed() -> dict[str, Any] | None:
    """Return the profile that is installed with podman; None where there is none."""
    for path in PROFILES:
        if path.is_file():
            found: dict[str, Any] = json.loads(path.read_bytes())
            return found
    return None
