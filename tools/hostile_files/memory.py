"""What decoding takes at most for given settings: ``python -m tools.hostile_files.memory``.

Prints the rows of SECURITY.md's table. Every row is measured in a process of its own, in which as
many threads as the setting says decode the largest picture that is let in, all at the same time.
"""

import json
import math
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image

from model.pictures import decode, decode_bytes, read_header
from tools.bounded import forget_peak, peak
from tools.picture_files import file_of

ROOT = Path(__file__).parents[2]
SETTINGS = ((10, 2), (25, 2), (50, 2), (100, 1), (100, 2))
"""Megapixels of ``--max-pixels``, and ``--decode-threads``."""
KINDS = ("JPEG", "PNG of 16 bits with alpha", "WebP with alpha")
MIB = 2**20


def picture(kind: str, pixels: int) -> bytes:
    """A square picture of one colour."""
    side = math.isqrt(pixels)
    if kind == "JPEG":
        return file_of(Image.new("RGB", (side, side), (9, 90, 200)), "JPEG")
    if kind == "WebP with alpha":
        image = Image.new("RGBA", (side, side), (9, 90, 200, 77))
        return file_of(image, "WEBP", lossless=True, method=0)
    return bytes(imagecodecs.png_encode(np.full((side, side, 4), 999, np.uint16), level=1))


def taken(path: str, threads: str) -> None:
    """Decode a file in several threads at once; print the most memory above what there was."""
    data, errors = Path(path).read_bytes(), []
    before = forget_peak()

    def work() -> None:
        try:
            decode(data)
        except MemoryError as error:
            errors.append(str(error))

    workers = [threading.Thread(target=work) for _ in range(int(threads))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not errors, errors
    sys.stdout.write(json.dumps(round(peak() - before)))


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        for megapixels, threads in SETTINGS:
            row = [f"{megapixels}", f"{threads}"]
            for kind in KINDS:
                path = Path(folder) / "file"
                path.write_bytes(picture(kind, megapixels * 10**6))
                told = threads * decode_bytes(read_header(path.read_bytes())) // MIB
                command = [sys.executable, "-m", "tools.hostile_files.memory", str(path), row[1]]
                done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
                row.append(f"{json.loads(done.stdout)} ({told})")
            sys.stdout.write(f"| {' | '.join(row)} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        taken(*sys.argv[1:3])
    else:
        main()
