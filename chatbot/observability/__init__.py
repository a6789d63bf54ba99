"""What the application tells its owner: whether it is ready, numbers, log lines, traces. Never what people said."""

from chatbot.observability.health import Readiness
from chatbot.observability.logs import configure_logs
from chatbot.observability.metrics import Metrics, MetricsRoute, serve_metrics
from chatbot.observability.request_ids import RequestIds
from chatbot.observability.tracing import Tracing, TracingError, wants_traces

__all__ = [
    "Metrics",
    "MetricsRoute",
    "Readiness",
    "RequestIds",
    "Tracing",
    "TracingError",
    "configure_logs",
    "serve_metrics",
    "wants_traces",
]
