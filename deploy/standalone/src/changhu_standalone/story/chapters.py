"""The story itself: a month from enrolment to the fund's books, its settling, and the month after.

Each chapter happens at its moment: the clock is moved there first, and only once nothing is on its
way any more. A chapter told again does nothing again.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

from changhu_standalone.story.assessments import Assessments
from changhu_standalone.story.beginnings import Beginnings
from changhu_standalone.story.care import Care
from changhu_standalone.story.cast import Chapter, at, week_ends
from changhu_standalone.story.city import City
from changhu_standalone.story.money import Money


class Story(Beginnings, Assessments, Care, Money):
    """The chapters in order. `tell` yields a chapter's title before the chapter begins."""

    @property
    def chapters(self) -> Sequence[tuple[str, datetime, Chapter]]:
        """Every chapter with its title and moment, in order of time."""
        month, following = self.city.months
        before, after = month.plus(-1), following.plus(1)
        told: list[tuple[str, datetime, Chapter]] = [
            ("补录参数, 启动资金到账", at(before.first, 9), self._supply),
            ("基金预算编制和审批", at(before.first, 10), self._budget),
            ("导入参保人员", at(before.first, 10), self._enrol),
            ("机构定点, 人员登记, 价格公示", at(before.first, 11), self._designate),
            ("失能评估: 申请, 受理, 现场评估, 公示", at(before.first + timedelta(days=2), 9), self._assess),
            ("公示期满, 发布评估结论", at(before.first + timedelta(days=20), 9), self._publish),
            ("护理服务计划", at(before.first + timedelta(days=24), 9), self._plan),
            ("迟到的事实", at(following.first + timedelta(days=19), 9), self._learn_late),
        ]
        for of_month, then in ((month, following), (following, after)):
            told.append((f"{of_month} 保险费征收", at(of_month.first + timedelta(days=9), 10), self._collect(of_month)))
            told += [
                (f"{of_month} 第 {week + 1} 周护理服务", at(day, 20), self._care(of_month, week))
                for week, day in enumerate(week_ends(of_month))
            ]
            told.append((f"{of_month} 结算", at(then.first + timedelta(days=4), 9), self._settle(of_month)))
            told.append((f"{of_month} 拨付", at(then.first + timedelta(days=14), 9), self._pay(of_month)))
        return sorted(told, key=lambda chapter: chapter[1])

    async def tell(self) -> AsyncIterator[str]:
        """Tell the whole story; what is on its way has arrived before the clock moves on."""
        for title, moment, chapter in self.chapters:
            self.clock.advance_to(moment)
            yield title
            await chapter()
            await self.office.quiet()


def story_begins(city: City) -> datetime:
    """The moment of the first chapter."""
    return at(city.months[0].plus(-1).first, 9)
