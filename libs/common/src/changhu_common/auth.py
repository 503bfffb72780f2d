"""Whoever calls proves it with an OIDC bearer token; the route's signature says which roles it is for.

No token, a bad or an expired one is 401; none of the route's roles is 403; what is out of scope is
NotFound, raised where the row is looked up. Roles come in the claim `grants`:

    [{"role": "enrollment_clerk", "region": "110101", "organisation": null}]

beside `sub`, `name` and, for insured people, `person` (their own id) and `wards` (ids).
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import httpx
import structlog
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidKeyIdError, JoseError
from joserfc.jwk import ECKey, KeySet

from changhu_common.clock import Clock
from changhu_common.errors import Refusal
from changhu_common.private_files import kept_secret
from changhu_common.roles import Caller, Grant, Role

# Asymmetric ones only: a public key must never be usable as a shared secret (RFC 8725, 3.1).
ALGORITHMS = ("ES256", "ES384", "RS256", "PS256", "Ed25519", "EdDSA")
TOKEN_CHARACTERS_MAX = 16_384  # more is no token; HTTP servers stop headers at about this size anyway
LEEWAY_SECONDS = 60  # clocks of the issuer and of ours may differ by as much
KEYS_AGE_SECONDS_MAX = 3600.0  # a key that the issuer withdrew is refused after this
KEYS_PAUSE_SECONDS = 10.0  # tokens with made-up key ids must not become as many requests to the issuer
KEYS_TIMEOUT_SECONDS = 5.0

log = structlog.get_logger(__name__)


class TokenInvalid(Refusal):
    """There is no token, or none that the issuer's keys, the audience and the clock accept."""

    code = "auth.token_invalid"
    title = "请先登录"
    status = 401


class KeysUnavailable(Refusal):
    """The issuer's keys could not be read yet, so nobody's token can be judged."""

    code = "auth.keys_unavailable"
    title = "登录服务暂不可用"
    status = 503


LoadKeys = Callable[[], Awaitable[KeySet]]


def keys_from_url(url: str, client: httpx.AsyncClient | None = None) -> LoadKeys:
    """The issuer's JWKS (RFC 7517) over HTTP."""

    async def load() -> KeySet:
        if client is not None:
            answer = await client.get(url, timeout=KEYS_TIMEOUT_SECONDS)
        else:
            async with httpx.AsyncClient(timeout=KEYS_TIMEOUT_SECONDS) as own:
                answer = await own.get(url)
        return KeySet.import_key_set(answer.raise_for_status().json())

    return load


def keys_from_file(path: Path) -> LoadKeys:
    """A JWKS in a local file, for networks without a way to the issuer."""

    async def load() -> KeySet:
        return KeySet.import_key_set(json.loads(path.read_text(encoding="utf-8")))

    return load


class SigningKeys:
    """The issuer's public keys: kept for an hour, read anew when a token names an unknown one."""

    def __init__(self, load: LoadKeys) -> None:
        self._load = load
        self._keys: KeySet | None = None
        # The machine's time, not the Clock's: these two are about a cache and about politeness.
        self._read_at = self._tried_at = float("-inf")
        self._lock = asyncio.Lock()

    async def current(self, *, age_seconds_max: float = KEYS_AGE_SECONDS_MAX) -> KeySet:
        """The keys, read again if they are older than that; while the issuer is silent the known ones serve."""
        async with self._lock:  # many requests, one reading
            now = time.monotonic()
            if now - self._read_at > age_seconds_max and now - self._tried_at > KEYS_PAUSE_SECONDS:
                self._tried_at = now
                try:
                    self._keys = await self._load()
                    self._read_at = now
                except (httpx.HTTPError, OSError, ValueError, KeyError, JoseError) as error:
                    log.warning("the issuer's keys could not be read", error=repr(error))
            if self._keys is None:
                raise KeysUnavailable("读取登录服务的公钥失败，请稍后重试")
            return self._keys


class TokenChecker:
    """Turns a bearer token into the caller whom its issuer vouches for."""

    def __init__(self, *, keys: LoadKeys, issuer: str, audience: str, clock: Clock) -> None:
        self._keys = SigningKeys(keys)
        self._issuer = issuer
        self._audience = audience
        self._clock = clock

    async def check(self, token: str) -> Caller:
        if len(token) > TOKEN_CHARACTERS_MAX:
            raise TokenInvalid("登录凭证过长，请重新登录")
        try:
            claims = await self._claims(token)
            jwt.JWTClaimsRegistry(
                now=int(self._clock.now().timestamp()),
                leeway=LEEWAY_SECONDS,
                iss={"essential": True, "value": self._issuer},
                aud={"essential": True, "value": self._audience},
                exp={"essential": True},
                sub={"essential": True},
            ).validate(claims)
            return _caller(claims)
        except ExpiredTokenError as error:
            raise TokenInvalid("登录已过期，请重新登录") from error
        except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise TokenInvalid("登录凭证无效，请重新登录") from error

    async def _claims(self, token: str) -> dict[str, Any]:
        try:
            return jwt.decode(token, await self._keys.current(), algorithms=ALGORITHMS).claims
        except InvalidKeyIdError:  # perhaps the issuer has changed its keys
            keys = await self._keys.current(age_seconds_max=0)
            return jwt.decode(token, keys, algorithms=ALGORITHMS).claims


def _caller(claims: dict[str, Any]) -> Caller:
    known = set(Role)
    person = claims.get("person")
    return Caller(
        subject=claims["sub"],
        name=str(claims.get("name") or claims["sub"]),
        grants=tuple(
            Grant(
                role=Role(each["role"]),
                region=each["region"],
                organisation=UUID(each["organisation"]) if each.get("organisation") else None,
            )
            for each in claims.get("grants") or []
            if each["role"] in known  # a role that the issuer knows and we do not opens nothing
        ),
        person=UUID(person) if person else None,
        wards=frozenset(UUID(ward) for ward in claims.get("wards") or []),
    )


_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="OIDC 访问令牌")


async def authenticated(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    if credentials is None:
        raise TokenInvalid("请求没有携带登录凭证（Authorization: Bearer …）")
    checker: TokenChecker = request.app.state.token_checker
    return await checker.check(credentials.credentials)


def allow(*roles: Role) -> Any:
    """The route's caller, narrowed to his grants of these roles: `caller: Annotated[Caller, allow(…)]`."""

    async def narrowed(caller: Annotated[Caller, Depends(authenticated)]) -> Caller:
        return caller.narrowed(roles)

    return Depends(narrowed)


class DevelopmentIssuer:
    """Issues tokens on a machine without an OIDC provider, with a key (ES256) that stays on that machine.

    Production refuses it: whoever reads the key file can be anybody.
    """

    def __init__(self, key_file: Path, *, issuer: str, audience: str, clock: Clock) -> None:
        self._key = _private_key(key_file)
        self._issuer = issuer
        self._audience = audience
        self._clock = clock

    def token(
        self,
        *,
        subject: str,
        name: str,
        grants: Iterable[Grant] = (),
        person: UUID | None = None,
        wards: Iterable[UUID] = (),
        lifetime: timedelta = timedelta(hours=8),
    ) -> str:
        now = self._clock.now()
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": subject,
            "name": name,
            "iat": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
            "grants": [
                {
                    "role": grant.role.value,
                    "region": grant.region,
                    "organisation": str(grant.organisation) if grant.organisation else None,
                }
                for grant in grants
            ],
            "wards": [str(ward) for ward in wards],
        }
        if person is not None:
            claims["person"] = str(person)
        return jwt.encode({"alg": "ES256", "kid": self._key.kid}, claims, self._key)

    def jwks(self) -> dict[str, Any]:
        """The public key, to be served or written where the services look for it."""
        return dict(KeySet([self._key]).as_dict(private=False))

    async def keys(self) -> KeySet:
        """The public key as a TokenChecker in the same process reads it."""
        return KeySet.import_key_set(KeySet([self._key]).as_dict(private=False))


def _private_key(path: Path) -> ECKey:
    secret = kept_secret(path, lambda: ECKey.generate_key("P-256").as_pem(private=True))
    key = ECKey.import_key(secret)
    key.ensure_kid()
    return key
