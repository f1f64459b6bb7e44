import json

import pytest
import torch
from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
from safetensors.torch import load_file

from model.networks.asked import Asked
from model.networks.restoration import RestorationNetwork
from model.restoring.restorer import Restorer
from model.storage import checkpoint
from model.storage.tensor_file import digest, read_tensors, write_tensors
from tests.model.conftest import TINY, make_asked, make_description, make_network


@pytest.fixture
def folder(tmp_path):
    """Weights of a tiny network with three adapters, as phase after phase writes them."""
    network = make_network(2, 4, 3)
    checkpoint.save_base(network, tmp_path, name="tiny", licence="test", provenance={"steps": "1"})
    network.info = checkpoint.load_base(tmp_path).info
    for info in network.adapters:
        checkpoint.save_adapter(
            network, info.name, tmp_path / "adapters" / info.name, config={}, card="# card\n"
        )
    checkpoint.save_estimator(network, tmp_path, provenance={})
    return tmp_path


def halved(network: RestorationNetwork) -> RestorationNetwork:
    """Weights as a file holds them."""
    return network.half().float()


def test_a_loaded_restorer_equals_the_saved_one(folder, whole):
    saved, loaded = halved(make_network(2, 4, 3)), checkpoint.load_network(folder)
    assert [a.name for a in loaded.adapters] == [a.name for a in saved.adapters]
    description, asked = make_description(saved), make_asked(saved)
    crop = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(
        loaded.restore_crops(crop, description, asked, whole),
        saved.restore_crops(crop, description, asked, whole),
    )
    picture = torch.randint(0, 256, (3, 40, 50), dtype=torch.uint8)
    assert torch.equal(Restorer(loaded).restore(picture), Restorer(saved).restore(picture))


def test_what_is_told_of_adapters_matches_their_files(folder):
    for info in checkpoint.load_network(folder).adapters:
        file = folder / "adapters" / info.name / "adapter_model.safetensors"
        assert info.sha256 == digest(file)
        assert info.bytes == file.stat().st_size
        assert info.parameters == sum(t.numel() for t in load_file(file).values())


def test_an_adapter_folder_is_what_peft_computes(folder, whole):
    """PEFT, loading the same file into the same backbone, restores the same picture."""
    ours = checkpoint.load_network(folder)
    name = "blur"
    crop, description = torch.rand(1, 3, 32, 32), make_description(ours)
    asked = Asked(torch.rand(1, 5), torch.tensor([[0.0, 1.0, 0.0]]))
    mine = ours.restore_crops(crop, description, asked, whole)

    plain = checkpoint.load_base(folder)
    stored = json.loads((folder / "adapters" / name / "adapter_config.json").read_text())
    config = LoraConfig(
        r=stored["r"], lora_alpha=stored["lora_alpha"], target_modules=stored["target_modules"]
    )
    wrapped = get_peft_model(plain.backbone, config)
    tensors = load_file(folder / "adapters" / name / "adapter_model.safetensors")
    result = set_peft_model_state_dict(wrapped, {k: t.float() for k, t in tensors.items()})
    assert not result.unexpected_keys  # type: ignore[attr-defined]
    theirs = wrapped(crop, description, asked, whole).image
    base = ours.restore_crops(crop, description, Asked(asked.baseline_amounts), whole)
    torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4)
    assert (mine - base).abs().max() > 1e-2


def test_a_missing_and_an_unexpected_key_are_named(folder):
    path = folder / "base.safetensors"
    tensors, metadata = read_tensors(path)
    tensors["surplus"] = tensors.pop("backbone.intro.weight")
    write_tensors(path, tensors, metadata)
    with pytest.raises(ValueError, match=r"missing: backbone.intro.weight; 1 unexpected: surplus"):
        checkpoint.load_network(folder)


def test_equal_weights_are_written_as_equal_bytes(tmp_path):
    digests = set()
    for name in "abcd":
        checkpoint.save_base(
            make_network(), tmp_path / name, name="t", licence="", provenance={"a": "1", "b": "2"}
        )
        digests.add(digest(tmp_path / name / "base.safetensors"))
    assert len(digests) == 1


def test_what_is_no_weights_file_is_refused_with_its_name(folder):
    path = folder / "base.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"base.safetensors is not a complete safetensors file"):
        checkpoint.load_network(folder)
    write_tensors(path, {}, {})
    with pytest.raises(ValueError, match="has no 'config' in its metadata"):
        checkpoint.load_network(folder)


def test_an_adapter_of_other_base_weights_is_refused(folder):
    checkpoint.save_base(make_network(seed=1), folder, name="t", licence="", provenance={})
    with pytest.raises(ValueError, match="trained on other base weights"):
        checkpoint.load_network(folder)


def test_a_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no weights at .*base.safetensors"):
        checkpoint.load_network(tmp_path)


def test_saving_an_adapter_that_is_not_resident_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no adapter 'haze'; the installed adapters are"):
        checkpoint.save_adapter(make_network(2), "haze", tmp_path, config={}, card="")


def test_a_config_survives_the_file(folder):
    assert checkpoint.load_base(folder).config == TINY


def test_a_new_estimator_begins_with_what_the_context_encoder_sees(folder):
    network = checkpoint.load_with_adapters(folder)
    seen = network.context.state_dict()
    for name, value in network.estimator.encode.state_dict().items():
        assert torch.equal(value, seen[name])
    assert network.estimator.encode is not network.context
