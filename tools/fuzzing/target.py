"""One input after the other, made by atheris: reading it must end, soon, and with little memory.

``python -m tools.fuzzing.target FOLDER -max_total_time=60`` takes libFuzzer's options.
"""

import resource
import sys
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["model.pictures", "PIL"]):
    from model.pictures import PictureError, decode, decode_bytes, read_header

MAX_PIXELS = 2**20
MAX_SECONDS = 2.0
"""Seconds of a core that one input may take."""
MAX_BYTES = 2**29
"""Bytes of address space that all inputs may add; a decoder that asks for more ends the run."""


class OverLimitError(Exception):
    """An input took longer, or became larger, than it may."""


def one_input(data: bytes) -> None:
    """Read a file as the service does."""
    begun = time.process_time()
    try:
        header = read_header(data, max_pixels=MAX_PIXELS)
        picture = decode(data)
    except PictureError:
        pass
    else:
        if picture.rgb.size > 3 * header.pixels or picture.rgb.nbytes > decode_bytes(header):
            raise OverLimitError(f"it became {picture.rgb.shape}, and said {header}")
    seconds = time.process_time() - begun
    if seconds > MAX_SECONDS:
        raise OverLimitError(f"it took {seconds:.1f} s of a core")


def main() -> None:
    """Begin; memory is limited once everything is loaded."""
    atheris.Setup(sys.argv, one_input)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MAX_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
