"""Noise as a camera makes it: on the sensor, before the camera turns light into a picture.

After Brooks et al., "Unprocessing images for learned raw denoising" (CVPR 2019): the finished
picture is taken back to the sensor's raw values, gets shot and read noise there, and is developed
again: mosaic, demosaicing, white balance, colour matrix, tone curve, the camera's own denoising.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from model.degradations._picture import Picture, draw_normal, to_gamma, to_linear

_TO_CAMERA = np.array(  # sRGB to the raw colours of four cameras, rows sum to 1
    [
        [[0.67, 0.25, 0.08], [0.21, 0.68, 0.11], [0.06, 0.26, 0.68]],
        [[0.60, 0.33, 0.07], [0.19, 0.70, 0.11], [0.04, 0.30, 0.66]],
        [[0.73, 0.20, 0.07], [0.25, 0.63, 0.12], [0.08, 0.22, 0.70]],
        [[0.64, 0.27, 0.09], [0.16, 0.74, 0.10], [0.03, 0.24, 0.73]],
    ],
    dtype=np.float32,
)
_RED_GAIN, _BLUE_GAIN = (1.6, 2.4), (1.4, 2.0)
_CHROMA_DENOISED, _LUMA_DENOISED = 0.7, 0.4  # shares of cameras that smooth one or the other


def camera_noise(clean: Picture, sigma: float, rng: np.random.Generator) -> Picture:
    """Draw the noise that a camera would add to a picture.

    Args:
        clean: (H, W, 3) in [0, 1].
        sigma: Standard deviation of the noise in the finished picture.
        rng: Source of randomness.

    Returns:
        The noise alone, (H, W, 3), of the asked deviation; it is coarser than a pixel, coloured,
        and stronger in the dark or in the light, as the tone curve has it.
    """
    share = rng.dirichlet(np.ones(len(_TO_CAMERA))).astype(np.float32)
    matrix = np.tensordot(share, _TO_CAMERA, axes=1)
    gains = np.array([rng.uniform(*_RED_GAIN), 1, rng.uniform(*_BLUE_GAIN)], np.float32)
    light = to_linear(_undo_curve(clean)) @ matrix.T / gains
    shot = np.float32(np.exp(rng.uniform(np.log(1e-4), np.log(1.2e-2))))
    read = np.float32(np.exp(1.09 * np.log(shot) + 0.6 + rng.normal(0, 0.13)))  # a deviation
    raw = light + draw_normal(clean.shape, rng) * np.sqrt(shot * light + read**2)
    raw = raw.astype(np.float32)
    edges = rng.random() < 0.5
    to_rgb = np.linalg.inv(matrix).astype(np.float32)
    developed = [_develop(x, gains, to_rgb, edges=edges) for x in (raw, light)]
    noise = _denoise(developed[0] - developed[1], rng)
    noise *= np.float32(sigma / max(noise.std(), 1e-6))
    return noise


def _undo_curve(picture: Picture) -> Picture:
    """Invert the curve ``3 x^2 - 2 x^3`` that stands for the camera's contrast."""
    return (0.5 - np.sin(np.arcsin(1 - 2 * picture) / 3)).astype(np.float32)


def _develop(
    raw: Picture, gains: NDArray[np.float32], to_rgb: NDArray[np.float32], *, edges: bool
) -> Picture:
    """Turn the raw colours of each pixel into a picture, one colour per pixel being known."""
    mosaic = raw[..., 1].copy()  # green where nothing else is
    mosaic[::2, ::2], mosaic[1::2, 1::2] = raw[::2, ::2, 0], raw[1::2, 1::2, 2]
    levels = np.rint((np.clip(mosaic, -0.1, 1.1) + 0.1) * 50000).astype(np.uint16)
    how = cv2.COLOR_BayerBG2BGR_EA if edges else cv2.COLOR_BayerBG2BGR
    colours = cv2.demosaicing(levels, how)[..., ::-1].astype(np.float32) / np.float32(50000)
    light = np.clip((colours - np.float32(0.1)) * gains @ to_rgb.T, 0, 1)
    encoded = to_gamma(light)
    return encoded * encoded * (3 - 2 * encoded)


def _denoise(noise: Picture, rng: np.random.Generator) -> Picture:
    """Smooth the noise as cameras do: its colour mostly, its brightness sometimes."""
    luma = noise.mean(axis=2, keepdims=True)
    chroma = noise - luma
    if rng.random() < _CHROMA_DENOISED:
        chroma = cv2.GaussianBlur(chroma, (0, 0), rng.uniform(0.6, 2.5))
    if rng.random() < _LUMA_DENOISED:
        luma = cv2.GaussianBlur(luma, (0, 0), rng.uniform(0.4, 0.9))[..., None]
    return np.asarray(luma + chroma, dtype=np.float32)
