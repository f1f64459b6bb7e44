"""Settings of the service: options of ``abair serve``, environment variables ``ABAIR_...``."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""Hosts that only this machine reaches."""


class Settings(BaseSettings):
    """Everything an operator may set. Frozen; made once, where the process starts."""

    model_config = SettingsConfigDict(
        env_prefix="ABAIR_", frozen=True, extra="forbid", env_ignore_empty=True
    )

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        description="Keys that callers must show, separated by commas; none: the service is open.",
    )
    api_keys_file: Path | None = Field(
        None,
        description="File of further keys, one a line, read at the start; for mounted secrets.",
    )
    admin_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        description="Keys that may also reload the adapters, separated by commas; none: nobody "
        "may over HTTP.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least severe log line to write."
    )

    model_path: Path | None = Field(
        None, description="Folder of the weights to serve; unset: the bundled ones."
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto",
        description="Where the model runs; an explicit cuda that cannot be used is an error.",
    )
    precision: Literal["auto", "bf16", "fp32"] = Field(
        "auto", description="Arithmetic of the model; auto takes bf16 where the processor has it."
    )
    threads: int | None = Field(
        None,
        ge=1,
        description="Threads of the model on a CPU, shared by the pictures that wait; "
        "unset: one a physical core.",
    )
    tile: int = Field(
        1024,
        ge=64,
        description="Pictures above tile x tile pixels are cut into tiles of about this side.",
    )

    max_body_bytes: int = Field(
        64 * 2**20, ge=1, description="Largest request body in bytes; a larger one is answered 413."
    )
    max_pixels: int = Field(
        100_000_000, ge=1, description="Largest picture in pixels, read from its header; else 413."
    )
    queue_bytes: int = Field(
        512 * 2**20, ge=1, description="Bytes of all bodies held at once; beyond: 503."
    )
    queue_pixels: int = Field(
        200_000_000, ge=1, description="Pixels of all accepted pictures at once; beyond: 503."
    )
    queue_memory_bytes: int = Field(
        2560 * 2**20,
        ge=2**20,
        description="Memory in bytes that all accepted pictures may need at once, for decoding, "
        "pixels and answers; beyond: 503, and 413 for a picture that needs more alone.",
    )
    queue_requests: int = Field(
        512, ge=1, description="Pictures accepted at once, whatever their size; beyond: 503."
    )
    queue_units: int = Field(
        16384, ge=1, description="Tiles and pictures waiting for the device at once; beyond: 503."
    )
    key_requests: int | None = Field(
        None, ge=1, description="Requests that one key may have at once; beyond: 429."
    )
    key_pixels: int | None = Field(
        None, ge=1, description="Pixels of pictures that one key may have at once; beyond: 429."
    )
    max_batch_pixels: int | None = Field(
        None, ge=1, description="Most pixels in one batch; unset: what suits the device."
    )
    max_batch_items: int = Field(16, ge=1, description="Most tiles or pictures in one batch.")
    max_wait_ms: float = Field(
        2.0,
        ge=0,
        description="Longest wait for companions of a card's batch, and only while it was busy.",
    )
    decode_threads: int = Field(
        2,
        ge=1,
        description="Pictures that are decoded or encoded at once; where there are two or more, "
        "one is kept for pictures below 1 megapixel and 1 MiB.",
    )
    decode_seconds: float = Field(
        2.0,
        gt=0,
        description="Processor seconds that decoding may take per megapixel and per MiB of the "
        "file, of each at least one; beyond: 413.",
    )
    upload_pause_seconds: float = Field(
        30.0, gt=0, description="Longest wait for the next bytes of a request's body; then 408."
    )
    deadline_seconds: float = Field(
        300.0, gt=0, description="Time a request may take from its first byte; then 504."
    )

    linger_seconds: float = Field(
        0.5, ge=0, description="Time not ready but still serving after SIGTERM, for balancers."
    )
    grace_seconds: float = Field(
        30.0,
        ge=0,
        description="Time to finish what was begun, when that is over; bodies that have not come "
        "in after half of it are refused.",
    )
    stall_seconds: float = Field(
        120.0, gt=0, description="A batch that runs longer than this turns /healthz red."
    )

    @field_validator("api_keys", "admin_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(key.strip() for key in value.split(",") if key.strip())
        return value

    @field_validator("api_keys_file")
    @classmethod
    def _check_keys_file(cls, path: Path | None) -> Path | None:
        if path is not None and not _read_keys(path):
            raise ValueError(f"{path} holds no key")
        return path

    @model_validator(mode="after")
    def _check_queues(self) -> Self:
        for whole, one in (("queue_bytes", "max_body_bytes"), ("queue_pixels", "max_pixels")):
            if getattr(self, whole) < getattr(self, one):
                raise ValueError(
                    f"{whole} must be at least {one}, or the largest would be refused for ever: "
                    f"got {getattr(self, whole)} and {getattr(self, one)}"
                )
        if self.key_pixels is not None and self.key_pixels < self.max_pixels:
            raise ValueError(
                "key_pixels must be at least max_pixels, or the largest would be refused for "
                f"ever: got {self.key_pixels} and {self.max_pixels}"
            )
        if (self.key_requests or self.key_pixels) and not self.keys:
            raise ValueError("key_requests and key_pixels limit keys, and there are none")
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


def _read_keys(path: Path) -> tuple[str, ...]:
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    return tuple(line.strip() for line in lines if line.strip())
