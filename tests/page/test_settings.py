import re

import pytest
from playwright.sync_api import expect

from tests.page.steps import choose, downloaded, wait_for_result


@pytest.fixture
def asked(page, noisy):
    """Headers of every answer of the service from here on, a picture of ours being shown."""
    choose(page, noisy)
    answers = []

    def note(answer):
        if answer.url.endswith("/restore"):
            answers.append(answer.headers)

    page.on("response", note)
    return answers


def bar(page, name):
    return page.get_by_role("slider", name=name, exact=True)


def settle(page, noisy, asked, count):
    """Wait for that many answers; check that no more come."""
    for _ in range(200):
        if len(asked) >= count:
            break
        page.wait_for_timeout(50)
    page.wait_for_timeout(400)
    wait_for_result(page, noisy.name)
    assert len(asked) == count


def weights_of(headers):
    told = headers["restore-adapters"]
    return {} if told == "none" else dict(part.split("=") for part in told.split(", "))


def test_a_bar_sets_weights_and_auto_goes_back(page, noisy, asked):
    estimated = {name: bar(page, name).input_value() for name in ("Noise", "Rain", "Blur")}
    automatic = downloaded(page)[1]
    bar(page, "Rain").fill("80")
    settle(page, noisy, asked, 1)
    weights = weights_of(asked[0])
    assert weights["rain"] == "0.80"
    assert float(weights.get("noise", 0)) == pytest.approx(float(estimated["Noise"]) / 100)
    expect(page.get_by_role("radio", name="Custom")).to_be_checked()
    expect(bar(page, "Rain")).to_have_value("80")
    assert downloaded(page)[1] != automatic
    page.get_by_text("Auto", exact=True).click()
    settle(page, noisy, asked, 2)
    for name, value in estimated.items():
        expect(bar(page, name)).to_have_value(value)
    assert downloaded(page)[1] == automatic


def test_bars_turn_with_the_keys_and_ask_once_they_rest(page, noisy, asked):
    bar(page, "Haze").focus()
    page.keyboard.press("Home")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    settle(page, noisy, asked, 1)
    assert weights_of(asked[0])["haze"] == "0.05"


def test_top_takes_one_adapter_alone(page, noisy, asked):
    page.get_by_text("Strongest only", exact=True).click()
    settle(page, noisy, asked, 1)
    (removed,) = weights_of(asked[0]).values()
    values = [slider.input_value() for slider in page.locator("#weights input[type=range]").all()]
    assert sorted(values, key=int)[-2:] == ["0", str(round(100 * float(removed)))]


def test_the_base_alone_takes_no_adapter_and_shows_what_it_removed(page, noisy, asked):
    page.get_by_text("Base only", exact=True).click()
    settle(page, noisy, asked, 1)
    assert weights_of(asked[0]) == {}
    removed = dict(part.split("=") for part in asked[0]["restore-removed"].split(", "))
    expect(bar(page, "Blur")).to_have_value(str(round(100 * float(removed["blur"]))))


def test_what_was_found_stands_beside_what_was_removed(page, noisy, asked):
    found = page.locator("#weights li", has=bar(page, "Blur")).locator("small")
    told = found.text_content()
    assert re.fullmatch(r"found \d+.%", told)
    assert told.removeprefix("found ") in page.locator("#seen").text_content()
    page.get_by_role("checkbox", name="Keep blur in the picture").check()
    settle(page, noisy, asked, 1)
    expect(found).to_have_text(told)
    expect(bar(page, "Blur")).to_have_value("0")


def test_own_amounts_can_be_chosen_without_moving_a_bar(page, noisy, asked):
    before = [one.input_value() for one in page.locator("#weights input[type=range]").all()]
    page.get_by_text("Custom", exact=True).click()
    settle(page, noisy, asked, 1)
    assert [one.input_value() for one in page.locator("#weights input[type=range]").all()] == before
    expect(page.locator("#mode-note")).to_have_text("Your own amounts: move the bars.")


@pytest.mark.parametrize("end", ["Cancel", "error"])
def test_amounts_of_another_picture_are_never_shown(page, noisy, end, watch):
    held = []
    page.route("**/restore", lambda route: held.append(route))
    expect(bar(page, "Low light")).not_to_have_value("0")  # the example's
    page.set_input_files("#file", noisy)
    expect(page.locator("#before")).to_have_attribute("alt", f"Before: {noisy.name}")

    def check_that_nothing_is_known():
        for slider in page.locator("#weights input[type=range]").all():
            expect(slider).to_have_value("0")
            expect(slider).to_have_attribute("aria-valuetext", "not known yet")
        expect(page.locator("#weights output").first).to_have_text("\N{EN DASH}")
        expect(page.locator("#seen")).to_have_text("")

    check_that_nothing_is_known()
    if end == "Cancel":
        page.get_by_role("button", name="Cancel").click()
    else:
        held[0].fulfill(status=502, body="Bad Gateway")
        expect(page.get_by_role("alert")).to_contain_text("502")
        watch.expect("status of 502")
    check_that_nothing_is_known()


def test_the_file_that_comes_back_is_as_asked_for(page, noisy, asked):
    page.get_by_label("Quality").fill("40")
    page.get_by_label("Format").select_option("JPEG")
    page.get_by_label("Metadata").select_option("Remove the location")
    page.wait_for_timeout(400)
    wait_for_result(page, noisy.name)
    expect(page.locator("#curl")).to_have_value(
        re.compile("-F format=jpeg -F quality=40 -F metadata=no-gps ")
    )
    name, data = downloaded(page)
    assert name.endswith(".restored.jpg")
    assert data[:2] == b"\xff\xd8"
    page.get_by_label("Format").select_option("PNG")
    expect(page.get_by_label("Quality")).to_be_disabled()


def test_a_closed_padlock_keeps_a_degradation_in_the_picture(page, noisy, asked):
    settle(page, noisy, asked, 0)
    page.get_by_role("checkbox", name="Keep noise in the picture").check()
    settle(page, noisy, asked, 1)
    assert "noise" not in weights_of(asked[0])
    expect(page.locator("#curl")).to_have_value(re.compile("-F keep=noise "))
    expect(bar(page, "Noise")).to_be_disabled()
    page.get_by_role("checkbox", name="Keep noise in the picture").uncheck()
    settle(page, noisy, asked, 2)
    expect(page.locator("#curl")).not_to_have_value(re.compile("keep"))


def test_strength_holds_back(page, noisy, asked, client):
    bar(page, "Strength").fill("40")
    settle(page, noisy, asked, 1)
    expect(page.locator("#strength-value")).to_have_text(re.compile("40.%"))
    expect(page.locator("#curl")).to_have_value(re.compile("-F strength=0.4 "))
    answer = client.post("restore", files={"image": noisy.read_bytes()}, data={"strength": "0.4"})
    assert downloaded(page)[1] == answer.content


def test_another_picture_begins_anew(page, noisy, asked):
    bar(page, "Strength").fill("40")
    settle(page, noisy, asked, 1)
    page.locator("#examples button").nth(1).click()
    expect(page.get_by_role("radio", name="Auto")).to_be_checked()
    expect(bar(page, "Strength")).to_have_value("100")
    expect(page.locator("#curl")).not_to_have_value(re.compile("strength"))
