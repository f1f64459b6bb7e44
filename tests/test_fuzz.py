"""A minute of fuzzing; ``make fuzz`` takes ten."""

import pytest

SECONDS = 60


@pytest.mark.slow
def test_no_mutated_file_crashes_hangs_or_takes_much_memory():
    pytest.importorskip("atheris", reason="atheris is made for Linux on x86-64 alone")
    from tools.fuzzing.running import fuzzed

    result = fuzzed(SECONDS)
    assert result.sound, result.output
    assert result.inputs > 200, result.told


def test_fuzzing_begins_with_every_kind_that_is_read():
    from model.pictures import read_header
    from tools.fuzzing.seeds import seeds

    formats = set()
    for data in seeds():
        try:
            formats.add(read_header(data).format)
        except ValueError:
            continue
    assert formats == {
        "JPEG",
        "PNG",
        "WEBP",
        "TIFF",
        "BMP",
        "AVIF",
        "HEIF",
        "JXL",
        "JPEG2000",
        "NPY",
    }
