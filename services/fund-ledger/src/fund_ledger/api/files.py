"""A report as a file: an Excel workbook, or a document to be signed. What it says is the same."""

import asyncio
from collections.abc import Sequence
from typing import Literal
from urllib.parse import quote

from fastapi import Response
from reportlab.graphics.shapes import Drawing

from fund_ledger.api.paper.print import Made, printed
from fund_ledger.api.sheets import workbook
from fund_ledger.api.tables import Table

__all__ = ["File", "Form", "Made", "as_file", "sent"]

File = Literal["xlsx", "pdf"]
Form = Literal["json", "xlsx", "pdf"]

MEDIA_TYPES = {
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}


async def as_file(form: File, tables: Sequence[Table], made: Made, charts: Sequence[Drawing] = ()) -> Response:
    """The tables as a file; charts are printed only. It is written beside the event loop: a long one takes seconds."""
    if form == "pdf":
        content = await asyncio.to_thread(printed, tables, made, charts)
    else:
        content = await asyncio.to_thread(workbook, *tables)
    return sent(content, form, named(tables[0]))


def named(table: Table) -> str:
    """What a report's file is called."""
    return f"{table.pool} {table.title} {table.days}"


def sent(content: bytes, form: Form, name: str) -> Response:
    """A file that a browser keeps under its name."""
    disposition = f"attachment; filename*=UTF-8''{quote(name)}.{form}"
    return Response(content, media_type=MEDIA_TYPES[form], headers={"Content-Disposition": disposition})
