"""The API's documentation at ``/docs``: what a visitor tries there works."""

from pathlib import Path

from playwright.sync_api import Locator, Page, expect


def executed(page: Page, method: str, path: str, file: Path | None = None) -> Locator:
    """Open an endpoint, press *Try it out* and *Execute* with what is filled in; its answer."""
    block = page.locator(f".opblock-{method}").filter(
        has=page.locator(f'.opblock-summary-path[data-path="{path}"]')
    )
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    if file is not None:
        block.locator("input[type=file]").set_input_files(file)
    block.get_by_role("button", name="Execute").click()
    answer = block.locator(".live-responses-table")
    expect(answer).to_be_visible()
    return answer


def test_the_documentation_works_without_the_internet(visit, service):
    page = visit(service + "docs")
    expect(page.locator(".opblock-summary-path").first).to_have_text("/restore")
    expect(executed(page, "get", "/healthz")).to_contain_text('"status": "ok"')


def test_each_endpoint_can_be_tried_as_it_is_filled_in(visit, service, noisy):
    page = visit(service + "docs")
    restored = executed(page, "post", "/restore", noisy)
    expect(restored.locator("tr.response td.response-col_status:not(.col_header)")).to_contain_text(
        "200"
    )
    expect(restored.locator("img")).to_be_visible()
    mapped = executed(page, "post", "/degradation-map", noisy)
    expect(mapped.locator("tr.response td.response-col_status:not(.col_header)")).to_contain_text(
        "200"
    )
    expect(mapped).to_contain_text('"classes"')
    adapters = executed(page, "get", "/adapters")
    expect(adapters).to_contain_text('"degradation": "noise"')


def test_a_key_is_entered_on_the_page(visit, guarded):
    page = visit(guarded + "docs")
    expect(page.locator(".info")).to_contain_text("X-API-Key: KEY")
    page.get_by_role("button", name="Authorize").click()
    dialog = page.locator(".modal-ux")
    dialog.get_by_label("Value:").last.fill("the key")
    dialog.get_by_role("button", name="Apply credentials").last.click()
    dialog.get_by_role("button", name="Close").last.click()
    expect(executed(page, "get", "/adapters")).to_contain_text('"degradation": "noise"')
    for path in ("/healthz", "/readyz"):
        block = page.locator(".opblock").filter(
            has=page.locator(f'.opblock-summary-path[data-path="{path}"]')
        )
        expect(block.locator(".authorization__btn")).to_have_count(0)
