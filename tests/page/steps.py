"""What visitors do and see."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import FloatRect, Page, expect


def choose(page: Page, file: Path) -> None:
    """Choose a file and wait for the result."""
    page.set_input_files("#file", file)
    wait_for_result(page, file.name)


def wait_for_result(page: Page, name: str) -> None:
    """Wait until the picture of that name is restored and nothing goes on."""
    expect(page.locator("#after")).to_have_attribute("alt", f"After: {name}")
    expect(page.locator("#busy")).to_be_hidden()


def size_of(page: Page, selector: str) -> tuple[int, int]:
    """Width and height of an image in its own pixels."""
    size = page.eval_on_selector(selector, "image => [image.naturalWidth, image.naturalHeight]")
    return size[0], size[1]


def downloaded(page: Page) -> tuple[str, bytes]:
    """Press *Download*; return the file's name and bytes."""
    with page.expect_download() as download:
        page.click("#download")
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def pixels_of(data: bytes) -> NDArray[np.int16]:
    """The pixels of a file, int16 so that they can be subtracted."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"), np.int16)


def stage_box(page: Page) -> FloatRect:
    """Where the stage is."""
    page.locator("#stage").scroll_into_view_if_needed()
    box = page.locator("#stage").bounding_box()
    assert box is not None
    return box


def transforms(page: Page) -> set[str]:
    """Transforms of all layers of the stage; one if they share zoom and place."""
    told: list[str] = page.eval_on_selector_all(
        ".pane:not([hidden]) .plane",
        "planes => planes.map(plane => getComputedStyle(plane).transform)",
    )
    return set(told)
