"""Several pictures at once: the list, its pictures on the stage, and the ZIP file."""

import io
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.page.steps import wait_for_result
from tools.fakes import file_of, photo


@pytest.fixture
def several(tmp_path):
    """Three files: two have the same name, the last one is broken."""
    paths = [tmp_path / name for name in ("one/grün.png", "two/grün.png", "broken.png")]
    for count, path in enumerate(paths):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(file_of(photo(60, 80 + count)))
    paths[2].write_bytes(paths[2].read_bytes()[:60])
    return paths


def drop(page, files):
    point = {"x": 300, "y": 300}
    data = {"items": [], "files": [str(file) for file in files], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **point, "data": data})


def test_every_dropped_file_is_in_the_list_and_in_the_zip(page, several, client, watch):
    drop(page, several)
    rows = page.locator("#batch-list li")
    expect(rows).to_have_count(3)
    expect(page.locator("#batch-summary")).to_have_text("2 of 3 restored, 1 failed.")
    expect(rows.nth(2)).to_contain_text("Failed: ")
    wait_for_result(page, "grün.png")  # the first one is on the stage
    with page.expect_download() as download:
        page.get_by_role("button", name="Download all as ZIP").click()
    archive = zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes()))
    assert archive.testzip() is None
    assert len(set(archive.namelist())) == 2
    for name, file in zip(archive.namelist(), several, strict=False):
        answer = client.post("restore", files={"image": file.read_bytes()})
        assert archive.read(name) == answer.content
    watch.expect("status of 400")


def test_a_picture_of_the_list_is_shown_without_asking_again(page, several, watch):
    page.set_input_files("#file", several[:2])
    expect(page.locator("#batch-summary")).to_have_text("2 of 2 restored.")
    wait_for_result(page, "grün.png")
    asked = len([url for url in watch.asked if url.endswith("/restore")])
    page.locator("#batch-list button").nth(1).click()
    expect(page.locator("#after")).to_have_js_property("naturalWidth", 81)
    assert len([url for url in watch.asked if url.endswith("/restore")]) == asked == 2
    expect(page.locator("#batch-list button").nth(1)).to_have_attribute("aria-current", "true")


def test_settings_are_used_for_all_when_that_is_asked(page, several):
    page.set_input_files("#file", several[:2])
    expect(page.locator("#batch-summary")).to_have_text("2 of 2 restored.")
    page.get_by_label("Format").select_option("JPEG")
    page.get_by_role("button", name="Use these settings for all").click()
    expect(page.get_by_role("button", name="Use these settings for all")).to_be_hidden()
    expect(page.locator("#batch-summary")).to_have_text("2 of 2 restored.")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download all as ZIP").click()
    names = zipfile.ZipFile(download.value.path()).namelist()
    assert names == ["grün.restored.jpg", "grün.restored-2.jpg"]


def test_the_list_can_be_stopped_taken_up_and_closed(page, several):
    held = []
    page.route("**/restore", lambda route: held.append(route))
    page.set_input_files("#file", several[:2])
    expect(page.locator("#batch-list li").first).to_contain_text("Restoring")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#batch-list li").nth(1)).to_contain_text("Stopped")
    page.unroute("**/restore")
    page.get_by_role("button", name="Restore the rest").click()
    expect(page.locator("#batch-summary")).to_have_text("2 of 2 restored.")
    page.get_by_role("button", name="Close the list").click()
    expect(page.locator("#batch")).to_be_hidden()
    expect(page.locator("#after")).to_be_visible()
