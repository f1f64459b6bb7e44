"""Pictures written as base64, bare or as a data URL, decoded while they come in."""

import binascii
import re

from service.errors import BadRequestError

_DATA_URL = re.compile(rb"data:[^,]*?;\s*base64\s*,", re.IGNORECASE)
_ADDRESS = re.compile(rb"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_MAX_URL_HEAD = 256
"""Most bytes of a data URL before its data."""
_SPACES = b" \t\r\n\v\f"
_TO_PLAIN = bytes.maketrans(b"-_", b"+/")
"""The alphabet for URLs, and the usual one."""
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class Base64Text:
    """Decodes the chunks of a text: base64 or a data URL.

    Either alphabet, line breaks, and padding that is left out are accepted.

    Args:
        what: The name of the text, for errors.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._head: bytes | None = b""
        self._rest = b""
        self._padding = 0
        self._decoded: list[bytes] = []

    def feed(self, text: bytes) -> None:
        """Decode the next bytes of the text.

        Raises:
            BadRequestError: If they are no base64.
        """
        if self._head is not None:
            self._head += text.lstrip(_SPACES) if not self._head else text
            text = self._after_head()
        if text:
            self._decode(text)

    def finish(self) -> bytes:
        """Return the decoded bytes, after the last bytes of the text.

        Raises:
            BadRequestError: If the text is no base64, or ends too early.
        """
        if self._head:
            head, self._head = self._head, None
            if head[:5].lower() == b"data:":
                raise self._error("the data URL has no data")
            self._decode(head)
        if len(self._rest) == 1 or (self._padding and (len(self._rest) + self._padding) % 4):
            raise self._error("it ends too early, or is padded wrongly")
        if self._rest:
            self._decoded.append(binascii.a2b_base64(self._rest + b"=" * (-len(self._rest) % 4)))
        data = b"".join(self._decoded)
        self._decoded.clear()
        return data

    def _after_head(self) -> bytes:
        """Return what follows the beginning of a data URL; nothing while it is not known."""
        assert self._head is not None
        head = self._head
        if len(head) < 5 and b"data:".startswith(head.lower()):
            return b""
        if head[:5].lower() != b"data:":
            if _ADDRESS.match(head):
                raise self._error("it is an address, and the service fetches nothing")
            self._head = None
            return head
        if b"," not in head[:_MAX_URL_HEAD]:
            if len(head) >= _MAX_URL_HEAD:
                raise self._error("the data URL has no comma before its data")
            return b""
        found = _DATA_URL.match(head)
        if found is None:
            raise self._error("the data URL does not say ;base64")
        self._head = None
        return head[found.end() :]

    def _decode(self, text: bytes) -> None:
        text = self._rest + text.translate(_TO_PLAIN, _SPACES)
        letters = text.rstrip(b"=")
        self._padding += len(text) - len(letters)
        padded = self._padding > len(text) - len(letters)
        if self._padding > 2 or (padded and letters != self._rest):
            raise self._error("it goes on after its padding")
        if letters.translate(None, _LETTERS):
            raise self._error("it holds a character that base64 has not")
        whole = len(letters) - len(letters) % 4
        self._decoded.append(binascii.a2b_base64(letters[:whole]))
        self._rest = letters[whole:]

    def _error(self, why: str) -> BadRequestError:
        return BadRequestError(
            f"{self._what} is no base64: {why}",
            code="broken_base64",
            hint="Send the file's bytes as base64, or as a data URL: "
            "data:image/jpeg;base64,... A file can also be sent as the body or in a form.",
        )
