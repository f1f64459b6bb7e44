"""Prometheus in its container: it finds every replica by name, and an alert fires."""

import httpx

from tools.containers.engine import podman
from tools.containers.stack import Stack, wait


def asked(stack: Stack, query: str) -> list[dict[str, object]]:
    """Ask Prometheus, on this machine's loopback."""
    url = f"http://127.0.0.1:{stack.prometheus_port}/api/v1/query"
    answer = httpx.get(url, params={"query": query}, timeout=60)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, object]] = answer.json()["data"]["result"]
    return found


def test_it_scrapes_every_replica_and_the_balancer_through_the_network(stack: Stack):
    wait(lambda: len(asked(stack, 'up{job="replicas"} == 1')) == 2, "two replicas scraped")
    wait(lambda: len(asked(stack, 'up{job="balancer"} == 1')) == 1, "the balancer scraped")
    wait(lambda: len(asked(stack, "restore_ready == 1")) == 2, "two ready replicas")


def test_an_alert_fires_when_no_replica_is_ready_and_ends_when_they_are(stack: Stack, measured):
    firing = 'ALERTS{alertname="AbairNobodyReady", alertstate="firing"}'
    assert asked(stack, firing) == []
    for id_ in stack.ids("replica"):
        podman("kill", "--signal", "STOP", id_)
    try:
        seconds = wait(lambda: asked(stack, firing), "the alert fires")
        url = f"http://127.0.0.1:{stack.port}/readyz"
        answer = httpx.get(url, timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.json()["hint"]
    finally:
        for id_ in stack.ids("replica"):
            podman("kill", "--signal", "CONT", id_)
    quiet = wait(lambda: not asked(stack, firing), "the alert ends")
    measured(
        f"AbairNobodyReady fired after {seconds:.0f} s and ended {quiet:.0f} s after the repair"
    )
