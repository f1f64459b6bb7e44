"""Names and messages of foreign files, made fit for a terminal."""


def printable(text: str) -> str:
    """Return ``text`` with every character that is not printable written as an escape.

    A file's name or a tensor's key may hold codes that clear a terminal or forge a line of it.
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
