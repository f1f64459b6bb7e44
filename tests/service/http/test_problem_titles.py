"""The title of a problem says what is wrong, in words for the person who sent the picture."""

from http import HTTPStatus

import pytest

from service.http.problems import TITLES
from tools.fakes import file_of, photo

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("body", "query", "title"),
    [
        (b"To whom it may concern", "", "The format of the file is not supported"),
        (file_of(photo())[:40], "", "The picture cannot be read"),
        (file_of(photo()), "?strength=2", "An option cannot be used"),
        (file_of(photo()), "?adapters=snow:1", "There is no such adapter"),
    ],
)
async def test_the_title_says_what_is_wrong(serving, body, query, title):
    async with serving() as client:
        answer = await client.post(
            f"/restore{query}", content=body, headers={"Content-Type": "image/png"}
        )
    assert answer.json()["title"] == title


async def test_a_problem_of_http_itself_has_the_title_of_its_status(serving):
    async with serving() as client:
        assert (await client.get("/restore")).json()["title"] == "Method Not Allowed"


def test_no_title_is_the_name_of_a_status():
    assert not set(TITLES.values()) & {status.phrase for status in HTTPStatus}
