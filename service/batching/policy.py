"""The policy of who goes first on the device: one value with the reasons for each number."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class SchedulingPolicy:
    """How batches are filled, and how large pictures share the device with small ones.

    The oldest unit always goes first. A picture of one tile counts from its arrival. Each tile of a
    large picture counts from the moment at which it is submitted, so that small pictures that
    arrived while the tile before it ran go first. Costs are pixels.

    Attributes:
        max_cost: Largest cost of one batch. Above it the device gains nothing from more pixels. A
            unit with a larger cost runs alone.
        max_units: Largest number of units in one batch.
        max_wait: Longest time in seconds that a free device waits for more units, and only just
            after it was busy. A GPU runs a fuller batch in nearly the same time; a CPU does not, so
            it must not wait.
        max_queued: Largest number of waiting units. Further units are refused, except those that
            continue an accepted picture: the work already done for it would be lost.
        batches_ahead: Of a large picture, as many tiles are submitted at once as fill this many
            batches: one batch runs while the next one is full. More would only hold up others.
        pieces_per_batch: While small pictures arrive, a tile is submitted in pieces of this part
            of a batch, so that a small picture waits for a piece and not for a whole tile.
        quiet_seconds: Seconds after the last small picture until tiles are submitted whole again.
            Pieces cost time for their margins, which is lost if no small picture needs it.
        crowded_units: With so many waiting units tiles are submitted whole. The small pictures
            then delay each other more than the large one delays them, and the large one would
            starve.
    """

    max_cost: int
    max_units: int
    max_wait: float = 0.0
    max_queued: int = 4096
    batches_ahead: int = 2
    pieces_per_batch: int = 2
    quiet_seconds: float = 1.0
    crowded_units: int = 3

    def __post_init__(self) -> None:
        least = min(self.max_cost, self.max_units, self.max_queued)
        if least < 1 or self.max_wait < 0:
            raise ValueError(f"the limits of batches must be positive, got {self}")

    def tiles_at_once(self, largest_cost: int) -> int:
        """Return how many tiles of one picture wait or run at once.

        Args:
            largest_cost: Cost of its most costly tile.
        """
        return max(1, self.batches_ahead * self.max_cost // largest_cost)

    def piece_side(self) -> int:
        """Return the side in pixels of a square piece of a tile."""
        return math.isqrt(self.max_cost // self.pieces_per_batch)

    def splits_tiles(self, queued_units: int, seconds_since_small: float) -> bool:
        """Return whether tiles are submitted in pieces now.

        Args:
            queued_units: Number of waiting units.
            seconds_since_small: Seconds since the last picture of one tile was submitted.
        """
        return seconds_since_small <= self.quiet_seconds and queued_units < self.crowded_units
