import pytest

from model.restoring.wishes import amounts_for, parse_names, parse_wish

NAMES = ("noise", "blur", "rain")
ESTIMATE = (0.2, 0.9, 0.4)


@pytest.mark.parametrize("wish", ["auto", "none"])
def test_the_estimate_is_asked_for(wish):
    assert amounts_for(wish, ESTIMATE, NAMES) == ESTIMATE


def test_top_asks_for_the_largest_amount_alone():
    assert amounts_for("top", ESTIMATE, NAMES) == (0, 0.9, 0)
    assert amounts_for("top", (0.0, 0.0, 0.0), NAMES) == (0, 0, 0)
    assert amounts_for("top", (), ()) == ()


def test_amounts_by_name_are_asked_for_whatever_the_estimate_is():
    assert amounts_for({"rain": 1, "noise": 0.25}, ESTIMATE, NAMES) == (0.25, 0, 1)
    assert amounts_for({}, ESTIMATE, NAMES) == (0, 0, 0)


@pytest.mark.parametrize(
    ("wish", "left"),
    [
        ("auto", (0.2, 0, 0.4)),
        ("none", (0.2, 0, 0.4)),
        ("top", (0, 0, 0.4)),
        ({"noise": 0.3, "blur": 1.0}, (0.3, 0, 0)),
    ],
)
def test_what_is_to_be_kept_is_not_asked_for(wish, left):
    assert amounts_for(wish, ESTIMATE, NAMES, keep=["blur"]) == left
    assert amounts_for(wish, ESTIMATE, NAMES, keep=NAMES) == (0, 0, 0)


def test_unknown_names_are_refused_with_those_that_are_known():
    known = r"unknown adapters: fog, snow; there are noise, blur, rain"
    with pytest.raises(ValueError, match=known):
        amounts_for({"snow": 1.0, "noise": 1.0}, ESTIMATE, NAMES, keep={"fog"})
    with pytest.raises(ValueError, match=r"auto, top, none, or amounts by name .* got best"):
        amounts_for("best", ESTIMATE, NAMES)


@pytest.mark.parametrize("amount", [-0.01, 1.01, float("nan"), float("inf"), -float("inf")])
def test_amounts_that_are_not_in_zero_to_one_are_refused_by_name(amount):
    with pytest.raises(ValueError, match="the amount of blur must be from 0"):
        amounts_for({"noise": 1.0, "blur": amount}, ESTIMATE, NAMES)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("auto", "auto"),
        ("top", "top"),
        ("none", "none"),
        ("rain:1", {"rain": 1.0}),
        ("rain:0.8, noise:.2", {"rain": 0.8, "noise": 0.2}),
    ],
)
def test_a_wish_is_read_as_a_mode_or_as_amounts(text, parsed):
    assert parse_wish(text) == parsed


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rain:much", "'rain' must be a number, got 'much'"),
        ("rain:0.5,noise", "write auto, top, none, or name:amount,name:amount; got 'noise'"),
        (":0.5", "got ':0.5'"),
        ("best", "got 'best'"),
        ("", "got ''"),
        ("rain:1.5", r"'rain' must be in \[0, 1\], got 1.5"),
        ("rain:-1", r"in \[0, 1\]"),
        ("rain:nan", r"in \[0, 1\]"),
        ("rain:0.5,rain:0.5", "'rain' is given twice"),
    ],
)
def test_a_wish_that_is_neither_is_refused_with_what_is_wrong(text, told):
    with pytest.raises(ValueError, match=told):
        parse_wish(text)


def test_names_are_read_between_commas_and_none_names_nothing():
    assert parse_names("haze, rain") == ("haze", "rain")
    assert parse_names("haze") == ("haze",)
    assert parse_names("") == parse_names(" ") == parse_names("none") == ()
