"""Loads the engine, after setting up the process for it."""

import gc
import os

from service.device.engine import Engine
from service.settings import Settings


def load_engine(settings: Settings) -> Engine:
    """Load the engine in the calling thread. It imports torch only now: probes answer meanwhile.

    Raises:
        Exception: If the device or the weights cannot be used.
    """
    if "PYTORCH_CUDA_ALLOC_CONF" not in os.environ:
        # Pictures of many sizes would fragment the GPU's memory. torch reads this once.
        os.environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")
    # oneDNN keeps 1,024 compiled kernels, hundreds of MB after pictures of many sizes. One size
    # needs about 30.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128")
    import model
    from service.device.torch_device import lower_priority
    from service.device.torch_engine import TorchEngine

    if model.choose_device(settings.device) == "cpu":
        lower_priority()  # before torch starts the helpers of this thread
    engine = TorchEngine.load(settings)
    if not gc.get_freeze_count():
        # 200,000 objects stay. A full garbage collection would stop every thread for 0.25 s.
        gc.collect()
        gc.freeze()
    return engine
