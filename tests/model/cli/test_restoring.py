import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

import model
from model.cli.engines import in_this_process
from model.cli.progress import restore_files
from model.cli.restoring import FileJob, FileOptions, pending_jobs, restore_file
from model.config import CLASSES, palette_of
from tools.picture_files import kinds, values_of

ORIENTATION, ARTIST = 0x0112, 0x013B


@pytest.fixture(scope="module")
def restorer(weights: Path) -> model.Restorer:
    return model.load(weights)


def photo(height: int = 20, width: int = 30, mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
        return image


def go(restorer: model.Restorer, source: Path, target: Path, **options) -> dict[str, Any]:
    return restore_file(restorer, FileJob(source, target), FileOptions(**options))


def test_a_folder_keeps_its_tree_and_skips_what_is_done(tmp_path: Path):
    source, target = tmp_path / "in", tmp_path / "out"
    for name in ("a.jpg", "deep/b.PNG", "deep/notes.txt"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).touch()
    (target / "deep").mkdir(parents=True)
    (target / "deep" / "b.PNG").touch()
    assert pending_jobs(source, target, FileOptions()) == [
        FileJob(source / "a.jpg", target / "a.jpg")
    ]
    assert len(pending_jobs(source, target, FileOptions(overwrite=True))) == 2
    assert len(pending_jobs(source, target, FileOptions(write_map=True))) == 2


def test_an_out_inside_in_is_not_read_as_input(tmp_path: Path):
    (tmp_path / "out").mkdir()
    for name in ("a.png", "out/old.png"):
        (tmp_path / name).touch()
    jobs = pending_jobs(tmp_path, tmp_path / "out", FileOptions())
    assert [job.source.name for job in jobs] == ["a.png"]


@pytest.mark.parametrize(("out", "whole"), [("x.webp", "x.webp"), ("folder", "folder/a.png")])
def test_one_picture_goes_to_a_file_or_into_a_folder(tmp_path: Path, out, whole):
    (tmp_path / "a.png").touch()
    (job,) = pending_jobs(tmp_path / "a.png", tmp_path / out, FileOptions())
    assert job.target == tmp_path / whole


def test_originals_are_never_overwritten(tmp_path: Path):
    (tmp_path / "a.png").touch()
    for source, target in (("", ""), ("a.png", "a.png"), ("a.png", "")):
        with pytest.raises(ValueError, match="would be overwritten"):
            pending_jobs(tmp_path / source, tmp_path / target, FileOptions(overwrite=True))


def test_a_missing_source_is_named(tmp_path: Path):
    with pytest.raises(ValueError, match="nowhere does not exist"):
        pending_jobs(tmp_path / "nowhere", tmp_path / "out", FileOptions())


@pytest.mark.parametrize("wish", [{"adapters": "none"}, {"blend": "pixel"}, {"keep": ("rain",)}])
def test_the_pixels_are_those_of_restore(tmp_path: Path, restorer, wish):
    photo().save(tmp_path / "a.png")
    go(restorer, tmp_path / "a.png", tmp_path / "b.png", **wish)
    picture = torch.from_numpy(np.array(photo())).permute(2, 0, 1)
    expected = restorer.restore(picture, **wish).permute(1, 2, 0).numpy()
    assert np.array_equal(np.asarray(opened(tmp_path / "b.png")), expected)
    assert not np.array_equal(expected, np.asarray(photo()))


def test_strength_zero_gives_the_picture_back(tmp_path: Path, restorer):
    photo().save(tmp_path / "a.png")
    go(restorer, tmp_path / "a.png", tmp_path / "b.png", strength=0.0)
    assert np.array_equal(np.asarray(opened(tmp_path / "b.png")), np.asarray(photo()))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_exif_and_profile_are_kept_and_orientation_applied(tmp_path: Path, restorer, suffix):
    exif = Image.Exif()
    exif[ORIENTATION], exif[ARTIST] = 6, "someone"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo(20, 30).save(tmp_path / "a.jpg", exif=exif, icc_profile=profile)
    go(restorer, tmp_path / "a.jpg", tmp_path / f"b{suffix}")
    with Image.open(tmp_path / f"b{suffix}") as image:
        assert image.size == (20, 30)
        assert image.getexif().get(ARTIST) == "someone"
        assert image.getexif().get(ORIENTATION, 1) == 1
        assert image.info["icc_profile"] == profile


def test_grey_stays_grey(tmp_path: Path, restorer):
    photo(mode="L").save(tmp_path / "a.png")
    go(restorer, tmp_path / "a.png", tmp_path / "b.png")
    assert opened(tmp_path / "b.png").mode == "L"


@pytest.mark.parametrize("name", ["PNG, RGB and alpha, 16 bits", "TIFF, grey, 16 bits"])
def test_sixteen_bits_stay_sixteen(tmp_path: Path, restorer, name):
    suffix = name[:4].strip(", ").lower()
    source, same, other = (tmp_path / f"{stem}.{suffix}" for stem in "abc")
    source.write_bytes(kinds()[name])
    go(restorer, source, same, strength=0.0)
    assert np.array_equal(values_of(same.read_bytes()), values_of(source.read_bytes()))
    go(restorer, source, other)
    restored = values_of(other.read_bytes())
    assert restored.dtype == np.uint16
    assert len(np.unique(restored[:, :, 0] & 255)) > 50  # its lower bits are used
    assert not np.array_equal(restored, values_of(source.read_bytes()))


SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WebP": ".webp", "TIFF": ".tif", "BMP": ".bmp"}


@pytest.mark.parametrize(
    "name", [name for name in kinds() if name.startswith(("PNG", "TIFF", "BMP", "WebP"))]
)
def test_a_file_keeps_its_kind_and_what_was_left_alone(tmp_path: Path, restorer, name):
    suffix = SUFFIXES[name.split(",")[0]]
    source, target = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    source.write_bytes(kinds()[name])
    go(restorer, source, target, strength=0.0)
    if "CMYK" not in name and "floats" not in name:
        assert np.array_equal(values_of(target.read_bytes()), values_of(source.read_bytes()))


def test_heic_becomes_jpeg_beside_a_jpeg_of_the_same_name(tmp_path: Path):
    (tmp_path / "in").mkdir()
    for name in ("a.heic", "a.jpg"):
        (tmp_path / "in" / name).touch()
    jobs = pending_jobs(tmp_path / "in", tmp_path / "out", FileOptions())
    assert [job.target.name for job in jobs] == ["a.heic.jpg", "a.jpg"]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_the_place_can_be_left_out(tmp_path: Path, restorer, suffix):
    (tmp_path / "a.jpg").write_bytes(kinds()["JPEG, EXIF turned by 6, XMP"])
    go(restorer, tmp_path / "a.jpg", tmp_path / f"b{suffix}", metadata="no-gps")
    data = (tmp_path / f"b{suffix}").read_bytes()
    with Image.open(tmp_path / f"b{suffix}") as image:
        assert image.getexif()[0x010F] == "maker"
        assert not image.getexif().get_ifd(0x8825)
    assert b"GPSLatitude" not in data
    assert b"mine" in data


def test_alpha_is_carried_through_untouched(tmp_path: Path, restorer):
    image = photo()
    alpha = photo().getchannel("G")
    image.putalpha(alpha)
    image.save(tmp_path / "a.png")
    go(restorer, tmp_path / "a.png", tmp_path / "b.png")
    restored = opened(tmp_path / "b.png")
    assert restored.mode == "RGBA"
    assert np.array_equal(np.asarray(restored.getchannel("A")), np.asarray(alpha))
    go(restorer, tmp_path / "a.png", tmp_path / "b.jpg")
    assert opened(tmp_path / "b.jpg").mode == "RGB"


def test_inks_become_rgb_without_their_profile(tmp_path: Path, restorer):
    (tmp_path / "a.jpg").write_bytes(kinds()["JPEG, CMYK, profile"])
    go(restorer, tmp_path / "a.jpg", tmp_path / "b.jpg")
    restored = opened(tmp_path / "b.jpg")
    assert restored.mode == "RGB"
    assert "icc_profile" not in restored.info


def test_the_map_is_a_palette_picture_of_the_same_size(tmp_path: Path, restorer):
    photo(21, 33).save(tmp_path / "a.jpg")
    report = go(restorer, tmp_path / "a.jpg", tmp_path / "b.jpg", write_map=True)
    image = opened(tmp_path / "b.jpg.map.png")
    assert (image.mode, image.size) == ("P", (33, 21))
    assert int(np.asarray(image).max()) < len(CLASSES)
    known = {tuple(palette_of([name])) for name in CLASSES}
    assert set(image.convert("RGB").get_flattened_data()) <= known
    assert sum(report["map"].values()) == pytest.approx(1, abs=1e-3)


def test_one_bad_picture_does_not_stop_the_others(tmp_path: Path, restorer, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"no picture")
    photo().save(tmp_path / "in" / "b.png")
    options = FileOptions(report=tmp_path / "report.jsonl")
    jobs = pending_jobs(tmp_path / "in", tmp_path / "out", options)
    assert restore_files(in_this_process(lambda: restorer), jobs, options) == 1
    assert "a.png: the bytes are no picture" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.png"]
    failed, report = map(json.loads, (tmp_path / "report.jsonl").read_text().splitlines())
    assert failed["input"] == str(tmp_path / "in" / "a.png")
    assert failed["output"] == str(tmp_path / "out" / "a.png")
    assert "no picture" in failed["error"]
    assert (report["width"], report["height"]) == (30, 20)
    assert list(report["degradations"]) == ["rain", "noise"]
    assert report["seconds"] > 0


def test_a_run_that_has_nothing_to_do_loads_no_weights(capsys):
    def load() -> model.Restorer:
        raise AssertionError

    assert restore_files(in_this_process(load), [], FileOptions()) == 0
    assert "nothing to do" in capsys.readouterr().err


def test_a_failed_write_leaves_no_picture_to_be_skipped(tmp_path: Path, restorer):
    photo().save(tmp_path / "a.png")
    with pytest.raises(
        ValueError, match=r"b\.what: \.what is no format .* use \.png, \.jpg, \.webp"
    ):
        go(restorer, tmp_path / "a.png", tmp_path / "b.what")
    assert not (tmp_path / "b.what").exists()
