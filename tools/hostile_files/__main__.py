"""Write every hostile file into a folder, or measure what reading them costs."""

import sys
import tempfile
from pathlib import Path

from tools.bounded import Meter
from tools.hostile_files import ATTACKS


def write(folder: Path) -> None:
    """Write every file."""
    for name, attack in ATTACKS.items():
        (folder / name).write_bytes(attack.make(1.0))


def measure() -> None:
    """Print a row of Markdown for every file."""
    print("| file | bytes | became | seconds of a core | MiB |\n|---|---:|---|---:|---:|")
    with tempfile.TemporaryDirectory() as folder, Meter() as meter:
        write(Path(folder))
        for name in ATTACKS:
            path = Path(folder) / name
            cost = meter.cost_of(path, address_space=6 * 2**30, seconds=100)
            print(
                f"| {name} | {path.stat().st_size} | {cost.outcome} | {cost.seconds:.3f} "
                f"| {cost.mebibytes:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        write(Path(sys.argv[1]))
    else:
        measure()
