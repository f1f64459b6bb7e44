"""A degradation of one's own: two functions in a Python file, found by the file's path.

The file defines ``degrade(clean, severity, rng)`` and ``sample_severity(rng)``. It runs where
pictures are made to look at or to train on, and nowhere else: an adapter that was trained on it
needs its weights alone.
"""

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import numpy as np

from model.degradations._picture import Picture, check_picture, check_severity, to_levels

FUNCTIONS = ("degrade", "sample_severity")
"""What the file must define."""


@dataclass(frozen=True)
class OwnDegradation:
    """A degradation by the path of its file; each process loads the file for itself.

    Attributes:
        name: Of the degradation.
        path: Of the Python file.
    """

    name: str
    path: Path

    def degrade(self, clean: Picture, severity: float, rng: np.random.Generator) -> Picture:
        """Damage a picture, to exact 8-bit levels.

        Args:
            clean: (H, W, 3) RGB in [0, 1], float32; the file's function can't write to it.
            severity: In [0, 1].
            rng: Source of all randomness.

        Returns:
            (H, W, 3) in [0, 1], multiples of 1/255.

        Raises:
            ValueError: If the function gives another shape, or numbers that aren't finite.
        """
        check_picture(clean)
        check_severity(severity)
        guarded = clean.view()
        guarded.flags.writeable = False
        damaged = np.asarray(_load(self.path).degrade(guarded, severity, rng))
        if damaged.shape != clean.shape:
            raise ValueError(
                f"degrade() of {self.path} must return the shape it got, {clean.shape}, "
                f"got {damaged.shape}"
            )
        if not np.isfinite(damaged).all():
            raise ValueError(f"degrade() of {self.path} returned numbers that aren't finite")
        return to_levels(damaged.astype(np.float32, copy=False))

    def sample_severity(self, rng: np.random.Generator) -> float:
        """Draw a severity for one training picture.

        Raises:
            ValueError: If the function gives none in (0, 1].
        """
        severity = float(_load(self.path).sample_severity(rng))
        if not 0 < severity <= 1:
            raise ValueError(
                f"sample_severity() of {self.path} must return a number in (0, 1], got {severity}"
            )
        return severity

    def prove(self, clean: Picture, *, seeds: int = 3) -> None:
        """Try what training relies on, on one picture.

        Args:
            clean: (H, W, 3) RGB in [0, 1], float32.
            seeds: Number of draws.

        Raises:
            ValueError: If severity 0 changes the picture, equal seeds give unlike pictures, or
                severity 1 changes nothing.
        """
        for seed in range(seeds):
            first, again, none = (
                self.degrade(clean, severity, np.random.default_rng(seed))
                for severity in (1.0, 1.0, 0.0)
            )
            if not np.array_equal(none, to_levels(clean)):
                raise ValueError(f"degrade() of {self.path} must change nothing at severity 0")
            if not np.array_equal(first, again):
                raise ValueError(
                    f"degrade() of {self.path} gave two pictures for one seed; take all "
                    f"randomness from rng"
                )
            if np.array_equal(first, none):
                raise ValueError(f"degrade() of {self.path} changed nothing at severity 1")
            self.sample_severity(np.random.default_rng(seed))


@lru_cache
def _load(path: Path) -> ModuleType:
    """Run a file as a module of its own, which nothing else can import.

    Raises:
        ValueError: If it is not there, or lacks a function.
    """
    if not path.is_file():
        raise ValueError(f"there is no {path}: create it with `abair adapter new`")
    spec = importlib.util.spec_from_file_location(f"own_degradation_{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    missing = [name for name in FUNCTIONS if not callable(getattr(module, name, None))]
    if missing:
        raise ValueError(f"{path} must define {' and '.join(FUNCTIONS)}; missing: {missing}")
    return module
