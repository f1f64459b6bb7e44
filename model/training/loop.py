"""One loop for all phases: optimise, average, log, validate, save, resume."""

import math
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import torch
from torch import Tensor, nn

from model.networks.lora import AdaptedConv2d
from model.networks.restoration import RestorationNetwork
from model.precision import arithmetic, choose_precision
from model.training.batch import Batch
from model.training.budget import Budget, Schedule
from model.training.muon import Muon
from model.training.phases import Phase
from model.training.tables import LOSSES, TABLES, VALIDATION, append_row, drop_rows_after
from model.training.team import Team


@dataclass
class Trainer:
    """A run: a phase on a network, in a folder.

    Attributes:
        network: What trains; only the phase's parts change.
        phase: What to do.
        run: Folder of the checkpoint and the logs.
        budget: How long.
        schedule: When to log, save, validate.
        validate: Called with the averaged weights in place; gives named numbers.
        on_log: Called with each logged row.
        on_step: Called after each step with the share of the budget used, at most 1.
        clock: Seconds; replaced in tests.
        team: The processes that train together; each gets its own part of every batch.
        device: Where to compute, ``cpu`` or ``cuda``.
        compiles: Whether ``torch.compile`` fuses the losses: up to a minute, then a card's steps
            take little over half the time.
    """

    network: RestorationNetwork
    phase: Phase
    run: Path
    budget: Budget
    validate: Callable[[RestorationNetwork], dict[str, float]]
    schedule: Schedule = field(default_factory=Schedule)
    on_log: Callable[[dict[str, float]], None] = lambda _: None
    on_step: Callable[[float], None] = lambda _: None
    clock: Callable[[], float] = time.perf_counter
    team: Team = Team()  # noqa: RUF009 - immutable
    device: str = "cpu"
    compiles: bool = False

    def __post_init__(self) -> None:
        self.step, self.seconds = 0, 0.0
        self._stop, self._compiling = False, self.compiles
        self._precision = choose_precision("auto", self.device)
        self.network.to(self.device)
        self._losses = self.phase.losses
        if self.compiles:  # not the network: it validates on pictures of many sizes
            self._losses = torch.compile(self.phase.losses, dynamic=False)
        self._due: dict[str, float] = defaultdict(float)
        self._sums: dict[str, float] = defaultdict(float)
        self._count = 0
        self.network.requires_grad_(requires_grad=False)
        for part in self.phase.parts(self.network):
            self._unfreeze(part)
        self.parameters = [p for p in self.network.parameters() if p.requires_grad]
        if not self.parameters:
            raise ValueError(f"phase {self.phase.name} has nothing to train")
        trains_baseline = self.network.backbone.intro.weight.requires_grad
        self._baseline = "" if trains_baseline else self.network.info.sha256
        self.average = [p.detach().clone() for p in self.parameters]
        self.optimisers = self._optimisers()
        self.run.mkdir(parents=True, exist_ok=True)

    @property
    def checkpoint(self) -> Path:
        """File from which the run goes on."""
        return self.run / "last.pt"

    def resume(self) -> bool:
        """Go on from the run's checkpoint if it has one; tell whether it had.

        Raises:
            ValueError: If what trained there had other sizes, or another baseline.
        """
        if not self.checkpoint.is_file():
            return False
        # Optimisers take what they want to a card; AdamW reads its counts here.
        state = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        sizes = [[tensor.shape for tensor in of] for of in (state["parameters"], self.parameters)]
        if sizes[0] != sizes[1]:
            raise ValueError(
                f"{self.run} contains a training with other sizes: give the preset or rank that it "
                f"began with, or use another run folder"
            )
        if state.get("baseline", self._baseline) != self._baseline:
            raise ValueError(f"{self.run} is of another baseline: use another run folder")
        self.step, self.seconds = state["step"], state["seconds"]
        self._due = defaultdict(float, state["due"])
        for name in TABLES if self.team.leads else ():
            drop_rows_after(self.run / name, self.step)
        with torch.no_grad():
            for parameter, value in zip(self.parameters, state["parameters"], strict=True):
                parameter.copy_(value)
        self.average = [value.to(self.device) for value in state["average"]]
        for optimiser, value in zip(self.optimisers, state["optimisers"], strict=True):
            rates = [group["full_lr"] for group in optimiser.param_groups]
            optimiser.load_state_dict(value)
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["full_lr"] = rate  # what is asked for now, not then
        return True

    def request_stop(self) -> None:
        """End after the step in progress, with a checkpoint."""
        self._stop = True

    def save(self) -> None:
        """Write the checkpoint, all or nothing."""
        beside = self.checkpoint.with_suffix(".partial")
        state = {
            "step": self.step,
            "baseline": self._baseline,
            "seconds": self.seconds,
            "due": dict(self._due),
            "parameters": [p.detach() for p in self.parameters],
            "average": self.average,
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
        }
        torch.save(state, beside)
        beside.replace(self.checkpoint)

    def fit(self, batches: Callable[[int], Iterator[Batch]]) -> bool:
        """Train until the budget is used or a signal asks to stop; save either way.

        Args:
            batches: Given a step, yields the batches from it on.

        Returns:
            Whether the budget is used.
        """
        self.network.train()
        with self._stopping_on_signals():
            stream = batches(self.step)
            while not self._stop and self._progress() < 1:
                start = self.clock()
                self._step(next(stream).on(torch.device(self.device)))
                if self._compiling:  # that was most of the first step, and no training
                    self._compiling, start = False, self.clock()
                seconds = self.seconds + self.clock() - start
                self.seconds, self._stop = self.team.follow(seconds, stop=self._stop)
                self.on_step(min(1.0, self._progress()))
                if self.team.leads:
                    self._occasions()
        if self.team.leads:
            self.save()
        return self._progress() >= 1

    @contextmanager
    def averaged(self) -> Iterator[RestorationNetwork]:
        """Put the averaged weights in place, in evaluation mode, for the time of a block."""
        trained = [p.detach().clone() for p in self.parameters]
        self._put(self.average)
        self.network.eval()
        try:
            yield self.network
        finally:
            self._put(trained)
            self.network.train()

    def _step(self, batch: Batch) -> None:
        rate = self._rate()
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["full_lr"] * rate
        with arithmetic(self._precision, self.device):
            losses = self._losses(self.network, batch)
        weights = self.phase.weights
        if unknown := sorted(set(weights) - set(losses)):
            raise ValueError(f"weights name {unknown}; the losses are {sorted(losses)}")
        total = torch.stack([weights.get(name, 1.0) * x for name, x in losses.items()]).sum()
        total.backward()  # type: ignore[no-untyped-call]
        self.team.average([p.grad for p in self.parameters if p.grad is not None])
        norm = nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad()
        told = torch.stack([total.detach(), norm, *(loss.detach() for loss in losses.values())])
        sum_of_losses, *numbers = told.tolist()  # all at once, since a card is waited for
        if not (math.isfinite(sum_of_losses) and math.isfinite(numbers[0])):
            # The weights here are spoiled; the checkpoint isn't. The norm tells of all the team.
            raise FloatingPointError(
                f"loss is {sum_of_losses}, gradient {numbers[0]} at step {self.step}"
            )
        self.step += 1
        decay = min(self.phase.ema, self.step / (self.step + 10))
        torch._foreach_lerp_(self.average, [p.detach() for p in self.parameters], 1 - decay)
        for name, number in zip(("gradient", *losses), numbers, strict=True):
            self._sums[name] += number
        self._count += 1

    def _occasions(self) -> None:
        if self._is_due("log", self.schedule.log):
            self._log()
        if self._is_due("validate", self.schedule.validate):
            with self.averaged() as network:
                self._append(VALIDATION, self.validate(network))
        if self._is_due("save", self.schedule.save):
            self.save()

    def _is_due(self, what: str, every: float) -> bool:
        ended = self._progress() >= 1
        if self.seconds < self._due[what] + every and not ended:
            return False
        self._due[what] = self.seconds
        return True

    def _log(self) -> None:
        row = {name: total / self._count for name, total in self._sums.items()}
        row = {"rate": self._rate(), "progress": self._progress(), **row}
        self._append(LOSSES, row)
        self._sums.clear()
        self._count = 0

    def _append(self, name: str, numbers: dict[str, float]) -> None:
        row = {"step": self.step, "seconds": self.seconds, **numbers}
        append_row(self.run / name, row)
        self.on_log(row)

    def _progress(self) -> float:
        return self.budget.progress(self.step, self.seconds)

    def _rate(self) -> float:
        """Factor of the learning rates: a trapezoid, so that a run can be extended."""
        used = self._progress()
        rise = (used + 1e-3) / max(self.phase.warmup, 1e-3)
        fall = (1 - used) / max(self.phase.decay, 1e-3)
        return max(1e-3, min(1.0, rise, fall))

    def _unfreeze(self, part: nn.Module) -> None:
        """Let a part train; of an adapted convolution without its own parts: its adapters."""
        if isinstance(part, AdaptedConv2d):
            for matrix in (part.lora_A, part.lora_B):
                assert matrix is not None
                matrix.requires_grad = True
        else:
            part.requires_grad_(requires_grad=True)

    def _optimisers(self) -> list[torch.optim.Optimizer]:
        kernels: list[nn.Parameter] = []
        if self.phase.kernel_lr > 0:
            ends = {self.network.backbone.intro, self.network.backbone.outro}
            kernels = [
                layer.weight  # type: ignore[misc]
                for layer in self.network.adapted_convolutions().values()
                if layer not in ends and layer.weight.requires_grad
            ]
        known = set(map(id, kernels))
        rest = [p for p in self.parameters if id(p) not in known]
        optimisers: list[torch.optim.Optimizer] = []
        if kernels:
            optimisers.append(
                Muon(kernels, lr=self.phase.kernel_lr, precision=self._precision, team=self.team)
            )
        if rest:
            optimisers.append(
                torch.optim.AdamW(rest, lr=self.phase.lr, betas=(0.9, 0.98), weight_decay=1e-4)
            )
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["full_lr"] = group["lr"]
        return optimisers

    @torch.no_grad()
    def _put(self, values: list[Tensor]) -> None:
        for parameter, value in zip(self.parameters, values, strict=True):
            parameter.copy_(value)

    @contextmanager
    def _stopping_on_signals(self) -> Iterator[None]:
        def stop(_signal: int, _frame: FrameType | None) -> None:
            self.request_stop()

        numbers = signal.SIGINT, signal.SIGTERM
        before = {number: signal.signal(number, stop) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
