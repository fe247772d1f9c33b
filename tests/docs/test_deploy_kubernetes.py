"""The manifests of Kubernetes: fresh, calling verbs that exist, closed like the containers of compose."""

import pytest

from deploy.kubernetes import build
from tests.docs.test_readme_commands import wrong_with
from tests.kit.compose import MEBIBYTE, PROCESSES, Json, memory, services

ALL = build.manifests()
DEPLOYMENTS = {
    one["metadata"]["labels"]["app.kubernetes.io/component"]: one for one in ALL if one["kind"] == "Deployment"
}
PODS = {one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in ALL if one["kind"] != "Service"}


def test_the_file_is_what_the_script_writes() -> None:
    assert build.FILE.read_text(encoding="utf-8") == build.text(), "run `python -m deploy.kubernetes.build`"


def test_every_process_has_a_deployment() -> None:
    assert set(DEPLOYMENTS) == set(PROCESSES)


@pytest.mark.parametrize("pod", PODS.values(), ids=PODS.keys())
def test_a_pod_calls_a_verb_that_exists_and_has_no_rights(pod: Json) -> None:
    (container,) = pod["containers"]
    assert not wrong_with(container["args"])
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_may_use_as_much_as_in_compose_and_the_rules_say(name: str) -> None:
    (container,) = DEPLOYMENTS[name]["spec"]["template"]["spec"]["containers"]
    limit = container["resources"]["limits"]["memory"]
    assert int(limit.removesuffix("Mi")) * MEBIBYTE == memory(services()[name])


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_is_found_by_its_labels_and_asked_for_its_health(name: str) -> None:
    spec = DEPLOYMENTS[name]["spec"]
    assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"]
    (container,) = spec["template"]["spec"]["containers"]
    ports = {port["name"] for port in container["ports"]}
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert ports == {"http"}
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] > 30


def test_services_lead_to_processes_that_others_call() -> None:
    led = {one["spec"]["selector"]["app.kubernetes.io/component"] for one in ALL if one["kind"] == "Service"}
    assert led == {name for name in PROCESSES if services()[name].get("ports")}
