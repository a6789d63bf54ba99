"""One filter for secrets in front of everything that leaves the process: logs, errors, answers, exports, traces."""

from chatbot.redaction.known import (
    holds,
    keys_in,
    longest,
    redact,
    redacted,
    remember,
    remember_values,
    secrets_of,
    url_secrets,
    withhold,
    without_keys,
    without_shapes,
    without_values,
    without_words,
)
from chatbot.redaction.output import guard_output

__all__ = [
    "guard_output",
    "holds",
    "keys_in",
    "longest",
    "redact",
    "redacted",
    "remember",
    "remember_values",
    "secrets_of",
    "url_secrets",
    "withhold",
    "without_keys",
    "without_shapes",
    "without_values",
    "without_words",
]
