"""All Prometheus metrics of the service, in one class with its own registry."""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.process_collector import ProcessCollector

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
ITEMS = (1, 2, 4, 8, 16, 32, 64)
PIXELS = tuple(4.0**power for power in range(6, 15))


class ServiceMetrics:
    """Metrics of one service; labels are bounded.

    Args:
        registry: Where they live; one a service, never the global one.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "restore_requests", "Answered requests.", ["endpoint", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "restore_request_seconds",
            "Time from the first byte of a request to the last byte of its answer.",
            ["endpoint"],
            buckets=SECONDS,
            registry=registry,
        )
        self.stage_seconds = Histogram(
            "restore_stage_seconds",
            "Time per picture and stage: decode, queue, describe, restore, segment, encode.",
            ["stage"],
            buckets=SECONDS,
            registry=registry,
        )
        self.refusals = Counter(
            "restore_refusals",
            "Refused or failed requests, by the code in the answer.",
            ["code"],
            registry=registry,
        )
        self.ended_connections = Counter(
            "restore_connections_ended",
            "Connections ended because the head of a request, or the reading of an answer, made no "
            "progress: head, answer.",
            ["reason"],
            registry=registry,
        )
        for reason in ("head", "answer"):
            self.ended_connections.labels(reason)  # so that both are shown before the first one
        self.batches = Counter(
            "restore_batches",
            "Batches run, by kind of work and by what started them.",
            ["kind", "reason"],
            registry=registry,
        )
        self.batch_items = Histogram(
            "restore_batch_items",
            "Tiles or pictures in a batch.",
            ["kind"],
            buckets=ITEMS,
            registry=registry,
        )
        self.batch_pixels = Histogram(
            "restore_batch_pixels",
            "Pixels in a batch, including margins and padding.",
            ["kind"],
            buckets=PIXELS,
            registry=registry,
        )
        self.batch_seconds = Counter(
            "restore_batch_seconds",
            "Time in which the device ran batches.",
            ["kind"],
            registry=registry,
        )
        self.tiles_halved = Counter(
            "restore_tiles_halved",
            "Times that the tiles of a picture were halved because memory ran out.",
            registry=registry,
        )
        self.pixels = Counter("restore_pixels", "Pixels of restored pictures.", registry=registry)
        self.adapter_weights = Counter(
            "restore_adapter_weights",
            "Sum of the weights with which each adapter was applied.",
            ["adapter"],
            registry=registry,
        )
        self.degradations = Counter(
            "restore_degradations",
            "Sum of the amounts of each degradation that were found.",
            ["degradation"],
            registry=registry,
        )
        self.in_flight = Gauge(
            "restore_requests_in_flight",
            "Pictures accepted and not yet answered.",
            registry=registry,
        )
        self.device = Info(
            "restore_device",
            "Device, arithmetic, model name and sha256 of the weights.",
            registry=registry,
        )

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Add a gauge that is read when it is asked for."""
        Gauge(name, text, registry=self.registry).set_function(read)

    def observe_batch(self, kind: str, reason: str, items: int, cost: int, seconds: float) -> None:
        """Note one batch."""
        self.batches.labels(kind, reason).inc()
        self.batch_items.labels(kind).observe(items)
        self.batch_pixels.labels(kind).observe(cost)
        self.batch_seconds.labels(kind).inc(seconds)

    def observe_picture(
        self, weights: Mapping[str, float], degradations: Mapping[str, float]
    ) -> None:
        """Note the degradations that one picture had, and the adapter weights that it got."""
        for name, weight in weights.items():
            self.adapter_weights.labels(name).inc(weight)
        for name, share in degradations.items():
            self.degradations.labels(name).inc(share)
