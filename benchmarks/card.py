"""Rows of a CUDA card: the model on it, and the service that has it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.http import throughput_rows
from benchmarks.network import size_rows
from benchmarks.rows import Row
from benchmarks.server import Service
from model import Restorer


def card_rows(
    restorer: Restorer, weights: Path | None, *, seconds: float, largest: int
) -> Iterator[Row]:
    """Measure on the card that ``--device auto`` takes; nothing where there is none."""
    if not torch.cuda.is_available():
        return
    card = torch.cuda.get_device_name()
    for row in _rows(restorer.to("cuda"), weights, seconds=seconds, largest=largest):
        yield replace(row, name=f"card_{row.name}", what=f"{row.what}, {card}")
    restorer.to("cpu")


def _rows(
    restorer: Restorer, weights: Path | None, *, seconds: float, largest: int
) -> Iterator[Row]:
    yield from size_rows(restorer, largest=largest)
    service = Service(weights, "--device", "cuda")
    try:
        yield Row("start", "start to /readyz 200, every size warm", service.seconds, "s")
        yield from throughput_rows(service, restorer, seconds)
    finally:
        service.stop()
