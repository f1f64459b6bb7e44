import pytest

from service.answers.reports import weights_header


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ({"noise": 0.184, "rain": 0.71, "haze": 0.004}, "rain=0.71, noise=0.18"),
        ({"noise": 0.0}, "none"),
        ({}, "none"),
    ],
)
def test_weights_are_told_largest_first(weights, text):
    assert weights_header(weights) == text
