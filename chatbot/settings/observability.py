"""What the application tells its owner of itself, and how it ends."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings


class ObservabilitySettings(BaseSettings):
    """Logs, metrics, traces, and the orderly end."""

    drain_seconds: float = Field(
        10,
        ge=0,
        le=600,
        description="How long answers may go on when the application is told to end. No new one is begun; what is not "
        "done by then is kept as stopped.",
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="How the log is written: text for people, or json with one object a line."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "warning", description="The least that the application's own log tells."
    )
    request_id_header: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9-]+$",
        description="Header in which a proxy in front sends an id of each request, which the log then has. Name one "
        "only where the proxy sets it itself. Not set: every id is made here.",
        examples=["X-Request-ID"],
    )
    metrics_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="Port on which /metrics is served for Prometheus, to whoever can reach it. Not set: none.",
        examples=["9090"],
    )
    metrics_host: str = Field("127.0.0.1", description="Address on which that port listens.")
    trace_content: bool = Field(
        False,
        description="Whether OpenTelemetry traces hold what was asked and answered. They are sent where "
        "OTEL_EXPORTER_OTLP_ENDPOINT says.",
    )
