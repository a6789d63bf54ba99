"""Who is let in: the door, and the proxies that are believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

Door = Literal["open", "password", "oidc", "huggingface", "proxy"]

SIGNED_IN_DOORS: Final = ("oidc", "huggingface")
"""Those whose people sign in at a provider, which takes the extra ``sign-in``."""

_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "password": ("password_hash",),
    "oidc": ("oidc_issuer", "oidc_client_id"),
    "huggingface": ("oauth_client_id", "oauth_client_secret", "openid_provider_url", "space_host"),
    "proxy": ("proxy_headers",),
}
"""Which settings each door cannot do without."""


class DoorSettings(BaseSettings):
    """The door."""

    door: Door = Field(
        "open",
        description="Who is let in: open (everybody), password, oidc (an OpenID Connect provider such as Microsoft "
        "Entra ID), huggingface (on a Space), or proxy (whom a proxy in front signs in). See docs/operating.md.",
    )
    door_allowed: str = Field(
        "",
        description="Who of those that signed in may come in: names and groups, with commas between. Not set: all.",
        examples=["chat-users,ada@example.com"],
    )
    password_hash: SecretStr | None = Field(
        None,
        description="For the door password: what python -m chatbot.hash_password printed.",
        examples=["scrypt:15:8:1:…"],
    )
    oidc_issuer: str | None = Field(
        None,
        pattern=r"^https?://[^\s?#]+$",
        description="For the door oidc: the provider's address, below which .well-known/openid-configuration is.",
        examples=["https://login.microsoftonline.com/your-tenant-id/v2.0"],
    )
    oidc_client_id: str | None = Field(
        None, description="The application's id at the provider.", examples=["00000000-0000-0000-0000-000000000000"]
    )
    oidc_client_secret: SecretStr | None = Field(
        None, description="Its secret there. Not set: it is a public client.", examples=["the-secret"]
    )
    oidc_scopes: str = Field("openid profile email", description="What the provider is asked for.")
    oidc_groups_claim: str = Field("groups", description="The claim in which it lists somebody's groups.")
    oidc_provider_sign_out: bool = Field(
        True,
        description="Whether signing out signs out at the provider as well, where it offers that (RP-Initiated "
        "Logout): so the next person at a shared computer is asked who they are. See docs/operating.md.",
    )
    public_url: str | None = Field(
        None,
        pattern=r"^https://[a-zA-Z0-9.:\[\]-]+/?$",
        description="Where visitors find the application, for the doors oidc and huggingface. Not set: as each request "
        "names it, which a proxy in front must leave as it is.",
        examples=["https://chat.example.com"],
    )
    proxy_headers: Literal["azure", "oauth2-proxy", "auth-request"] | None = Field(
        None,
        description="For the door proxy, how it says who somebody is: azure (Easy Auth of App Service and Container "
        "Apps), oauth2-proxy (in front of the application), or auth-request (oauth2-proxy beside nginx).",
        examples=["azure"],
    )
    session_hours: float = Field(12, gt=0, le=720, description="How long somebody stays signed in.")
    session_secret: SecretStr | None = Field(
        None,
        min_length=32,
        description="What sessions are signed with, of 32 characters or more. Not set: one that is made and kept in "
        "the database.",
        examples=["a-long-and-random-text-of-32-characters"],
    )
    trusted_proxies: str = Field(
        "127.0.0.1,::1",
        description="Addresses and networks of the proxies in front, with commas between, or * for everybody: only of "
        "these it is believed who a visitor is and where from (X-Forwarded-For, -Proto). On a Space: *.",
    )

    oauth_client_id: str | None = Field(
        None, validation_alias="OAUTH_CLIENT_ID", description="Set by Hugging Face where hf_oauth is on.", exclude=True
    )
    oauth_client_secret: SecretStr | None = Field(
        None, validation_alias="OAUTH_CLIENT_SECRET", description="Set by Hugging Face as well.", exclude=True
    )
    oauth_scopes: str = Field(
        "openid profile", validation_alias="OAUTH_SCOPES", description="Set by Hugging Face as well.", exclude=True
    )
    openid_provider_url: str | None = Field(
        None, validation_alias="OPENID_PROVIDER_URL", description="Set by Hugging Face as well.", exclude=True
    )
    space_host: str | None = Field(
        None, validation_alias="SPACE_HOST", description="Set by Hugging Face: the Space's hosts.", exclude=True
    )

    @property
    def allowed_names(self) -> frozenset[str]:
        """Who may come in of those that signed in; nobody named is everybody."""
        return frozenset(_listed(self.door_allowed))

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts at which visitors find the application, where that is known."""
        if self.public_url:
            return (self.public_url.partition("://")[2].rstrip("/"),)
        return tuple(_listed(self.space_host or ""))

    @field_validator("oidc_issuer")
    @classmethod
    def _has_no_slash_at_its_end(cls, value: str | None) -> str | None:
        return value and value.rstrip("/")


def check_door(values: Mapping[str, str], variable: Mapping[str, str]) -> None:
    """Raise ValueError where something is missing that the chosen door cannot do without.

    Args:
        values: What was set, by the field's name.
        variable: The environment variable of each field.
    """
    door = values["door"]
    if missing := [variable[name] for name in _NEEDS.get(door, ()) if not values[name]]:
        where = "; Hugging Face sets them on a Space whose README says hf_oauth: true" if door == "huggingface" else ""
        raise ValueError(f"this door needs {', '.join(missing)}{where}")
    if door == "proxy" and "*" in values["trusted_proxies"]:
        raise ValueError(
            f"with this door {variable['trusted_proxies']} has to name the proxy's addresses: "
            "everybody else could say who they are, and would be believed"
        )


def _listed(names: str) -> list[str]:
    return [name for each in names.split(",") if (name := each.strip())]
