"""Hostile folders of adapters: refused with a reason before anything is loaded, copied or shown."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from model.cli.commands import app
from model.config import RestorerConfig
from model.model_info import AdapterInfo, ModelInfo
from model.storage import checkpoint
from model.storage.adapter_files import CARD, CONFIG, TENSORS, replaced
from model.storage.adapter_store import install
from model.storage.tensor_file import digest, read_tensors, write_tensors
from tests.model.storage.test_adapter_store import digests, trained, weights

__all__ = ["weights"]

ESCAPE = "\x1b[2J\x1b]0;owned\x07"
WRONG: dict[str, dict[str, Any]] = {
    "degradation not ASCII": {"abair": {"degradation": "pluie\u00e9"}},
    "degradation with a line break": {"abair": {"degradation": "rain\nX-Evil: 1"}},
    "degradation too long": {"abair": {"degradation": "r" * 33}},
    "degradation missing": {"abair": {"degradation": None}},
    "title a list": {"abair": {"title": ["Rain"]}},
    "title a number": {"abair": {"title": 7}},
    "title with codes": {"abair": {"title": ESCAPE}},
    "title turned around": {"abair": {"title": "rain\u202egnp"}},
    "title too long": {"abair": {"title": "r" * 100_000}},
    "gain text": {"abair": {"gain_db": "9"}},
    "gain NaN": {"abair": {"gain_db": float("nan")}},
    "gain infinite": {"abair": {"gain_db": float("inf")}},
    "smoke text": {"abair": {"smoke": "yes"}},
    "gain true": {"abair": {"gain_db": True}},
    "licence an object": {"abair": {"licence": {}}},
    "rank text": {"r": "2"},
    "rank true": {"r": True},
    "rank 0": {"r": 0},
    "rank huge": {"r": 10**30},
    "rank a fraction": {"r": 2.0},
    "alpha NaN": {"lora_alpha": float("nan")},
    "alpha infinite": {"lora_alpha": float("inf")},
    "alpha huge": {"lora_alpha": 10**400},
    "alpha missing": {"lora_alpha": None},
    "baseline a list": {"base_model_sha256": ["0" * 64]},
}
TEXTS = {
    "no JSON": b"rank: 2",
    "a list": b"[]",
    "not UTF-8": b'{"r": "\xff"}',
    "deep": b"[" * 100_000,
    "overflowing": b'{"r": 2, "lora_alpha": 1e999, "abair": {"title": "a", "degradation": "a"}}',
    "empty": b"",
    "large": b" " * (2**20 + 1),
}


def change(folder: Path, changes: dict[str, Any]) -> None:
    stored = json.loads((folder / CONFIG).read_text())
    about = {**stored["abair"], **changes.pop("abair", {})}
    (folder / CONFIG).write_text(json.dumps({**stored, **changes, "abair": about}))


@pytest.mark.parametrize("kind", WRONG)
def test_a_config_with_a_wrong_value_is_refused(weights: Path, kind: str):
    folder = weights / "adapters/noise"
    change(folder, dict(WRONG[kind]))
    with pytest.raises(ValueError, match=r"adapter_config.json cannot be used: ") as told:
        checkpoint.load_network(weights)
    assert str(told.value).isprintable()
    assert len(str(told.value)) < 500


@pytest.mark.parametrize("kind", TEXTS)
def test_a_config_that_is_no_json_object_is_refused(weights: Path, kind: str):
    (weights / "adapters/noise" / CONFIG).write_bytes(TEXTS[kind])
    with pytest.raises(ValueError, match=r"adapter_config.json (cannot be used|has \d+ bytes)"):
        checkpoint.load_network(weights)


def test_an_adapter_of_peft_alone_is_told_what_it_lacks(weights: Path):
    path = weights / "adapters/noise" / CONFIG
    stored = json.loads(path.read_text())
    del stored["abair"]
    path.write_text(json.dumps(stored))
    with pytest.raises(ValueError, match=re.escape('add "abair": {"title": "Rain"')):
        checkpoint.load_network(weights)


@pytest.mark.parametrize(
    "names",
    [
        ["../adapters/noise", "blur"],
        ["Noise", "blur"],
        ["no\u0131se", "blur"],
        [f"noise{ESCAPE}", "blur"],
        ["", "blur"],
        ["n" * 33, "blur"],
        ["noise", "noise"],
        [1, "blur"],
        "no",
        None,
    ],
    ids=repr,
)
def test_an_estimator_names_folders_beside_it_alone(weights: Path, names: Any):
    for name in names if isinstance(names, list) else ():
        target = weights / "adapters" / str(name)
        if str(name) and not target.exists():
            shutil.copytree(weights / "adapters/noise", target)
    path = weights / "estimator.safetensors"
    tensors, told = read_tensors(path)
    write_tensors(path, tensors, {**told, "adapters": names})
    with pytest.raises(ValueError, match="adapter") as error:
        checkpoint.load_network(weights)
    assert str(error.value).isprintable()


@pytest.mark.parametrize("name", [CONFIG, TENSORS])
def test_what_is_loaded_of_an_adapter_is_no_link(weights: Path, tmp_path: Path, name: str):
    path = weights / "adapters/noise" / name
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="neither a link nor a device"):
        checkpoint.load_network(weights)


@pytest.mark.parametrize("name", [CARD, CONFIG, TENSORS])
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_link_or_pipe_is_not_installed(weights: Path, tmp_path: Path, name: str, kind: str):
    (source,) = trained(weights, tmp_path, "snow")
    secret = tmp_path / "secret"
    path = source / "adapters/snow" / name
    if kind == "link":
        path.rename(secret)
        path.symlink_to(secret)
    else:
        path.unlink()
        os.mkfifo(path)
    before = digests(weights)
    with pytest.raises(ValueError, match="neither a link nor a device"):
        install(weights, [source])
    assert digests(weights) == before


def test_a_link_in_the_place_of_the_estimator_is_not_installed(weights: Path, tmp_path: Path):
    (source,) = trained(weights, tmp_path, "snow")
    path = source / "estimator.safetensors"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    before = digests(weights)
    with pytest.raises(ValueError, match="neither a link nor a device"):
        install(weights, [source])
    assert digests(weights) == before


def test_codes_in_names_and_keys_reach_no_terminal(weights: Path, tmp_path: Path):
    (source,) = trained(weights, tmp_path, "snow")
    path = source / "adapters/snow" / TENSORS
    save_file({**load_file(path), f"key{ESCAPE}": torch.zeros(1)}, path)
    named = source.rename(tmp_path / f"of{ESCAPE}")
    for words in (["add", str(named.parent / f"none{ESCAPE}")], ["list", "--weights", str(named)]):
        result = CliRunner().invoke(app, ["adapter", *words])
        assert result.exit_code == 2, result.output
        assert "\x1b[2J" not in result.output
        assert "\x07" not in result.output
    with pytest.raises(ValueError, match="unexpected") as told:
        install(weights, [named])
    assert ESCAPE not in str(told.value).replace(str(named), "")


def test_a_title_with_markup_is_shown_as_it_is(weights: Path):
    change(weights / "adapters/noise", {"abair": {"title": "[/red]Noise"}})
    result = CliRunner().invoke(app, ["adapter", "list", "--weights", str(weights)])
    assert result.exit_code == 0, result.output
    assert "[/red]Noise" in result.output


def test_a_model_whose_name_no_header_can_hold_is_refused(weights: Path):
    for wrong in ("caf\u00e9", "a\nb", "", "a" * 65, 7):
        with pytest.raises(ValueError, match="a model's name must be"):
            ModelInfo(name=wrong)  # type: ignore[arg-type]
    path = weights / "base.safetensors"
    tensors, told = read_tensors(path)
    write_tensors(path, tensors, {**told, "name": "caf\u00e9"})
    with pytest.raises(ValueError, match="a model's name must be"):
        checkpoint.load_network(weights)
    with pytest.raises(ValueError, match="a class is"):
        RestorerConfig(classes=("clean", "pluie\u00e9"))
    with pytest.raises(ValueError, match="the sizes of the model cannot be used"):
        checkpoint.config_from({"depth": 3})


@pytest.mark.parametrize("content", ["[]", '"text"', "nothing", "[" * 100_000])
def test_metadata_that_are_no_object_are_refused(tmp_path: Path, content: str):
    path = tmp_path / "base.safetensors"
    save_file({"a": torch.zeros(1)}, path, {"abair": content})
    with pytest.raises(ValueError):  # noqa: PT011  # which, the parser says
        read_tensors(path)


@pytest.mark.parametrize("number", [1e5, float("nan"), float("-inf")])
def test_what_half_precision_cannot_hold_is_noticed_when_it_is_written(tmp_path, number):
    path = tmp_path / "a.safetensors"
    write_tensors(path, {"a": torch.zeros(2)}, {})
    before = digest(path)
    with pytest.raises(ValueError, match=r"is not written: a holds NaN, or numbers above 65504"):
        write_tensors(path, {"a": torch.tensor([1.0, number])}, {})
    assert digest(path) == before


def test_an_adapter_that_could_not_be_loaded_is_not_saved(weights: Path):
    network, folder = checkpoint.load_network(weights), weights / "adapters/noise"
    before = digests(weights)
    for config in ({"gain_db": float("nan")}, {"title": ESCAPE}, {"licence": 3}):
        with pytest.raises(ValueError, match="must be"):
            checkpoint.save_adapter(network, "noise", folder, config=config, card="")
    for matrix in network.adapted_convolutions().values():
        assert matrix.lora_B is not None
        matrix.lora_B.fill_(1e5)
    with pytest.raises(ValueError, match="half precision"):
        checkpoint.save_adapter(network, "noise", folder, config={}, card="")
    assert digests(weights) == before


def test_a_saved_adapter_takes_the_place_of_all_its_files_at_once(weights: Path, monkeypatch):
    network, folder = checkpoint.load_network(weights), weights / "adapters/noise"
    (folder / "old").touch()
    seen: list[set[str]] = []
    rename = Path.replace

    def watched(path: Path, target: Path) -> Path:
        seen.append({file.name for file in folder.iterdir()} if folder.exists() else set())
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", watched)
    inode = (folder / TENSORS).stat().st_ino
    checkpoint.save_adapter(network, "noise", folder, config={"gain_db": 1}, card="new")
    assert (folder / TENSORS).stat().st_ino != inode
    # At every renaming the folder was whole and old, or away.
    assert all(names in ({CONFIG, TENSORS, CARD, "old"}, set()) for names in seen)
    assert {file.name for file in folder.iterdir()} == {CONFIG, TENSORS, CARD}
    assert sorted(one.name for one in weights.iterdir()) == [
        "adapters",
        "base.safetensors",
        "estimator.safetensors",
    ]


def test_a_folder_is_as_it_was_when_its_replacement_fails(tmp_path: Path):
    folder = tmp_path / "adapters/a"
    folder.mkdir(parents=True)
    (folder / "old").touch()

    def fail() -> None:
        with replaced(folder) as beside:
            (beside / "new").touch()
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        fail()
    assert [path.name for path in folder.iterdir()] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["adapters"]


def test_an_adapter_that_changes_while_it_is_read_is_refused(weights: Path, monkeypatch):
    folder, read = weights / "adapters/noise", read_tensors

    def changing(path: Path) -> Any:
        if path.parent == folder:
            change(folder, {"abair": {"title": "Another"}})
        return read(path)

    monkeypatch.setattr("model.storage.checkpoint.read_tensors", changing)
    with pytest.raises(ValueError, match="changed while it was read"):
        checkpoint.load_network(weights)


def test_what_is_told_of_an_adapter_is_checked_wherever_it_is_made():
    good = AdapterInfo(name="a-1_b", title="Fus\u00e9e \u2603", degradation="a", rank=2)
    assert good.title == "Fus\u00e9e \u2603"
    with pytest.raises(ValueError, match="title must be text"):
        AdapterInfo(name="a", title="a\nb", degradation="a", rank=2)
