"""Two thousand broken, hostile or odd files: each is answered, and none with a failure of ours."""

import asyncio
import io
import threading
import time
from collections import Counter

import psutil  # type: ignore[import-untyped]
import pytest
from PIL import Image, PngImagePlugin

from model.cli.engines import in_this_process
from model.cli.progress import restore_files
from model.cli.restoring import FileOptions, pending_jobs
from model.pictures.limits import MAX_PROFILE_BYTES
from service.decoding.process_host import DecodingHost
from tests.service.decoding.hostile import COUNT, corpus

pytestmark = pytest.mark.anyio

ALLOWED = {200, 400, 413, 415, 422, 503, 504, 507}
MAX_GROWTH = 400 * 2**20
"""Bytes above what the process had before: some pictures of 4 megapixels at once."""
WAYS: tuple[tuple[str, dict[str, str]], ...] = (
    ("/restore", {}),
    ("/restore", {"metadata": "no-gps", "format": "png"}),
    ("/restore", {"metadata": "strip", "format": "jpeg"}),
    ("/restore", {"strength": "0", "format": "webp"}),
    ("/degradation-map", {"view": "overlay"}),
)


@pytest.fixture
def decoders():
    return DecodingHost()


class PeakMemory:
    """The most memory that this process held in a block, above what it held before."""

    def __enter__(self):
        self._process, self._done = psutil.Process(), threading.Event()
        self._before = self.peak = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()

    @property
    def growth(self):
        return self.peak - self._before

    def _watch(self):
        while not self._done.is_set():
            self.peak = max(self.peak, self._process.memory_info().rss)
            time.sleep(0.005)


@pytest.mark.slow
async def test_two_thousand_hostile_files_are_each_answered(serving, monkeypatch):
    monkeypatch.setattr(PngImagePlugin, "MAX_TEXT_CHUNK", MAX_PROFILE_BYTES)  # answers hold such
    seen: Counter[int] = Counter()
    waiting = iter(enumerate(corpus()))

    async def send(client):
        for index, (name, data) in waiting:
            path, options = WAYS[index % len(WAYS)]
            answer = await client.post(
                path, content=data, params=options, headers={"Content-Type": "image/any"}
            )
            seen[answer.status_code] += 1
            assert answer.status_code in ALLOWED, (name, answer.text)
            if answer.status_code == 200:
                with Image.open(io.BytesIO(answer.content)) as image:
                    image.load()
            else:
                problem = answer.json()
                assert answer.headers["content-type"] == "application/problem+json", name
                assert problem["detail"], name
                assert problem["hint"], name

    with PeakMemory() as memory:
        async with serving(max_pixels=4_000_000, queue_pixels=16_000_000) as client:
            async with asyncio.TaskGroup() as group:
                for _ in range(4):
                    group.create_task(send(client))
            assert client.service.admission.in_flight == 0
            assert (await client.get("/healthz")).status_code == 200
    assert sum(seen.values()) == COUNT
    assert seen[200] > COUNT / 5
    assert seen[400] > COUNT / 5
    assert seen[413] >= 5
    assert seen[415] > 20
    assert memory.growth < MAX_GROWTH


def test_the_corpus_is_the_same_each_time():
    one, two = dict(corpus()), dict(corpus())
    assert len(one) == COUNT
    assert one == two


def test_a_folder_of_hostile_files_is_done_to_its_end(tmp_path, capsys):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    files = [data for index, (_, data) in enumerate(corpus()) if index % 8 == 0]
    for index, data in enumerate(files):
        (source / f"{index}.png").write_bytes(data)
    options = FileOptions(strength=0.0)
    engine = in_this_process(lambda: None)  # type: ignore[arg-type,return-value]
    failures = restore_files(engine, pending_jobs(source, target, options), options)
    made = len(list(target.iterdir()))
    assert made + failures == len(files)
    assert made > 50
    assert capsys.readouterr().err.count(".png: ") >= failures
