import pytest
import torch

from model.storage import checkpoint
from model.storage.old_layouts import upgraded_adapter, upgraded_base
from model.storage.tensor_file import write_tensors
from tests.model.conftest import TINY, make_description, make_network

PREFIX = "base_model.model."


def as_before(tensors):
    """The tensors of a baseline as they were named before amounts, without the later layers."""
    old = {}
    for name, tensor in tensors.items():
        if name.startswith(("backbone.tell.", "backbone.grid.", "backbone.gate.")):
            continue
        if name.startswith("backbone.spread."):
            name = "context.ground." + name.removeprefix("backbone.spread.")
        elif name.startswith("context."):
            name = "context.encode." + name.removeprefix("context.")
        old[name] = tensor
    return old


def test_weights_of_today_are_left_as_they_are():
    tensors = checkpoint.base_parts(make_network()).state_dict()
    assert upgraded_base(tensors, tensors) is tensors


def test_an_older_baseline_restores_as_it_did_whatever_amounts_are_told(tmp_path, whole):
    network = make_network()
    parts = checkpoint.base_parts(network)
    config = {name: getattr(TINY, name) for name in TINY.__dataclass_fields__ if name != "classes"}
    write_tensors(
        tmp_path / "base.safetensors",
        as_before(parts.state_dict()),
        {"name": "old", "config": config},
    )
    loaded = checkpoint.load_base(tmp_path)
    crop, description = torch.rand(1, 3, 32, 32), make_description(loaded)
    full, other = loaded.ask(torch.ones(1, 5)), loaded.ask(torch.tensor([[0.5, 0, 0, 0, 0]]))
    everything = loaded.restore_crops(crop, description, full, whole)
    assert torch.equal(everything, loaded.restore_crops(crop, description, other, whole))
    assert not torch.allclose(everything, crop)


def test_an_older_adapter_changes_nothing_in_layers_that_it_does_not_know():
    network = make_network(2)
    layers = network.adapted_convolutions()
    file = {}
    for name, layer in layers.items():
        if not name.startswith(("spread", "grid.")):
            down, up = layer.new_adapter(2)
            file[f"{PREFIX}{name}.lora_A.weight"] = down
            file[f"{PREFIX}{name}.lora_B.weight"] = up[:, :, None, None]
    upgraded = upgraded_adapter(file, layers, PREFIX, 2)
    assert {name.removeprefix(PREFIX).rsplit(".lora_", 1)[0] for name in upgraded} == set(layers)
    assert not upgraded[f"{PREFIX}spread.lora_B.weight"].any()
    assert upgraded_adapter(upgraded, layers, PREFIX, 2) is upgraded


def test_a_baseline_of_neither_layout_is_refused_by_its_keys(tmp_path):
    tensors = as_before(checkpoint.base_parts(make_network()).state_dict())
    del tensors["backbone.intro.weight"]
    config = {name: getattr(TINY, name) for name in TINY.__dataclass_fields__ if name != "classes"}
    write_tensors(tmp_path / "base.safetensors", tensors, {"name": "old", "config": config})
    with pytest.raises(ValueError, match=r"backbone\.intro\.weight"):
        checkpoint.load_base(tmp_path)
