import pytest
from playwright.sync_api import expect

from tests.page.steps import size_of, stage_box, transforms

SPLIT = "#split"


def split(page) -> float:
    return float(page.input_value(SPLIT))


def shown_share(page) -> float:
    """Where the after picture begins, in per cent of the stage, as it is drawn."""
    clip = page.eval_on_selector(".pane.after", "pane => getComputedStyle(pane).clipPath")
    return float(clip.rpartition(" ")[2].removesuffix("%)"))


def test_the_line_follows_the_mouse(page):
    box = stage_box(page)
    assert split(page) == 50
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 160, steps=4)
    assert split(page) == pytest.approx(20, abs=1)
    assert shown_share(page) == split(page)
    page.mouse.up()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 160)
    assert split(page) == pytest.approx(20, abs=1)
    page.mouse.click(box["x"] + box["width"] * 0.8, box["y"] + 100)
    assert split(page) == pytest.approx(80, abs=1)


def test_the_line_follows_a_finger_but_not_a_tap(visit):
    page = visit(has_touch=True, viewport={"width": 360, "height": 740}, is_mobile=True)
    page.wait_for_selector(".stage.done")
    box = stage_box(page)
    touch = page.context.new_cdp_session(page)

    def send(kind, *shares):
        points = [{"x": box["x"] + box["width"] * x, "y": box["y"] + 60} for x in shares]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    send("touchStart", 0.9)
    send("touchEnd")
    assert split(page) == 50
    send("touchStart", 0.5)
    for share in (0.45, 0.35, 0.25):
        send("touchMove", share)
    send("touchEnd")
    assert split(page) == pytest.approx(25, abs=2)
    assert len(transforms(page)) == 1


def test_two_fingers_zoom(visit):
    page = visit(has_touch=True, viewport={"width": 360, "height": 740}, is_mobile=True)
    page.wait_for_selector(".stage.done")
    box, before = stage_box(page), transforms(page)
    touch = page.context.new_cdp_session(page)
    for kind, spread in (("touchStart", 30), ("touchMove", 50), ("touchMove", 90)):
        middle = box["x"] + box["width"] / 2
        points = [{"x": middle + side * spread, "y": box["y"] + 90} for side in (-1, 1)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert len(transforms(page)) == 1
    assert transforms(page) != before
    assert split(page) == 50


def test_the_line_follows_the_keys(page):
    page.focus(SPLIT)
    for key, value in (
        ("ArrowRight", 51),
        ("ArrowLeft", 50),
        ("Home", 0),
        ("End", 100),
        ("ArrowLeft", 99),
    ):
        page.keyboard.press(key)
        assert split(page) == value
        assert shown_share(page) == value
    slider = page.get_by_role("slider", name="Line between before and after")
    expect(slider).to_have_attribute("aria-valuetext", "99 % before, 1 % after")


def test_the_focus_can_be_seen(page):
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "split":
            break
    assert page.evaluate("document.activeElement.id") == "split"
    outline = page.eval_on_selector(".handle", "handle => getComputedStyle(handle).outlineStyle")
    assert outline == "solid"


def test_all_layers_share_zoom_and_place(page):
    box, at_rest = stage_box(page), transforms(page)
    page.get_by_role("button", name="Zoom in").click()
    zoomed = transforms(page)
    assert len(zoomed) == 1
    assert zoomed != at_rest
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 70, steps=3)
    page.mouse.up()
    panned = transforms(page)
    assert len(panned) == 1
    assert panned != zoomed
    assert split(page) == 50
    page.get_by_role("button", name="Fit").click()
    assert transforms(page) == at_rest


def test_a_zoomed_picture_still_has_its_line(page):
    box = stage_box(page)
    page.get_by_role("button", name="Zoom in").click()
    zoomed = transforms(page)
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 100, steps=3)
    page.mouse.up()
    assert split(page) == pytest.approx(30, abs=1)
    assert transforms(page) == zoomed


def test_the_wheel_scrolls_the_page_and_zooms_with_ctrl(page):
    box, at_rest = stage_box(page), transforms(page)
    page.mouse.move(box["x"] + 200, box["y"] + 150)
    page.mouse.wheel(0, -240)
    page.mouse.wheel(0, 120)
    assert transforms(page) == at_rest
    page.keyboard.down("Control")
    page.mouse.wheel(0, -240)
    page.keyboard.up("Control")
    page.wait_for_function("document.querySelector('#stage').classList.contains('zoomed')")
    assert len(transforms(page)) == 1


def test_keys_zoom_and_move(page):
    page.focus(SPLIT)
    page.keyboard.press("+")
    zoomed = transforms(page)
    page.keyboard.press("Shift+ArrowRight")
    assert transforms(page) != zoomed
    assert split(page) == 50
    page.keyboard.press("0")
    expect(page.locator("#stage")).not_to_have_class("stage done zoomed")


def test_pixels_are_shown_one_to_one(page):
    page.get_by_role("button", name="One picture pixel").click()
    expect(page.locator("#zoom")).to_have_text("100 %")
    box, inner = stage_box(page), page.locator("#before").bounding_box()
    assert (round(inner["width"]), round(inner["height"])) == size_of(page, "#before")
    assert inner["x"] - box["x"] == pytest.approx((box["width"] - inner["width"]) / 2)
    assert len(transforms(page)) == 1


def test_the_picture_never_leaves_the_stage(page):
    box = stage_box(page)
    page.get_by_role("button", name="Zoom in").click()
    for x, y in ((900, 700), (-900, -700)):
        page.mouse.move(box["x"] + 100, box["y"] + 100)
        page.mouse.down()
        page.mouse.move(box["x"] + 100 + x, box["y"] + 100 + y, steps=2)
        page.mouse.up()
        inner = page.locator("#before").bounding_box()
        assert inner["x"] <= box["x"] + 0.5
        assert inner["y"] <= box["y"] + 0.5
        assert inner["x"] + inner["width"] >= box["x"] + box["width"] - 0.5
        assert inner["y"] + inner["height"] >= box["y"] + box["height"] - 0.5
