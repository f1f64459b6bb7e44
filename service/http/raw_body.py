"""A body, or a part of a form, that is the picture itself, or that says itself what it is."""

from service.http.base64_text import Base64Text

_TEXTS = (b"data:", b"/9j/", b"iVBOR", b"UklGR", b"SUkq", b"TU0A", b"AAAA", b"k05VT")
"""How a data URL begins, and the base64 of pictures. No file of a picture begins so."""
_BEGIN_BYTES = 5


class RawBody:
    """Joins the chunks of a picture. A data URL and base64 are decoded."""

    def __init__(self) -> None:
        self.options: dict[str, str] = {}
        self._chunks: list[bytes] = []
        self._begin: bytes | None = b""
        self._text: Base64Text | None = None

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        if self._begin is not None:
            chunk = self._begin + chunk
            self._begin = None if len(chunk) >= _BEGIN_BYTES else chunk
            if self._begin is not None:
                return
            if chunk.startswith(_TEXTS) or chunk[:_BEGIN_BYTES].lower() == _TEXTS[0]:
                self._text = Base64Text("the picture's text")
        if self._text is not None:
            self._text.feed(chunk)
        else:
            self._chunks.append(chunk)

    def finish(self) -> bytes:
        """Return the picture's bytes, which may be none."""
        if self._text is not None:
            return self._text.finish()
        data = (self._begin or b"") + b"".join(self._chunks)
        self._chunks.clear()
        return data
