import csv
import dataclasses
import itertools
import multiprocessing
import os
import signal

import pytest
import torch

from model.config import Degradation
from model.model_info import AdapterInfo
from model.training.budget import Budget, Schedule
from model.training.data import Batches
from model.training.loop import Trainer
from model.training.phases import adapter, baseline, estimator
from model.training.stream import stream
from tests.model.conftest import make_network
from tests.model.training.conftest import CPU, MIX


def trainer_of(phase, network, run, steps, **changes):
    ticks = itertools.count()
    return Trainer(
        network=network,
        phase=dataclasses.replace(phase, mix=dataclasses.replace(MIX, odds=phase.mix.odds)),
        run=run,
        budget=Budget(steps=steps),
        validate=changes.pop("validate", lambda _: {"task": 1.0}),
        schedule=Schedule(log=2, save=3, validate=4),
        clock=lambda: float(next(ticks)),
        **changes,
    )


def fit(trainer, sources):
    batches = Batches(sources, trainer.phase.mix, seed=0)
    return trainer.fit(lambda start: stream(batches, start, workers=0))


def weights_of(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def rain_network():
    network = make_network()
    network.install_new(AdapterInfo(name="rain", title="Rain", degradation="rain", rank=2))
    return network


DEVICES = pytest.mark.parametrize(
    "device",
    [
        "cpu",
        pytest.param(
            "cuda",
            marks=[
                pytest.mark.gpu,
                pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no card"),
            ],
        ),
    ],
)

PHASES = {
    "baseline": (baseline, make_network, ("context.", "backbone.", "head."), "lora"),
    "adapter": (lambda: adapter(Degradation.RAIN), rain_network, ("backbone.",), "-"),
    "estimator": (estimator, lambda: make_network(2, 2, 2, 2, 2), ("estimator.",), "-"),
}


@DEVICES
@pytest.mark.parametrize("name", PHASES)
def test_a_phase_changes_its_own_weights_and_leaves_all_others_bit_equal(
    name, device, sources, tmp_path
):
    phase, make, parts, barred = PHASES[name]
    network = make()
    before = weights_of(network)
    fit(trainer_of(phase(), network, tmp_path, steps=3, device=device), sources)
    after = weights_of(network.cpu())
    for key, old in before.items():
        own = key.startswith(parts) and barred not in key
        if name == "adapter":
            own = "lora_" in key
        assert own or torch.equal(old, after[key]), f"{key} changed"
    changed = [key for key, old in before.items() if not torch.equal(old, after[key])]
    assert changed


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no card")
def test_a_run_begun_on_a_processor_goes_on_on_a_card(sources, tmp_path):
    fit(trainer_of(baseline(), make_network(), tmp_path, steps=2), sources)
    resumed = trainer_of(
        baseline(), make_network(), tmp_path, steps=4, device="cuda", compiles=True
    )
    assert resumed.resume()
    assert resumed.step == 2
    counts = [state["step"] for state in resumed.optimisers[1].state.values()]
    assert counts
    assert not any(count.is_cuda for count in counts)
    batches = Batches(sources, resumed.phase.mix, seed=0)
    assert resumed.fit(lambda start: stream(batches, start, workers=1, pinned=True))
    assert all(value.isfinite().all() and value.is_cuda for value in resumed.average)


@pytest.mark.parametrize("name", PHASES)
def test_a_resumed_run_equals_an_uninterrupted_one(name, sources, tmp_path):
    phase, make, _, _ = PHASES[name]
    through = trainer_of(phase(), make(), tmp_path / "through", steps=6)
    assert fit(through, sources)

    stopped = trainer_of(phase(), make(), tmp_path / "stopped", steps=6)
    stopped.on_log = lambda row: stopped.request_stop() if row["step"] >= 3 else None
    assert not fit(stopped, sources)
    assert stopped.step < 6
    resumed = trainer_of(phase(), make(), tmp_path / "stopped", steps=6)
    assert resumed.resume()
    assert fit(resumed, sources)

    for one, other in zip(through.parameters, resumed.parameters, strict=True):
        assert torch.equal(one, other)
    for one, other in zip(through.average, resumed.average, strict=True):
        assert torch.equal(one, other)


def test_a_run_cannot_go_on_with_other_sizes(sources, tmp_path):
    phase = adapter(Degradation.RAIN)
    fit(trainer_of(phase, rain_network(), tmp_path, steps=1), sources)
    wider = make_network()
    wider.install_new(AdapterInfo(name="rain", title="Rain", degradation="rain", rank=8))
    with pytest.raises(ValueError, match="a training with other sizes: give the preset or rank"):
        trainer_of(phase, wider, tmp_path, steps=2).resume()


def test_a_resumed_run_takes_the_rates_that_are_asked_for_now(sources, tmp_path):
    fit(trainer_of(baseline(), make_network(), tmp_path, steps=2), sources)
    slower = dataclasses.replace(baseline(), lr=1e-5, kernel_lr=1e-4)
    resumed = trainer_of(slower, make_network(), tmp_path, steps=4)
    resumed.resume()
    rates = [
        group["full_lr"] for optimiser in resumed.optimisers for group in optimiser.param_groups
    ]
    assert rates == [1e-4, 1e-5]


def test_what_a_loss_counts_is_the_phases_to_say(sources, tmp_path):
    stayed = []
    for counts in (0.0, 5.0):
        phase = dataclasses.replace(baseline(), lr=0.1, weights={"segmentation": counts})
        network = make_network()
        before = network.head.mix.weight.clone()
        trainer = trainer_of(phase, network, tmp_path / str(counts), steps=1)
        trainer.phase = dataclasses.replace(trainer.phase, warmup=0.0)
        fit(trainer, sources)
        stayed.append(torch.allclose(network.head.mix.weight, before, rtol=0, atol=1e-4))
    assert stayed == [True, False]
    misspelt = dataclasses.replace(baseline(), weights={"segmentaton": 1.0})
    with pytest.raises(ValueError, match=r"segmentaton.*the losses are .*segmentation"):
        fit(trainer_of(misspelt, make_network(), tmp_path / "misspelt", steps=1), sources)


def compile_losses(sources):
    for phase, make, _, _ in PHASES.values():
        network, losses = make().train(), phase().losses
        mix = dataclasses.replace(MIX, odds=phase().mix.odds)
        batch = Batches(sources, mix, seed=0)[0].on(CPU)
        compiled = torch.compile(losses, dynamic=False, fullgraph=True, backend="eager")
        expected = losses(network, batch)
        for loss, value in compiled(network, batch).items():
            torch.testing.assert_close(value, expected[loss])


@pytest.mark.slow
def test_the_losses_of_each_phase_compile_as_one_graph(sources):
    # In a process of its own: compiling leaves threads, and later tests fork.
    process = multiprocessing.get_context("spawn").Process(target=compile_losses, args=(sources,))
    process.start()
    process.join(timeout=300)
    process.kill()
    assert process.exitcode == 0


@DEVICES
def test_the_baseline_overfits_one_batch(sources, tmp_path, device):
    trainer = trainer_of(baseline(), make_network(), tmp_path, steps=60, device=device)
    batch = Batches(sources, trainer.phase.mix, seed=0)[0]
    trainer.fit(lambda _: itertools.repeat(batch))
    with (tmp_path / "losses.csv").open() as file:
        losses = [float(row["restoration"]) for row in csv.DictReader(file)]
    assert losses[-1] < losses[0] - 0.5


@DEVICES
def test_the_estimator_overfits_one_batch(sources, tmp_path, device):
    network = make_network(2, 2, 2, 2, 2)
    fast = dataclasses.replace(estimator(), lr=1e-2)
    trainer = trainer_of(fast, network, tmp_path, steps=60, device=device)
    batch = Batches(sources, trainer.phase.mix, seed=4)[0]
    trainer.fit(lambda _: itertools.repeat(batch))
    with (tmp_path / "losses.csv").open() as file:
        losses = [float(row["estimation"]) for row in csv.DictReader(file)]
    assert losses[-1] < 0.5 * losses[0]


def test_validation_sees_the_averaged_weights_and_gives_the_trained_ones_back(sources, tmp_path):
    seen = []

    def validate(network):
        seen.append([p.clone() for p in trainer.parameters])
        assert not network.training
        return {"noise": 30.0}

    trainer = trainer_of(baseline(), make_network(), tmp_path, steps=5, validate=validate)
    fit(trainer, sources)
    assert seen
    for average, now in zip(trainer.average, seen[-1], strict=True):
        assert torch.equal(average, now)
    assert not all(
        torch.equal(average, p)
        for average, p in zip(trainer.average, trainer.parameters, strict=True)
    )
    assert (tmp_path / "validation.csv").read_text().startswith("step,seconds,noise\n")


def test_a_signal_stops_the_run_after_its_step_with_a_checkpoint(sources, tmp_path):
    trainer = trainer_of(baseline(), make_network(), tmp_path, steps=1000)
    trainer.on_log = lambda _: os.kill(os.getpid(), signal.SIGTERM)
    assert not fit(trainer, sources)
    assert trainer.step < 10
    assert trainer.checkpoint.is_file()


def test_a_signal_to_the_whole_group_leaves_the_workers_until_the_checkpoint(sources, tmp_path):
    trainer = trainer_of(baseline(), make_network(), tmp_path, steps=1000)

    def end_all(_):
        for worker in multiprocessing.active_children():
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)

    trainer.on_log = end_all
    batches = Batches(sources, trainer.phase.mix, seed=0)
    assert not trainer.fit(lambda start: stream(batches, start, workers=1))
    assert trainer.checkpoint.is_file()


def test_a_loss_that_is_not_finite_ends_the_run(sources, tmp_path):
    network = make_network()
    torch.nn.init.constant_(network.backbone.intro.weight, float("nan"))
    with pytest.raises(FloatingPointError, match="loss is nan, gradient nan at step 0"):
        fit(trainer_of(baseline(), network, tmp_path, steps=3), sources)


@pytest.mark.parametrize("budget", [{}, {"hours": 1.0, "steps": 5}])
def test_a_budget_is_hours_or_steps(budget):
    with pytest.raises(ValueError, match="either hours or steps"):
        Budget(**budget)
