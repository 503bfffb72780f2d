"""What operators supply goes in through enrollment's own interface, as one person's entry and another's approval.

It comes out as a folder that everybody can read beside the packs. Sent again, nothing is entered twice.
"""

import asyncio
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import yaml
from changhu_common.errors import FieldError, InvalidInput, NotFound, Refusal
from changhu_common.logs import set_up_logs
from changhu_common.roles import Grant, Role
from changhu_policies import Supplied, SuppliedValue, pools

from changhu_standalone.deployment import Standalone

REQUEST_SECONDS_MAX: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the enrollment service is, and as whom it is asked: a folder's own, or one at an address."""

    data: Path
    account: str | None = None
    url: str | None = None
    token: str = ""


class Refused(Refusal):
    """What the service answered; it keeps the service's own code."""

    def __init__(self, answer: httpx.Response) -> None:
        try:
            told = answer.json()
        except ValueError:
            told = {"detail": answer.text[:500]}
        errors = [FieldError(each["field"], each["reason"]) for each in told.get("errors", ())]
        super().__init__(told.get("detail", ""), errors=errors)
        self._told = {"type": "about:blank", "title": self.title, "status": answer.status_code} | told

    def problem(self) -> dict[str, Any]:
        told: dict[str, Any] = {"code": self.code} | self._told
        return told


class Enrollment:
    """The enrollment service, asked by one person."""

    def __init__(self, client: httpx.AsyncClient, token: str, account: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"}
        self._account = account

    async def post(self, path: str, body: Any) -> Any:
        content = json.dumps(body, default=str, sort_keys=True).encode()
        # The same request of the same person is the same key: sent again it is answered, not done, again.
        key = hashlib.sha256(f"{self._account}\n{path}\n".encode() + content).hexdigest()
        headers = {**self._headers, "Idempotency-Key": key, "Content-Type": "application/json"}
        return _answered(await self._client.post(path, headers=headers, content=content))

    async def entered(self, pool: str) -> list[dict[str, Any]]:
        answer = await self._client.get("/policy-values", headers=self._headers, params={"pool": pool})
        values: list[dict[str, Any]] = _answered(answer)["values"]
        return values


def _answered(answer: httpx.Response) -> Any:
    if not answer.is_success:
        raise Refused(answer)
    return answer.json()


def enter(file: Path, place: Place) -> dict[str, Any]:
    """Enter every value of a pool's file, or of all files of a folder; each is checked before the first is sent."""
    values = _read(file).values

    async def ask(enrollment: Enrollment) -> Any:
        return [await enrollment.post("/policy-values", _body(value)) for value in values]

    return {"values": _asked(place, Role.POLICY_ENTRY, {value.pool for value in values}, ask)}


def approve(pool: str, value_ids: Sequence[str], place: Place) -> dict[str, Any]:
    """Approve these values, or all of the pool that wait for it."""

    async def ask(enrollment: Enrollment) -> Any:
        ids = value_ids or [each["value_id"] for each in await enrollment.entered(pool) if each["status"] == "entered"]
        return [await enrollment.post(f"/policy-values/{value_id}/approval", {}) for value_id in ids]

    return {"values": _asked(place, Role.POLICY_APPROVAL, {pool}, ask)}


def export(folder: Path, *, data: Path, supplied: str | None) -> dict[str, Any]:
    """Write what was supplied and approved as a folder, one file a pool, whole files only."""
    known = Supplied.from_folder(Path(supplied)) if supplied else asyncio.run(_approved(_standalone(data)))
    told = sorted({value.pool for value in known.values})
    folder.mkdir(parents=True, exist_ok=True)
    if strange := [path.name for path in sorted(folder.glob("*.yaml")) if path.stem not in told]:
        reason = f"文件夹中另有{'、'.join(strange)}，会与导出的值混在一起"
        raise InvalidInput(f"{reason}；请换一个文件夹。", errors=[FieldError("DIR", reason)])
    files = []
    for pool in told:
        path = folder / f"{pool}.yaml"
        beside = path.with_suffix(".new")
        content = yaml.safe_dump(known.as_file(pool), allow_unicode=True, sort_keys=False, width=120)
        beside.write_text(content, encoding="utf-8")
        beside.replace(path)
        files.append({"pool": pool, "path": str(path), "values": len(known.of_pool(pool).settled().values)})
    return {"files": files}


def _read(file: Path) -> Supplied:
    if file.is_dir():
        return Supplied.from_folder(file)
    if not file.exists():
        raise InvalidInput(f"没有这个文件：{file}。", errors=[FieldError("FILE", "文件不存在")])
    return Supplied.from_file(file)


def _body(value: SuppliedValue) -> dict[str, Any]:
    """What the interface takes; who entered and who approved is who asks, not what the file says."""
    record = {"pool": value.pool, **value.as_record()}
    if not value.source:
        raise InvalidInput("补录须写明依据文件。", errors=[FieldError(f"{value.parameter}.source", "必填")])
    return {name: said for name, said in record.items() if name not in ("entered_by", "approved_by")}


def _standalone(data: Path) -> Standalone:
    # Logs go to standard error: what is asked for with --json is all that stands on standard output.
    set_up_logs(service="changhu", json=False, level=logging.WARNING)
    if not (data / "postgres").exists():
        raise NotFound(f"{data}中没有数据；请先运行changhu demo或changhu run。")
    return Standalone(data)


def _asked(place: Place, role: Role, regions: set[str], ask: Callable[[Enrollment], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with _enrollment(place, role, regions) as enrollment:
            return await ask(enrollment)

    return asyncio.run(run())


@asynccontextmanager
async def _enrollment(place: Place, role: Role, regions: set[str]) -> AsyncIterator[Enrollment]:
    account = place.account or f"{role}-1"
    if place.url:
        async with httpx.AsyncClient(base_url=place.url, timeout=REQUEST_SECONDS_MAX) as client:
            yield Enrollment(client, place.token, account)
        return
    from changhu_standalone.story.office import Office

    standalone = _standalone(place.data)
    try:
        standalone.start()
        grants = [Grant(role, region) for region in sorted(regions)]
        token = standalone.issuer.token(subject=account, name=account, grants=grants)
        async with standalone.clients(standalone.app()) as clients:
            yield Enrollment(clients["enrollment"], token, account)
            # What was approved has reached every service before the command ends.
            await Office(clients=clients, issuer=standalone.issuer).quiet(parked_allowed=True)
    finally:
        standalone.stop()


async def _approved(standalone: Standalone) -> Supplied:
    """What enrollment of a folder knows as approved, in order of approval."""
    from enrollment.app import SERVICE
    from enrollment.usecases.territories import SUPPLIED

    try:
        standalone.start()
        resources = standalone.resources(SERVICE)
        try:
            known = Supplied()
            async with resources.database.read() as connection:
                for pool in pools():
                    known = known.and_also(await SUPPLIED.load(connection, pool))
            return known
        finally:
            await resources.close()
    finally:
        standalone.stop()
