"""Which counties there are, and which of them a caller may change."""

from datetime import date

from changhu_common.errors import NotFound
from changhu_common.roles import Scope
from changhu_policies import admitted_pools, load_pack, pools, refuse_draft
from changhu_policies.projection import SuppliedValues
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.registration import Territory
from enrollment.storage.tables import supplied_value

SUPPLIED = SuppliedValues(supplied_value)


async def territory_of(connection: AsyncConnection, scope: Scope, *, today: date) -> Territory:
    """What a caller with this scope may register people in, with the packs as they are supplied by now."""
    counties = {county: pool for pool in admitted_pools() for county in load_pack(pool).counties}
    own = {county: pool for county, pool in counties.items() if scope.covers(pool=pool, county=county)}
    packs = {pool: await SUPPLIED.pack(connection, pool) for pool in sorted(set(own.values()))}
    return Territory(
        counties=counties.keys(), packs={county: packs[pool] for county, pool in own.items()}, scope=scope, today=today
    )


def refuse_outside_pool(scope: Scope, pool: str) -> None:
    """NotFound unless the pool itself, not only a county of it, is the caller's."""
    if pool not in pools() or not scope.covers(pool=pool):
        raise NotFound(f"没有统筹区 {pool}，或不在您的权限范围内。")
    refuse_draft(pool)
