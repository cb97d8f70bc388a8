"""A pod gets its job by standard input and gives its predictions back; nothing runs without the policy.

There is no cluster here: a program in place of kubectl runs a pod's container in bubblewrap.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from scorer.compute.infrastructure.kubernetes import manifests
from scorer.compute.job import JobLimits, ModelJob, RunOutcome
from scorer.compute.providers.kubernetes import KubernetesProvider, pod_of
from scorer.compute.providers.packing import packed
from scorer.compute.providers.protocol import ProviderUnavailable
from scorer.compute.sandbox.bubblewrap import interpreter
from tests.compute.models import GOOD, PYTHON, Site, job, model, result_of, script, write_live
from tests.world import World

IMAGE = "python@sha256:" + "0" * 64
DENY_ALL = {"spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}}
# An image has its interpreter; here it is this one, with its installation and every link on the way to it.
INTERPRETER = [str(folder) for folder in (Path("/usr"), *interpreter(PYTHON)[1])]
KUBECTL = f"""#!{sys.executable}
import json, os, sys
from pathlib import Path
here, words = Path(__file__).parent, sys.argv[1:]
with (here / "asked").open("a") as asked:
    asked.write(" ".join(words[2:4]) + "\\n")
if words[2] == "get":
    sys.stdout.write((here / "policy.json").read_text())
elif words[2] == "run":
    (pod,) = (json.loads(word.partition("=")[2]) for word in words if word.startswith("--overrides="))
    (container,) = pod["spec"]["containers"]
    line = ["bwrap", "--unshare-all", "--die-with-parent", "--clearenv", "--dev", "/dev", "--proc", "/proc"]
    for mount in container["volumeMounts"]:
        line += ["--tmpfs", mount["mountPath"]]
    for folder in {INTERPRETER!r}:
        line += ["--ro-bind", os.path.realpath(folder), folder]
    for name in ("lib", "lib64", "bin"):
        line += ["--symlink", f"usr/{{name}}", f"/{{name}}"]
    for variable in container["env"]:
        line += ["--setenv", variable["name"], variable["value"]]
    command = [{sys.executable!r} if word == "python3" else word for word in container["command"]]
    os.execvp("bwrap", [*line, "--chdir", container["workingDir"], *command])
"""


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a kubectl in it, which notes what it is asked."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "kubectl").write_text(KUBECTL)
    (folder / "kubectl").chmod(0o755)
    (folder / "policy.json").write_text(json.dumps(DENY_ALL))
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


@pytest.fixture
def provider() -> Iterator[KubernetesProvider]:
    made = KubernetesProvider()
    yield made
    made.close()


def job_of(tmp_path: Path, source: str, **changes: Any) -> ModelJob:
    write_live(tmp_path / "in", tuple(f"n{number}" for number in range(20)))
    return replace(job(tmp_path / "in", script(tmp_path / "model", source), "run-1", image=IMAGE), **changes)


def test_a_pod_runs_the_job_that_it_was_fed_and_is_removed(
    cluster: Path, provider: KubernetesProvider, tmp_path: Path
) -> None:
    assert "namespace cupel-models" in provider.check()
    result = result_of(provider, job_of(tmp_path, GOOD + "print('hello')\n"))
    assert (result.outcome, result.log) == (RunOutcome.GOOD, b"hello\n")
    assert result.output.startswith(b"PAR1")
    asked = (cluster / "asked").read_text().splitlines()
    assert asked == ["get networkpolicy", "delete pod", "run cupel-run-1", "delete pod"]


def test_a_pod_s_exit_code_is_the_model_s(
    cluster: Path, provider: KubernetesProvider, tmp_path: Path
) -> None:
    result = result_of(provider, job_of(tmp_path, "raise SystemExit(7)"))
    assert (result.outcome, result.exit_code) == (RunOutcome.FAILED, 7)


OPEN: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a way out": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "egress": [{}]},
    "a way in": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}]},
    "ingress alone": {"podSelector": {}, "policyTypes": ["Ingress"]},
    "some pods": {"podSelector": {"matchLabels": {"a": "b"}}, "policyTypes": ["Ingress", "Egress"]},
}


@pytest.mark.parametrize("what", OPEN)
def test_a_policy_that_leaves_a_way_is_refused(
    cluster: Path, provider: KubernetesProvider, what: str
) -> None:
    (cluster / "policy.json").write_text(json.dumps({"spec": OPEN[what]}))
    with pytest.raises(ProviderUnavailable, match="nothing is run there"):
        provider.check()


def test_without_kubectl_the_message_says_so(
    provider: KubernetesProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ProviderUnavailable, match="expected kubectl, found none"):
        provider.check()


def test_the_same_job_is_packed_into_the_same_bytes(tmp_path: Path) -> None:
    given = job_of(tmp_path, GOOD)
    one, two = packed(given), packed(given)
    assert one.read_bytes() == two.read_bytes()
    for path in (one, two):
        path.unlink()


def test_a_pod_has_no_token_no_rights_and_bounds_on_all_that_it_takes(tmp_path: Path) -> None:
    limits = JobLimits(memory=10**9, files=10**8, threads=3)
    spec = pod_of(job_of(tmp_path, GOOD, limits=limits, seconds=50.5))["spec"]
    (container,) = spec["containers"]
    assert not spec["automountServiceAccountToken"]
    assert spec["activeDeadlineSeconds"] == 50
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["limits"]["memory"] == str(10**9)
    assert container["resources"]["limits"]["cpu"] == "3"
    assert container["image"] == IMAGE
    assert all(volume["emptyDir"]["sizeLimit"] == str(10**8) for volume in spec["volumes"])


def test_manifests_and_pods_are_valid_for_kubernetes(world: World, tmp_path: Path) -> None:
    site = Site(world, tmp_path / "node")
    config = site.write([model(1, script(site.folder / "one", GOOD), provider="kubernetes", image=IMAGE)])
    for document in (*manifests(config), pod_of(job_of(tmp_path, GOOD))):
        kubernetes_validate.validate(document, "1.34", strict=True)


def test_the_namespace_forbids_all_traffic_and_the_node_may_do_nothing_but_run_pods(
    world: World, tmp_path: Path
) -> None:
    site = Site(world, tmp_path / "node")
    config = site.write([model(1, script(site.folder / "one", GOOD), provider="kubernetes", image=IMAGE)])
    made = {document["kind"]: document for document in manifests(config)}
    assert made["NetworkPolicy"]["spec"] == DENY_ALL["spec"]
    verbs = {
        (resource, verb)
        for rule in made["Role"]["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert not any(
        verb in ("*", "update", "patch") or resource in ("*", "secrets") for resource, verb in verbs
    )
    assert made["Namespace"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
