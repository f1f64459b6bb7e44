"""Names of files that are not read, by how they begin, so that an error can say what was sent."""

_BEGINS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"GIF8", "a GIF"),
    (0, b"%PDF", "a PDF"),
    (0, b"%!PS", "PostScript"),
    (0, b"8BPS", "a Photoshop document (PSD)"),
    (0, b"II\xbc\x01", "a JPEG XR"),
    (0, b"FUJIFILMCCD-RAW", "a raw photograph (RAF)"),
    (0, b"IIRO", "a raw photograph (ORF)"),
    (0, b"IIRS", "a raw photograph (ORF)"),
    (0, b"MMOR", "a raw photograph (ORF)"),
    (0, b"IIU\0", "a raw photograph (RW2)"),
    (0, b"FOVb", "a raw photograph (X3F)"),
    (0, b"\0MRM", "a raw photograph (MRW)"),
    (4, b"ftypcrx ", "a raw photograph (CR3)"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR picture"),
    (0, b"#?RADIANCE", "a Radiance HDR picture"),
    (0, b"\0\0\1\0", "an icon (ICO)"),
    (0, b"\0\0\2\0", "a cursor (CUR)"),
    (0, b"icns", "an icon (ICNS)"),
    (0, b"DDS ", "a DirectDraw surface (DDS)"),
    (0, b"qoif", "a QOI picture"),
    (0, b"gimp xcf", "a GIMP document (XCF)"),
    (0, b"farbfeld", "a farbfeld picture"),
    (0, b"FLIF", "a FLIF picture"),
    (0, b"BPG\xfb", "a BPG picture"),
    (0, b"SIMPLE  =", "a FITS picture"),
    (128, b"DICM", "a DICOM file"),
    (0, b"\xd7\xcd\xc6\x9a", "a Windows metafile (WMF)"),
    (40, b" EMF", "a Windows metafile (EMF)"),
    (0, b"\x01\xda", "an SGI picture"),
    (0, b"\x59\xa6\x6a\x95", "a Sun raster picture"),
    (0, b"\x8aMNG", "an MNG animation"),
    (0, b"\x8bJNG", "a JNG picture"),
    (0, b"BLP", "a Blizzard texture (BLP)"),
    (0, b"PK\3\4", "a ZIP archive or an office document"),
    (0, b"\x1f\x8b", "data packed by gzip"),
    (0, b"BZh", "data packed by bzip2"),
    (0, b"\xfd7zXZ", "data packed by xz"),
    (0, b"\x28\xb5\x2f\xfd", "data packed by zstd"),
    (0, b"7z\xbc\xaf", "a 7z archive"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"\x1aE\xdf\xa3", "a video (Matroska or WebM)"),
    (0, b"\0\0\1\xba", "a video (MPEG)"),
    (0, b"ID3", "a sound (MP3)"),
    (0, b"OggS", "a sound or video (Ogg)"),
    (0, b"fLaC", "a sound (FLAC)"),
    (0, b"\x7fELF", "a program"),
)
_OF_RIFF = {b"AVI ": "a video (AVI)", b"WAVE": "a sound (WAV)", b"ACON": "a cursor (ANI)"}
_PORTABLE = {49: "PBM", 50: "PGM", 51: "PPM", 52: "PBM", 53: "PGM", 54: "PPM", 55: "PAM"}
_TEXT_BYTES = 512
_TEXTS: tuple[tuple[str, str], ...] = (
    ("<svg", "an SVG drawing"),
    ("<!doctype html", "an HTML page"),
    ("<html", "an HTML page"),
)
_TEXTS += (("<?xml", "XML"), ("data:image/", "a data URL"), ("{", "JSON"))


def named(data: bytes) -> str:
    """Return what a file is, with its article; empty: that is not known."""
    for at, begin, name in _BEGINS:
        if data.startswith(begin, at):
            return name
    if data[:4] == b"RIFF":
        return _OF_RIFF.get(data[8:12], "a RIFF file that is no WebP")
    if data[4:8] == b"ftyp":
        return "a video or a picture of another kind than AVIF and HEIC (ISO media)"
    if data[:1] == b"P" and data[1:2].isdigit() and data[2:3].isspace():
        return f"a {_PORTABLE.get(data[1], 'Netpbm')} picture"
    return _text(data[:_TEXT_BYTES])


def _text(begin: bytes) -> str:
    """Return what a text is; empty: it is none."""
    if any(byte < 9 for byte in begin):
        return ""
    words = begin.decode("utf-8", "replace").lstrip("\ufeff \t\r\n").lower()
    for start, name in _TEXTS:
        if words.startswith(start) or (start == "<svg" and start in words):
            return name
    return "text" if "\ufffd" not in words[:-3] else ""
