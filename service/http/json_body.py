"""Reads a JSON body: one picture as base64, and options beside it.

The picture's text is decoded while it comes in, so that neither the text nor a parsed copy of it
is held. What is left is short, and ``json`` parses it.
"""

import json
import re

from service.errors import BadRequestError
from service.http.base64_text import Base64Text
from service.http.form_fields import IMAGE_FIELDS, JSON_ENVELOPE, MAX_OPTION_BYTES, is_ignored

_NAMES = "|".join(sorted(IMAGE_FIELDS))
_PICTURE_FOLLOWS = re.compile(rf'"(?:{_NAMES})"\s*:\s*(?:\[\s*(?:""\s*,\s*)*)?$'.encode())
"""What stands before the text of a picture; the texts of earlier ones are left out."""
_TAIL_BYTES = 256
_QUOTE_OR_ESCAPE = re.compile(rb'["\\]')
_ESCAPES = (
    (b"\\/", b"/"),
    *((one, b"") for one in (b"\\n", b"\\r", b"\\t")),
    *((one, b"+") for one in (b"\\u002B", b"\\u002b")),
    *((one, b"/") for one in (b"\\u002F", b"\\u002f")),
    *((one, b"=") for one in (b"\\u003D", b"\\u003d")),
)
"""How programs escape the characters of base64, and line breaks between them."""
_ESCAPE_BYTES = 6


class JsonBody:
    """Parses the chunks of a JSON body.

    Raises:
        BadRequestError: If the body is no JSON object, or does not hold exactly one picture.
    """

    def __init__(self) -> None:
        self.options: dict[str, str] = {}
        self._text = bytearray()
        self._picture: Base64Text | None = None
        self._in_string = self._in_picture = False
        self._kept = b""

    def feed(self, chunk: bytes) -> None:
        """Parse the next bytes of the body."""
        data, self._kept = self._kept + chunk, b""
        at = 0
        while at < len(data):
            if self._in_picture:
                at = self._feed_picture(data, at)
            elif self._in_string:
                at = self._feed_string(data, at)
            else:
                at = self._feed_outside(data, at)

    def finish(self) -> bytes:
        """Return the picture's bytes, after the last bytes of the body."""
        given = self._parsed()
        pictures = [name for name in given if name in IMAGE_FIELDS]
        if self._picture is None or not pictures:
            raise BadRequestError(
                "no member 'image' of the JSON object holds a picture as text",
                code="missing_image",
                hint='Send {"image": "data:image/jpeg;base64,..."}, or the base64 alone.',
            )
        if len(pictures) == 1 and not isinstance(given[pictures[0]], str | list):
            raise _broken(f"the member {pictures[0]!r} is no text")
        if len(pictures) > 1 or given[pictures[0]] not in ("", [""]):
            raise _broken("it holds more than one picture; send one request per picture")
        self.options = {
            name: _as_text(name, value)
            for name, value in given.items()
            if value is not None
            and name not in (*pictures, *JSON_ENVELOPE)
            and not is_ignored(name)
        }
        picture, self._picture = self._picture.finish(), None
        if not picture:
            raise BadRequestError("the picture's text is empty", code="missing_image")
        return picture

    def _feed_outside(self, data: bytes, at: int) -> int:
        quote = data.find(b'"', at)
        self._keep(data[at:] if quote < 0 else data[at : quote + 1])
        if quote < 0:
            return len(data)
        if _PICTURE_FOLLOWS.search(bytes(self._text[-_TAIL_BYTES - 1 : -1])):
            if self._picture is not None:
                raise _broken("it holds more than one picture; send one request per picture")
            self._picture, self._in_picture = Base64Text("the picture's text"), True
        else:
            self._in_string = True
        return quote + 1

    def _feed_string(self, data: bytes, at: int) -> int:
        found = _QUOTE_OR_ESCAPE.search(data, at)
        if found is None:
            self._keep(data[at:])
            return len(data)
        end = found.end()
        if found[0] == b"\\":
            if end == len(data):
                self._kept = data[at:]  # the escaped character has not come
                return len(data)
            end += 1
        else:
            self._in_string = False
        self._keep(data[at:end])
        return end

    def _feed_picture(self, data: bytes, at: int) -> int:
        assert self._picture is not None
        quote = data.find(b'"', at)
        text = data[at:] if quote < 0 else data[at:quote]
        if b"\\" in text:
            cut = text.rfind(b"\\", -_ESCAPE_BYTES + 1)
            if quote < 0 and cut >= 0:  # the rest of the escape may come in the next chunk
                text, self._kept = text[:cut], text[cut:]
            for escape, character in _ESCAPES:
                text = text.replace(escape, character)
        self._picture.feed(text)
        if quote < 0:
            return len(data)
        self._in_picture = False
        self._keep(b'"')
        return quote + 1

    def _keep(self, text: bytes) -> None:
        self._text += text
        if len(self._text) > MAX_OPTION_BYTES:
            raise _broken(f"it has more than {MAX_OPTION_BYTES} bytes beside the picture's text")

    def _parsed(self) -> dict[str, object]:
        try:
            parsed = json.loads(self._text.removeprefix(b"\xef\xbb\xbf"), object_pairs_hook=_once)
        except (ValueError, RecursionError):
            raise _broken("it cannot be parsed") from None
        if not isinstance(parsed, dict):
            raise _broken("it is no object")
        return parsed


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise _broken("a name stands in it twice")
    return dict(pairs)


def _as_text(name: str, value: object) -> str:
    """Write an option as a form would hold it: lists as ``a,b``, objects as ``a:1,b:2``."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, list):
        return ",".join(_as_text(name, one) for one in value)
    if isinstance(value, dict) and not any(isinstance(one, dict | list) for one in value.values()):
        return ",".join(f"{key}:{_as_text(name, one)}" for key, one in value.items())
    raise _broken(f"the value of {name!r} cannot be used")


def _broken(why: str) -> BadRequestError:
    return BadRequestError(
        f"the JSON body is broken: {why}",
        code="broken_json",
        hint='Send one object: {"image": "data:image/jpeg;base64,...", "strength": 0.8}.',
    )
