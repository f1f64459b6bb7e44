import pytest

from model.config import (
    CLASSES,
    COLOURS,
    FULL_SEVERITY,
    Degradation,
    RestorerConfig,
    amount_of,
    colours_of,
    palette_of,
)


def test_every_class_has_a_colour_of_its_own():
    classes = [*CLASSES, "snow", "jpeg"]
    assert list(COLOURS) == list(CLASSES)
    assert len(set(colours_of(classes))) == len(classes)
    assert colours_of(["rain"]) == ["#56B4E9"]
    assert palette_of(["rain", "clean"]) == b"\x56\xb4\xe9\0\0\0"


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ({"widths": (8,)}, "at least 2 levels"),
        ({"encoder_blocks": (1,)}, "encoder_blocks must have 2 entries"),
        ({"decoder_blocks": (1, 1, 1)}, "decoder_blocks must have 2 entries"),
        ({"unshuffle": 0}, "unshuffle must be at least 1"),
    ],
)
def test_sizes_that_do_not_fit_together_are_refused(sizes, told):
    with pytest.raises(ValueError, match=told):
        RestorerConfig(**sizes)


def test_the_multiple_follows_levels_and_unshuffle():
    assert RestorerConfig().multiple == 8


def test_an_amount_rises_with_the_severity_and_is_full_where_damage_is_plain():
    assert amount_of(0.0, "haze") == 0
    assert amount_of(FULL_SEVERITY / 2, "haze") == pytest.approx(0.5)
    assert amount_of(FULL_SEVERITY, "haze") == amount_of(1.0, "haze") == 1


def test_noise_and_blur_are_plain_at_lower_severities_than_haze():
    for kind in ("noise", "blur"):
        assert amount_of(0.12, kind) == 1 > amount_of(0.12, "haze")


def test_the_baseline_is_told_of_every_class_but_clean():
    assert RestorerConfig().degradations == tuple(Degradation)
    assert RestorerConfig(classes=("rain", "clean", "snow")).degradations == ("rain", "snow")
