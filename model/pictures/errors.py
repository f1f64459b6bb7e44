"""What may be wrong with a picture's file, in words for whoever sent it."""


class PictureError(ValueError):
    """Base of what is raised about a file.

    Args:
        detail: What is wrong.
        hint: What to do about it; the class's own if left out.
    """

    hint = ""

    def __init__(self, detail: str, *, hint: str | None = None) -> None:
        super().__init__(detail)
        self.hint = hint or self.hint


class BrokenPictureError(PictureError):
    """The bytes claim to be a picture but are damaged or cut off."""

    hint = "Open the file in a viewer; it is probably cut off or damaged. Send the original again."


class UnsupportedPictureError(PictureError):
    """It is no picture of a kind that is read."""

    hint = "Send JPEG, PNG, WebP, AVIF, JPEG XL, JPEG 2000, TIFF or BMP."


class OversizedPictureError(PictureError):
    """It has more pixels than allowed, by its own header."""

    hint = "Send a smaller picture."
