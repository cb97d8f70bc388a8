"""The namespace in which models run as pods: no traffic, a bound on all of them, and a role for the node."""

import json
from pathlib import Path
from typing import Any, Final

from scorer.compute.configuration import ComputeConfig
from scorer.compute.infrastructure.common import Plan, memory_mib, threads
from scorer.compute.providers.kubernetes import LABELS, NAMESPACE, POLICY

FILE: Final = "cupel-models.json"
NODE: Final = "cupel-node"
RULES: Final = (
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["create", "delete", "get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["pods/attach"], "verbs": ["create", "get"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": ["get"]},
)
"""Rights of the node in the namespace; it has none elsewhere."""


def manifests(config: ComputeConfig) -> list[dict[str, Any]]:
    """Return the manifests of the namespace."""
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    policy = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    quota = {
        "pods": str(config.run.concurrent + 1),
        "limits.memory": f"{memory_mib(config)}Mi",
        "limits.cpu": str(threads(config) + 1),
    }
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": NODE}
    subject = {"kind": "ServiceAccount", "name": NODE, "namespace": NAMESPACE}
    rights = "rbac.authorization.k8s.io/v1"
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": NAMESPACE, "labels": {**LABELS, **restricted}},
        },
        _of("networking.k8s.io/v1", "NetworkPolicy", POLICY, {"spec": policy}),
        _of("v1", "ResourceQuota", "models", {"spec": {"hard": quota}}),
        _of("v1", "ServiceAccount", NODE, {"automountServiceAccountToken": False}),
        _of(rights, "Role", NODE, {"rules": list(RULES)}),
        _of(rights, "RoleBinding", NODE, {"roleRef": role, "subjects": [subject]}),
    ]


def _of(version: str, kind: str, name: str, more: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": LABELS}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}


def plan(config: ComputeConfig, _file: Path) -> Plan:
    """Return the manifests as one file, and what to type."""
    document = {"apiVersion": "v1", "kind": "List", "items": manifests(config)}
    words = (
        f"apply it: kubectl apply -f {FILE}",
        f"the node's rights: kubectl -n {NAMESPACE} create token {NODE}, in a kubeconfig of its own",
        'then say provider = "kubernetes" and image = "name@sha256:..." of each model that is to run there',
        "your cluster must enforce network policies: not every one does",
        f"it costs the time of {threads(config)} processors and {memory_mib(config)} MiB while models run",
    )
    return Plan(
        {FILE: json.dumps(document, indent=1) + "\n"}, words, (f"kubectl delete namespace {NAMESPACE}",)
    )
