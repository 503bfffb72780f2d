"""Names of staff move over to a new key while the registry serves, and are then read without the old one."""

import asyncio
from typing import Any
from uuid import UUID

from changhu_common.field_encryption import FieldKey
from changhu_common.rekeying import Rekeying
from changhu_common.roles import Caller, Grant, Role
from provider_registry.app import SEALED
from provider_registry.usecases.staff import Staff
from pydantic import SecretStr

CLERK = Caller("clerk", "clerk", (Grant(Role.REGISTRY_CLERK, "211100"),))


async def test_a_name_moves_over_and_says_what_it_said(story: Any) -> None:
    before, database = story.running.resources.settings, story.running.database
    key = {"k2": SecretStr(FieldKey.generated().written())}
    both = before.model_copy(update={"field_keys": before.field_keys | key, "field_key_current": "k2"})
    new = both.model_copy(update={"field_keys": key})
    rekeying = Rekeying(database, both.field_cipher(), SEALED)
    assert [await rekeying.move(rows, asyncio.Event()) for rows in rekeying.tables] == [0]
    (member,) = await Staff(database, new.field_cipher()).of_organization(
        caller=CLERK, organization_id=UUID(story.organization_id)
    )
    assert member.name == "王**"
