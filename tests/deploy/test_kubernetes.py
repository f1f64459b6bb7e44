"""The Kubernetes manifests: schemas of two versions, and that references find their ends."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from service.settings import Settings
from tools.fleet.processes import DOCKER

FOLDER = DOCKER / "kubernetes"
BASE = FOLDER / "base"
CUSTOM = ("monitoring.coreos.com/v1",)
"""Kinds that Kubernetes itself knows no schema of."""


def documents(*folders: str) -> list[dict[str, Any]]:
    paths = [path for folder in folders for path in sorted((FOLDER / folder).glob("*.yaml"))]
    loaded = [
        document
        for path in paths
        if path.name != "kustomization.yaml"
        for document in yaml.safe_load_all(path.read_text())
    ]
    assert loaded
    return loaded


ALL = documents("base")


def one(kind: str, name: str) -> dict[str, Any]:
    (found,) = [d for d in ALL if (d["kind"], d["metadata"]["name"]) == (kind, name)]
    return found


def container(deployment: str) -> dict[str, Any]:
    (only,) = one("Deployment", deployment)["spec"]["template"]["spec"]["containers"]
    return dict(only)


def selected(labels: dict[str, str]) -> list[str]:
    """Deployments whose pods have the labels."""
    return [
        d["metadata"]["name"]
        for d in ALL
        if d["kind"] == "Deployment"
        and labels.items() <= d["spec"]["template"]["metadata"]["labels"].items()
    ]


@pytest.mark.parametrize("version", ["1.34", "1.37"])
@pytest.mark.parametrize("document", ALL, ids=lambda d: f"{d['kind']}-{d['metadata']['name']}")
def test_each_is_what_kubernetes_allows(document, version):
    kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("path", sorted(DOCKER.glob("**/kustomization.yaml")), ids=str)
def test_each_kustomization_finds_its_parts(path: Path):
    given = yaml.safe_load(path.read_text())
    assert given["kind"] == "Kustomization"
    generated = [name for one in given.get("configMapGenerator", []) for name in one["files"]]
    patches = [patch["path"] for patch in given.get("patches", [])]
    for name in generated + patches:
        assert "/" not in name  # kustomize reads files of its own folder only
        assert (path.parent / name).is_file()
    resources = given.get("resources", [])
    for name in resources:
        target = path.parent / name
        assert target.is_file() or (target / "kustomization.yaml").is_file()
    here = {p.name for p in path.parent.glob("*.yaml")} - {"kustomization.yaml"}
    assert here == {name for name in resources if name.endswith(".yaml")} | set(patches)


def test_whatever_selects_pods_selects_one_deployments():
    for document in ALL:
        kind, spec = document["kind"], document.get("spec", {})
        if kind == "Service":
            labels = spec["selector"]
        elif kind == "NetworkPolicy":
            labels = spec["podSelector"]["matchLabels"]
        elif kind in ("PodDisruptionBudget", "Deployment"):
            labels = spec["selector"]["matchLabels"]
        else:
            continue
        metadata = document["metadata"]
        component = metadata.get("labels", {}).get("app.kubernetes.io/component")
        assert selected(labels) == [component or metadata["name"]]


def test_services_and_monitors_name_ports_that_exist():
    services = [d for d in ALL if d["kind"] == "Service"]
    for service in services:
        (deployment,) = selected(service["spec"]["selector"])
        ports = {port["name"] for port in container(deployment)["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    monitors = documents("monitoring")
    assert {d["apiVersion"] for d in monitors} <= set(CUSTOM)
    for monitor in monitors:
        labels = monitor["spec"]["selector"]["matchLabels"]
        (service,) = [s for s in services if labels.items() <= s["metadata"]["labels"].items()]
        ports = {port["name"] for port in service["spec"]["ports"]}
        assert {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} <= ports
    jobs = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    relabelled = {
        label["replacement"]
        for monitor in monitors
        for endpoint in monitor["spec"]["endpoints"]
        for label in endpoint["relabelings"]
    }
    assert relabelled == {job["job_name"] for job in jobs}


def test_the_balancer_looks_where_the_replicas_are():
    environment = {e["name"]: e["value"] for e in container("balancer")["env"]}
    service, namespace, *rest = environment["ABAIR_BACKEND"].split(".")
    assert one("Service", service)["spec"]["clusterIP"] == "None"
    assert one("Namespace", namespace)
    assert rest == ["svc", "cluster", "local"]
    known = (DOCKER / "haproxy" / "haproxy.cfg").read_text()
    assert all(name in known for name in environment)


def test_a_replica_has_time_to_end(monkeypatch):
    replica = container("replica")
    for variable in replica["env"]:
        if variable["name"] != "ABAIR_API_KEYS_FILE":
            monkeypatch.setenv(variable["name"], variable["value"])
            if variable["name"].startswith("ABAIR_"):
                assert variable["name"].removeprefix("ABAIR_").lower() in Settings.model_fields
    settings = Settings()
    pod = one("Deployment", "replica")["spec"]["template"]["spec"]
    stop = replica["lifecycle"]["preStop"]["sleep"]["seconds"]
    needed = stop + settings.linger_seconds + 2 * settings.grace_seconds
    assert pod["terminationGracePeriodSeconds"] >= needed
    hard_stop = re.search(
        r"hard-stop-after (\d+)s", (DOCKER / "haproxy" / "haproxy.cfg").read_text()
    )
    assert hard_stop
    balancer = one("Deployment", "balancer")["spec"]["template"]["spec"]
    assert balancer["terminationGracePeriodSeconds"] > int(hard_stop.group(1))


def test_replicas_show_when_they_start_take_pictures_and_live():
    replica = container("replica")
    assert replica["startupProbe"]["httpGet"]["path"] == "/readyz"
    assert replica["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert replica["livenessProbe"]["httpGet"]["path"] == "/healthz"
    rolling = one("Deployment", "replica")["spec"]["strategy"]["rollingUpdate"]
    assert rolling["maxUnavailable"] == 0


@pytest.mark.parametrize("name", ["replica", "balancer"])
def test_pods_may_do_nothing_they_need_not(name):
    pod = one("Deployment", name)["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    assert container(name)["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert one("NetworkPolicy", name)["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert one("PodDisruptionBudget", name)


def test_it_scales_by_a_metric_of_ours():
    scaler = one("HorizontalPodAutoscaler", "replica")["spec"]
    assert one(scaler["scaleTargetRef"]["kind"], scaler["scaleTargetRef"]["name"])
    (metric,) = [m["pods"]["metric"]["name"] for m in scaler["metrics"]]
    assert f"`{metric}`" in (DOCKER.parent / "docs" / "configuration.md").read_text()


def test_the_gpu_patch_is_of_a_deployment_and_asks_for_one_card():
    (patch,) = documents("gpu")
    changed = patch["spec"]["template"]["spec"]["containers"][0]
    assert one(patch["kind"], patch["metadata"]["name"])
    assert changed["name"] == container("replica")["name"]
    assert changed["resources"]["limits"]["nvidia.com/gpu"] == "1"


@pytest.mark.parametrize("name", ["replica", "balancer"])
def test_the_service_named_abair_sets_no_variable_of_a_pod(name):
    """Otherwise Kubernetes sets ABAIR_PORT=tcp://..., which is no port to listen on."""
    assert one("Deployment", name)["spec"]["template"]["spec"]["enableServiceLinks"] is False
