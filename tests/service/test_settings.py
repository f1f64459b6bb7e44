import pytest
from pydantic import ValidationError

from service.settings import Settings


def test_the_environment_sets_them(monkeypatch):
    monkeypatch.setenv("ABAIR_PORT", "9000")
    monkeypatch.setenv("ABAIR_API_KEYS", "one, two,")
    settings = Settings()
    assert settings.port == 9000
    assert [key.get_secret_value() for key in settings.api_keys] == ["one", "two"]


def test_keys_are_never_shown():
    assert "hidden" not in repr(Settings(api_keys="hidden"))


def test_keys_may_come_from_a_file(tmp_path):
    path = tmp_path / "keys"
    path.write_text("two\n\n three \n")
    settings = Settings(api_keys="one", api_keys_file=path)
    assert settings.keys == ("one", "two", "three")
    assert not Settings(api_keys_file=path, host="0.0.0.0").is_public
    assert "two" not in repr(settings)


@pytest.mark.parametrize("content", [None, "", "\n \n"])
def test_a_file_of_keys_that_holds_none_does_not_open_the_service(tmp_path, content):
    path = tmp_path / "keys"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValidationError, match="cannot be read" if content is None else "no key"):
        Settings(api_keys_file=path)


def test_an_empty_variable_is_as_none(monkeypatch):
    monkeypatch.setenv("ABAIR_API_KEYS_FILE", "")
    monkeypatch.setenv("ABAIR_PORT", "")
    assert Settings() == Settings(port=8000)
    assert Settings().api_keys_file is None


def test_every_setting_is_described():
    assert all(field.description for field in Settings.model_fields.values())


@pytest.mark.parametrize(
    "given",
    [
        {"port": 70_000},
        {"device": "tpu"},
        {"tile": 8},
        {"queue_pixels": 10, "max_pixels": 11},
        {"queue_bytes": 10, "max_body_bytes": 11},
        {"key_requests": 2},
        {"api_keys": "k", "key_pixels": 10, "max_pixels": 11},
        {"unknown": 1},
    ],
)
def test_senseless_settings_are_refused(given):
    with pytest.raises(ValidationError):
        Settings(**given)


def test_they_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given", "public"),
    [({}, False), ({"host": "0.0.0.0"}, True), ({"host": "0.0.0.0", "api_keys": "k"}, False)],
)
def test_public_without_keys_is_noticed(given, public):
    assert Settings(**given).is_public is public


@pytest.mark.parametrize("given", ["example.org", "https://example.org/page", "https://", "null"])
def test_an_origin_is_scheme_and_host(given):
    with pytest.raises(ValidationError, match="is no origin"):
        Settings(cors_origins=given)
