"""Microsoft Entra ID without a key: the credential of whatever identity the program runs as."""

from __future__ import annotations

from functools import cache
from typing import Any

from chatbot import install_command


@cache
def default_credential() -> Any:
    """Return azure-identity's own choice of credential, one for all: it keeps its tokens.

    Raises:
        ImportError: The package is not installed.
    """
    try:
        # An extra, and slow to import: for those who need it.
        from azure.identity import DefaultAzureCredential
    except ImportError:
        raise ImportError(
            f"signing in with Microsoft Entra ID needs the package azure-identity: {install_command('entra')}"
        ) from None
    return DefaultAzureCredential()
