"""A replica with a fake engine: ``python -m tools.fleet.replica``, set up by the environment.

``ABAIR_...`` as for the real one, and

- ``FAKE_NAME``: its model's name, hence in ``Restore-Model``;
- ``FAKE_SECONDS``: what a picture takes;
- ``FAKE_WARM_UP``: seconds until it is ready;
- ``FAKE_GATE``: file without which no picture is finished;
- ``FAKE_CRASH``: set, the process dies of the first picture.
"""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from service.app import serve
from service.settings import Settings
from tools.fakes import FakeEngine


class SlowEngine(FakeEngine):
    """Sleeps where a real one computes."""

    def warm_up(self, side):
        time.sleep(float(os.environ.get("FAKE_WARM_UP", "0")))

    def restore(self, tasks):
        gate = os.environ.get("FAKE_GATE")
        while gate is not None and not Path(gate).exists():
            time.sleep(0.01)
        if "FAKE_CRASH" in os.environ:
            os._exit(9)
        time.sleep(float(os.environ.get("FAKE_SECONDS", "0")))
        return super().restore(tasks)


def main():
    engine = SlowEngine()
    engine.info = replace(
        engine.info, model=replace(engine.info.model, name=os.environ["FAKE_NAME"])
    )
    sys.exit(serve(Settings(), engine))


if __name__ == "__main__":
    main()
