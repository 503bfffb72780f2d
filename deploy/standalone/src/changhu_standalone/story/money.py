"""Contributions come in, organisations are settled, and the bank pays."""

from datetime import timedelta

from changhu_common.periods import Month
from changhu_common.roles import Role

from changhu_standalone.story.cast import Cast, Chapter


class Money(Cast):
    """What comes in and what is paid."""

    def _collect(self, month: Month) -> Chapter:
        async def collect() -> None:
            clerk = self.desk(Role.ENROLLMENT_CLERK)
            run = await self.office.post(
                "enrollment", "/contribution-runs", {"pool": self.city.pool, "period": str(month)}, clerk
            )
            receipt = await self.office.post(
                "enrollment",
                f"/contribution-runs/{run['run_id']}/receipts",
                {"received_on": month.first + timedelta(days=9), "reference": f"ZS-{month}"},
                clerk,
            )
            self.told.counts["enrollment"]["应缴人次"] += run["persons"]
            self.told.counts["enrollment"]["实收笔数"] += len(receipt["receipt_ids"])
            self.told.received_fen += receipt["received_fen"]

        return collect

    def _settle(self, month: Month) -> Chapter:
        async def settle() -> None:
            # Everybody is assessed once, before the first month.
            assessed = [self.assessment_organization] if month == self.city.months[0] else []
            for organization in [*self.providers, *assessed]:
                statement = await self.office.post(
                    "settlement",
                    "/statements",
                    {"organization_id": organization, "month": str(month)},
                    self.desk(Role.SETTLEMENT_ENTRY),
                )
                of = f"/statements/{statement['statement_id']}"
                await self.office.post("settlement", f"{of}/review", {}, self.desk(Role.SETTLEMENT_REVIEW))
                await self.office.post("settlement", f"{of}/approval", {}, self.desk(Role.SETTLEMENT_APPROVAL))
                self.told.statements[month].append(statement)
                self.told.counts["settlement"]["结算单"] += 1
                self.told.counts["settlement"]["其中调整"] += statement["adjustments"]

        return settle

    def _pay(self, month: Month) -> Chapter:
        async def pay() -> None:
            for number, statement in enumerate(self.told.statements[month]):
                paid = await self.office.post(
                    "settlement",
                    f"/statements/{statement['statement_id']}/payment",
                    {
                        "bank_reference": f"BF-{month}-{number}",
                        "paid_on": month.plus(1).first + timedelta(days=14),
                        # The city withholds no deposit, and nobody owes.
                        "transfer_fen": statement["fund_fen"],
                    },
                    self.desk(Role.CASHIER),
                )
                self.told.counts["settlement"]["拨付笔数"] += paid["payments"]
                self.told.paid_fen += statement["fund_fen"]

        return pay
