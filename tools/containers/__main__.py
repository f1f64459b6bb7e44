"""Build every image of the container tests: ``python -m tools.containers``.

Prints the seconds of each step and the sizes. A second run takes what the first one built.
"""

import json
import sys
import time
from collections.abc import Callable

from tools.containers import images
from tools.containers.engine import podman, why_not


def timed(what: str, step: Callable[[], str]) -> str:
    """Take a step; print what it took and gave."""
    started = time.monotonic()
    image = step()
    seconds = time.monotonic() - started
    size = json.loads(podman("image", "inspect", image))[0]["Size"] / 1e6
    print(f"{what}: {seconds:.0f} s, {size:.0f} MB, {image}", flush=True)
    return image


def main() -> None:
    """Build, or say why not."""
    if reason := why_not():
        sys.exit(f"no container can run here: {reason}")
    base = timed("base", images.base)
    timed("image", lambda: images.abair(base))
    timed("balancer", images.balancer)
    timed("prometheus", images.prometheus)


if __name__ == "__main__":
    main()
