"""What ``abair train`` does: build the phase, restorer and data, run, save."""

import dataclasses
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress

from model import checkpoint
from model.about import AdapterInfo
from model.config import PRESETS, TITLES, Degradation
from model.evaluation import evaluate_task, find_pairs
from model.restorer import Restorer
from model.training.data import Batches, stream
from model.training.loop import Budget, Schedule, Trainer
from model.training.phases import Phase, adapter, baseline, estimator
from model.training.report import draw_curves, draw_grid
from model.training.sources import Sources, read_sources


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of ``abair train``, kept in the run's folder."""

    what: str
    data: Path
    run: Path
    val: Path | None
    weights: Path
    preset: str
    hours: float | None
    steps: int | None
    rank: int
    init: Path | None
    workers: int
    seed: int
    overrides: tuple[str, ...]
    name: str
    licence: str


Save = Callable[[Restorer, dict[str, str], float | None], None]
"""Writes what was trained, with its provenance and its measured gain, dB."""


def run(options: Options) -> bool:
    """Train, or go on training; tell whether the budget is used.

    Raises:
        ValueError: If an option names something unknown.
    """
    torch.manual_seed(options.seed)
    restorer, phase, save = _prepare(options)
    phase = _override(phase, options.overrides)
    restorer = restorer.channels_last()
    console, validator = Console(), Validator(options, phase)
    trainer = Trainer(
        restorer=restorer,
        phase=phase,
        run=options.run,
        budget=Budget(hours=options.hours, steps=options.steps),
        validate=validator,
        schedule=Schedule(),
        on_log=lambda row: _tell(console, row),
    )
    _write_arguments(options, phase)
    trainer.resume()
    sources = read_sources(
        options.data, pairs=_kinds(phase) if phase.mix.pairs else (), shortest=phase.mix.crop
    )
    batches = Batches(sources, phase.mix, options.seed)
    with Progress(
        *Progress.get_default_columns(), console=console, disable=not console.is_terminal
    ) as progress:
        bar = progress.add_task(phase.name, total=1.0)
        trainer.on_step = lambda share: progress.update(bar, completed=share)
        done = trainer.fit(lambda start: stream(batches, start, workers=options.workers))
    if done:
        with trainer.averaged() as averaged:
            save(averaged, _provenance(options, trainer, sources), validator.gain)
    return done


def _prepare(options: Options) -> tuple[Restorer, Phase, Save]:
    """Build what trains, how, and how its weights are saved.

    Raises:
        ValueError: If the phase or the preset is unknown.
    """
    if options.what == "baseline":
        return _prepare_baseline(options)
    if options.what == "estimator":
        return _prepare_estimator(options)
    if options.what in set(Degradation):
        return _prepare_adapter(options, Degradation(options.what))
    known = ", ".join(["baseline", *Degradation, "estimator"])
    raise ValueError(f"unknown phase {options.what!r}; it is one of {known}")


def _prepare_baseline(options: Options) -> tuple[Restorer, Phase, Save]:
    if options.preset not in PRESETS:
        raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {options.preset!r}")
    if options.init is None:
        restorer = Restorer(PRESETS[options.preset])
    else:
        restorer = checkpoint.load_base(options.init)

    def save(trained: Restorer, provenance: dict[str, str], _gain: float | None) -> None:
        checkpoint.save_base(
            trained,
            options.weights,
            name=options.name,
            licence=options.licence,
            provenance=provenance,
        )

    return restorer, baseline(), save


def _prepare_adapter(options: Options, kind: Degradation) -> tuple[Restorer, Phase, Save]:
    restorer = checkpoint.load_base(options.weights)
    info = AdapterInfo(
        name=kind.value, title=TITLES[kind], degradation=kind.value, rank=options.rank
    )
    restorer.install_new(info)

    def save(trained: Restorer, provenance: dict[str, str], gain: float | None) -> None:
        checkpoint.save_adapter(
            trained,
            kind.value,
            options.weights / "adapters" / kind.value,
            config={"provenance": provenance, "licence": options.licence, "gain_db": gain},
            card=_card(info, provenance, gain, options.licence),
        )

    return restorer, adapter(kind), save


def _prepare_estimator(options: Options) -> tuple[Restorer, Phase, Save]:
    def save(trained: Restorer, provenance: dict[str, str], _gain: float | None) -> None:
        checkpoint.save_estimator(trained, options.weights, provenance=provenance)

    return checkpoint.load_with_adapters(options.weights), estimator(), save


def _card(info: AdapterInfo, provenance: dict[str, str], gain: float | None, licence: str) -> str:
    """Write the model card of an adapter (Hub front matter, then prose)."""
    measured = "not measured" if gain is None else f"{gain:+.2f} dB PSNR (RGB, whole pictures)"
    return f"""---
library_name: peft
license: {licence.lower() or "unknown"}
pipeline_tag: image-to-image
tags: [image-restoration, lora, abair]
---
# ABAIR adapter: {info.title}

Rank-{info.rank} update of every convolution of the baseline's restoring path, for pictures damaged
by {info.title.lower()}. Trained with the baseline frozen (ABAIR, phase II).

Trained with `{provenance["command"]}`: {provenance["steps"]} steps, {provenance["hours"]} hours,
on {provenance["data"]}.
Gain over the input on the validation pairs of its task, told the task: {measured}.
"""


class Validator:
    """Scores the validation pairs that matter to the phase, and draws the run's pictures.

    Attributes:
        gain: Mean gain over the input at the last validation, dB; None before it.
    """

    def __init__(self, options: Options, phase: Phase) -> None:
        self.run, self.mode = options.run, phase.mode
        self.gain: float | None = None
        self.tasks = {} if options.val is None else find_pairs(options.val)
        if phase.mode == "oracle":
            self.tasks = {
                task: pairs for task, pairs in self.tasks.items() if task.startswith(options.what)
            }

    def __call__(self, restorer: Restorer) -> dict[str, float]:
        """Return the PSNR of each task, dB."""
        row, gains = {}, []
        for task, pairs in self.tasks.items():
            before, after = evaluate_task(restorer, task, pairs, modes=(self.mode,))
            row[task] = after.psnr
            gains.append(after.psnr - before.psnr)
        if gains:
            self.gain = round(sum(gains) / len(gains), 2)
            alone = {adapter.name: 1.0 for adapter in restorer.adapters}
            adapters = alone if self.mode == "oracle" else self.mode
            draw_grid(restorer, self.tasks, self.run / "grid.png", adapters=adapters)
        draw_curves(self.run)
        return row


def _override(phase: Phase, overrides: tuple[str, ...]) -> Phase:
    """Apply ``field=value`` to the phase, or ``mix.field=value`` to its mix.

    Raises:
        ValueError: If there is no such field.
    """
    for override in overrides:
        name, _, value = override.partition("=")
        target, field = (phase.mix, name[4:]) if name.startswith("mix.") else (phase, name)
        if field not in {f.name for f in dataclasses.fields(target)} or not value:
            raise ValueError(f"no setting {override!r}; give FIELD=VALUE or mix.FIELD=VALUE")
        changed = dataclasses.replace(target, **{field: json.loads(value)})
        phase = changed if isinstance(changed, Phase) else dataclasses.replace(phase, mix=changed)
    return phase


def _kinds(phase: Phase) -> tuple[str, ...]:
    return tuple(name for name, _ in phase.mix.odds if name in set(Degradation))


def _provenance(options: Options, trainer: Trainer, sources: Sources) -> dict[str, str]:
    pairs = [f"{len(samples)} of {name}" for name, samples in sources.pairs.items() if samples]
    return {
        "data": f"{len(sources.clean)} clean pictures, {len(sources.depth)} with depth, "
        f"real pairs: {', '.join(pairs) or 'none'}",
        "command": f"abair train {options.what}",
        "steps": str(trainer.step),
        "hours": f"{trainer.seconds / 3600:.2f}",
        "torch": torch.__version__,
    }


def _write_arguments(options: Options, phase: Phase) -> None:
    told = {
        "options": {k: str(v) for k, v in dataclasses.asdict(options).items()},
        "phase": {
            f.name: str(getattr(phase, f.name))
            for f in dataclasses.fields(phase)
            if f.name not in ("parts", "losses")
        },
        "argv": sys.argv[1:],
    }
    (options.run / "args.json").write_text(json.dumps(told, indent=1) + "\n")


def _tell(console: Console, row: dict[str, float]) -> None:
    told = "  ".join(f"{name} {value:.4g}" for name, value in row.items())
    console.print(told, highlight=False, soft_wrap=True)
