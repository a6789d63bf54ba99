"""Answers as audio: the right text, and silence of the right form, for this model has no voice."""

import base64
import io
import wave
from typing import Any

_RATE = 24_000
_SECONDS = 0.05


def spoken(name: str, created: int, transcript: str) -> dict[str, Any]:
    """Return the audio of a whole reply: a WAV file in base 64 and what it says."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(_RATE)
        sound.writeframes(bytes(2 * int(_RATE * _SECONDS)))
    data = base64.b64encode(file.getvalue()).decode()
    return {"data": data, "expires_at": created + 3600, "id": f"audio_{name}", "transcript": transcript}
