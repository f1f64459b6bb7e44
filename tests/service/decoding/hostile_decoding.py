"""Decoding processes with faults: what happens to a picture is in the red of its first pixel."""

import os
import signal
import sys
import time

from model.pictures import Metadata, Picture, decode
from service.decoding import worker_process

HANG, SPIN, SWELL, CRASH = 1, 2, 3, 4
"""Sleep for ever, compute for ever, take memory for ever, die of a fault in the decoder."""


def hostile(data: bytes, *, metadata: Metadata) -> Picture:
    picture = decode(data, metadata=metadata)
    fault = picture.rgb[0, 0, 0]
    held = []
    while fault == HANG:
        time.sleep(1)
    while fault == SPIN:
        pass
    while fault == SWELL:
        held.append(b"x" * 2**24)
    if fault == CRASH:
        os.kill(os.getpid(), signal.SIGSEGV)
    return picture


if __name__ == "__main__":
    vars(worker_process)["decode"] = hostile
    worker_process.main(int(sys.argv[1]))
