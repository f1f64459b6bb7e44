import numpy as np
from playwright.sync_api import expect

from service.page import read_assets
from tests.page.steps import pixels_of, size_of

EXAMPLES = "page/examples/"
STALE = "the shipped example is of other weights; run: python -m tests.page.examples"


def test_a_finished_example_is_shown_without_a_click(page, watch):
    assert size_of(page, "#before") == size_of(page, "#after")
    assert min(size_of(page, "#after")) > 100
    expect(page.locator("#seen")).to_contain_text("low light")
    expect(page.get_by_role("slider", name="Low light")).not_to_have_value("0")
    expect(page.locator("#problem")).to_be_hidden()
    asked = [url.rpartition("/")[2] for url in watch.asked]
    assert "lowlight.restored.jpg" in asked
    assert not {"restore", "degradation-map"} & set(asked)


def test_the_finished_example_is_what_the_service_answers(client):
    listed = client.get(EXAMPLES + "examples.json").json()
    shipped = listed[0]["finished"]
    picture = client.get(EXAMPLES + listed[0]["file"]).content
    answer = client.post("restore", files={"image": picture})
    assert answer.headers["restore-model"] == shipped["headers"]["restore-model"], STALE
    known = pixels_of(client.get(EXAMPLES + shipped["file"]).content)
    assert np.abs(pixels_of(answer.content) - known).mean() < 2, STALE


def test_the_adapters_are_those_the_service_tells(page, client):
    told = client.get("adapters").json()["adapters"]
    labels = page.locator("#weights label").all_text_contents()
    assert labels == [adapter["title"] for adapter in told]


def test_an_adapter_added_later_appears(visit, service, client):
    told = client.get("adapters").json()
    told["adapters"].append({**told["adapters"][0], "name": "snow", "title": "Falling snow"})
    told["adapters"][0]["enabled"] = False
    page = visit("about:blank")
    page.route("**/adapters", lambda route: route.fulfill(json=told))
    page.goto(service)
    expect(page.get_by_role("slider", name="Falling snow")).to_be_visible()
    expect(page.get_by_role("slider", name=told["adapters"][0]["title"], exact=True)).to_have_count(
        0
    )


def test_every_example_is_restored_when_it_is_chosen(page):
    buttons = page.locator("#examples button")
    assert buttons.count() == sum(
        name.endswith(".jpg") and "restored" not in name for name in read_assets()
    )
    for button in buttons.all()[1:3]:
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        alt = button.get_attribute("title")
        expect(page.locator("#after")).to_have_attribute("alt", f"After: {alt}")
        assert size_of(page, "#after") == size_of(page, "#before")
    expect(page.locator('#examples [aria-pressed="true"]')).to_have_count(1)
