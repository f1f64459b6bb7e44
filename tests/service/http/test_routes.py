"""Each endpoint through the whole HTTP stack, on an engine without a model."""

import asyncio
import base64
import io
import re

import imagecodecs
import numpy as np
import pytest

from service.answers.answer_format import OFFERED
from tools.fakes import file_of, photo, picture_of, until

pytestmark = pytest.mark.anyio


async def post(client, path="/restore", data=None, kind="image/png", headers=None, **params):
    content = file_of(photo()) if data is None else data
    return await client.post(
        path, content=content, params=params, headers={"Content-Type": kind, **(headers or {})}
    )


async def test_a_picture_comes_back_restored(serving):
    async with serving() as client:
        answer = await post(client)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert int(answer.headers["content-length"]) == len(answer.content)
    np.testing.assert_array_equal(picture_of(answer.content), 255 - photo())


async def test_a_large_picture_is_cut_into_tiles_and_stitched(serving, engine):
    degraded = photo(200, 150)
    async with serving() as client:
        answer = await post(client, data=file_of(degraded))
    np.testing.assert_array_equal(picture_of(answer.content), 255 - degraded)
    assert sum(count for kind, count in engine.batches if kind == "restore") == 12


async def test_pictures_of_8_and_16_bits_at_once_each_keep_theirs(serving, engine):
    small = photo(16, 24)
    deep = small.astype(np.uint16) * 257
    engine.gate.clear()
    async with serving() as client:
        batcher = client.service.state.batcher
        waiting = [
            asyncio.create_task(post(client, data=data))
            for data in (file_of(small), bytes(imagecodecs.png_encode(deep))) * 3
        ]
        await until(lambda: batcher.busy_seconds and batcher.queued_units == 5)
        engine.gate.set()
        answers = [(await answer).content for answer in waiting]
    for index, answer in enumerate(answers):
        if index % 2:
            np.testing.assert_array_equal(imagecodecs.png_decode(answer), 65535 - deep)
        else:
            np.testing.assert_array_equal(picture_of(answer), 255 - small)
    assert max(count for kind, count in engine.batches if kind == "restore") > 1


async def test_the_headers_tell_what_was_seen_and_done(serving):
    async with serving() as client:
        headers = (await post(client, headers={"X-Request-Id": "mine.1"})).headers
    assert headers["restore-degradations"] == "noise=0.60, rain=0.20"
    assert headers["restore-adapters"] == "noise=0.60, rain=0.20"
    assert headers["restore-model"] == "fake@cdcdcdcdcdcd"
    assert headers["x-request-id"] == "mine.1"
    assert headers["vary"] == "Accept"
    stages = re.findall(r"(\w+);dur=[\d.]+", headers["server-timing"])
    assert stages == ["decode", "queue", "describe", "restore", "encode"]


@pytest.mark.parametrize(
    ("given", "applied"),
    [
        ("auto", "noise=0.60, rain=0.20"),
        ("top", "noise=0.60"),
        ("none", "none"),
        ("rain:0.8, haze:0.2", "rain=0.80, haze=0.20"),
    ],
)
async def test_adapters_are_chosen(serving, given, applied):
    async with serving() as client:
        answer = await post(client, adapters=given)
    assert answer.headers["restore-adapters"] == applied


@pytest.mark.parametrize(
    ("given", "amounts", "applied"),
    [
        ("auto", (0.6, 0.2, 0.0), "noise=0.45, rain=0.15"),
        ("top", (0.6, 0.0, 0.0), "noise=0.45"),
        ("rain:0.8", (0.0, 0.8, 0.0), "rain=0.60"),
    ],
)
async def test_blend_by_pixel_scales_weights_by_the_map(serving, engine, given, amounts, applied):
    async with serving() as client:
        answer = await post(client, data=file_of(photo(70, 90)), adapters=given, blend="pixel")
    assert answer.status_code == 200
    assert answer.headers["restore-adapters"] == applied
    assert engine.mapped == [(amounts, 4, (70, 90))]


async def test_what_is_kept_is_found_but_not_removed(serving):
    async with serving() as client:
        answer = await post(client, keep="noise")
    assert answer.headers["restore-degradations"] == "noise=0.60, rain=0.20"
    assert answer.headers["restore-adapters"] == "rain=0.20"


@pytest.mark.parametrize(
    "options",
    [
        {"keep": "noise,rain,haze"},
        {"adapters": "noise:0"},
        {"strength": "0"},
        {"strength": "0", "blend": "pixel"},
    ],
)
async def test_where_nothing_is_asked_the_picture_comes_back_and_nothing_runs(
    serving, engine, options
):
    async with serving() as client:
        answer = await post(client, **options)
    np.testing.assert_array_equal(picture_of(answer.content), photo())
    assert {kind for kind, _ in engine.batches} == {"describe"}


async def test_an_unknown_name_to_keep_is_refused_with_the_names_that_are_known(serving):
    async with serving() as client:
        answer = await post(client, keep="fog")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["option"] == "keep"
    assert "noise, rain, haze" in answer.json()["hint"]


async def test_blend_by_pixel_has_nothing_to_do_without_adapters(serving, engine):
    async with serving() as client:
        answer = await post(client, adapters="none", blend="pixel")
    assert answer.headers["restore-adapters"] == "none"
    assert {kind for kind, _ in engine.batches} == {"describe", "restore"}


async def test_one_map_serves_blend_by_pixel_and_the_report(serving, engine):
    async with serving() as client:
        accept = {"Accept": "application/json"}
        answer = await post(client, blend="pixel", include="map", headers=accept)
    assert answer.json()["map"]["classes"][1]["name"] == "noise"
    assert sum(count for kind, count in engine.batches if kind == "segment") == 1


async def test_strength_blends_input_and_output(serving):
    async with serving() as client:
        untouched = picture_of((await post(client, strength="0")).content)
        half = picture_of((await post(client, strength="0.5")).content)
    np.testing.assert_array_equal(untouched, photo())
    assert np.abs(half.astype(int) - 127.5).max() <= 0.5


@pytest.mark.parametrize("field", ["image", "file"])
async def test_multipart_does_as_the_raw_body_does(serving, field):
    async with serving() as client:
        answer = await client.post(
            "/restore",
            files={field: ("photo.png", file_of(photo()), "image/png")},
            data={"adapters": "top", "format": "jpeg"},
        )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["restore-adapters"] == "noise=0.60"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "AVIF"])
async def test_a_file_goes_back_in_its_own_format_or_png(serving, kind):
    async with serving() as client:
        answer = await post(client, data=file_of(photo(), kind), kind=f"image/{kind.lower()}")
    expected = kind.lower() if kind.lower() in OFFERED else "png"
    assert answer.headers["content-type"] == f"image/{expected}"
    mean = np.abs(picture_of(answer.content).astype(int) - (255 - photo())).mean()
    assert mean < 6


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("image/webp", "image/webp"),
        ("image/*", "image/png"),
        ("image/avif,image/webp,*/*;q=0.8", "image/webp"),
        ("application/json, text/plain, */*", "image/png"),
        ("application/json", "application/json"),
    ],
)
async def test_accept_chooses_the_format(serving, accept, expected):
    async with serving() as client:
        answer = await post(client, headers={"Accept": accept})
    assert answer.headers["content-type"] == expected


async def test_the_option_outranks_accept(serving):
    async with serving() as client:
        answer = await post(client, format="jpeg", headers={"Accept": "image/png"})
    assert answer.headers["content-type"] == "image/jpeg"


async def test_json_holds_the_facts_and_the_picture(serving):
    async with serving() as client:
        answer = await post(client, include="map", headers={"Accept": "application/json"})
    report = answer.json()
    np.testing.assert_array_equal(picture_of(base64.b64decode(report["image"])), 255 - photo())
    assert report["degradations"] == {"noise": 0.6, "rain": 0.2, "haze": 0.0}
    assert report["adapters"] == {"noise": 0.6, "rain": 0.2}
    assert (report["width"], report["height"]) == (56, 40)
    assert report["map"]["classes"][1]["name"] == "noise"


async def test_quality_is_heard(serving):
    async with serving() as client:
        sizes = [
            len((await post(client, format="jpeg", quality=str(quality))).content)
            for quality in (10, 95)
        ]
    assert sizes[0] < sizes[1]


async def test_a_notice_says_what_was_lost(serving):
    transparent = np.dstack([photo(), np.full((40, 56), 100, np.uint8)])
    async with serving() as client:
        answer = await post(client, data=file_of(transparent), format="jpeg")
    assert "transparency" in answer.headers["restore-notice"]


async def test_the_map_is_a_report(serving):
    degraded = photo()
    async with serving() as client:
        answer = await post(client, "/degradation-map", data=file_of(degraded))
    report = answer.json()
    expected = (degraded[:, :, 0] > 127).astype(np.uint8)
    np.testing.assert_array_equal(picture_of(base64.b64decode(report["labels"])), expected)
    names = [entry["name"] for entry in report["classes"]]
    assert names == ["clean", "noise", "blur", "rain", "haze", "lowlight"]
    assert len({entry["colour"] for entry in report["classes"]}) == 6
    assert report["classes"][1]["share"] == pytest.approx(expected.mean(), abs=1e-5)
    assert report["classes"][1]["mean_probability"] == pytest.approx(expected.mean(), abs=1e-5)


async def test_the_map_is_a_palette_picture_of_the_inputs_size(serving):
    async with serving() as client:
        answer = await post(client, "/degradation-map", headers={"Accept": "image/png"})
    assert answer.headers["content-type"] == "image/png"
    assert picture_of(answer.content).shape == (40, 56)


async def test_the_map_may_lie_over_the_picture(serving):
    degraded = photo()
    async with serving() as client:
        answer = await post(client, "/degradation-map", data=file_of(degraded), view="overlay")
    shown, clean = picture_of(answer.content), degraded[:, :, 0] <= 127
    np.testing.assert_array_equal(shown[clean], degraded[clean])
    assert np.any(shown[~clean] != degraded[~clean])


async def test_the_map_of_one_class_is_heat(serving):
    async with serving() as client:
        answer = await post(client, "/degradation-map", **{"view": "heat", "class": "noise"})
    assert picture_of(answer.content).shape == (40, 56, 3)


async def test_the_map_is_an_array(serving):
    async with serving() as client:
        headers = {"Accept": "application/x-npz"}
        answer = await post(client, "/degradation-map", headers=headers)
    arrays = np.load(io.BytesIO(answer.content))
    assert arrays["probabilities"].dtype == np.float16
    assert arrays["probabilities"].shape == (6, 40, 56)
    assert list(arrays["classes"])[:2] == ["clean", "noise"]


@pytest.mark.parametrize(
    "params", [{"view": "heat"}, {"class": "rain"}, {"view": "heat", "class": "snow"}]
)
async def test_class_goes_with_heat_alone(serving, params):
    async with serving() as client:
        answer = await post(client, "/degradation-map", **params)
    assert answer.status_code == 422


async def test_adapters_are_listed_and_cached(serving):
    async with serving() as client:
        answer = await client.get("/adapters")
        headers = {"If-None-Match": f'"other", {answer.headers["etag"]}'}
        again = await client.get("/adapters", headers=headers)
    report = answer.json()
    assert report["model"] == {
        "name": "fake", "sha256": "cd" * 32, "parameters": 1, "licence": "Apache-2.0",
    }  # fmt: skip
    assert [entry["name"] for entry in report["adapters"]] == ["noise", "rain", "haze"]
    assert report["adapters"][0]["gain_db"] == 3.5
    assert report["adapters"][0]["enabled"] is True
    assert report["adapters"][0]["smoke"] is False
    assert (again.status_code, again.content) == (304, b"")


async def test_probes_say_where_it_runs(serving):
    async with serving() as client:
        health, ready = await client.get("/healthz"), await client.get("/readyz")
    assert health.json()["status"] == "ok"
    assert ready.json()["device"] == "cpu"
    assert ready.json()["precision"] == "fp32"
    assert "CPU" in ready.json()["notice"]


async def test_metrics_show_what_happened(serving):
    async with serving() as client:
        await post(client)
        text = (await client.get("/metrics")).text
    assert 'restore_requests_total{endpoint="/restore",status="200"} 1.0' in text
    assert 'restore_request_seconds_count{endpoint="/restore"} 1.0' in text
    assert 'restore_stage_seconds_count{stage="restore"} 1.0' in text
    assert 'restore_batches_total{kind="restore",reason=' in text
    assert f'restore_batch_pixels_sum{{kind="restore"}} {40 * 56:.1f}' in text
    assert f"restore_pixels_total {40 * 56:.1f}" in text
    assert 'restore_adapter_weights_total{adapter="noise"} 0.6' in text
    assert 'restore_degradations_total{degradation="noise"} 0.6' in text
    assert 'restore_device_info{device="cpu"' in text
    assert "restore_reserved_pixels 0.0" in text
    assert "restore_ready 1.0" in text
    assert "process_resident_memory_bytes" in text


def array_file(array):
    body = io.BytesIO()
    np.save(body, array)
    return body.getvalue()


@pytest.mark.parametrize("kind", ["application/x-npy", "application/octet-stream"])
@pytest.mark.parametrize("deep", [False, True])
async def test_an_array_comes_back_as_an_array(serving, kind, deep):
    array = photo(70, 90).astype(np.uint16) * 257 if deep else photo(70, 90)
    async with serving() as client:
        answer = await post(client, data=array_file(array), kind=kind, headers={"Accept": "*/*"})
    assert answer.headers["content-type"] == "application/x-npy"
    np.testing.assert_array_equal(
        np.load(io.BytesIO(answer.content)), (65535 if deep else 255) - array
    )


async def test_a_picture_comes_back_as_an_array_if_that_is_asked(serving):
    async with serving() as client:
        answers = [
            await post(client, format="npy"),
            await post(client, headers={"Accept": "application/x-npy"}),
        ]
        either = await post(client, headers={"Accept": "application/*"})
        mapped = await post(client, "/degradation-map", array_file(photo()), "application/x-npy")
    for answer in answers:
        np.testing.assert_array_equal(np.load(io.BytesIO(answer.content)), 255 - photo())
    assert either.headers["content-type"] == "application/json"
    assert mapped.json()["width"] == photo().shape[1]


async def test_an_array_with_too_many_pixels_is_refused_before_it_is_read(serving):
    lying = array_file(photo()).replace(b"(40, 56, 3)", b"(9999, 9, 3)"[:11])
    async with serving(max_pixels=1000) as client:
        lied = await post(client, data=lying, kind="application/x-npy")
        large = await post(client, data=array_file(photo()), kind="application/x-npy")
    assert (lied.status_code, lied.json()["code"]) == (400, "broken_image")
    assert (large.status_code, large.json()["code"]) == (413, "too_many_pixels")


async def test_json_with_a_picture_is_restored_with_its_options(serving):
    body = {"image": base64.b64encode(file_of(photo())).decode(), "format": "PNG", "quality": None}
    async with serving() as client:
        answer = await client.post("/restore", json={**body, "adapters": {"rain": 0.8}})
    assert answer.headers["restore-adapters"] == "rain=0.80"
    np.testing.assert_array_equal(picture_of(answer.content), 255 - photo())
