"""docker-compose.yml without an engine: its schema, and that its parts fit together."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()


def interpolated(text: str, environment: dict[str, str]) -> str:
    """Put in variables as Compose does: ``${A:-default}`` and ``${A:+if set}``."""

    def value(found: re.Match[str]) -> str:
        name, kind, word = found.groups()
        given = environment.get(name, "")
        return (word if given else "") if kind == "+" else given or word

    text = re.sub(r"\$\{(\w+):([-+])([^}]*)\}", value, text)
    assert "${" not in text
    return text


def project(**environment: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(interpolated(TEXT, environment))
    return loaded


SERVICES = project()["services"]
REPLICAS = [name for name, service in SERVICES.items() if "build" in service]


def test_it_is_what_the_compose_specification_allows(tmp_path):
    path = tmp_path / "docker-compose.yml"
    path.write_text(interpolated(TEXT, {}))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    done = subprocess.run(
        [*command, "vendor.compose-spec", str(path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_every_mounted_file_exists():
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert not source.startswith(".") or (ROOT / source).exists(), source
    for secret in project()["secrets"].values():
        assert (ROOT / secret["file"]).read_text() == ""


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_bounded_and_can_write_nowhere_but_in_its_volumes(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert service["deploy"]["resources"]["limits"]["memory"]
    assert service["logging"]["options"]["max-file"]
    assert re.search(r":[\w.-]*\d", service["image"]) or "build" in service  # never latest


def test_the_service_and_its_balancer_come_up_alone_and_the_rest_by_profile():
    alone = {name for name, service in SERVICES.items() if "profiles" not in service}
    assert alone == {"balancer", "replica"}
    watching = {name for name in SERVICES if SERVICES[name].get("profiles") == ["monitoring"]}
    assert watching == {"prometheus", "grafana"}


def test_only_the_balancer_can_be_published_beyond_this_machine():
    opened = project(ABAIR_PUBLISH="0.0.0.0")["services"]
    public = [
        name
        for name, service in opened.items()
        for port in service.get("ports", [])
        if not port.startswith("127.0.0.1:")
    ]
    assert public == ["balancer"]
    for service in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert project()["networks"]["inside"] == {"internal": True}
    assert all(list(SERVICES[name]["networks"]) == ["inside"] for name in REPLICAS)


@pytest.mark.parametrize("name", REPLICAS)
def test_a_replicas_settings_are_the_services_own(name, monkeypatch):
    given = SERVICES[name]["environment"]
    ours = {key: value for key, value in given.items() if key.startswith("ABAIR_")}
    known = {f"ABAIR_{field.upper()}" for field in Settings.model_fields}
    assert set(ours) <= known
    for key, value in ours.items():
        monkeypatch.setenv(key, str(value))
    settings = Settings()
    stop = float(SERVICES[name]["stop_grace_period"].removesuffix("s"))
    assert stop > settings.linger_seconds + 2 * settings.grace_seconds


def test_without_keys_none_are_asked_and_with_a_file_they_are():
    def variable(**environment: str) -> str:
        services = project(**environment)["services"]
        return str(services["replica"]["environment"]["ABAIR_API_KEYS_FILE"] or "")

    assert variable() == ""
    assert variable(ABAIR_KEYS_FILE="./secrets/api_keys") == "/run/secrets/api_keys"


def test_the_names_and_limits_of_balancer_prometheus_and_replicas_agree():
    balancer = (ROOT / "docker" / "haproxy" / "haproxy.cfg").read_text()
    defaults = dict(re.findall(r"\$\{(ABAIR_\w+)-([^}]*)\}", balancer))
    settings = Settings()
    assert defaults["ABAIR_BACKEND"] == "replicas"
    assert int(defaults["ABAIR_BACKEND_PORT"]) == settings.port
    assert int(defaults["ABAIR_MAX_BODY_BYTES"]) == settings.max_body_bytes
    waits = dict(re.findall(r"^    timeout (\S+) (\d+)s$", balancer, flags=re.MULTILINE))
    replica = SERVICES["replica"]["environment"]
    assert int(waits["server"]) > float(replica["ABAIR_DEADLINE_SECONDS"])
    checks = 2 * (1 + int(waits["check"]))  # fall 2, each a second apart and as long as it may take
    assert float(replica["ABAIR_LINGER_SECONDS"]) >= 2 * 1 + 1
    assert checks < float(replica["ABAIR_LINGER_SECONDS"]) + float(replica["ABAIR_GRACE_SECONDS"])
    assert int(waits["queue"]) < int(waits["server"])
    for name in REPLICAS:
        assert SERVICES[name]["networks"]["inside"]["aliases"] == ["replicas"]
    for service in ("balancer", "replica"):
        for size in ("", "1000"):
            services = project(ABAIR_MAX_BODY_BYTES=size)["services"]
            limit = services[service]["environment"]["ABAIR_MAX_BODY_BYTES"]
            assert int(limit) == int(size or settings.max_body_bytes)
    jobs = yaml.safe_load((ROOT / "docker" / "prometheus" / "prometheus.yml").read_text())
    for job in jobs["scrape_configs"]:
        (names,) = [source["names"] for source in job["dns_sd_configs"]]
        aliases = {"replicas", *SERVICES}
        assert set(names) <= aliases


def test_the_guide_lists_the_variables_and_the_alerts_and_no_others():
    guide = (ROOT / "docs" / "deploy.md").read_text()
    (table,) = re.findall(r"^\| variable .*?\n\n", guide, flags=re.MULTILINE | re.DOTALL)
    listed = set(re.findall(r"`(ABAIR_\w+)`", table))
    assert listed == set(re.findall(r"\$\{(ABAIR_\w+):", TEXT))
    rules = yaml.safe_load((ROOT / "docker" / "prometheus" / "alerts.yml").read_text())
    names = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    assert set(re.findall(r"`(Abair\w+)`", guide)) == names


def test_each_gpu_has_one_container():
    gpus = [
        device["device_ids"]
        for service in SERVICES.values()
        for device in service["deploy"]["resources"].get("reservations", {}).get("devices", [])
    ]
    assert gpus == [["0"], ["1"]]
    profiles = [SERVICES[name]["profiles"] for name in REPLICAS if "profiles" in SERVICES[name]]
    assert profiles == [["gpu"], ["gpu1"]]


def test_the_dashboard_that_grafana_opens_is_mounted():
    grafana = SERVICES["grafana"]
    opened = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    mounts = dict(volume.split(":")[:2][::-1] for volume in grafana["volumes"])
    assert json.loads((ROOT / mounts[str(opened.parent)] / opened.name).read_text())["uid"]
