"""A bank account's number and what a bank says of the other party are ciphertext, each bound to its own row.

A fund pays back to people, so a line may name one; a number is found by its keyed index alone.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from uuid import UUID

from changhu_common.database import Database
from changhu_common.field_encryption import BlindIndex, FieldCipher
from changhu_common.rekeying import Digest, Rekeying, SealedRows
from changhu_common.settings import ServiceSettings

from fund_ledger.domain.statements import Said
from fund_ledger.storage.bank_tables import bank_account, bank_line

NUMBER = "bank_account.number"


class BankSecrets:
    """Seals and opens what must not be read in the database."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._cipher: FieldCipher = settings.field_cipher()
        self._index: BlindIndex = settings.blind_index(NUMBER)

    def sealed_number(self, account_id: UUID, number: str) -> Mapping[str, bytes]:
        """The columns of an account's row that hold its number (账号)."""
        return {
            "number": self._cipher.encrypt(number, table=bank_account.name, column="number", row=account_id),
            "number_index": self._index.of(number),
        }

    def number_of(self, account_id: UUID, sealed: bytes) -> str:
        return self._cipher.decrypt(sealed, table=bank_account.name, column="number", row=account_id)

    def candidates(self, number: str) -> list[bytes]:
        """Every digest under which a number may stand."""
        return self._index.candidates(number)

    def seal_said(self, line_id: UUID, said: Said) -> bytes | None:
        """None where the bank says nothing of the other party."""
        told = {name: value for name, value in asdict(said).items() if value}
        if not told:
            return None
        written = json.dumps(told, ensure_ascii=False)
        return self._cipher.encrypt(written, table=bank_line.name, column="said", row=line_id)

    def said_of(self, line_id: UUID, sealed: bytes | None) -> Said:
        if sealed is None:
            return Said()
        return Said(**json.loads(self._cipher.decrypt(sealed, table=bank_line.name, column="said", row=line_id)))

    def rekeying(self, database: Database) -> Rekeying:
        """What moves numbers and lines over to the current keys."""
        number = Digest(self._index, lambda said: said["number"])
        accounts = SealedRows(table=bank_account, sealed=("number",), digests={"number_index": number})
        return Rekeying(database, self._cipher, (accounts, SealedRows(table=bank_line, sealed=("said",))))
