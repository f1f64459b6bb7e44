import base64
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.page.steps import choose, downloaded, size_of, stage_box, wait_for_result
from tools.fakes import file_of, photo


def test_a_picture_is_chosen(page, noisy):
    with page.expect_file_chooser() as chooser:
        page.get_by_text("Choose pictures").click()
    chooser.value.set_files(noisy)
    wait_for_result(page, noisy.name)
    assert size_of(page, "#before") == size_of(page, "#after") == (90, 60)
    expect(page.locator("#seen")).to_contain_text("%")
    expect(page.locator("#status")).to_contain_text("Restored.")
    expect(page.locator('#examples [aria-pressed="true"]')).to_have_count(0)
    expect(page.locator("#facts")).to_contain_text(re.compile("90 . 60, PNG"))


def test_a_picture_is_dropped(page, noisy):
    box = stage_box(page)
    point = {"x": box["x"] + 200, "y": box["y"] + 200}
    data = {"items": [], "files": [str(noisy)], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver"):
        session.send("Input.dispatchDragEvent", {"type": kind, **point, "data": data})
    expect(page.locator("#drop")).to_be_visible()
    session.send("Input.dispatchDragEvent", {"type": "drop", **point, "data": data})
    wait_for_result(page, noisy.name)
    expect(page.locator("#drop")).to_be_hidden()
    assert size_of(page, "#after") == (90, 60)


def test_a_picture_is_pasted(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate(
        """async (data) => {
          const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
          const item = new ClipboardItem({ "image/png": new Blob([bytes], { type: "image/png" }) });
          await navigator.clipboard.write([item]);
        }""",
        base64.b64encode(file_of(photo(50, 70))).decode(),
    )
    page.keyboard.press("Control+V")
    wait_for_result(page, "image.png")
    assert size_of(page, "#after") == (70, 50)
    assert downloaded(page)[0] == "image.restored.png"


@pytest.mark.parametrize("turned", [False, True], ids=["upright", "turned"])
def test_what_browsers_cannot_read_is_shown_by_the_service(page, tmp_path, turned):
    file = tmp_path / "scan.tiff"
    exif = Image.Exif()
    exif[0x0112] = 6 if turned else 1
    Image.fromarray(photo(60, 90)).save(file, exif=exif)
    choose(page, file)
    size = (60, 90) if turned else (90, 60)
    assert size_of(page, "#before") == size_of(page, "#after") == size
    expect(page.locator("#curl")).to_have_value(re.compile("format=png"))
    assert downloaded(page)[0] == "scan.restored.png"


def test_grey_stays_grey(page, tmp_path):
    file = tmp_path / "grey.png"
    file.write_bytes(file_of(np.ascontiguousarray(photo(60, 90)[..., 0])))
    choose(page, file)
    name, data = downloaded(page)
    assert name == "grey.restored.png"
    (tmp_path / name).write_bytes(data)
    with Image.open(tmp_path / name) as image:
        assert (image.mode, image.size) == ("L", (90, 60))
