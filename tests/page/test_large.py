"""Large pictures: a small preview first, and how long the whole one will take."""

import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.page.steps import size_of, wait_for_result


@pytest.fixture
def large(tmp_path):
    """A picture of 4.3 megapixels."""
    path = tmp_path / "large.jpg"
    ramp = np.linspace(40, 200, 2400, dtype=np.uint8)
    Image.fromarray(np.stack([np.tile(ramp, (1800, 1))] * 3, axis=2)).save(path)
    return path


def test_a_large_picture_has_a_preview_and_an_expected_time(page, large, client):
    ready = {**client.get("readyz").json(), "seconds_per_megapixel": 10.0}
    page.route("**/readyz", lambda route: route.fulfill(json=ready))
    held = []

    def hold_the_whole_one(route):
        if b"preview.jpg" in (route.request.post_data_buffer or b""):
            route.continue_()
        else:
            held.append(route)

    page.route("**/restore", hold_the_whole_one)
    page.set_input_files("#file", large)
    expect(page.locator("#after")).to_have_attribute("alt", f"Small preview: {large.name}")
    assert max(size_of(page, "#after")) < 1000
    expect(page.locator(".tag.right")).to_have_text("Small preview")
    expect(page.locator("#busy-text")).to_have_text(re.compile("Restoring . [0-9]+ of about 44 s"))
    expect(page.locator("#download")).to_have_attribute("aria-disabled", "true")
    held[0].continue_()
    wait_for_result(page, large.name)
    assert size_of(page, "#after") == (2400, 1800)
    expect(page.locator(".tag.right")).to_have_text("After")
