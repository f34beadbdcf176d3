"""Settings of the console: how long people stay signed in, and how long a page waits for another service."""

from typing import Literal

from pydantic import SecretStr, model_validator

from millrace_core.settings import Settings


class ConsoleSettings(Settings):
    """Environment of the console."""

    service: str = "console"
    session_hours: float = 12
    """Hours after which somebody signs in again, whatever they did meanwhile."""
    idle_hours: float = 4
    """Hours without a page after which a session ends."""
    link_seconds: float = 120
    """Seconds for which a one-time link of `millrace console` can be used."""
    answer_seconds: float = 5.0
    """Seconds that a page waits for a service; then it says what is missing."""
    https_only: bool = False
    """The session's cookie is sent over TLS alone; set where a browser never meets the console without."""
    console_public_url: str = ""
    """Under which address browsers know the console, like https://console.example; empty: as each request says."""
    oidc_issuer: str = ""
    """Issuer of OpenID Connect at which people sign in; empty: none. The services have to take its tokens."""
    oidc_client_id: str = ""
    """This console's client there."""
    oidc_client_secret: SecretStr = SecretStr("")
    """Its secret; empty for a public client."""
    oidc_scopes: str = ""
    """What is asked for; empty: what the provider knows of USUAL_SCOPES, and openid. With `offline_access` beside them
    most providers give something to renew sessions with."""
    oidc_token: Literal["id", "access"] = "id"  # noqa: S105 - a kind, no token
    """Which token the services are shown: its audience is the one that they take."""
    oidc_name: str = ""
    """How people are told of the provider; empty: its host."""

    @model_validator(mode="after")
    def _is_known_there(self) -> "ConsoleSettings":
        if self.oidc_issuer and not self.oidc_client_id:
            raise ValueError("MILLRACE_OIDC_ISSUER needs MILLRACE_OIDC_CLIENT_ID")
        return self

    def client_secret(self) -> str:
        """Of this console at the provider."""
        return self.oidc_client_secret.get_secret_value()
