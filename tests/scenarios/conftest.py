"""What scenarios of several pools begin with."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from changhu_common.clock import FileClock
from changhu_standalone.deployment import Standalone
from changhu_standalone.story.office import Office

from tests.scenarios.cities import Cities


@pytest.fixture
async def cities() -> AsyncIterator[Cities]:
    # Not pytest's own folder: PostgreSQL's user could not walk in.
    folder = Path(tempfile.mkdtemp(prefix="changhu-cities-"))
    clock = FileClock(folder / "clock")
    clock.advance_to(datetime(2026, 10, 20, 1, tzinfo=UTC))
    standalone = Standalone(folder, clock=clock)
    standalone.server.durable = False
    standalone.start()
    try:
        async with standalone.clients(standalone.app()) as clients:
            yield Cities(Office(clients=clients, issuer=standalone.issuer), clock, standalone)
    finally:
        standalone.stop()
        shutil.rmtree(folder, ignore_errors=True)
