"""Find out from the name of a task which degradation its pictures have."""

import re
from collections.abc import Iterable


def degradation_of(task: str, degradations: Iterable[str]) -> str | None:
    """Return the degradation with which the name of a task starts; None if there is none.

    ``noise25`` and ``noise_mild`` are tasks of ``noise``. Where several fit, the longest counts.
    """
    fitting = [name for name in degradations if task.startswith(name)]
    return max(fitting, key=len, default=None)


def kind_of(task: str) -> str:
    """Return the name of a task without the number at its end: ``noise25`` is ``noise``.

    Tasks such as ``blur_small`` are kinds of their own and don't count in averages of ``blur``.
    """
    return re.sub(r"\d+$", "", task)
