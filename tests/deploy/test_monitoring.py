"""Prometheus with the committed rules, the dashboard's queries, and what replicas tell."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.deploy.load import HEADERS, PICTURE, load
from tools.fakes import metric_families
from tools.fleet.fleet import Fleet
from tools.fleet.processes import DOCKER, PATIENCE, Process, free_port, program, until

PROMETHEUS = DOCKER / "prometheus"
DASHBOARD = json.loads((DOCKER / "grafana" / "dashboards" / "abair.json").read_text())
QUERIES = [
    (panel["title"], target["expr"])
    for panel in DASHBOARD["panels"]
    for target in panel.get("targets", [])
]


@pytest.mark.parametrize(
    "command",
    [
        "check config --syntax-only prometheus.yml",
        "check rules alerts.yml",
        "test rules alerts.test.yml",
    ],
)
def test_promtool_is_content(command):
    done = subprocess.run(
        [program("promtool"), *command.split()], cwd=PROMETHEUS, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested_to_fire_and_to_keep_quiet():
    rules = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())
    names = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    tests = yaml.safe_load((PROMETHEUS / "alerts.test.yml").read_text())["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == names
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == names


def test_the_dashboard_shows_every_metric_and_no_other():
    known = {family.name for family in metric_families() if family.name.startswith("restore_")}
    shown = {
        re.sub(r"_(total|bucket|sum|count|info)$", "", name)
        for _, query in QUERIES
        for name in re.findall(r"\brestore_\w+", query)
    }
    assert shown == known


def test_the_dashboards_panels_lie_side_by_side():
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + column, place["y"] + row)
            for column in range(place["w"])
            for row in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(column for column, _ in cells) < 24
        taken |= cells


def test_the_dashboards_source_is_the_one_provided():
    folder = DOCKER / "grafana" / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())[
        "datasources"
    ]
    used = {panel["datasource"]["uid"] for panel in DASHBOARD["panels"] if "datasource" in panel}
    assert used == {source["uid"]}


def observed(fleet: Fleet, balancer_metrics: str, folder: Path) -> dict[str, Any]:
    """The committed configuration with the test's addresses where names were looked up."""
    config: dict[str, Any] = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(PROMETHEUS / name) for name in config["rule_files"]]
    (folder / "key").write_text("secret\n")
    targets = {
        "replicas": [replica.url.removeprefix("http://") for replica in fleet.replicas],
        "balancer": [balancer_metrics.removeprefix("http://")],
    }
    for job in config["scrape_configs"]:
        del job["dns_sd_configs"]
        job["static_configs"] = [{"targets": targets[job["job_name"]]}]
        if "authorization" in job:
            job["authorization"] = {"credentials_file": str(folder / "key")}
    return config


async def prometheus(fleet: Fleet, config: dict[str, Any], folder: Path) -> tuple[Process, str]:
    """Start Prometheus; return its process and address."""
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    options = {
        "config.file": folder / "prometheus.yml",
        "storage.tsdb.path": folder / "data",
        "web.listen-address": f"127.0.0.1:{port}",
    }
    command = [program("prometheus"), *(f"--{name}={value}" for name, value in options.items())]
    process = fleet.run("prometheus", command, {})
    url = f"http://127.0.0.1:{port}"
    await fleet.alive(process, f"{url}/-/ready")
    return process, url


@pytest.mark.anyio
async def test_every_query_of_the_dashboard_and_every_rule_finds_something(fleet: Fleet, tmp_path):
    for name in "ab":
        fleet.replica(name, ABAIR_API_KEYS="secret")
    balancer = await fleet.haproxy()
    await fleet.ready()
    await balancer.sees(2)
    config = observed(fleet, balancer.metrics_url, tmp_path)
    _, url = await prometheus(fleet, config, tmp_path)
    missing = list(QUERIES)

    async with balancer.client() as client, httpx.AsyncClient(timeout=PATIENCE) as asking:
        client.headers["X-API-Key"] = "secret"

        async def find(query: str) -> bool:
            query = query.replace("$__rate_interval", "30s").replace("$instance", ".*")
            answer = await asking.get(f"{url}/api/v1/query", params={"query": query})
            assert answer.status_code == 200, answer.text
            return bool(answer.json()["data"]["result"])

        async def found() -> bool:
            nonlocal missing
            outcomes = await load(client, callers=2, requests=2)
            assert outcomes.failed == []
            await client.post("/restore", content=b"no picture", headers=HEADERS)
            await client.post("/degradation-map", content=PICTURE, headers=HEADERS)
            missing = [(title, query) for title, query in missing if not await find(query)]
            return not missing

        try:
            await until(found, "an answer to every query")
        except AssertionError as error:
            raise AssertionError(f"no answer to {missing}") from error
        groups = (await asking.get(f"{url}/api/v1/rules")).json()["data"]["groups"]
        states = {rule["name"]: rule for group in groups for rule in group["rules"]}
        assert {rule["health"] for rule in states.values()} == {"ok"}
        assert [name for name, rule in states.items() if rule["state"] == "firing"] == []
