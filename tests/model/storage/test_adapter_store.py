import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from model.model_info import AdapterInfo
from model.networks.whole_picture_views import sample_views
from model.restoring.restorer import Restorer
from model.storage import checkpoint
from model.storage.adapter_files import ADAPTER_FILES
from model.storage.adapter_store import install, remove
from model.storage.tensor_file import digest, read_tensors, write_tensors
from tests.model.conftest import make_network


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Weights of a tiny network with the adapters noise and blur."""
    network = make_network(2, 3)
    folder = tmp_path / "weights"
    checkpoint.save_base(network, folder, name="tiny", licence="", provenance={})
    network.info = checkpoint.load_base(folder).info
    for info in network.adapters:
        checkpoint.save_adapter(
            network, info.name, folder / "adapters" / info.name, config={}, card=""
        )
    checkpoint.save_estimator(network, folder, provenance={"steps": "1"})
    return folder


def trained(weights: Path, folder: Path, *names: str, gain: float | None = 1.5) -> list[Path]:
    """What training leaves of new adapters: a folder each, with one estimator in all of them."""
    sources = [folder / name / "weights" for name in names]
    for name, source in zip(names, sources, strict=True):
        network = checkpoint.load_base(weights)
        network.install_new(AdapterInfo(name=name, title=name, degradation=name, rank=2))
        checkpoint.save_adapter(
            network, name, source / "adapters" / name, config={"gain_db": gain}, card="# card"
        )
    grown = checkpoint.load_network(weights)
    checkpoint.extend(
        grown,
        weights,
        [source / "adapters" / name for name, source in zip(names, sources, strict=True)],
    )
    for source in sources:
        checkpoint.save_estimator(grown, source, provenance={"steps": "2"})
    return sources


def test_the_mark_of_a_smoke_run_is_kept_when_an_adapter_is_installed(weights, tmp_path):
    (source,) = trained(weights, tmp_path, "snow")
    config = source / "adapters/snow/adapter_config.json"
    about = json.loads(config.read_text())
    config.write_text(json.dumps(about | {"abair": about["abair"] | {"smoke": True}}))
    assert install(weights, [source], measured=False)[0].smoke
    marked = [
        adapter.name for adapter in checkpoint.load_network(weights).adapters if adapter.smoke
    ]
    assert marked == ["snow"]


def digests(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): digest(p) for p in folder.rglob("*") if p.is_file()}


def test_an_installed_adapter_is_resident_and_the_older_files_are_bit_equal(weights, tmp_path):
    before, old = digests(weights), checkpoint.load_network(weights)
    (source,) = trained(weights, tmp_path, "snow")
    (source / "adapters/snow/degradation.py").write_text("raise SystemExit")
    (told,) = install(weights, [source])
    assert (told.name, told.rank, told.gain_db) == ("snow", 2, 1.5)
    after = digests(weights)
    changed = {name for name, sha in after.items() if before.get(name) != sha}
    assert changed == {"estimator.safetensors", *(f"adapters/snow/{f}" for f in ADAPTER_FILES)}
    new = checkpoint.load_network(weights)
    assert [adapter.name for adapter in new.adapters] == ["noise", "blur", "snow"]
    picture = torch.randint(0, 256, (3, 40, 50), dtype=torch.uint8)
    for adapters in ("none", {"noise": 1.0}, {"blur": 0.4, "noise": 0.6}):
        assert torch.equal(
            Restorer(old).restore(picture, adapters=adapters),
            Restorer(new).restore(picture, adapters=adapters),
        )


def test_two_adapters_of_one_training_are_installed_together_or_not_at_all(weights, tmp_path):
    sources = trained(weights, tmp_path, "snow", "dust")
    before = digests(weights)
    with pytest.raises(ValueError, match="the estimator also needs dust: add them in the same"):
        install(weights, sources[:1])
    assert digests(weights) == before
    install(weights, sources)
    assert [a.name for a in checkpoint.load_network(weights).adapters][2:] == ["snow", "dust"]


def test_a_folder_is_begun_as_a_copy_of_the_bundled_weights(weights, tmp_path, monkeypatch):
    monkeypatch.setattr("model.storage.adapter_store.BUNDLED", weights)
    bundled, made = digests(weights), tmp_path / "made"
    with pytest.raises(ValueError, match="doesn't improve"):
        install(made, trained(weights, tmp_path / "1", "snow", gain=-1.0))
    assert not made.exists()
    install(made, trained(weights, tmp_path / "2", "snow"))
    assert digests(weights) == bundled
    assert [a.name for a in checkpoint.load_network(made).adapters] == ["noise", "blur", "snow"]


def poison(source: Path) -> None:
    path = source / "adapters/snow/adapter_model.safetensors"
    tensors, told = read_tensors(path)
    key = sorted(tensors)[0]
    tensors[key] = torch.full_like(tensors[key], float("nan"))
    save_file(tensors, path, {"abair": json.dumps(told)})


def cut_rank(source: Path) -> None:
    path = source / "adapters/snow/adapter_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "r": 1}))


def other_base(source: Path) -> None:
    path = source / "adapters/snow/adapter_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "base_model_sha256": "0" * 64}))


def other_adapter(source: Path) -> None:
    path = source / "adapters/snow/adapter_model.safetensors"
    tensors, told = read_tensors(path)
    write_tensors(path, {key: tensor * 2 + 1 for key, tensor in tensors.items()}, told)


def no_estimator(source: Path) -> None:
    (source / "estimator.safetensors").unlink()


@pytest.mark.parametrize(
    ("break_it", "told"),
    [
        (poison, "aren't finite"),
        (cut_rank, "of another shape"),
        (other_base, "trained on other base weights"),
        (other_adapter, "other versions of snow"),
        (no_estimator, "contains no adapter with an estimator"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(weights, tmp_path, break_it, told):
    (source,) = trained(weights, tmp_path, "snow")
    break_it(source)
    before = digests(weights)
    with pytest.raises(ValueError, match=told):
        install(weights, [source])
    assert digests(weights) == before


@pytest.mark.parametrize(("gain", "told"), [(-0.2, "doesn't improve"), (None, "never measured")])
def test_an_adapter_that_was_not_seen_to_gain_is_refused(weights, tmp_path, gain, told):
    sources = trained(weights, tmp_path, "snow", gain=gain)
    with pytest.raises(ValueError, match=told):
        install(weights, sources)
    assert not (weights / "adapters/snow").exists()


def test_a_proof_of_the_chain_may_gain_nothing_but_must_be_measured(weights, tmp_path):
    assert install(weights, trained(weights, tmp_path, "snow", gain=-3.0), measured=False)
    with pytest.raises(ValueError, match="never measured"):
        install(weights, trained(weights, tmp_path, "dust", gain=None), measured=False)


def test_an_estimator_that_does_not_know_a_resident_adapter_is_refused(weights, tmp_path):
    first = trained(weights, tmp_path / "1", "snow")
    second = trained(weights, tmp_path / "2", "dust")
    install(weights, first)
    with pytest.raises(ValueError, match="the estimator doesn't know snow: train it again"):
        install(weights, second)
    with pytest.raises(ValueError, match="snow: already installed"):
        install(weights, first)


def test_two_trainings_are_not_mixed(weights, tmp_path):
    sources = trained(weights, tmp_path / "1", "snow") + trained(weights, tmp_path / "2", "dust")
    with pytest.raises(ValueError, match="2 estimators were trained"):
        install(weights, sources)


def test_a_leftover_that_no_estimator_names_is_replaced(weights, tmp_path):
    (weights / "adapters/snow").mkdir()
    (weights / "adapters/snow/old").touch()
    install(weights, trained(weights, tmp_path, "snow"))
    assert sorted(p.name for p in (weights / "adapters/snow").iterdir()) == sorted(ADAPTER_FILES)


def test_a_removed_adapter_is_gone_and_the_others_keep_their_amounts(weights, tmp_path):
    install(weights, trained(weights, tmp_path, "snow"))
    with_snow = checkpoint.load_network(weights)
    remove(weights, "blur")
    without = checkpoint.load_network(weights)
    assert [adapter.name for adapter in without.adapters] == ["noise", "snow"]
    assert not (weights / "adapters/blur").exists()
    picture = torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8)
    before, after = (r.describe(sample_views(picture)).amounts[0] for r in (with_snow, without))
    torch.testing.assert_close(after, before[[0, 2]], rtol=0, atol=1e-6)
    assert len({*before.tolist()}) == 3  # noise's isn't snow's
    told = read_tensors(weights / "estimator.safetensors")[1]
    assert len(told["adapter_sha256"]) == 2
    assert told["provenance"] == {"steps": "2"}


def test_an_adapter_that_is_not_there_cannot_be_removed(weights):
    with pytest.raises(ValueError, match=r"no adapter 'snow' in .*; it has noise, blur"):
        remove(weights, "snow")


def test_an_adapter_can_come_back_after_it_was_removed(weights, tmp_path):
    sources = trained(weights, tmp_path, "snow")
    install(weights, sources)
    remove(weights, "snow")
    install(weights, sources)
    shutil.rmtree(tmp_path / "snow")
    assert [a.name for a in checkpoint.load_network(weights).adapters] == ["noise", "blur", "snow"]
