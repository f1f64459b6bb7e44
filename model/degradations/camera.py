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
_CHROMA_DENOISED, _LUMA_DENOISED = 0.92, 0.75  # shares of cameras that smooth one or the other
_CHROMA_RADIUS, _LUMA_RADIUS = (0.6, 2.2), (0.4, 0.9)  # pixels, of a Gaussian
_CHROMA_STRENGTH = (0.3, 1.0)  # deviation of the colour that is left, relative to the brightness's
_COARSE_RADIUS, _COARSE_SHARE = (2.0, 5.0), 0.35  # what denoising by parts of a picture leaves
_JPEG_SHARE, _JPEG_QUALITY = 0.6, (80, 98)


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
    """Smooth the noise as cameras do: its colour mostly, its brightness often.

    Cameras denoise groups of similar pixels together, which leaves a part of the noise as coarse
    patches.
    """
    noise = noise - noise.mean(axis=(0, 1))
    luma = noise.mean(axis=2, keepdims=True)
    chroma = noise - luma
    if rng.random() < _LUMA_DENOISED:
        luma = cv2.GaussianBlur(luma, (0, 0), rng.uniform(*_LUMA_RADIUS))[..., None]
    if rng.random() < _CHROMA_DENOISED:
        chroma = cv2.GaussianBlur(chroma, (0, 0), rng.uniform(*_CHROMA_RADIUS))
        strength = rng.uniform(*_CHROMA_STRENGTH) * float(luma.std())
        chroma = chroma * np.float32(strength / max(float(chroma.std()), 1e-6))
    left = luma + chroma
    coarse = cv2.GaussianBlur(left, (0, 0), rng.uniform(*_COARSE_RADIUS))
    share = rng.uniform(0, _COARSE_SHARE) * left.std() / max(float(coarse.std()), 1e-6)
    return np.asarray(left + np.float32(share) * coarse, dtype=np.float32)


def store_as_camera(picture: Picture, rng: np.random.Generator) -> Picture:
    """Store a picture as a JPEG of high quality, as most cameras do, or leave it.

    Args:
        picture: (H, W, 3) in [0, 1].
        rng: Source of randomness.

    Returns:
        (H, W, 3), 8-bit levels if it was stored.
    """
    if rng.random() >= _JPEG_SHARE:
        return picture
    levels = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    quality = int(rng.integers(*_JPEG_QUALITY))
    stored = cv2.imencode(".jpg", levels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1]).astype(np.float32) / np.float32(255)
