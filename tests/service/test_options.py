import pytest

from service.errors import InvalidOptionsError
from service.options import MapOptions, RestoreOptions, parse_options


def test_defaults_are_the_documented_ones():
    options = parse_options(RestoreOptions, {})
    assert options.adapters == "auto"
    assert (options.strength, options.format, options.quality) == (1.0, "auto", 92)
    assert (options.metadata, options.blend) == ("keep", "image")


def test_a_list_of_adapters_is_weights():
    options = parse_options(RestoreOptions, {"adapters": " rain:0.8, noise : .2"})
    assert options.adapters == {"rain": 0.8, "noise": 0.2}


def test_every_bad_option_is_named_at_once():
    with pytest.raises(InvalidOptionsError) as caught:
        parse_options(RestoreOptions, {"strength": "x", "quality": "101", "sharpen": "1"})
    assert {entry.option for entry in caught.value.errors} == {"strength", "quality", "sharpen"}
    assert "metadata" in caught.value.hint


def test_class_is_an_option_of_the_map():
    assert parse_options(MapOptions, {"view": "heat", "class": "rain"}).class_name == "rain"


def test_every_option_is_described():
    for model in (RestoreOptions, MapOptions):
        assert all(field.description for field in model.model_fields.values())


@pytest.mark.parametrize("given", ["jpg", "JPG", "JPEG", ".jpg", "image/jpeg", " Jpe "])
def test_a_format_may_be_written_as_callers_write_it(given):
    assert parse_options(RestoreOptions, {"format": given}).format == "jpeg"


def test_words_may_be_in_any_case():
    given = {"metadata": "STRIP", "blend": "Pixel", "include": "MAP", "adapters": "Top"}
    options = parse_options(RestoreOptions, given)
    assert (options.metadata, options.blend, options.include) == ("strip", "pixel", "map")
    assert options.adapters == "top"
    assert parse_options(MapOptions, {"view": "Labels"}).view == "labels"
