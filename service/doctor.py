"""``abair doctor``: find out whether this machine can serve, and what to do if it can't."""

import errno
import importlib.util
import os
import platform
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from PIL import features

from model.precision import choose_device
from model.storage.checkpoint import BUNDLED
from service.device.engine import Removal, RestoreTask
from service.device.torch_device import cores
from service.device.torch_engine import TorchEngine
from service.settings import Settings, unknown_variables

SIDE = 256
"""Pixels: side of the picture that is restored."""


@dataclass(frozen=True)
class Finding:
    """One thing that was examined.

    Attributes:
        name: What was examined.
        status: ``problem``: the service cannot run; ``note``: it can run, but look at this.
        found: What was found.
        remedy: What to do about it; empty if there is nothing to do.
    """

    name: str
    status: Literal["ok", "note", "problem"]
    found: str
    remedy: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Examine everything that serving with ``settings`` needs."""
    yield Finding("python", "ok", f"{platform.python_version()} at {sys.executable}")
    yield Finding("torch", "ok", torch.__version__)
    yield _settings()
    yield from _model(settings)
    yield _threads()
    yield from _codecs()
    yield _port(settings)
    yield _training()


def _settings() -> Finding:
    """Find environment variables that look like settings but are none."""
    unknown = unknown_variables(os.environ)
    if not unknown:
        return Finding("settings", "ok", "every ABAIR_ variable is a setting")
    found = f"ignored, since they are no settings: {', '.join(unknown)}"
    near = [f"{name}: did you mean {other}?" for name, other in unknown.items() if other]
    return Finding("settings", "note", found, "; ".join(near) or "abair serve --help lists all")


def _model(settings: Settings) -> Iterator[Finding]:
    """Load the model as the service does, and restore a small picture."""
    where = settings.model_path or BUNDLED
    try:
        choose_device(settings.device)
    except ValueError as error:
        remedy = "use --device auto or cpu, or repair the driver; nvidia-smi shows its state"
        yield Finding("device", "problem", str(error), remedy)
        return
    try:
        engine = TorchEngine.load(settings)
    except RuntimeError as error:  # torch cannot use the GPU
        remedy = "use --device cpu, or repair the driver; nvidia-smi shows its state"
        yield Finding("device", "problem", str(error), remedy)
        return
    except (OSError, ValueError) as error:
        remedy = "name another folder with --model-path, or copy the project's weights again"
        yield Finding("weights", "problem", f"{where}: {error}", remedy)
        return
    info, weights = engine.info, engine.info.model
    slow = info.device == "cpu" and torch.cuda.is_available()
    remedy = "an NVIDIA GPU is not used: use --device auto" if slow else ""
    found = f"{info.device}, {info.device_name}"
    yield Finding("device", "note" if slow else "ok", found, remedy)
    yield _precision(info.precision, info.device)
    adapters = ", ".join(adapter.name for adapter in engine.adapters) or "none"
    yield Finding(
        "weights",
        "ok" if engine.adapters else "note",
        f"{where}: {weights.name}, sha256 {weights.sha256[:12]}, {weights.parameters:,} "
        f"parameters, all finite; adapters: {adapters}",
        "" if engine.adapters else "only the baseline restores: train adapters with abair train",
    )
    yield from _smoke([adapter.name for adapter in engine.adapters if adapter.smoke])
    seconds = _restore(engine)
    speed = f"{seconds / SIDE**2 * 1e6:.2f} seconds per megapixel"
    yield Finding("restoring", "ok", f"{SIDE}x{SIDE} in {seconds:.3f} s, {speed}")


def _smoke(names: list[str]) -> Iterator[Finding]:
    """Name the adapters that a smoke run made."""
    if names:
        found = f"made by a smoke run, so of no use for pictures: {', '.join(names)}"
        remedy = "abair adapter remove NAME --weights FOLDER, then train it with --data and add it"
        yield Finding("adapters", "note", found, remedy)


def _restore(engine: TorchEngine) -> float:
    """Restore a small picture twice, as the service does, and return the seconds of the second."""
    picture = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    seconds = 0.0
    for _ in range(2):
        start = time.perf_counter()
        (described,) = engine.describe([engine.prepare(picture)])
        (tile,) = engine.plan_tiles(SIDE, SIDE, SIDE)
        everything = Removal((1.0,) * len(engine.adapters))
        engine.restore([RestoreTask(picture, tile, described.description, everything)])
        seconds = time.perf_counter() - start
    return seconds


def _precision(used: str, device: str) -> Finding:
    if device == "cuda":
        able = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        capabilities = torch.cpu.get_capabilities()
        able = bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    has = "has" if able else "doesn't have"
    found = f"the device {has} bf16; {used} is used"
    if able == (used == "bf16"):
        return Finding("precision", "ok", found)
    return Finding("precision", "note", found, "use --precision auto for what the device has")


def _threads() -> Finding:
    threads, available = torch.get_num_threads(), cores()
    found = f"{threads} threads of the model on {available:g} cores"
    if threads <= max(1, available):
        return Finding("threads", "ok", found)
    remedy = f"too many threads are slow: use --threads {max(1, int(available))}"
    return Finding("threads", "note", found, remedy)


def _codecs() -> Iterator[Finding]:
    needed = {"jpg": "JPEG", "zlib": "PNG", "webp": "WebP", "libtiff": "TIFF"}
    missing = [name for key, name in needed.items() if not features.check(key)]
    remedy = "pip install --force-reinstall pillow" if missing else ""
    found = f"missing: {', '.join(missing)}" if missing else ", ".join(needed.values())
    yield Finding("codecs", "problem" if missing else "ok", found, remedy)
    if features.check("avif"):
        yield Finding("AVIF", "ok", "read and written")
    else:
        yield Finding("AVIF", "note", "not read", "install Pillow's own wheels: pip install pillow")
    if importlib.util.find_spec("pillow_heif"):
        yield Finding("HEIC", "ok", "pillow-heif is installed")
    else:
        yield Finding("HEIC", "note", "not read", "to read it: pip install '.[heic]'")


def _port(settings: Settings) -> Finding:
    """Listen on the port for a moment, as the service would."""
    where = f"{settings.host}:{settings.port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
    except OSError as error:
        remedies = {
            errno.EADDRINUSE: "stop what listens there, or use --port 0 to find a free port",
            errno.EACCES: "ports below 1024 need special rights: use a higher one",
        }
        remedy = remedies.get(error.errno or 0, "--host must be an address of this machine")
        return Finding("port", "problem", f"{where}: {error}", remedy)
    if settings.is_public:
        remedy = "other machines can use it without a key: set ABAIR_API_KEYS"
        return Finding("port", "note", f"{where} is free", remedy)
    return Finding("port", "ok", f"{where} is free")


def _training() -> Finding:
    if importlib.util.find_spec("matplotlib"):
        return Finding("training", "ok", "matplotlib is installed")
    remedy = "training and reports need it: pip install '.[train]'"
    return Finding("training", "note", "matplotlib is missing", remedy)
