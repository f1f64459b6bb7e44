import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.page.steps import size_of

PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
FINGER = 44
"""Pixels that a finger needs (WCAG 2.2, target size, enhanced)."""


def opened(visit, **options):
    page = visit(**options)
    page.wait_for_selector(".stage.done")
    page.wait_for_selector("#weights li")
    return page


def test_nothing_is_cut_off_on_a_narrow_phone(visit):
    page = opened(visit, **PHONE)
    page.get_by_role("button", name="Map of damage").click()
    expect(page.locator("#legend")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    sticking_out = page.evaluate(
        """() => [...document.querySelectorAll("main *:not(.plane, .plane *, .unseen, svg *)")]
          .filter((one) => !one.closest("#examples") && one.checkVisibility())
          .filter((one) => one.getBoundingClientRect().right > 360.5)
          .map((one) => one.outerHTML.slice(0, 80))"""
    )
    assert sticking_out == []
    assert min(size_of(page, "#after")) > 100


def test_what_is_touched_is_large_enough(visit):
    page = opened(visit, **PHONE)
    small = {}
    for one in page.locator("button:visible, a.button, .bar input, .intake label").all():
        box = one.bounding_box()
        if min(box["height"], box["width"]) < FINGER:
            small[one.evaluate("one => one.outerHTML.slice(0, 80)")] = box
    assert small == {}


def brightness(page, selector, property):
    colour = page.eval_on_selector(
        selector,
        """(one, property) => {
          const context = document.createElement("canvas").getContext("2d");
          context.fillStyle = getComputedStyle(one)[property];
          context.fillRect(0, 0, 1, 1);
          return [...context.getImageData(0, 0, 1, 1).data];
        }""",
        property,
    )
    return sum(colour[:3]) / 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_light_or_dark_as_the_system_is(visit, scheme):
    page = opened(visit, color_scheme=scheme)
    for selector in ("body", ".card:not([hidden])"):
        ground = brightness(page, selector, "backgroundColor")
        ink = brightness(page, selector, "color")
        assert (ground < 60 and ink > 190) if scheme == "dark" else (ground > 230 and ink < 60)


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_nothing_moves_for_who_wants_no_motion(visit, motion):
    page = opened(visit, reduced_motion=motion)
    held = []
    page.route("**/restore", lambda route: held.append(route))
    page.locator("#examples button").nth(1).click()
    expect(page.locator("#busy")).to_be_visible()
    moving = page.evaluate("document.getAnimations().length > 0")
    assert moving == (motion == "no-preference")


@pytest.mark.parametrize(
    "options",
    [{"color_scheme": "light"}, {"color_scheme": "dark"}, PHONE],
    ids=["light", "dark", "phone"],
)
def test_axe_finds_nothing_serious(visit, options):
    page = opened(visit, **options)
    page.get_by_role("button", name="Map of damage").click()
    expect(page.locator("#legend")).to_be_visible()
    page.evaluate(
        "for (const id of ['key', 'problem', 'batch']) document.getElementById(id).hidden = false"
    )
    page.evaluate("document.getElementById('problem-title').textContent = 'Content Too Large'")
    found = Axe().run(page).response
    assert len(found["passes"]) > 20
    grave = {
        violation["id"]: [node["html"] for node in violation["nodes"]]
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    }
    assert grave == {}


def test_the_way_through_the_page_is_in_the_order_of_the_eye(visit):
    page = opened(visit)
    order = []
    for _ in range(40):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
        if order[-1] == "curl":
            break
    wanted = ["file", "split", "map", "zoom-in", "strength", "download", "copy", "curl"]
    assert [name for name in order if name in wanted] == wanted
