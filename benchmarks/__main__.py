"""``make bench``: measure, print, and write docs/performance.md and docs/performance.json."""

import argparse
import gc
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from rich.console import Console

import model
from benchmarks.against import peer_rows
from benchmarks.card import card_rows
from benchmarks.fleet import fleet_rows
from benchmarks.http import service_rows
from benchmarks.mixed import mixed_rows
from benchmarks.network import frames_row, ratio_rows, size_rows
from benchmarks.overload import overload_rows
from benchmarks.published import published_rows
from benchmarks.rows import Row, machine, write

BUSY = 0.5
"""Load average above which a machine isn't idle; threads that share a core spin for each other."""

PARTS = ("network", "service", "load", "fleet", "peers", "published", "card")


def main() -> None:
    """Run the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--weights", type=Path, help="folder of weights; without it the bundled ones"
    )
    parser.add_argument("--threads", type=int, default=2, help="threads of the model (default: 2)")
    parser.add_argument("--seconds", type=float, default=20, help="of each throughput measurement")
    parser.add_argument("--largest", type=int, default=24, help="megapixels of the largest picture")
    parser.add_argument("--out", type=Path, default=Path("docs"), help="folder of the results")
    parser.add_argument("--only", choices=PARTS, help="one part; writes nothing")
    parser.add_argument(
        "--peers",
        type=Path,
        default=Path(sys.prefix) / "peers",
        help="environment of the other servers and networks (default: %(default)s)",
    )
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    restorer = model.load(arguments.weights)
    gc.collect()
    gc.freeze()  # a full pass over torch's objects would count as the latency of who is measured
    console = Console(highlight=False, soft_wrap=True)
    load = os.getloadavg()[0]
    if load > BUSY:
        console.print(f"load {load:.1f}: other programs are running, these numbers won't stand")
    rows = []
    for row in _rows(restorer, arguments):
        rows.append(row)
        console.print(_line(row), markup=False)
    if arguments.only is None:
        facts = machine(f"{restorer.info.name}, sha256 {restorer.info.sha256[:12]}")
        facts |= {"threads": str(arguments.threads), "load before": f"{load:.1f}"}
        write(rows, facts, arguments.out)


def _line(row: Row) -> str:
    shown = f"{'-':>10s}" if row.value is None else f"{row.value:10.4g}"
    return f"{row.what:65s} {shown} {row.unit:10s} {row.reach:8s} {row.verdict}"


def _rows(restorer: model.Restorer, arguments: argparse.Namespace) -> Iterator[Row]:
    weights, seconds, largest = arguments.weights, arguments.seconds, arguments.largest
    python, threads = arguments.peers / "bin" / "python", arguments.threads
    measured: dict[str, Callable[[], Iterator[Row]]] = {
        "network": lambda: itertools.chain(
            ratio_rows(restorer), [frames_row(restorer)], size_rows(restorer, largest=largest)
        ),
        "service": lambda: service_rows(restorer, weights, seconds=seconds, largest=largest),
        "load": lambda: itertools.chain(
            overload_rows(weights, seconds=seconds),
            mixed_rows(weights, seconds=seconds, largest=largest),
        ),
        "fleet": lambda: fleet_rows(weights, seconds=seconds),
        "peers": lambda: peer_rows(weights, threads=threads, seconds=seconds, python=python),
        "published": lambda: published_rows(restorer, threads=threads, python=python),
        "card": lambda: card_rows(restorer, weights, seconds=seconds, largest=largest),
    }
    for part in PARTS if arguments.only is None else (arguments.only,):
        yield from measured[part]()


if __name__ == "__main__":
    main()
