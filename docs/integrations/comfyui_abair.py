"""ComfyUI node: restores pictures with an ABAIR service. Copy this file into ``custom_nodes/``.

It needs nothing that ComfyUI does not have: NumPy and torch.
"""

import io
import urllib.parse
import urllib.request

import numpy as np
import torch


class AbairRestore:
    """Restores pictures, and gives the damage that was seen as a mask (0: clean, 1: damaged)."""

    CATEGORY = "image/restoration"
    RETURN_TYPES = ("IMAGE", "MASK")
    RETURN_NAMES = ("restored", "damage")
    FUNCTION = "restore"

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "image": ("IMAGE",),
                "url": ("STRING", {"default": "http://127.0.0.1:8000"}),
                "adapters": ("STRING", {"default": "auto"}),
                "strength": ("FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.05}),
            },
            "optional": {"api_key": ("STRING", {"default": ""})},
        }

    def restore(self, image, url, adapters, strength, api_key=""):
        """Restore pictures of the shape (N, H, W, 3), with values from 0 to 1."""
        restored, damage = [], []
        for picture in image.cpu().numpy():
            rgb = np.round(picture[:, :, :3].clip(0, 1) * 65535).astype(np.uint16)
            options = urllib.parse.urlencode({"adapters": adapters, "strength": strength})
            values = np.load(_post(f"{url}/restore?{options}", rgb, "application/x-npy", api_key))
            restored.append(torch.from_numpy(values.astype(np.float32) / 65535))
            planes = np.load(_post(f"{url}/degradation-map", rgb, "application/x-npz", api_key))
            clean = list(planes["classes"]).index("clean")
            damage.append(torch.from_numpy(1 - planes["probabilities"][clean].astype(np.float32)))
        return torch.stack(restored), torch.stack(damage)


def _post(url, rgb, accept, api_key):
    body = io.BytesIO()
    np.save(body, rgb)
    headers = {"Content-Type": "application/x-npy", "Accept": accept}
    if api_key:
        headers["X-API-Key"] = api_key
    request = urllib.request.Request(url, body.getvalue(), headers)
    with urllib.request.urlopen(request, timeout=300) as answer:
        return io.BytesIO(answer.read())


NODE_CLASS_MAPPINGS = {"AbairRestore": AbairRestore}
NODE_DISPLAY_NAME_MAPPINGS = {"AbairRestore": "Restore (ABAIR)"}
