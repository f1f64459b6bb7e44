"""A body, or a part of a form, that is the picture itself, or that says itself what it is."""

from service.http.base64_text import Base64Text

_DATA_URL = b"data:"


class RawBody:
    """Joins the chunks of a picture. A data URL is decoded."""

    def __init__(self) -> None:
        self.options: dict[str, str] = {}
        self._chunks: list[bytes] = []
        self._begin: bytes | None = b""
        self._text: Base64Text | None = None

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        if self._begin is not None:
            chunk = self._begin + chunk
            self._begin = None if len(chunk) >= len(_DATA_URL) else chunk
            if self._begin is not None:
                return
            if chunk[: len(_DATA_URL)].lower() == _DATA_URL:
                self._text = Base64Text("the data URL")
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
