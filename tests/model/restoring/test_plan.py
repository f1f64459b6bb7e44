import pytest

from model.restoring.plan import RestorationPlan, plan_restoration

NAMES = ("noise", "rain", "haze")  # two adapters, and what the baseline alone removes
ESTIMATED = (0.25, 0.75)


def plan(wish, **options) -> RestorationPlan:
    return plan_restoration(wish, ESTIMATED, NAMES, **options)


@pytest.mark.parametrize("wish", ["auto", "none"])
def test_the_estimated_amounts_are_removed_with_or_without_adapters(wish):
    expected = RestorationPlan(
        changes=True, needs_map=False, amounts=(0.25, 0.75, 0.0), adapters=wish == "auto"
    )
    assert plan(wish) == expected


def test_what_only_the_baseline_removes_can_be_asked_by_name():
    assert plan({"haze": 0.5}).amounts == (0.0, 0.0, 0.5)


@pytest.mark.parametrize("blend", ["image", "pixel"])
@pytest.mark.parametrize(
    ("wish", "options"),
    [
        ("auto", {"strength": 0.0}),
        ("auto", {"keep": ["noise", "rain"]}),
        ({"rain": 0.0}, {}),
    ],
)
def test_nothing_changes_where_nothing_is_asked(wish, options, blend):
    decided = plan(wish, blend=blend, **options)
    assert not decided.changes
    assert not decided.needs_map


def test_the_map_is_needed_only_where_adapters_follow_it():
    assert plan("auto", blend="pixel").needs_map
    assert not plan("auto", blend="image").needs_map
    assert not plan("none", blend="pixel").needs_map


def test_unknown_words_are_refused():
    with pytest.raises(ValueError, match="blend must be image or pixel, got 'mean'"):
        plan("auto", blend="mean")
    with pytest.raises(ValueError, match="unknown adapters: snow"):
        plan({"snow": 1.0})
