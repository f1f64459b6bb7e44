import shlex
import shutil
import subprocess

import pytest
from playwright.sync_api import expect

from service.page import read_assets
from tests.page.steps import choose, downloaded, wait_for_result


@pytest.fixture
def copied(page):
    """Press *Copy as curl* and read the clipboard."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])

    def copy(page=page):
        page.locator("#copy").click()
        expect(page.locator("#copy")).to_have_text("Copied")
        return page.evaluate("navigator.clipboard.readText()")

    return copy


def run(line, folder):
    """Run a line in a shell; return the bytes of the file that it says it writes."""
    assert shutil.which("curl"), "this test runs a line of curl"
    done = subprocess.run(
        ["sh", "-c", line], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return (folder / shlex.split(line)[-1]).read_bytes()


def test_the_download_is_what_the_service_answers(page, noisy, client):
    choose(page, noisy)
    name, data = downloaded(page)
    answer = client.post("restore", files={"image": noisy.read_bytes()})
    assert data == answer.content
    assert name.endswith(".restored.png")


def test_the_copied_line_makes_the_picture_that_is_shown(page, noisy, copied):
    choose(page, noisy)
    page.get_by_role("slider", name="Noise", exact=True).fill("70")
    page.get_by_role("slider", name="Strength").fill("90")
    expect(page.get_by_role("radio", name="Custom")).to_be_checked()
    page.wait_for_timeout(400)
    wait_for_result(page, noisy.name)
    line = copied()
    assert "noise:0.7" in line
    assert "strength=0.9" in line
    assert run(line, noisy.parent) == downloaded(page)[1]


def test_the_copied_line_of_an_example_needs_no_file(page, copied, tmp_path):
    data = run(copied(), tmp_path)
    name, shipped = downloaded(page)
    assert (tmp_path / name).exists()
    assert shipped == read_assets()["examples/lowlight.restored.jpg"].body
    assert data[:2] == shipped[:2] == b"\xff\xd8"


HOSTILE = [
    "$(touch pwned).png",
    "`touch pwned`.png",
    "'; touch pwned; '.png",
    "'$(touch pwned)'.png",
    '"; touch pwned; ".png',
    '"$(touch pwned)`touch pwned`.png',
    "${IFS}$HOME!! !$ ~ *.png",
    "\\'\\\\\"\\.png",
    "a\ntouch pwned\n.png",
    "a\x1b[201~\ntouch pwned\r'%s%n\\0.png",
    "\x7f\u0085\u00e9'.png",
    "@-; type=text.png",
    "-o pwned",
    "-",
    "x;filename=y,z.png",
]
"""Names of files that a shell, a terminal or curl could take for something to do."""


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_no_name_of_a_file_does_anything_in_the_copied_line(page, noisy, copied, shell):
    for number, name in enumerate(HOSTILE):
        folder = noisy.parent / str(number)
        folder.mkdir()
        (folder / name).write_bytes(noisy.read_bytes())
        choose(page, folder / name)
        line = copied()
        assert line.isprintable(), repr(line)
        done = subprocess.run(
            [shell, "-c", line],
            cwd=folder,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )
        assert done.returncode == 0, (name, line, done.stderr)
        (made,) = {path.name for path in folder.iterdir()} - {name}
        assert made == restored_name(name)
        assert (folder / made).read_bytes()[:4] == b"\x89PNG"


def restored_name(name):
    return f"{name.removesuffix('.png')}.restored.png"


def test_without_a_clipboard_the_line_is_selected(visit):
    page = visit("about:blank")
    page.add_init_script("delete Navigator.prototype.clipboard")
    page.goto(visit().url)
    page.wait_for_selector(".stage.done")
    page.locator("#copy").click()
    expect(page.locator("#copy")).to_contain_text("Ctrl+C")
    chosen = page.evaluate("getSelection().toString()")
    assert chosen == page.input_value("#curl")


def test_a_key_is_asked_for_checked_and_kept(visit, guarded, noisy, copied, watch):
    page = visit(guarded, permissions=["clipboard-read", "clipboard-write"])
    page.wait_for_selector(".stage.done")  # the finished example needs no key
    field = page.get_by_label("This service wants a key")
    expect(field).to_be_focused()
    watch.expect("status of 401")
    field.fill("a wrong one")
    page.keyboard.press("Enter")
    expect(page.locator("#key-note")).to_contain_text("Not this one")
    watch.expect("status of 403")
    field.fill("the key")
    page.keyboard.press("Enter")
    expect(page.locator("#key")).to_be_hidden()
    expect(page.locator("#weights li")).to_have_count(3)
    choose(page, noisy)
    page.reload()
    expect(page.locator("#weights li")).to_have_count(3)
    expect(page.locator("#key")).to_be_hidden()
    choose(page, noisy)
    assert run(copied(page), noisy.parent) == downloaded(page)[1]
