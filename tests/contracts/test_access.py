"""Every route asks who calls, and every change has a key: no route is forgotten, because the interface is walked.

What a service says of itself (OpenAPI) is what it answers, so whatever is added is asked the same questions.
"""

import re
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from changhu_common.roles import Role
from changhu_common.service import Service
from changhu_standalone.deployment import SERVICES

from tests.support.running import Deploy, Running

# What a load balancer, a scraper and a neighbour ask: no token, and nothing about anybody.
OPEN = {"/health/live", "/health/ready", "/metrics", "/flow"}

# A search that changes nothing; a POST because a resident number must not stand in an address.
READING = {"/persons/search"}

every_service = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)


def routes(running: Running) -> Iterator[tuple[str, str, str]]:
    """Method, path, and an address of it in which every id is one that nothing has."""
    paths = running.client._transport.app.openapi()["paths"]  # type: ignore[attr-defined]
    for path, methods in paths.items():
        if path not in OPEN:
            for method in methods:
                yield method, path, re.sub(r"\{(\w+)\}", lambda name: given(name[1]), path)


def given(name: str) -> str:
    return {"pool": "211100", "month": "2026-07"}.get(name) or str(uuid4())


async def ask(running: Running, method: str, address: str, headers: dict[str, str]) -> httpx.Response:
    return await running.client.request(method, address, headers=headers)


def code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


@every_service
async def test_without_a_token_every_route_is_401(deploy: Deploy, service: Service) -> None:
    running = await deploy(service)
    asked = list(routes(running))
    assert len(asked) >= 4
    for method, path, address in asked:
        for headers in ({}, {"Authorization": "Bearer x.y.z"}, {"Idempotency-Key": "k"}):
            answer = await ask(running, method, address, headers)
            assert code(answer) == (401, "auth.token_invalid"), f"{method} {path}"


@every_service
async def test_with_a_role_that_is_not_the_routes_every_route_is_403(deploy: Deploy, service: Service) -> None:
    running = await deploy(service)
    for method, path, address in routes(running):
        # Who runs the system sees no business, and nobody else sees what runs it.
        stranger = Role.CASHIER if path.startswith("/dead-letters") else Role.OPERATOR
        for who in (running.token(), running.token(stranger)):
            answer = await ask(running, method, address, {**who, "Idempotency-Key": "k"})
            assert code(answer) == (403, "auth.role_missing"), f"{method} {path}"


@every_service
async def test_without_a_key_every_change_is_400(deploy: Deploy, service: Service) -> None:
    running = await deploy(service)
    everybody = running.token(*Role, organisation=uuid4())
    for method, path, address in routes(running):
        if method != "get" and path not in READING:
            for key in ({}, {"Idempotency-Key": ""}, {"Idempotency-Key": "k" * 201}):
                answer = await ask(running, method, address, {**everybody, **key})
                assert code(answer) == (400, "idempotency.key_missing"), f"{method} {path}"


@every_service
async def test_what_nobody_has_is_404_whoever_asks(deploy: Deploy, service: Service) -> None:
    running = await deploy(service)
    everybody = running.token(*Role, organisation=uuid4())
    for method, path, address in routes(running):
        if method == "get" and path.endswith("_id}"):
            assert code(await ask(running, method, address, everybody)) == (404, "not_found"), f"{method} {path}"
