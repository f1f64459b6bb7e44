"""JSON bodies with a picture as base64, in chunks of every size."""

import base64
import json

import pytest

from service.errors import BadRequestError
from service.http.json_body import JsonBody

PICTURE = bytes(range(256)) * 2 + b"\xfb\xef\xbe\xff"
TEXT = base64.b64encode(PICTURE).decode()
URL = f"data:image/jpeg;base64,{TEXT}"


def read(data, size=10**6):
    body = JsonBody()
    for start in range(0, len(data), size):
        body.feed(data[start : start + size])
    return body.finish(), body.options


@pytest.mark.parametrize("size", [1, 2, 5, 64, 10**6])
@pytest.mark.parametrize(
    "text",
    [
        f'{{"image": "{TEXT}", "strength": 0.5}}',
        f'{{"image": "{URL}", "strength": 0.5}}',
        f'{{"strength":0.5,"image":"{URL}"}}',
        f' \n{{ "image" :\t"{TEXT}" , "strength" : 0.5 }}\n',
        f'\ufeff{{"image": "{TEXT}", "strength": 0.5}}',
        f'{{"images": ["{URL}"], "model": "m", "id": "1", "version": 2, "strength": 0.5}}',
        f'{{"photo": "{TEXT.rstrip("=")}", "strength": "0.5", "quality": null}}',
        json.dumps({"image": TEXT.replace("+", "-").replace("/", "_"), "strength": 0.5}),
        json.dumps({"image": base64.encodebytes(PICTURE).decode(), "strength": 0.5}),
        json.dumps({"image": URL, "strength": 0.5}).replace("/", "\\/"),
        json.dumps({"image": TEXT, "strength": 0.5})
        .replace("+", "\\u002B")
        .replace("=", "\\u003d"),
        json.dumps({"image": URL.replace("image/jpeg", "image/jpeg;name=a.jpg"), "strength": 0.5}),
        json.dumps({"image": URL.replace("data:image", "DATA:image"), "strength": 0.5}),
    ],
)
def test_a_picture_and_its_options_are_read_from_any_chunks(text, size):
    assert read(text.encode(), size) == (PICTURE, {"strength": "0.5"})


def test_values_become_what_a_form_would_hold():
    given = {
        "adapters": {"rain": 0.8, "noise": 1},
        "keep": ["haze", "noise"],
        "flag": True,
        "metadata": 'a "quoted" \\ word',
    }
    _, options = read(json.dumps({"image": TEXT, **given}).encode())
    assert options == {
        "adapters": "rain:0.8,noise:1",
        "keep": "haze,noise",
        "flag": "true",
        "metadata": 'a "quoted" \\ word',
    }


@pytest.mark.parametrize("size", [1, 10**6])
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "cannot be parsed"),
        ("[]", "no object"),
        ("[" * 50_000, "cannot be parsed"),
        (f'{{"image": "{TEXT}"', "cannot be parsed"),
        (f'{{"image": "{TEXT}', "cannot be parsed"),
        (f'{{"image": "{TEXT}", "image": "{TEXT}"}}', "more than one picture"),
        (f'{{"image": "{TEXT}", "photo": "{TEXT}"}}', "more than one picture"),
        (f'{{"images": ["{TEXT}", "{TEXT}"]}}', "more than one picture"),
        (f'{{"image": "{TEXT}", "keep": "a", "keep": "b"}}', "twice"),
        (f'{{"image": "{TEXT}", "keep": "{"a" * 70_000}"}}', "65536 bytes"),
        (f'{{"image": "{TEXT}", "keep": [[1], {{"a": {{}}}}]}}', "cannot be used"),
        (f'{{"input": {{"image": "{TEXT}"}}}}', "no member"),
        ('{"image": 5}', "no member"),
        ('{"image": null}', "no member"),
        (f'{{"image": {{"data": "{TEXT}"}}}}', "is no text"),
        ('{"image": ""}', "empty"),
        ('{"image": "https://example.org/a.jpg"}', "no base64"),
        ('{"image": "data:image/jpeg,abc"}', "no base64"),
        ('{"image": "data:image/jpeg;base64,"}', "empty"),
        ('{"image": "data:image/jpeg"}', "no base64"),
        (f'{{"image": "data:{"a" * 300}"}}', "no base64"),
        ('{"image": "QUJ"x}', "cannot be parsed"),
        ('{"image": "QUJDR"}', "too early"),
        ('{"image": "QQ==QQ=="}', "no base64"),
        ('{"image": "QQ="}', "too early"),
        ('{"image": "Q\\u00e9"}', "no base64"),
        ('{"image": "QUJ\\"D"}', "no base64"),
    ],
)
def test_what_is_broken_is_told(text, why, size):
    with pytest.raises(BadRequestError, match=why):
        read(text.encode(), size)
