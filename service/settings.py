"""Settings of the service: options of ``abair serve`` and environment variables ``ABAIR_...``."""

import difflib
import ipaddress
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""Hosts that only this machine reaches."""
_KEY = re.compile(r"[!-~]([ -~]*[!-~])?")
"""What a key may consist of: every client and every proxy sends these characters alike."""

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9._\[\]:-]+")
"""What browsers send as the origin of a page."""


class Settings(BaseSettings):
    """Everything an operator may set. Frozen; made once, where the process starts."""

    model_config = SettingsConfigDict(
        env_prefix="ABAIR_",
        frozen=True,
        extra="forbid",
        env_ignore_empty=True,
        hide_input_in_errors=True,  # it may be a key
    )

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        description="Keys of callers, who must send one; separated by commas. Default: no keys.",
    )
    api_keys_file: Path | None = Field(
        None,
        description="File with more keys, one per line, read at start; for mounted secrets.",
    )
    admin_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        description="Keys that may also reload the adapters, separated by commas. Default: "
        "nobody may reload over HTTP.",
    )
    trusted_proxies: str | None = Field(
        None,
        description="Addresses or networks of balancers whose X-Forwarded-For is believed, "
        "separated by commas; * means any. Default: none.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Origins of web pages that may call the service from a browser, such as "
        "https://example.org, separated by commas; * means any. Default: none.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Lowest level of log lines that are written."
    )

    model_path: Path | None = Field(
        None, description="Folder of the weights to serve. Default: the bundled weights."
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto",
        description="Where the model runs. auto uses an NVIDIA GPU if there is one; cuda fails "
        "at start if no GPU can be used.",
    )
    precision: Literal["auto", "bf16", "fp32"] = Field(
        "auto", description="Arithmetic of the model. auto uses bf16 if the device supports it."
    )
    threads: int | None = Field(
        None,
        ge=1,
        description="Threads of the model on a CPU; waiting pictures share them. Default: one "
        "per physical core.",
    )
    tile: int = Field(
        1024,
        ge=64,
        description="Side of a tile in pixels; pictures above tile x tile pixels are tiled.",
    )

    max_body_bytes: int = Field(
        64 * 2**20, ge=1, description="Largest request body, in bytes. Larger: 413."
    )
    max_pixels: int = Field(
        100_000_000,
        ge=1,
        description="Largest picture, in pixels, as its header says. Larger: 413.",
    )
    queue_bytes: int = Field(
        512 * 2**20,
        ge=1,
        description="Most bytes of request bodies, and of answers that were not taken yet, held at "
        "once. Beyond that: 503.",
    )
    queue_pixels: int = Field(
        200_000_000, ge=1, description="Most pixels of accepted pictures at once. Beyond that: 503."
    )
    queue_memory_bytes: int = Field(
        2304 * 2**20,
        ge=2**20,
        description="Most bytes of memory that accepted pictures may need at once. Beyond that: "
        "503. A picture that needs more alone: 413.",
    )
    queue_requests: int = Field(
        512, ge=1, description="Most accepted pictures at once, of any size. Beyond that: 503."
    )
    queue_units: int = Field(
        16384, ge=1, description="Most tiles and pictures waiting for the device. Beyond that: 503."
    )
    key_requests: int | None = Field(
        None, ge=1, description="Most requests of one key at once. Beyond that: 429."
    )
    key_pixels: int | None = Field(
        None, ge=1, description="Most pixels of one key's pictures at once. Beyond that: 429."
    )
    max_batch_pixels: int | None = Field(
        None, ge=1, description="Most pixels in one batch. Default: chosen for the device."
    )
    max_batch_items: int = Field(16, ge=1, description="Most tiles or pictures in one batch.")
    max_wait_ms: float = Field(
        2.0,
        ge=0,
        description="GPU only: longest time to wait for more pictures to fill a batch, just after "
        "the GPU was busy.",
    )
    decode_threads: int = Field(
        2,
        ge=1,
        description="Pictures that are decoded or encoded at once. If there are two or more, one "
        "place is kept for pictures below 1 megapixel and 1 MiB.",
    )
    decode_seconds: float = Field(
        2.0,
        gt=0,
        description="Most processor seconds to decode one megapixel and one MiB of a file; small "
        "pictures get at least this. Beyond that: 413.",
    )
    upload_pause_seconds: float = Field(
        30.0, gt=0, description="Longest wait for the next bytes of a request body. Then: 408."
    )
    head_seconds: float = Field(
        10.0,
        gt=0,
        description="Longest time for the first line and the headers of a request, and before the "
        "first request of a connection. Then: 408, or the connection is closed.",
    )
    answer_pause_seconds: float = Field(
        30.0,
        gt=0,
        description="Longest time in which a caller takes nothing of an answer. Then the "
        "connection is closed.",
    )
    deadline_seconds: float = Field(
        300.0, gt=0, description="Longest time of a request from its first byte. Then: 504."
    )

    linger_seconds: float = Field(
        0.5,
        ge=0,
        description="After SIGTERM: seconds in which /readyz fails but requests are still served.",
    )
    grace_seconds: float = Field(
        30.0,
        ge=0,
        description="After that: seconds to finish running requests. Bodies that are still "
        "incomplete after half of them are refused.",
    )
    stall_seconds: float = Field(
        120.0, gt=0, description="If a batch runs longer than this, /healthz answers 503."
    )

    @field_validator("api_keys", "admin_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: object) -> object:
        if isinstance(value, str):
            keys = tuple(key.strip() for key in value.split(",") if key.strip())
            if not keys:
                raise ValueError("contains no key; leave the setting out if you want no keys")
            return keys
        return value

    @field_validator("api_keys", "admin_keys")
    @classmethod
    def _check_keys(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        _check_characters(key.get_secret_value() for key in keys)
        return keys

    @field_validator("api_keys_file")
    @classmethod
    def _check_keys_file(cls, path: Path | None) -> Path | None:
        if path is not None:
            keys = _read_keys(path)
            if not keys:
                raise ValueError(f"{path} contains no key: write one key per line")
            _check_characters(keys)
        return path

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: str | None) -> str | None:
        for one in [] if value is None or value == "*" else value.split(","):
            try:
                ipaddress.ip_network(one.strip())
            except ValueError as error:
                raise ValueError(f"must be *, or addresses and networks: {error}") from None
        return value

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(one.strip().rstrip("/") for one in value.split(",") if one.strip())
        return value

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for one in origins:
            if one != "*" and not _ORIGIN.fullmatch(one):
                raise ValueError(
                    f"{one!r} is no origin: write *, or scheme and host and nothing after them, "
                    "such as https://example.org or http://localhost:3000"
                )
        return origins

    @model_validator(mode="after")
    def _check_queues(self) -> Self:
        for whole, one in (("queue_bytes", "max_body_bytes"), ("queue_pixels", "max_pixels")):
            if getattr(self, whole) < getattr(self, one):
                raise ValueError(
                    f"{whole} must be at least {one}, or the largest request would always be "
                    f"refused; got {getattr(self, whole)} and {getattr(self, one)}"
                )
        if self.key_pixels is not None and self.key_pixels < self.max_pixels:
            raise ValueError(
                "key_pixels must be at least max_pixels, or the largest picture would always be "
                f"refused; got {self.key_pixels} and {self.max_pixels}"
            )
        if (self.key_requests or self.key_pixels) and not self.keys:
            raise ValueError(
                "key_requests and key_pixels limit keys, but there are no keys: set api_keys"
            )
        return self

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that callers may show, those of the file too."""
        given = tuple(key.get_secret_value() for key in self.api_keys)
        return given if self.api_keys_file is None else given + _read_keys(self.api_keys_file)

    @property
    def is_public(self) -> bool:
        """Whether other machines can reach the service without a key."""
        return self.host not in LOOPBACK and not self.keys


def unknown_variables(environment: Iterable[str]) -> dict[str, str | None]:
    """Return the names in ``environment`` that look like a setting and are none.

    Each comes with the setting that it resembles most, None where it resembles no setting.
    """
    prefix = str(Settings.model_config["env_prefix"])
    known = [prefix + name.upper() for name in Settings.model_fields]
    unknown = [name for name in environment if name.upper().startswith(prefix)]
    return {
        name: next(iter(difflib.get_close_matches(name.upper(), known, 1)), None)
        for name in sorted(unknown)
        if name.upper() not in known
    }


def _read_keys(path: Path) -> tuple[str, ...]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text file in UTF-8") from None
    return tuple(line.strip() for line in lines if line.strip())


def _check_characters(keys: Iterable[str]) -> None:
    for number, key in enumerate(keys, start=1):
        if not _KEY.fullmatch(key):
            raise ValueError(
                f"key {number} contains a character that clients encode in different ways; use "
                f"ASCII letters, digits and punctuation"
            )
