import base64
import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from service.page import read_assets
from tests.page.steps import stage_box

READ = """
canvas => {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  return { width, height, data: [...data] };
}
"""


@pytest.fixture
def told(client):
    """What the service says of the example that is a mixture."""
    picture = read_assets()["examples/mixture.jpg"].body
    answer = client.post("degradation-map", files={"image": picture})
    return answer.json()


@pytest.fixture
def mixture(page):
    """The page, showing the map of that example."""
    page.get_by_role("button", name="A mixture").click()
    page.get_by_role("button", name="Map of damage").click()
    expect(page.locator("#legend")).to_be_visible()
    expect(page.locator("#busy")).to_be_hidden()
    return page


def test_the_overlay_has_the_colours_of_the_api(mixture, told):
    drawn = mixture.eval_on_selector("#overlay canvas", READ)
    pixels = np.array(drawn["data"], np.uint8).reshape(drawn["height"], drawn["width"], 4)
    labels = Image.open(io.BytesIO(base64.b64decode(told["labels"])))
    classes = np.asarray(labels)
    clean = [entry["name"] for entry in told["classes"]].index("clean")
    assert len(np.unique(classes)) > 1
    np.testing.assert_array_equal(pixels[..., 3] == 0, classes == clean)
    damaged = classes != clean
    np.testing.assert_array_equal(
        pixels[damaged][:, :3], np.asarray(labels.convert("RGB"))[damaged]
    )


def test_the_legend_names_every_class_with_its_colour_and_share(mixture, told):
    entries = mixture.locator("#legend li").all()
    assert len(entries) == len(told["classes"])
    for entry, damage in zip(entries, told["classes"], strict=True):
        text = (entry.text_content() or "").replace("\xa0", " ")
        assert text.lower().replace(" ", "").startswith(damage["name"])
        assert re.search(r"(\d+|under 1) % of the area", text)
        if damage["share"] >= 0.005:
            assert f" {round(damage['share'] * 100)} % of the area" in text
        if damage["name"] != "clean":
            amount = told["degradations"][damage["name"]]
            assert (
                f"amount {round(amount * 100) if amount >= 0.005 or not amount else 'under 1'} %"
                in text
            )
        colour = entry.locator("i").evaluate("i => i.style.getPropertyValue('--colour')")
        assert colour == damage["colour"]


@pytest.mark.parametrize("zoomed", [False, True], ids=["fit", "zoomed"])
def test_the_class_under_the_pointer_is_named(mixture, told, zoomed):
    labels = np.asarray(Image.open(io.BytesIO(base64.b64decode(told["labels"]))))
    names = [damage["name"] for damage in told["classes"]]
    if zoomed:
        mixture.get_by_role("button", name="Zoom in").click()
    box = stage_box(mixture)
    inner = mixture.locator("#before").bounding_box()
    seen = set()
    for x, y in ((0.12, 0.5), (0.9, 0.2), (0.7, 0.7)):
        point = box["x"] + box["width"] * x, box["y"] + box["height"] * y
        mixture.mouse.move(*point)
        row = int((point[1] - inner["y"]) / inner["height"] * labels.shape[0])
        column = int((point[0] - inner["x"]) / inner["width"] * labels.shape[1])
        name = names[labels[row, column]]
        text = mixture.locator("#here").text_content().lower().replace(" ", "")
        assert text == name
        seen.add(name)
    assert len(seen) > 1
    mixture.mouse.move(5, 5)
    expect(mixture.locator("#here")).to_be_hidden()


def test_the_overlay_goes_and_comes_without_asking_again(mixture, watch):
    button = mixture.get_by_role("button", name="Map of damage")
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(mixture.locator("#overlay")).to_be_hidden()
    expect(mixture.locator("#legend")).to_be_hidden()
    button.click()
    expect(mixture.locator("#overlay")).to_be_visible()
    asked = [url for url in watch.asked if url.endswith("/degradation-map")]
    assert len(asked) == 1


def test_the_map_stays_on_for_the_next_picture(mixture):
    first = mixture.locator("#legend").text_content()
    mixture.locator("#examples button").nth(1).click()
    expect(mixture.locator("#legend")).not_to_have_text(first)
    expect(mixture.locator("#overlay")).to_be_visible()


def test_the_shipped_example_has_its_map_without_asking(page, watch):
    page.get_by_role("button", name="Map of damage").click()
    expect(page.locator("#legend")).to_contain_text("Low light")
    expect(page.locator("#overlay canvas")).to_be_visible()
    assert not [url for url in watch.asked if url.endswith("/degradation-map")]


def test_a_class_added_later_is_in_the_legend(visit, told):
    told["classes"].append(
        {"name": "snow", "colour": "#009E73", "share": 0.0, "mean_probability": 0.0}
    )
    told["degradations"]["snow"] = 0.0
    page = visit()
    page.wait_for_selector(".stage.done")
    page.route("**/degradation-map", lambda route: route.fulfill(json=told))
    page.get_by_role("button", name="A mixture").click()
    page.get_by_role("button", name="Map of damage").click()
    expect(page.locator("#legend li").last).to_have_text("Snow: 0 % of the area, amount 0 %")
