import pytest

from benchmarks.soak.report import Soak


def soak(**given):
    known = {
        "minutes": 4.0,
        "callers": 2,
        "outcomes": {"/restore 200": 7, "hung up": 3},
        "lost": [],
        "memory": [(float(second), 300.0) for second in range(240)],
        "resting": [(float(second), 250.0) for second in range(12, 241, 12)],
        "left": {"restore_reserved_pixels": 0.0},
        "exit_code": 0,
    }
    return Soak(**{**known, **given})


def test_the_slope_is_that_at_rest_after_the_warm_up():
    resting = [(second, min(200.0 + second * 5, 500.0) + second / 30) for second in range(240)]
    busy = [(float(second), 300.0 + 9 * second) for second in range(240)]
    assert soak(resting=resting, memory=busy).slope == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"lost": ["/restore: 500", "x"]}, "2 requests lost, such as: /restore: 500"),
        ({"left": {"restore_held_bytes": 5.0}}, "restore_held_bytes is 5"),
        ({"exit_code": 1}, "exit code 1"),
        ({"resting": [(s, 300 + s / 20) for s in range(240)]}, "memory grows by 3.00 MB a minute"),
    ],
)
def test_what_was_not_well_is_told(given, told):
    assert soak().faults() == []
    assert soak(**given).faults() == [told]


def test_the_page_tells_everything(tmp_path):
    soak().write(tmp_path / "soak.md", {"processor": "a good one"})
    page = (tmp_path / "soak.md").read_text()
    for row in ("processor | a good one", "/restore 200 | 7", "hung up | 3", "lost | 0"):
        assert f"| {row} |" in page
    assert page.endswith("All was well.\n")
