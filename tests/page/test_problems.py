import json

import pytest
from playwright.sync_api import expect

from tests.page.steps import choose, wait_for_result
from tools.fakes import file_of, photo


@pytest.fixture
def plain(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(file_of(photo(60, 90)))
    return path


def answer(route, problem, **headers):
    """Answer with a problem that this service, as it stands, would not tell."""
    route.fulfill(
        status=problem["status"],
        body=json.dumps(problem),
        content_type="application/problem+json",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def test_a_problem_is_told_as_the_service_tells_it(page, tmp_path, watch):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 this is no picture")
    with page.expect_response("**/restore") as response:
        page.set_input_files("#file", broken)
    told = response.value.json()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(told["title"])
    expect(alert).to_contain_text(told["detail"][1:])
    expect(alert).to_contain_text(told["hint"])
    expect(alert).to_contain_text(told["request_id"])
    expect(page.get_by_role("button", name="Try again")).to_be_hidden()  # it would not help
    expect(page.locator("#busy")).to_be_hidden()
    expect(page.locator(".stage.done")).to_be_visible()  # what was shown before stays
    expect(page.locator("#seen")).to_contain_text("low light")
    expect(page.locator("#download")).to_have_attribute("download", "lowlight.restored.jpg")
    page.get_by_role("button", name="Dismiss").click()
    expect(alert).to_be_hidden()
    watch.expect(f"status of {told['status']}")


def test_every_bad_option_is_told(page, plain, watch):
    told = {
        "title": "Unprocessable Content",
        "status": 422,
        "detail": "cannot use the options: adapters",
        "hint": "See GET /adapters.",
        "errors": [{"option": "adapters", "detail": "unknown: snow"}],
    }
    page.route("**/restore", lambda route: answer(route, told))
    page.set_input_files("#file", plain)
    expect(page.get_by_role("alert")).to_contain_text("adapters: unknown: snow")
    watch.expect("status of 422")


def test_a_service_that_is_gone_can_be_tried_again(page, plain, watch):
    page.route("**/restore", lambda route: route.abort("connectionrefused"))
    page.set_input_files("#file", plain)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The service cannot be reached.")
    watch.expect("ERR_CONNECTION_REFUSED")
    page.unroute("**/restore")
    page.get_by_role("button", name="Try again").click()
    wait_for_result(page, plain.name)
    expect(alert).to_be_hidden()


def test_an_answer_of_something_in_between_is_told_as_such(page, plain, watch):
    page.route("**/restore", lambda route: route.fulfill(status=502, body="<h1>Bad Gateway</h1>"))
    page.set_input_files("#file", plain)
    expect(page.get_by_role("alert")).to_contain_text("502 Bad Gateway")
    watch.expect("status of 502")


def test_progress_is_shown_and_can_be_cancelled(page, plain):
    held = []
    page.route("**/restore", lambda route: held.append(route))
    page.set_input_files("#file", plain)
    expect(page.locator("#busy-text")).to_contain_text("Restoring")
    expect(page.get_by_role("progressbar", name="Progress")).to_be_visible()
    expect(page.locator("#busy-text")).to_contain_text("1 s")
    with page.expect_event("requestfailed") as failed:
        page.get_by_role("button", name="Cancel").click()
    assert failed.value.url.endswith("/restore")
    expect(page.locator("#status")).to_have_text("Cancelled")
    expect(page.get_by_role("alert")).to_be_hidden()
    page.unroute("**/restore")
    page.get_by_role("button", name="Restore").click()
    wait_for_result(page, plain.name)


def test_a_new_picture_ends_what_was_going_on(page, plain, noisy):
    held = []
    page.route("**/restore", lambda route: held.append(route), times=1)
    page.set_input_files("#file", noisy)
    for _ in range(200):
        if held:
            break
        page.wait_for_timeout(20)
    with page.expect_event("requestfailed") as failed:
        choose(page, plain)
    assert failed.value == held[0].request


def test_a_result_that_comes_late_displaces_nothing(visit, service, plain, noisy):
    page = visit("about:blank")
    page.add_init_script(
        """let calls = 0;
        const decode = HTMLImageElement.prototype.decode;
        HTMLImageElement.prototype.decode = async function () {
          calls += 1;  // 1 and 2: the example; 3: the first picture; 4: its result
          if (calls === 4) await new Promise((resolve) => (window.release = resolve));
          return decode.call(this);
        };"""
    )
    page.goto(service)
    page.wait_for_selector(".stage.done")
    with page.expect_request_finished(lambda one: one.url.endswith("/restore")):
        page.set_input_files("#file", noisy)
    page.wait_for_function("Boolean(window.release)")
    choose(page, plain)
    shown = page.get_attribute("#after", "src")
    page.evaluate("window.release()")
    page.wait_for_timeout(300)
    assert page.get_attribute("#after", "src") == shown
    expect(page.locator("#before")).to_have_attribute("alt", f"Before: {plain.name}")
    expect(page.locator("#download")).to_have_attribute("download", "photo.restored.png")


def test_a_model_that_loads_is_waited_for(visit, service, watch):
    loading = {"title": "Service Unavailable", "status": 503, "detail": "the model is being loaded"}
    page = visit("about:blank")
    page.route("**/readyz", lambda route: answer(route, loading, retry_after="1"), times=1)
    page.goto(service)
    expect(page.locator("#service")).to_have_text("the model is being loaded")
    expect(page.locator("#weights li")).not_to_have_count(0)
    expect(page.locator("#service")).to_contain_text("CPU")
    watch.expect("status of 503")
