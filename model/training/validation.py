"""Validation of a training: scores on the pairs of its phase, and pictures to look at."""

from model.config import Degradation
from model.evaluation import evaluate_task
from model.networks.restoration import RestorationNetwork
from model.pictures.folders import find_pairs
from model.restoring.restorer import Restorer
from model.training.options import AdapterGain, TrainingOptions
from model.training.phases import Phase
from model.training.report import draw_curves, draw_grid


class Validator:
    """Scores the validation pairs that matter to the phase, and draws the run's pictures.

    Attributes:
        measured: What an adapter gained at the last validation; None where there was none.
        called: Whether there was a validation.
    """

    def __init__(self, options: TrainingOptions, phase: Phase) -> None:
        self.run, self.mode = options.run, phase.mode
        self.measured: AdapterGain | None = None
        self.called = False
        self.tasks = {
            task: pairs for folder in options.val for task, pairs in find_pairs(folder).items()
        }
        if options.what in set(Degradation):
            self.tasks = {
                task: pairs for task, pairs in self.tasks.items() if task.startswith(options.what)
            }

    def __call__(self, network: RestorationNetwork) -> dict[str, float]:
        """Return the PSNR of each task, dB."""
        restorer = Restorer(network)
        self.called = True
        row: dict[str, float] = {}
        gains: list[tuple[float, float]] = []
        modes = ("none", "oracle") if self.mode == "oracle" else (self.mode,)
        for task, pairs in self.tasks.items():
            before, *_, after = scores = evaluate_task(restorer, task, pairs, modes=modes)
            row[task] = after.psnr
            gains.append((after.psnr - before.psnr, after.psnr - scores[1].psnr))
        if gains:
            self.measured = AdapterGain(
                round(sum(gain for gain, _ in gains) / len(gains), 2),
                round(sum(gain for _, gain in gains) / len(gains), 2),
                tuple(self.tasks),
            )
            alone = dict.fromkeys(restorer.askable[: len(restorer.adapters) or None], 1.0)
            adapters = alone if self.mode == "oracle" else self.mode
            draw_grid(restorer, self.tasks, self.run / "grid.png", adapters=adapters)
        draw_curves(self.run)
        return row
