"""Who takes part in the story, and what it has brought about so far."""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from changhu_common.clock import FileClock
from changhu_common.periods import SHANGHAI, Month
from changhu_common.roles import Role

from changhu_standalone.story.city import City
from changhu_standalone.story.office import Desk, Office

Chapter = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Told:
    """What the story brought about, service by service, for the table at its end."""

    counts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    received_fen: int = 0
    startup_fen: int = 0
    paid_fen: int = 0
    statements: dict[Month, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))


class Cast:
    """The city, whoever acts in it, and the clock by which they do."""

    def __init__(self, *, city: City, office: Office, clock: FileClock) -> None:
        self.city = city
        self.office = office
        self.clock = clock
        self.told = Told()
        self.people: list[UUID] = []
        self.providers: list[UUID] = []
        self.caregivers: dict[tuple[int, int], tuple[UUID, Desk]] = {}
        self.assessors: list[tuple[UUID, Desk]] = []
        self.assessment_organization: UUID | None = None

    def desk(self, role: Role, number: int = 1, **more: Any) -> Desk:
        """The holder of a post in the city; the second holder is another person."""
        return Desk(f"{role}-{number}", (role,), self.city.pool, **more)

    def _provider_desk(self, number: int) -> Desk:
        return Desk(f"provider-{number}", (Role.PROVIDER_STAFF,), self.city.pool, self.providers[number])


def at(day: date, hour: int) -> datetime:
    """An hour of a day in the city."""
    return datetime.combine(day, time(hour), SHANGHAI)


def week_ends(month: Month) -> list[date]:
    """The days on which a month's weeks are told: the 7th, the 14th, the 21st and the last."""
    return [month.first + timedelta(days=n) for n in (6, 13, 20)] + [month.last]
