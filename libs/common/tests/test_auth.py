"""Only the issuer's unexpired token for us makes a caller, and only the route's roles let him in."""

import base64
import hmac
import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from changhu_common import auth
from changhu_common.auth import (
    DevelopmentIssuer,
    KeysUnavailable,
    TokenChecker,
    TokenInvalid,
    allow,
    keys_from_file,
    keys_from_url,
)
from changhu_common.clock import FileClock
from changhu_common.errors import Refusal
from changhu_common.ids import named_id
from changhu_common.roles import Caller, Grant, Role
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

ISSUER, AUDIENCE = "https://login.example.cn", "changhu"
START = datetime(2026, 7, 1, 1, 0, tzinfo=UTC)
PERSON = named_id("person", 1)
GRANTS = (
    Grant(Role.ENROLLMENT_CLERK, "211102"),
    Grant(Role.PROVIDER_STAFF, "211100", named_id("organisation", 1)),
)


@pytest.fixture
def clock(tmp_path: Path) -> FileClock:
    clock = FileClock(tmp_path / "clock")
    clock.advance_to(START)
    return clock


@pytest.fixture
def issuer(tmp_path: Path, clock: FileClock) -> DevelopmentIssuer:
    return DevelopmentIssuer(tmp_path / "keys" / "issuer.pem", issuer=ISSUER, audience=AUDIENCE, clock=clock)


@pytest.fixture
def checker(issuer: DevelopmentIssuer, clock: FileClock) -> TokenChecker:
    return TokenChecker(keys=issuer.keys, issuer=ISSUER, audience=AUDIENCE, clock=clock)


def signed(key: ECKey, **changed: Any) -> str:
    claims: dict[str, Any] = {"iss": ISSUER, "aud": AUDIENCE, "sub": "u1", "name": "王芳", "grants": []}
    claims |= {"exp": int((START + timedelta(hours=1)).timestamp())} | changed
    told = {name: value for name, value in claims.items() if value is not ...}
    key.ensure_kid()
    return jwt.encode({"alg": "ES256", "kid": key.kid}, told, key)


def checker_of(key: ECKey, clock: FileClock) -> TokenChecker:
    async def keys() -> KeySet:
        return KeySet([key])

    return TokenChecker(keys=keys, issuer=ISSUER, audience=AUDIENCE, clock=clock)


async def test_a_token_tells_who_calls_and_what_he_may_do(issuer: DevelopmentIssuer, checker: TokenChecker) -> None:
    token = issuer.token(subject="u1", name="王芳", grants=GRANTS, person=PERSON, wards=[named_id("person", 2)])
    caller = await checker.check(token)
    assert caller == Caller("u1", "王芳", GRANTS, PERSON, frozenset({named_id("person", 2)}))


async def test_a_token_expires_by_the_clock_that_is_passed_in(
    issuer: DevelopmentIssuer, checker: TokenChecker, clock: FileClock
) -> None:
    token = issuer.token(subject="u1", name="王芳", lifetime=timedelta(hours=1))
    await checker.check(token)
    clock.advance_to(START + timedelta(hours=2))
    with pytest.raises(TokenInvalid, match="过期"):
        await checker.check(token)


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://elsewhere.example.cn"},
        {"iss": ...},
        {"aud": "another-system"},
        {"aud": ...},
        {"exp": ...},
        {"exp": "never"},
        {"sub": ...},
        {"nbf": int((START + timedelta(days=1)).timestamp())},
        {"grants": "all"},
        {"grants": [{"role": "cashier"}]},
        {"grants": [{"role": "cashier", "region": "2111"}]},
        {"grants": [{"role": "caregiver", "region": "211102", "organisation": None}]},
        {"grants": [{"role": "cashier", "region": "211100", "organisation": "not an id"}]},
        {"person": "not an id"},
        {"wards": [1]},
    ],
)
async def test_a_claim_that_does_not_fit_makes_the_token_invalid(changed: dict[str, Any], clock: FileClock) -> None:
    key = ECKey.generate_key("P-256")
    await checker_of(key, clock).check(signed(key))
    with pytest.raises(TokenInvalid):
        await checker_of(key, clock).check(signed(key, **changed))


async def test_one_audience_among_several_is_ours(clock: FileClock) -> None:
    key = ECKey.generate_key("P-256")
    assert await checker_of(key, clock).check(signed(key, aud=["another", AUDIENCE]))


async def test_a_role_that_we_do_not_know_opens_nothing_and_harms_nothing(clock: FileClock) -> None:
    key = ECKey.generate_key("P-256")
    grants = [{"role": "mayor", "region": "all"}, {"role": "cashier", "region": "211100"}]
    caller = await checker_of(key, clock).check(signed(key, grants=grants))
    assert caller.grants == (Grant(Role.CASHIER, "211100"),)


async def test_another_issuers_signature_is_refused(checker: TokenChecker) -> None:
    with pytest.raises(TokenInvalid):
        await checker.check(signed(ECKey.generate_key("P-256")))


async def test_a_forged_signature_under_a_known_key_id_is_refused(clock: FileClock) -> None:
    known, forger = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
    known.ensure_kid()
    token = jwt.encode({"alg": "ES256", "kid": known.kid}, {"sub": "u1"}, forger)
    with pytest.raises(TokenInvalid):
        await checker_of(known, clock).check(token)


async def test_the_public_key_is_no_shared_secret_and_no_signature_is_no_token(clock: FileClock) -> None:
    key = ECKey.generate_key("P-256")
    header, claims, _ = signed(key).split(".")
    signed_part = f"{part(alg='HS256', kid=key.kid)}.{claims}"
    shared = hmac.digest(key.as_pem(private=False), signed_part.encode(), "sha256")
    for token in (
        f"{signed_part}.{encoded(shared)}",
        f"{part(alg='none', kid=key.kid)}.{claims}.",
        f"{header}.{claims}.",
    ):
        with pytest.raises(TokenInvalid):
            await checker_of(key, clock).check(token)


def part(**members: Any) -> str:
    return encoded(json.dumps(members).encode())


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@given(st.text() | st.builds(lambda raw: encoded(raw) + ".e30.AA", st.binary()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
async def test_garbage_is_an_invalid_token_and_never_an_error(checker: TokenChecker, token: str) -> None:
    with pytest.raises(TokenInvalid):
        await checker.check(token)


@pytest.mark.parametrize("token", [encoded(b"[" * 11_000) + ".e30.AA", "x" * 20_000])
async def test_a_token_made_to_exhaust_is_an_invalid_one(checker: TokenChecker, token: str) -> None:
    with pytest.raises(TokenInvalid):
        await checker.check(token)


class Endpoint:
    """The issuer's JWKS endpoint: outside the system, so it may be played."""

    def __init__(self, *keys: ECKey) -> None:
        self.keys = KeySet(list(keys))
        self.asked = 0
        self.up = True

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        return httpx.Response(200, json=self.keys.as_dict(private=False)) if self.up else httpx.Response(503)

    def checker(self, clock: FileClock) -> TokenChecker:
        client = httpx.AsyncClient(transport=httpx.MockTransport(self))
        keys = keys_from_url("https://login.example.cn/jwks", client)
        return TokenChecker(keys=keys, issuer=ISSUER, audience=AUDIENCE, clock=clock)


async def test_keys_are_read_once_for_many_tokens(clock: FileClock) -> None:
    key = ECKey.generate_key("P-256")
    endpoint = Endpoint(key)
    checker = endpoint.checker(clock)
    for _ in range(3):
        await checker.check(signed(key))
    assert endpoint.asked == 1


async def test_an_unknown_key_id_reads_the_keys_anew_but_not_at_every_token(
    clock: FileClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, foreign = (ECKey.generate_key("P-256") for _ in range(3))
    endpoint = Endpoint(old)
    checker = endpoint.checker(clock)
    await checker.check(signed(old))
    endpoint.keys = KeySet([old, new])
    with monkeypatch.context() as hurried:
        hurried.setattr(auth, "KEYS_PAUSE_SECONDS", 0.0)
        await checker.check(signed(new))
    assert endpoint.asked == 2
    for _ in range(5):
        with pytest.raises(TokenInvalid):
            await checker.check(signed(foreign))
    assert endpoint.asked == 2


async def test_known_keys_go_on_serving_while_the_issuer_is_silent(
    clock: FileClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "KEYS_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(auth, "KEYS_AGE_SECONDS_MAX", 0.0)
    key = ECKey.generate_key("P-256")
    endpoint = Endpoint(key)
    checker = endpoint.checker(clock)
    await checker.check(signed(key))
    endpoint.up = False
    await checker.check(signed(key))


async def test_without_any_keys_nobody_can_be_judged(clock: FileClock) -> None:
    key = ECKey.generate_key("P-256")
    endpoint = Endpoint(key)
    endpoint.up = False
    with pytest.raises(KeysUnavailable):
        await endpoint.checker(clock).check(signed(key))


async def test_keys_are_read_from_a_file_too(tmp_path: Path, issuer: DevelopmentIssuer, clock: FileClock) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(issuer.jwks()))
    assert '"d"' not in path.read_text()
    checker = TokenChecker(keys=keys_from_file(path), issuer=ISSUER, audience=AUDIENCE, clock=clock)
    assert await checker.check(issuer.token(subject="u1", name="王芳"))


async def test_the_development_key_is_private_and_stays_the_same(tmp_path: Path, clock: FileClock) -> None:
    path = tmp_path / "issuer.pem"
    first, second = (DevelopmentIssuer(path, issuer=ISSUER, audience=AUDIENCE, clock=clock) for _ in range(2))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert first.jwks() == second.jwks()
    assert os.listdir(tmp_path).count("issuer.pem") == 1
    path.chmod(0o644)
    with pytest.raises(PermissionError):
        DevelopmentIssuer(path, issuer=ISSUER, audience=AUDIENCE, clock=clock)


@pytest.fixture
def client(checker: TokenChecker) -> httpx.AsyncClient:
    app = FastAPI()
    app.state.token_checker = checker

    @app.exception_handler(Refusal)
    async def refused(request: Request, refusal: Refusal) -> JSONResponse:
        return JSONResponse(refusal.problem(), refusal.status)

    @app.get("/people")
    async def people(caller: Annotated[Caller, allow(Role.ENROLLMENT_CLERK, Role.AUDITOR)]) -> Any:
        return {"subject": caller.subject, "roles": [grant.role for grant in caller.grants]}

    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


async def asked(client: httpx.AsyncClient, header: str | None) -> tuple[int, dict[str, Any]]:
    answer = await client.get("/people", headers={"Authorization": header} if header else {})
    return answer.status_code, answer.json()


async def test_a_route_gets_its_caller_narrowed_to_its_roles(
    client: httpx.AsyncClient, issuer: DevelopmentIssuer
) -> None:
    token = issuer.token(subject="u1", name="王芳", grants=GRANTS)
    assert await asked(client, f"Bearer {token}") == (200, {"subject": "u1", "roles": ["enrollment_clerk"]})


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer nonsense", "Basic dTpw", "Bearer ÿ"])
async def test_without_a_valid_token_the_answer_is_401(client: httpx.AsyncClient, header: str | None) -> None:
    raw = None if header is None else header.encode("latin-1")
    answer = await client.get("/people", headers=[] if raw is None else [(b"Authorization", raw)])
    assert (answer.status_code, answer.json()["code"]) == (401, "auth.token_invalid")


async def test_without_the_role_the_answer_is_403(client: httpx.AsyncClient, issuer: DevelopmentIssuer) -> None:
    token = issuer.token(subject="u1", name="王芳", grants=[Grant(Role.CASHIER, "211100")])
    status, problem = await asked(client, f"Bearer {token}")
    assert (status, problem["code"]) == (403, "auth.role_missing")
    assert "参保经办" in problem["detail"]


async def test_the_open_api_page_shows_that_a_token_is_needed(client: httpx.AsyncClient) -> None:
    api = (await client.get("/openapi.json")).json()
    assert api["paths"]["/people"]["get"]["security"] == [{"HTTPBearer": []}]
