"""Who acts in the story, and how: each post under its own name, each request under a key that its content gives.

The same request told again is the same key, so a story that was cut off and told from its beginning
finds everything that it did before, and does it no second time.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from changhu_common.auth import DevelopmentIssuer
from changhu_common.database import RequestRunning
from changhu_common.roles import Grant, Role

# How long the story waits for everything on its way to arrive before it says what is stuck.
QUIET_SECONDS_MAX = 300.0
LOOK_SECONDS = 0.1


class StoryFailed(Exception):
    """A service answered what the story did not expect."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Somebody at work: an account, its roles, its region and its organisation; `person` for oneself."""

    account: str
    roles: tuple[Role, ...]
    region: str
    organisation: UUID | None = None
    person: UUID | None = None


class Office:
    """Sends the story's requests to the five services."""

    def __init__(self, *, clients: Mapping[str, httpx.AsyncClient], issuer: DevelopmentIssuer) -> None:
        self._clients = clients
        self._issuer = issuer

    async def post(self, service: str, path: str, body: Any, desk: Desk) -> Any:
        """Ask for a change; StoryFailed unless it is done or was done before."""
        return await self._send(service, path, desk, json.dumps(body, default=str).encode(), "application/json")

    async def upload(self, service: str, path: str, content: bytes, desk: Desk) -> Any:
        """Send a file."""
        return await self._send(service, path, desk, content, "text/csv")

    async def get(self, service: str, path: str, desk: Desk, **params: Any) -> Any:
        answer = await self._clients[service].get(path, headers=self._token(desk), params=params)
        return _answer(answer)

    async def download(self, service: str, path: str, desk: Desk, **params: Any) -> bytes:
        """Fetch a file."""
        answer = await self._clients[service].get(path, headers=self._token(desk), params=params)
        return answer.content if answer.is_success else bytes(_answer(answer))

    async def _send(self, service: str, path: str, desk: Desk, content: bytes, kind: str) -> Any:
        key = hashlib.sha256(f"{desk.account}\n{path}\n".encode() + content).hexdigest()
        headers = {**self._token(desk), "Idempotency-Key": key, "Content-Type": kind}
        # The same request of a story that was killed, or of one beside this, may still be at work: its answer is ours.
        async with asyncio.timeout(QUIET_SECONDS_MAX):
            while True:
                answer = await self._clients[service].post(path, headers=headers, content=content)
                if answer.is_success or answer.json()["code"] != RequestRunning.code:
                    return _answer(answer)
                await asyncio.sleep(LOOK_SECONDS)

    def _token(self, desk: Desk) -> dict[str, str]:
        token = self._issuer.token(
            subject=desk.account,
            name=desk.account,
            grants=[Grant(role, desk.region, desk.organisation) for role in desk.roles],
            person=desk.person,
        )
        return {"Authorization": f"Bearer {token}"}

    async def quiet(
        self,
        *,
        parked_allowed: bool = False,
        seconds_max: float = QUIET_SECONDS_MAX,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """Wait until nothing is on its way any more; StoryFailed where an event was parked or nothing moves."""
        quiet_looks = 0
        try:
            async with asyncio.timeout(seconds_max):
                # Twice in a row: what left one service between two looks is seen in the next.
                while quiet_looks < 2:
                    flows = await self.flows()
                    parked = {name: flow["parked"] for name, flow in flows.items() if flow["parked"]}
                    if parked and not parked_allowed:
                        raise StoryFailed(f"有事件无法处理, 见 changhu dead-letters list: {parked}")
                    busy = any(
                        flow["outbox"] or flow["backlog"] or any(flow["lag"].values()) for flow in flows.values()
                    )
                    quiet_looks = 0 if busy else quiet_looks + 1
                    await asyncio.sleep(look_seconds)
        except TimeoutError:
            raise StoryFailed(f"事件在 {seconds_max:.0f} 秒内没有送达: {await self.flows()}") from None

    async def flows(self) -> dict[str, Any]:
        """How much is on its way through each service."""
        return {name: _answer(await client.get("/flow")) for name, client in self._clients.items()}


def _answer(answer: httpx.Response) -> Any:
    if answer.is_success:
        return answer.json()
    raise StoryFailed(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:2000]}")
