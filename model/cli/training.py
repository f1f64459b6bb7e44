"""What ``abair train`` does: build the phase, restorer and data, run, save."""

import dataclasses
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console

from model import checkpoint
from model.config import PRESETS, Degradation
from model.evaluation import evaluate_task, find_pairs
from model.restorer import AdapterInfo, Restorer
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


def run(options: Options) -> bool:
    """Train, or go on training; tell whether the budget is used.

    Raises:
        ValueError: If an option names something unknown.
    """
    torch.manual_seed(options.seed)
    restorer, phase, save = _prepare(options)
    phase = _override(phase, options.overrides)
    restorer = restorer.channels_last()
    trainer = Trainer(
        restorer=restorer,
        phase=phase,
        run=options.run,
        budget=Budget(hours=options.hours, steps=options.steps),
        validate=_validator(options, phase),
        schedule=Schedule(),
        on_log=_teller(),
    )
    _write_arguments(options, phase)
    trainer.resume()
    sources = read_sources(options.data, pairs=_kinds(phase) if phase.mix.pairs else ())
    batches = Batches(sources, phase.mix, options.seed)
    done = trainer.fit(lambda start: stream(batches, start, workers=options.workers))
    with trainer.averaged() as averaged:
        save(averaged, _provenance(options, trainer, sources))
    return done


def _prepare(
    options: Options,
) -> tuple[Restorer, Phase, Callable[[Restorer, dict[str, str]], None]]:
    """Build what trains, how, and how its weights are saved."""
    if options.what == "baseline":
        restorer = (
            Restorer(PRESETS[options.preset])
            if options.init is None
            else checkpoint.load(options.init)
        )
        return (
            restorer,
            baseline(),
            lambda r, provenance: checkpoint.save_base(
                r,
                options.weights,
                name=f"abair-{options.preset}",
                licence="CC-BY-NC-4.0",
                provenance=provenance,
            ),
        )
    if options.what == "estimator":
        restorer = checkpoint.load_with_adapters(options.weights)
        return (
            restorer,
            estimator(),
            lambda r, provenance: checkpoint.save_estimator(
                r, options.weights, provenance=provenance
            ),
        )
    kind = Degradation(options.what)
    restorer = checkpoint.load_base(options.weights)
    info = AdapterInfo(
        name=kind.value, title=kind.value.capitalize(), degradation=kind.value, rank=options.rank
    )
    restorer.install_new(info)
    return (
        restorer,
        adapter(kind),
        lambda r, provenance: checkpoint.save_adapter(
            r,
            kind.value,
            options.weights / "adapters" / kind.value,
            config={"provenance": provenance, "licence": "CC-BY-NC-4.0"},
            card=_card(info, provenance),
        ),
    )


def _card(info: AdapterInfo, provenance: dict[str, str]) -> str:
    """Write the model card of an adapter (Hub front matter, then prose)."""
    return f"""---
library_name: peft
license: cc-by-nc-4.0
pipeline_tag: image-to-image
tags: [image-restoration, lora, abair]
---
# ABAIR adapter: {info.title}

Rank-{info.rank} update of every convolution of the baseline's restoring path, for pictures damaged
by {info.degradation}. Trained with the baseline frozen (ABAIR, phase II).

Trained with `{provenance["command"]}`: {provenance["steps"]} steps, {provenance["hours"]} hours,
on {provenance["data"]}.
"""


def _validator(options: Options, phase: Phase) -> Callable[[Restorer], dict[str, float]]:
    """Return a function that scores the validation pairs that matter to the phase."""
    tasks = {} if options.val is None else find_pairs(options.val)
    if phase.mode == "oracle":
        tasks = {task: pairs for task, pairs in tasks.items() if task.startswith(options.what)}

    def validate(restorer: Restorer) -> dict[str, float]:
        row = {}
        with torch.autocast("cpu", dtype=torch.bfloat16):
            for task, pairs in tasks.items():
                row[task] = evaluate_task(restorer, task, pairs, modes=(phase.mode,))[-1].psnr
            draw_grid(restorer, tasks, options.run / "grid.png")
        draw_curves(options.run)
        return row

    return validate


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
    pairs = {name: len(samples) for name, samples in sources.pairs.items() if samples}
    return {
        "data": f"{len(sources.clean)} clean pictures, {len(sources.depth)} with depth, "
        f"real pairs: {pairs or 'none'}",
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


def _teller() -> Callable[[dict[str, float]], None]:
    console = Console()

    def tell(row: dict[str, float]) -> None:
        console.print("  ".join(f"{k} {v:.4g}" for k, v in row.items()), highlight=False)

    return tell
