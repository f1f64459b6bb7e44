"""Files that are small to send and were dear to read, each with what reading it may cost now.

``python -m tools.hostile_files FOLDER`` writes them; without a folder it measures them.
"""

from dataclasses import dataclass

from tools.hostile_files import bmp, heif, icc, jpeg, newer, png, tiff, webp
from tools.hostile_files.parts import Make


@dataclass(frozen=True)
class Attack:
    """A hostile file.

    Attributes:
        make: Makes it of the size that hurt, or of a small one: ``make(scale)``, scale in (0, 1].
        refused: Whether reading it must end with an error.
        mebibytes: Most memory that reading it may take above what the process had.
        seconds: Most time of a core that reading it may take, header and pixels together.
    """

    make: Make
    refused: bool = True
    mebibytes: int = 100
    seconds: float = 2.0


ATTACKS: dict[str, Attack] = {
    name: Attack(make)
    for module in (png, jpeg, tiff, bmp, webp, heif, icc, newer)
    for name, make in module.REFUSED.items()
} | {
    name: Attack(make, refused=False)
    for module in (png, jpeg, tiff, bmp, webp, heif, icc, newer)
    for name, make in module.READ.items()
}
"""By name."""
