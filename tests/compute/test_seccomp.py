"""Podman's profile of system calls is made stricter: no namespaces, no mounts, all else as it was."""

from scorer.compute.sandbox.seccomp import FORBIDDEN, NEW_NAMESPACES, tightened

PROFILE = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "defaultErrnoRet": 38,
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
    "syscalls": [
        {"names": ["bdflush"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
        {"names": ["read", "clone", "clone3", "unshare", "mount"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["setns"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
    ],
}


def test_what_makes_namespaces_and_mounts_is_allowed_by_no_rule() -> None:
    made = tightened(PROFILE)
    allowed = [rule for rule in made["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW"]
    plain = {name for rule in allowed if "args" not in rule for name in rule["names"]}
    assert plain == {"read"}
    assert not plain & FORBIDDEN


def test_threads_and_processes_are_still_made_but_not_with_the_flags_of_namespaces() -> None:
    (rule,) = (rule for rule in tightened(PROFILE)["syscalls"] if rule["names"] == ["clone"])
    (argument,) = rule["args"]
    assert (argument["value"], argument["valueTwo"]) == (NEW_NAMESPACES, 0)
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert flag & NEW_NAMESPACES
    threads = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000  # as a C library makes them
    assert threads & NEW_NAMESPACES == 0


def test_the_rest_of_the_profile_stays_and_what_it_does_not_name_is_refused() -> None:
    made = tightened(PROFILE)
    assert made["archMap"] == PROFILE["archMap"]
    assert made["defaultAction"] == "SCMP_ACT_ERRNO"
    assert made["syscalls"][0] == PROFILE["syscalls"][0]  # type: ignore[index]
