"""Short-lived tokens that are made of a private key: Google's service accounts and Apple's App Store Connect keys."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
from msgspec import Struct
from pydantic import SecretStr

from domain.errors import RetryLater, SourceMisconfigured, SourceStopped
from ingest.addresses import site, split
from ingest.http import PoliteClient

GOOGLE_TOKENS = "https://oauth2.googleapis.com/token"

_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_GOOGLE_LIFE = timedelta(hours=1)
_APPLE_LIFE = timedelta(minutes=19)  # Apple refuses more than 20, and its clock is not ours
_SPARE = timedelta(minutes=1)
_BAD_REQUEST, _UNAUTHORISED, _FORBIDDEN, _OK = 400, 401, 403, 200


class ServiceAccount(Struct, frozen=True):
    """What Google's JSON key file of a service account says, as far as it matters here."""

    client_email: str
    private_key: str
    private_key_id: str = ""
    token_uri: str = ""

    def __repr__(self) -> str:
        return f"ServiceAccount(client_email={self.client_email!r})"


class _Granted(Struct):
    access_token: str = ""
    expires_in: float = 3_600
    error: str = ""


def read_service_account(secret: SecretStr) -> ServiceAccount:
    """Read the JSON key file of a service account; raises SourceMisconfigured."""
    try:
        account = msgspec.json.decode(secret.get_secret_value(), type=ServiceAccount)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise SourceMisconfigured(
            "service_account is not the JSON key file of a Google service account: give its whole content, or its "
            "path as service_account_file"
        ) from None
    if account.token_uri:
        split(account.token_uri, wrong="token_uri in the service account's key file is not an http or https address")
    return account


class GoogleTokens:
    """Access tokens of a service account, each kept until shortly before its end."""

    def __init__(
        self,
        secret: SecretStr,
        *,
        scope: str,
        client: PoliteClient,
        clock: Callable[[], datetime],
        endpoint: str = "",
    ) -> None:
        self._secret, self._scope, self._endpoint = secret, scope, endpoint
        self._client, self._clock = client, clock
        self._token, self._ends = "", clock()

    def account(self) -> ServiceAccount:
        """Whose tokens they are; raises SourceMisconfigured."""
        return read_service_account(self._secret)

    def forget(self) -> None:
        """Ask for another token next time: this one is refused."""
        self._token = ""

    async def bearer(self) -> str:
        """Return a valid token; raises RetryLater, SourceStopped, SourceMisconfigured."""
        now = self._clock()
        if self._token and now < self._ends - _SPARE:
            return self._token
        account = self.account()
        endpoint = self._endpoint or account.token_uri or GOOGLE_TOKENS
        reply = await self._client.request(
            "POST",
            endpoint,
            headers={"content-type": "application/x-www-form-urlencoded"},
            content=urlencode({"grant_type": _GRANT, "assertion": self._assertion(account, endpoint)}).encode(),
            accept_status=(_BAD_REQUEST, _UNAUTHORISED, _FORBIDDEN),
        )
        granted = _granted(reply.body)
        if reply.status != _OK:
            why = granted.error if granted.error.isidentifier() else "no reason given"
            raise SourceStopped(
                f"{site(endpoint)} gives no token to {account.client_email} ({why}): make a new key of the service "
                "account, or see that the account still exists and this machine's clock is right"
            )
        if not granted.access_token:
            raise RetryLater(f"{site(endpoint)} answers without a token")
        self._token, self._ends = granted.access_token, now + timedelta(seconds=granted.expires_in)
        return self._token

    def _assertion(self, account: ServiceAccount, endpoint: str) -> str:
        now = self._clock()
        claims = {"iss": account.client_email, "scope": self._scope, "aud": endpoint}
        return _signed(
            claims,
            key=account.private_key,
            algorithm="RS256",
            headers={"kid": account.private_key_id} if account.private_key_id else {},
            made=now,
            life=_GOOGLE_LIFE,
            wrong="private_key in the service account's key file cannot be used: download the file again",
        )


class AppleTokens:
    """Tokens of an App Store Connect key: made here, valid for less than 20 minutes."""

    def __init__(self, key: SecretStr, *, key_id: str, issuer: str, clock: Callable[[], datetime]) -> None:
        self._key, self._key_id, self._issuer, self._clock = key, key_id, issuer, clock
        self._token, self._ends = "", clock()

    def bearer(self) -> str:
        """Return a valid token; raises SourceMisconfigured for a key that is none."""
        now = self._clock()
        if not self._token or now >= self._ends - _SPARE:
            self._token = _signed(
                {"iss": self._issuer, "aud": "appstoreconnect-v1"},
                key=self._key.get_secret_value(),
                algorithm="ES256",
                headers={"kid": self._key_id},
                made=now,
                life=_APPLE_LIFE,
                wrong="private_key is not a key of App Store Connect: give the whole content of the .p8 file, or its "
                "path as private_key_file",
            )
            self._ends = now + _APPLE_LIFE
        return self._token


def _signed(
    claims: dict[str, Any],
    *,
    key: str,
    algorithm: str,
    headers: dict[str, str],
    made: datetime,
    life: timedelta,
    wrong: str,
) -> str:
    import jwt

    try:
        return jwt.encode(
            {**claims, "iat": int(made.timestamp()), "exp": int((made + life).timestamp())},
            key,
            algorithm=algorithm,
            headers=headers,
        )
    except (jwt.PyJWTError, ValueError, TypeError):
        raise SourceMisconfigured(wrong) from None


def _granted(body: bytes) -> _Granted:
    try:
        return msgspec.json.decode(body, type=_Granted)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Granted()
