"""How ``abair train`` shows a training: a line per row of numbers, and a bar on a terminal."""

from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.progress import Progress, TaskID

from model.training.train import Listener


class ConsoleListener(Listener):
    """Prints the rows of a training, and shows its progress where there is a terminal."""

    def __init__(self) -> None:
        self._console = Console()
        self._bars = Progress(
            *Progress.get_default_columns(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "ConsoleListener":
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def row(self, numbers: Mapping[str, float]) -> None:
        """Print a row of numbers."""
        line = "  ".join(f"{name} {value:.4g}" for name, value in numbers.items())
        self._console.print(line, highlight=False, soft_wrap=True)

    def progress(self, phase: str, share: float) -> None:
        """Move the bar of ``phase``."""
        if phase not in self._tasks:
            self._tasks[phase] = self._bars.add_task(phase, total=1.0)
        self._bars.update(self._tasks[phase], completed=share)
