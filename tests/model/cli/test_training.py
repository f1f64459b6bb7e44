import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from typer.testing import CliRunner

from model.cli.commands import app
from model.evaluation import evaluate_task
from model.networks.estimator import Estimator
from model.pictures.folders import find_pairs
from model.restoring.restorer import Restorer
from model.storage import checkpoint
from model.storage.tensor_file import digest
from model.training.jobs import prepare_job
from model.training.options import TrainingOptions
from model.training.train import alone
from tests.model.conftest import make_network
from tests.model.training.conftest import draw_picture

QUICK = [
    "--steps=2",
    "--device=cpu",
    "--workers=0",
    "--set=mix.batch=1",
    "--set=mix.crop=32",
    "--set=mix.window=[40, 64]",
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A training folder: clean pictures, one with depth, one real pair; and pairs to validate."""
    folder = tmp_path / "data"
    for name, seed in (
        ("clean/a", 0),
        ("clean/more/b", 1),
        ("depth/c", 2),
        ("pairs/rain/degraded/d", 3),
        ("pairs/rain/clean/d", 3),
        ("val/rain/degraded/e", 4),
        ("val/rain/clean/e", 4),
    ):
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw_picture(seed, 140, 150)).save(path)
    depth = np.linspace(0, 65535, 140 * 150).astype(np.uint16).reshape(140, 150)
    Image.fromarray(depth).save(folder / "depth/c_d.png")
    return folder


def train(what: str, data: Path, *more: str) -> str:
    arguments = ["train", what, "--data", data, "--val", data / "val", *QUICK]
    arguments += ["--run", data.parent / "runs" / what, "--weights", data.parent / "weights", *more]
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.slow
def test_the_three_phases_make_a_folder_of_weights_that_loads(data, tmp_path):
    for what in ("baseline", "rain", "estimator"):
        train(what, data)
    network = checkpoint.load_network(tmp_path / "weights")
    assert [adapter.name for adapter in network.adapters] == ["rain"]
    assert network.adapters[0].rank == 4
    assert network.adapters[0].gain_db is not None
    run = tmp_path / "runs/baseline"
    assert {path.name for path in run.iterdir()} == {
        ".lock",
        "args.json",
        "losses.csv",
        "validation.csv",
        "curves.png",
        "grid.png",
        "last.pt",
    }
    told = json.loads((run / "args.json").read_text())
    assert told["options"]["what"] == "baseline"
    assert "crop=32" in told["phase"]["mix"]


def one_step(
    what: str, folder: Path, *, weights: str, init: Path, rank: int = 4
) -> TrainingOptions:
    """Options of a training of one step, with all its folders in one."""
    return TrainingOptions(
        what=what,
        data=folder,
        run=folder / "run",
        weights=folder / weights,
        hours=None,
        steps=1,
        workers=0,
        seed=0,
        command="",
        rank=rank,
        init=init,
    )


def test_an_estimator_can_start_from_one_of_the_same_adapters(tmp_path):
    for name, kinds in (("two", ("noise", "blur")), ("one", ("noise",))):
        network = make_network(*[2] * len(kinds))
        checkpoint.save_base(network, tmp_path / name, name="tiny", licence="", provenance={})
        for kind in kinds:
            folder = tmp_path / name / "adapters" / kind
            checkpoint.save_adapter(network, kind, folder, config={}, card="")
        whole = checkpoint.load_base(tmp_path / name)
        checkpoint.add_adapters(whole, [tmp_path / name / "adapters" / kind for kind in kinds])
        whole.estimator = Estimator(whole.config, len(kinds))
        torch.nn.init.normal_(whole.estimator.classify.weight)
        checkpoint.save_estimator(whole, tmp_path / name, provenance={})
    options = one_step("estimator", tmp_path, weights="two", init=tmp_path / "two")
    began = prepare_job(options).network.estimator.state_dict()
    there = checkpoint.load_network(tmp_path / "two").estimator.state_dict()
    fresh = prepare_job(replace(options, init=None)).network.estimator.state_dict()
    for name, values in there.items():  # stored in the order noise, blur; trained in blur, noise
        order = [1, 0] if name.startswith("classify") else slice(None)
        assert torch.equal(began[name], values[order])
    assert not all(torch.equal(fresh[name], there[name]) for name in there)
    with pytest.raises(
        ValueError, match=r"is for the adapters \['noise'\], but these weights have \['blur', "
    ):
        prepare_job(replace(options, init=tmp_path / "one"))


def test_an_adapter_can_begin_as_one_of_another_baseline(tmp_path):
    for seed, (name, rank) in enumerate((("old", 2), ("new", 2), ("high", 5))):
        network = make_network(rank, seed=seed)
        checkpoint.save_base(network, tmp_path / name, name=name, licence="", provenance={})
        network.info = checkpoint.load_base(tmp_path / name).info
        network.adapters = (replace(network.adapters[0], scaling=0.5),)
        folder = tmp_path / name / "adapters" / "noise"
        checkpoint.save_adapter(network, "noise", folder, config={}, card="")
    new = checkpoint.load_base(tmp_path / "new")
    with pytest.raises(ValueError, match="was trained on other base weights"):
        checkpoint.add_adapters(new, [tmp_path / "old/adapters/noise"])
    options = one_step("noise", tmp_path, weights="new", init=tmp_path / "old", rank=3)
    old = checkpoint.load_base(tmp_path / "old")
    checkpoint.add_adapters(old, [tmp_path / "old/adapters/noise"])
    values, before = (of.backbone.state_dict() for of in (prepare_job(options).network, old))
    assert any("lora_B" in name for name in before)
    for name, was in before.items():
        if "lora_A" in name:
            assert torch.equal(values[name][:2], was)
            assert values[name][2:].abs().sum() > 0  # or it would never train
        if "lora_B" in name:
            assert torch.equal(values[name], torch.nn.functional.pad(was * 0.5, (0, 1)))
    with pytest.raises(ValueError, match="has rank 5, so an adapter of rank 3 can't start from it"):
        prepare_job(replace(options, init=tmp_path / "high"))
    with pytest.raises(ValueError, match=r"there is no adapter .*rain to start from"):
        prepare_job(replace(options, what="rain"))


@pytest.mark.slow
def test_an_adapter_that_began_as_another_says_so_and_its_run_is_of_one_baseline(data, tmp_path):
    train("baseline", data)
    train("rain", data)
    old, weights = tmp_path / "old", tmp_path / "weights"
    weights.rename(old)
    train("baseline", data, "--run", str(tmp_path / "other"), "--seed=1")
    train("rain", data, "--run", str(tmp_path / "fresh"), "--init", str(old))
    folder = weights / "adapters/rain"
    told = json.loads((folder / "adapter_config.json").read_text())["abair"]["provenance"]
    assert told["began_as"] == digest(old / "adapters/rain/adapter_model.safetensors")
    assert told["began_as"][:12] in (folder / "README.md").read_text()
    where = ["--data", str(data), "--run", str(tmp_path / "runs/rain"), "--weights", str(weights)]
    result = CliRunner().invoke(app, ["train", "rain", *QUICK, *where])
    assert result.exit_code == 2
    assert "is of another baseline" in " ".join(result.output.replace("│", " ").split())


@pytest.mark.slow
def test_the_same_command_goes_on_where_the_run_was(data):
    train("baseline", data)
    assert "step 3" in train("baseline", data, "--steps=3")


@pytest.mark.slow
def test_an_adapter_can_train_at_a_higher_rank_than_it_is_saved_with(data, tmp_path):
    train("baseline", data)
    ranks = ["--rank=2", "--train-rank=8", "--set=lr=0.02"]  # so fast that the cut is felt
    told = train("rain", data, *ranks, "--steps=4")
    folder = tmp_path / "weights/adapters/rain"
    base = checkpoint.load_base(tmp_path / "weights")
    checkpoint.add_adapters(base, [folder])
    assert base.adapters[0].rank == 2
    (pairs,) = find_pairs(data / "val").values()
    given, restored = evaluate_task(Restorer(base), "rain", pairs, modes=("oracle",))
    whole, cut = map(float, re.findall(r"rain ([\d.]+)", told))
    assert restored.psnr == pytest.approx(cut, abs=0.03)
    assert base.adapters[0].gain_db == pytest.approx(cut - given.psnr, abs=0.01)
    assert abs(cut - whole) > 0.05
    assert (
        "Rank-2 update, cut at the end from rank 8, of every" in (folder / "README.md").read_text()
    )
    told = json.loads((folder / "adapter_config.json").read_text())
    assert told["abair"]["provenance"]["train_rank"] == "8"
    assert "step 5" in train("rain", data, *ranks, "--steps=5")  # goes on at rank 8
    assert "Rank-2 update, cut" in (folder / "README.md").read_text()


@pytest.mark.slow
def test_two_processes_train_what_one_would(data, tmp_path):
    alike = ["--set=mix.batch=4", "--set=mix.cutmix=0", "--set=mix.compound=0"]
    start, one, two = (tmp_path / name for name in ("start", "one", "two"))
    for processes, folder in ((1, start), (1, one), (2, two)):
        init = ["--init", str(start)] if start.exists() else []
        run = ["--run", str(tmp_path / "runs" / folder.name), "--weights", str(folder)]
        train("baseline", data, *alike, *run, *init, f"--processes={processes}")
    began = flat(start)
    by_one, by_two = (flat(folder) - began for folder in (one, two))
    # bf16 rounds otherwise in halves of a batch; half of the batch alone gives 0.5
    assert torch.cosine_similarity(by_one, by_two, dim=0) > 0.9
    assert by_one.norm() / by_two.norm() == pytest.approx(1, abs=0.1)


def flat(weights: Path) -> torch.Tensor:
    tensors = load_file(weights / "base.safetensors")
    return torch.cat([tensors[name].float().flatten() for name in sorted(tensors)])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["fog", "--steps=2"], "no phase 'fog': choose one of baseline, noise"),
        (["baseline"], "either hours or steps"),
        (["baseline", "--hours=0"], "hours or steps must be above 0"),
        (["baseline", "--steps=2", "--set=speed=3"], "--set 'speed=3' names no field"),
        (["baseline", "--steps=2", "--preset=huge"], "one of small, large, got 'huge'"),
        (["rain", "--steps=2"], "no weights at"),
        (
            ["baseline", "--steps=2", "--train-rank=8"],
            "--train-rank is only for adapters",
        ),
        (["rain", "--steps=2", "--train-rank=3"], "at least --rank, which is 4"),
        (["baseline", "--steps=2", '--set=weights={"segmentaton": 0}'], "weights name"),
    ],
)
def test_what_cannot_be_trained_is_told_as_a_usage_error(arguments, told, data, tmp_path):
    where = ["--data", str(data), "--run", str(tmp_path / "r"), "--weights", str(tmp_path / "w")]
    result = CliRunner().invoke(app, ["train", *arguments, *where])
    assert result.exit_code == 2
    assert told in " ".join(result.output.replace("│", " ").split())


def test_on_a_card_one_process_trains(data, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    where = ["--data", str(data), "--run", str(tmp_path / "r"), "--weights", str(tmp_path / "w")]
    arguments = ["train", "baseline", "--steps=2", "--processes=2", "--device=cuda", *where]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    told = " ".join(result.output.replace("│", " ").split())
    assert "--processes above 1 works only on a CPU" in told


def test_a_run_folder_is_one_trainings_at_a_time(data):
    run = data.parent / "runs" / "rain"
    with alone(run), pytest.raises(ValueError, match="another training"), alone(run):
        pass
    with alone(run):  # free again
        pass


def test_a_validation_is_made_and_its_pictures_are_not_trained_on(data, tmp_path):
    wide = tmp_path / "wide"
    made = CliRunner().invoke(
        app, ["validation", str(data), str(wide), "--every", "2", "--run", "1"]
    )
    assert made.exit_code == 0, made.output
    held_out = (wide / "held-out.txt").read_text().split()
    assert held_out
    assert "clean_made" in made.output
    output = train("baseline", data, "--hold-out", wide / "held-out.txt")
    assert "rain" in output
