"""Write tocsin.yaml, the processes for Kubernetes: `python -m deploy.kubernetes.build`.

Kafka, Elasticsearch, the configuration (ConfigMap `tocsin-config`) and the secrets (Secret `tocsin-secrets`) are
there already: docs/how-to/deploy-on-kubernetes.md.
"""

import sys
from pathlib import Path
from typing import Any, NamedTuple

import yaml

Json = dict[str, Any]
FILE = Path(__file__).with_name("tocsin.yaml")
IMAGE = "tocsin:0.1.0"
CONFIG = "/etc/tocsin/tocsin.toml"
PORT = 8686

READY = (
    "from urllib.request import Request, urlopen; "
    "token = open('/run/secrets/console_token').read().strip(); "
    f"urlopen(Request('http://127.0.0.1:{PORT}/readyz', headers={{'Authorization': f'Bearer {{token}}'}}), timeout=8)"
)
"""/readyz wants the token, which a probe of the kubelet cannot read from a secret."""


class Process(NamedTuple):
    """One deployment: how many at first, and what each may use."""

    name: str
    replicas: int
    cpu: str
    memory: str
    does: str


PROCESSES = (
    Process("ingest", 1, "100m", "512Mi", "listens to the sources"),
    Process("process", 2, "1", "1536Mi", "matches brands and judges; up to one for each partition is of use"),
    Process("index", 1, "200m", "512Mi", "writes mentions for search"),
    Process("alert", 2, "200m", "512Mi", "rules, incidents, notifications"),
    Process("serve", 2, "200m", "1536Mi", "console and HTTP API"),
)


def labels(name: str) -> Json:
    """What things of one process have in common."""
    return {"app.kubernetes.io/name": "tocsin", "app.kubernetes.io/component": name}


def container(name: str, words: list[str], *, cpu: str, memory: str) -> Json:
    """The one container of a pod: no rights, nothing to write to but two empty folders."""
    return {
        "name": name,
        "image": IMAGE,
        "args": words,
        "resources": {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/tocsin", "readOnly": True},
            {"name": "secrets", "mountPath": "/run/secrets", "readOnly": True},
            {"name": "data", "mountPath": "/var/lib/tocsin"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  # inside the container
        ],
    }


def pod(one: Json, **more: Any) -> Json:
    """A pod around a container."""
    return {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [one],
        "volumes": [
            {"name": "config", "configMap": {"name": "tocsin-config"}},
            {"name": "secrets", "secret": {"secretName": "tocsin-secrets", "defaultMode": 0o440}},
            {"name": "data", "emptyDir": {}},
            {"name": "tmp", "emptyDir": {}},
        ],
        **more,
    }


def topics() -> Json:
    """Once: make the topics. Apply again after deleting the job to be told of differences."""
    one = container("topics", ["topics", "create", "--config", CONFIG], cpu="100m", memory="256Mi")
    template = {"metadata": {"labels": labels("topics")}, "spec": pod(one, restartPolicy="OnFailure")}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "tocsin-topics", "labels": labels("topics")},
        "spec": {"backoffLimit": 10, "template": template},
    }


def deployment(process: Process) -> Json:
    """The pods of one process."""
    one = container(
        process.name, [process.name, "--json-logs", "--config", CONFIG], cpu=process.cpu, memory=process.memory
    )
    alive = {"httpGet": {"path": "/healthz", "port": "http"}}
    one |= {
        "ports": [{"name": "http", "containerPort": PORT}],
        "startupProbe": {**alive, "periodSeconds": 5, "failureThreshold": 24},
        "livenessProbe": {**alive, "periodSeconds": 15, "timeoutSeconds": 5, "failureThreshold": 4},
    }
    if process.name == "serve":
        one["readinessProbe"] = {
            "exec": {"command": ["python", "-c", READY]},
            "periodSeconds": 20,
            "timeoutSeconds": 10,
        }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": f"tocsin-{process.name}",
            "labels": labels(process.name),
            "annotations": {"tocsin/does": process.does},
        },
        "spec": {
            "replicas": process.replicas,
            "selector": {"matchLabels": labels(process.name)},
            "template": {
                "metadata": {"labels": labels(process.name)},
                # More than the 30 seconds that a process takes to finish what is under way.
                "spec": pod(one, terminationGracePeriodSeconds=40),
            },
        },
    }


def service(name: str) -> Json:
    """The address of a process for others: webhooks for `ingest`, console and API for `serve`."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"tocsin-{name}", "labels": labels(name)},
        "spec": {"selector": labels(name), "ports": [{"name": "http", "port": PORT, "targetPort": "http"}]},
    }


def manifests() -> list[Json]:
    """Everything, in the order in which it is applied."""
    return [topics(), *map(deployment, PROCESSES), service("ingest"), service("serve")]


class Plain(yaml.SafeDumper):
    """Writes what is said twice twice: people read this file."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  # PyYAML's signature
        """Never an anchor."""
        return True


def text() -> str:
    """The file."""
    head = "# Written by `python -m deploy.kubernetes.build`: change that, not this.\n"
    return head + yaml.dump_all(manifests(), Dumper=Plain, sort_keys=False, width=120, explicit_start=True)


def main() -> int:
    """Write the file."""
    FILE.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
