"""The limits of a picture file: what it may contain so that it is decoded.

Every limit bounds the memory or the time that a file can cost before or during decoding. The
limits hold for the service, for ``abair restore`` and for Python. docs/configuration.md lists
them. They are not settings; ``ABAIR_MAX_PIXELS`` lowers the number of pixels.
"""

MAX_SIDE = 65_535
"""Pixels of the longer side. JPEG cannot hold more."""
MAX_PIXELS = 2**29
"""Pixels of a picture, even if the caller sets no limit. Decoding them takes up to 12 GiB."""
MAX_SAMPLES = 8
"""Channels per pixel of a TIFF. Four are for colour and one for transparency."""
MAX_PIXEL_BYTES = 32
"""Bytes per pixel as stored in a TIFF. This is RGBA in 64-bit floats."""
MAX_DECODED_PIXEL_BYTES = 24
"""Bytes of memory that decoding may take, per pixel that the caller allows. Pictures of 8 and 16 \
bits take up to 22 per pixel. TIFFs of 64-bit floats in one compressed strip take up to 72."""

MAX_SEGMENTS = 512
"""Segments of a JPEG, chunks of a PNG or WebP without those of pixels, tags of a TIFF directory. \
A large ICC profile takes 50 segments, the depth map of a phone 100."""
MAX_FILL_BYTES = 2**16
"""Bytes between the segments of a JPEG. Some cameras pad segments."""
MAX_DATA_CHUNKS = 2**16
"""Chunks of a PNG that contain pixels, and frames of a WebP. This is 64 MiB in chunks of 1 KiB."""
MAX_SCANS = 100
"""Scans of a JPEG. Each scan takes a pass over the whole picture. Encoders write about 10."""
MAX_SCAN_PIXELS = 2**31
"""Scans of a JPEG times its pixels. This is 20 scans of 100 megapixels."""
MAX_STRIPS = 2**20
"""Strips or tiles of a TIFF. This is 268 megapixels in tiles of 16x16."""
MAX_TILE_PIXELS = 2**22
"""Pixels of a tile of a TIFF, if the tile is larger than two pictures. This is 2048x2048."""
MAX_TAG_VALUES = 2**18
"""Numbers in one tag of a TIFF or of EXIF, except the positions of strips and tiles."""

MAX_PROFILE_BYTES = 4 * 2**20
"""Bytes of an ICC profile. A larger profile is left out. Those of presses have up to 3 MB."""
MAX_CURVE_VALUES = 4096
"""Values of a curve in an ICC profile. A profile with a longer curve is left out. Inverting a \
curve reads all of it 4,096 times."""
MAX_EXIF_BYTES = 2**20
"""Bytes of EXIF. More is left out. One JPEG segment holds 64 KiB."""
MAX_XMP_BYTES = 2**20
"""Bytes of an XMP packet. A larger packet is left out."""
MAX_IPTC_BYTES = 2**20
"""Bytes of IPTC records and the Photoshop resources around them. More is left out."""
MAX_TEXTS = 100
"""Texts beside the pixels of a PNG, and comments of a JPEG. More are left out."""
MAX_TEXT_BYTES = 2**20
"""Bytes of all these texts together. More is left out."""

MAX_BOXES = 4096
"""Boxes, items, references and tiles of an AVIF or HEIC file, each. A picture of 48 megapixels \
has 200 tiles."""
MAX_UNITS = 4096
"""Headers, tiles and slices in one coded picture of an AVIF or HEIC file."""
