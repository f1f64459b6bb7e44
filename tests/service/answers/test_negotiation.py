import pytest

from service.answers.negotiation import choose
from service.errors import NotAcceptableError

OFFERED = ["image/png", "image/jpeg", "image/webp", "application/json"]


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("image/jpg", "image/jpeg"),
        ("image/x-png, image/webp;q=0.5", "image/png"),
        ("", "image/jpeg"),
        ("*/*", "image/jpeg"),
        ("image/*", "image/jpeg"),
        ("IMAGE/PNG", "image/png"),
        ("image/png;q=0.5, image/webp;q=0.9", "image/webp"),
        ("image/webp, */*", "image/jpeg"),
        ("image/webp, */*;q=0.1", "image/webp"),
        ("application/json", "application/json"),
        ("application/*", "application/json"),
        ("image/jpeg;q=0, image/*", "image/png"),
        ("text/html, */*;q=0.1", "image/jpeg"),
        ("image/png;q=x, image/webp", "image/webp"),
        ("image/png;version=1;q=0.2,image/webp;q=0.1", "image/png"),
    ],
)
def test_what_is_wanted_most_is_chosen(accept, chosen):
    assert choose(accept, OFFERED, default="image/jpeg") == chosen


@pytest.mark.parametrize("accept", ["text/html", "image/png;q=0", "*/*;q=0"])
def test_what_nobody_wants_is_told(accept):
    with pytest.raises(NotAcceptableError):
        choose(accept, OFFERED, default="image/jpeg")
