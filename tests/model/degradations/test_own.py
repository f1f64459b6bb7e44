import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from model.degradations import OwnDegradation
from tests.model.degradations.test_operators import make_picture

GOOD = """
import numpy as np
def degrade(clean, severity, rng):
    return clean + severity * rng.normal(0, 0.5, clean.shape)
def sample_severity(rng):
    return rng.uniform(0.5, 1)
"""


def write(folder: Path, text: str) -> OwnDegradation:
    path = folder / "degradation.py"
    path.write_text(text)
    return OwnDegradation("own", path)


def broken(body: str, sampler: str = "return 0.5") -> str:
    return (
        "import numpy as np\n"
        f"def degrade(clean, severity, rng):\n    {body}\n"
        f"def sample_severity(rng):\n    {sampler}\n"
    )


def test_a_file_gives_pictures_of_exact_eight_bit_levels(tmp_path):
    own = write(tmp_path, GOOD)
    own.prove(make_picture())
    damaged = own.degrade(make_picture(), 1.0, np.random.default_rng(0))
    assert damaged.dtype == np.float32
    assert np.isin(damaged, (np.arange(256) / 255).astype(np.float32)).all()
    assert 0.5 <= own.sample_severity(np.random.default_rng(0)) <= 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (broken("clean[:] = 0; return clean"), "read-only"),
        (broken("return clean[:2]"), r"must return the shape it got, \(33, 47, 3\)"),
        (broken("return clean * np.nan"), "aren't finite"),
        (broken("return clean * 0.5"), "must change nothing at severity 0"),
        (broken("return clean"), "changed nothing at severity 1"),
        (
            broken("return clean + severity * np.random.default_rng().random(clean.shape)"),
            "two pictures for one seed",
        ),
        (broken("return clean * (1 - severity)", "return 2.0"), r"number in \(0, 1\], got 2.0"),
        ("def degrade(clean, severity, rng): return clean", "missing: .*sample_severity"),
    ],
)
def test_what_breaks_a_rule_is_told(tmp_path, text, told):
    with pytest.raises(ValueError, match=told):
        write(tmp_path, text).prove(make_picture())


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"there is no .*degradation.py"):
        OwnDegradation("own", tmp_path / "degradation.py").prove(make_picture())


def test_it_can_be_sent_to_another_process_and_leaves_no_module_behind(tmp_path):
    own = write(tmp_path, GOOD)
    before = set(sys.modules)
    own.degrade(make_picture(), 0.5, np.random.default_rng(0))
    assert set(sys.modules) == before
    again = pickle.loads(pickle.dumps(own))
    first, second = (
        one.degrade(make_picture(), 0.5, np.random.default_rng(1)) for one in (own, again)
    )
    assert np.array_equal(first, second)


def test_two_files_of_one_name_are_two_degradations(tmp_path):
    owns = []
    for name, factor in (("a", 0.5), ("b", 0.25)):
        (tmp_path / name).mkdir()
        owns.append(write(tmp_path / name, broken(f"return clean * (1 - {factor} * severity)")))
    clean = np.ones((2, 2, 3), dtype=np.float32)
    means = [own.degrade(clean, 1, np.random.default_rng(0)).mean() for own in owns]
    assert means == pytest.approx([0.5, 0.75], abs=0.01)
