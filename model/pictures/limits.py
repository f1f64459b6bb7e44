"""What a picture file may hold. Every limit of this package stands here, with its reason.

A limit bounds the time or the memory that a file can cost before or while it is decoded. The
limits hold for the service, for ``abair restore`` and for Python alike; docs/configuration.md
lists them. An operator lowers the number of pixels with ``ABAIR_MAX_PIXELS``.
"""

MAX_SIDE = 65_535
"""Pixels of the longest side. JPEG holds no more, and no camera makes more."""
MAX_PIXELS = 2**29
"""Pixels of a picture, whatever the caller allows: decoding them takes up to 13 GiB."""
MAX_SAMPLES = 8
"""Channels of a pixel: four of colour, transparency, and a few that are left out."""
MAX_PIXEL_BYTES = 32
"""Bytes of a stored pixel: red, green, blue and transparency as 64-bit floats."""
MAX_DECODED_PIXEL_BYTES = 24
"""Bytes that decoding may take, times the pixels that the caller allows. Pictures of 8 and 16 bits
take up to 22 a pixel; TIFFs of large floats in one compressed strip take up to 72."""

MAX_SEGMENTS = 512
"""JPEG segments, PNG chunks, WebP chunks or TIFF tags, the parts that hold pixels not counted.
A large ICC profile takes 50, the depth map of a phone 100."""
MAX_FILL_BYTES = 2**16
"""Bytes between the segments of a JPEG that belong to none."""
MAX_DATA_CHUNKS = 2**16
"""Chunks of a PNG or frames of a WebP that hold pixels: 64 MiB in chunks of 1 KiB."""
MAX_SCANS = 100
"""Scans of a JPEG, each of which goes over the whole picture. Encoders write about 10."""
MAX_SCAN_PIXELS = 2**31
"""Pixels of a JPEG times its scans: 20 scans of 100 megapixels."""
MAX_STRIPS = 2**20
"""Strips or tiles of a TIFF: tiles of 16x16 pixels of a picture of 268 megapixels."""
MAX_TILE_PIXELS = 2**22
"""Pixels of a tile of a TIFF that is larger than the picture: a tile of 2048x2048."""
MAX_TAG_VALUES = 2**18
"""Numbers in one tag of a TIFF or of EXIF, places of strips and tiles not counted."""

MAX_PROFILE_BYTES = 4 * 2**20
"""Bytes of an ICC profile; a larger one is left out. Those of presses have 3 MB."""
MAX_CURVE_VALUES = 4096
"""Values of a curve of an ICC profile; one with a longer curve is left out. A colour engine goes
through the whole curve 4,096 times to turn it around."""
MAX_EXIF_BYTES = 2**20
"""Bytes of EXIF; more is left out. One JPEG segment holds 64 KiB."""
MAX_XMP_BYTES = 2**20
"""Bytes of an XMP packet; a larger one is left out."""

MAX_BOXES = 4096
"""Boxes, items and properties of an AVIF or HEIC file, each."""
MAX_UNITS = 4096
"""Units of the coded picture in an AVIF or HEIC item: headers, tiles, slices."""
