from pathlib import Path

import pytest
from PIL import Image

from model import Restorer
from model.storage import checkpoint
from model.training.options import TrainingOptions
from model.training.train import Listener, train
from tests.model.conftest import make_network
from tests.model.training.conftest import draw_picture


class Recorder(Listener):
    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self.shares: list[float] = []

    def row(self, numbers):
        self.rows.append(dict(numbers))

    def progress(self, phase, share):
        assert phase == "adapter-rain"
        self.shares.append(share)


@pytest.fixture
def options(tmp_path: Path) -> TrainingOptions:
    """Two steps of an adapter of a tiny baseline, on generated pictures."""
    checkpoint.save_base(
        make_network(), tmp_path / "weights", name="tiny", licence="", provenance={}
    )
    (tmp_path / "data/clean").mkdir(parents=True)
    Image.fromarray(draw_picture(0)).save(tmp_path / "data/clean/a.png")
    return TrainingOptions(
        what="rain",
        data=tmp_path / "data",
        run=tmp_path / "run",
        weights=tmp_path / "weights",
        hours=None,
        steps=2,
        workers=0,
        seed=0,
        command="a test",
        device="cpu",
        overrides=("mix.batch=1", "mix.crop=32", "mix.window=[40, 64]", "mix.pairs=0"),
    )


def test_a_phase_is_trained_from_python_and_tells_its_listener(options, capsys):
    recorder = Recorder()
    assert train(options, recorder)
    assert recorder.shares == [0.5, 1.0]
    assert recorder.rows[-1]["step"] == 2
    assert recorder.rows[0]["restoration"] < 0
    adapters = options.weights / "adapters"
    network = checkpoint.load_base(options.weights)
    checkpoint.add_adapters(network, [adapters / "rain"])
    assert [adapter.name for adapter in Restorer(network).adapters] == ["rain"]
    assert capsys.readouterr().out == ""


def test_a_phase_that_does_not_exist_is_refused(options):
    with pytest.raises(ValueError, match="there is no phase 'rainy': choose one of baseline"):
        train(TrainingOptions(**{**vars(options), "what": "rainy"}))
