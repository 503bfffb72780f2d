"""A deployment with all its services, asked over HTTP by whoever a scenario needs in whichever pool."""

from dataclasses import dataclass
from typing import Any

from changhu_common.bus.port import Message
from changhu_common.clock import FileClock
from changhu_common.roles import Role
from changhu_standalone.deployment import Standalone
from changhu_standalone.story.office import Desk, Office
from stdnum.cn import ric

from tests.scenarios.care_of_a_person import CareOfAPerson


@dataclass
class Cities:
    office: Office
    clock: FileClock
    standalone: Standalone

    def heard(self, *topics: str) -> list[Message]:
        """Everything that was told on these topics."""
        with self.standalone.server.connect("bus") as connection:
            rows = connection.execute(
                "SELECT topic, key, headers, value FROM message WHERE topic = ANY(%s)", [list(topics)]
            )
            return [Message(*row) for row in rows.fetchall()]

    def desk(self, pool: str, role: Role, number: int = 1) -> Desk:
        return Desk(f"{role}-{pool}-{number}", (role,), pool)

    async def supply(self, pool: str, parameter: str, value: Any, **days: Any) -> None:
        """One enters, another approves."""
        entered = await self.office.post(
            "enrollment",
            "/policy-values",
            {"pool": pool, "parameter": parameter, "value": value, "source": "统计公报", **days},
            self.desk(pool, Role.POLICY_ENTRY),
        )
        await self.office.post(
            "enrollment",
            f"/policy-values/{entered['value_id']}/approval",
            {},
            self.desk(pool, Role.POLICY_APPROVAL),
        )

    async def enrol(
        self, pool: str, county: str, category: str, *, base_fen: int | None, serial: int, end: str | None = None
    ) -> str:
        # The county of the first registration: the same serial is the same person in every pool.
        stem = f"21110219600101{serial:03d}"
        coverage = {"category": category, "start": "2020-01-01", "end": end, "base_fen": base_fen}
        made = await self.office.post(
            "enrollment",
            "/persons",
            {
                "name": "李强",
                "resident_number": stem + ric.calc_check_digit(stem + "0"),
                "county": county,
                "coverage": coverage,
            },
            self.desk(pool, Role.ENROLLMENT_CLERK),
        )
        return str(made["person_id"])

    def care(self, pool: str, county: str, person: str, mode: str) -> CareOfAPerson:
        return CareOfAPerson(self.office, self.clock, pool, county, person, mode)

    async def charge(self, pool: str, month: str, received_on: str) -> dict[str, Any]:
        """A run, and everything that it found received."""
        clerk = self.desk(pool, Role.ENROLLMENT_CLERK)
        run: dict[str, Any] = await self.office.post(
            "enrollment", "/contribution-runs", {"pool": pool, "period": month}, clerk
        )
        await self.office.post(
            "enrollment",
            f"/contribution-runs/{run['run_id']}/receipts",
            {"received_on": received_on, "reference": f"{pool}-{month}"},
            clerk,
        )
        return run

    async def booked_fen(self, pool: str, kind: str) -> int:
        """What the pool's books hold in income (4) or expense (5)."""
        books = await self.office.get("fund-ledger", f"/pools/{pool}/trial-balance", self.desk(pool, Role.AUDITOR))
        assert books["balanced"]
        return abs(sum(int(each["balance_fen"]) for each in books["accounts"] if each["account"].startswith(kind)))

    async def dues(self, pool: str, person: str) -> dict[str, dict[str, int]]:
        told = await self.office.get("enrollment", f"/persons/{person}/dues", self.desk(pool, Role.ENROLLMENT_CLERK))
        return {due["period"]: {part["payer"]: part["fen"] for part in due["parts"]} for due in told}
