"""Load the model, in a process that is set up for it."""

import gc
import os

from service.device.engine import Engine
from service.settings import Settings


def load_engine(settings: Settings) -> Engine:
    """Load the model in the calling thread; torch comes only now, so that probes answer meanwhile.

    Raises:
        Exception: If the device or the weights cannot be used.
    """
    if "PYTORCH_CUDA_ALLOC_CONF" not in os.environ:
        # Pictures of many sizes would leave a card's memory in pieces; torch reads this once.
        os.environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")
    # oneDNN keeps 1,024 kernels compiled, hundreds of MB once pictures had many sizes; one size
    # needs about 30.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128")
    import model
    from service.device.torch_device import lower_priority
    from service.device.torch_engine import TorchEngine

    if model.choose_device(settings.device) == "cpu":
        lower_priority()  # before torch starts the helpers of this thread
    engine = TorchEngine.load(settings)
    if not gc.get_freeze_count():
        # 200,000 objects that stay: a full pass over them would hold up every thread for 0.25 s.
        gc.collect()
        gc.freeze()
    return engine
