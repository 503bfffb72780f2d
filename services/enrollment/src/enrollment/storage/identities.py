"""A person's identity at rest is ciphertext, bound to its own row, and found by a keyed index alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO
from uuid import UUID

from changhu_common.database import Database
from changhu_common.field_encryption import BlindIndex, FieldCipher
from changhu_common.rekeying import Digest, Rekeying, SealedRows
from changhu_common.resident_numbers import ResidentNumber, masked
from changhu_common.settings import ServiceSettings
from sqlalchemy import Row

from enrollment.domain.likeness import alike
from enrollment.storage.tables import person, rejected_row

PERSON = "person"
RESIDENT_NUMBER = "person.resident_number"
IDENTITY = "person.identity"
LIKENESS = "person.likeness"


def masked_name(name: str) -> str:
    """A name of which the first character is left."""
    return name[:1] + "*" * (len(name) - 1)


@dataclass(frozen=True, slots=True)
class Identity:
    """Name, number and phone as an answer shows them: masked."""

    name: str
    resident_number: str
    phone: str | None


class SealedPieces:
    """A file in pieces that are sealed for a row each: what waits in the database is as unreadable as what stays."""

    BYTES = 4 * 1024 * 1024

    def __init__(self, cipher: FieldCipher, *, table: str, column: str) -> None:
        self._cipher, self._table, self._column = cipher, table, column

    def sealed(self, row: UUID, file: BinaryIO) -> Iterator[tuple[int, bytes]]:
        for number, piece in enumerate(iter(lambda: file.read(self.BYTES), b"")):
            yield (
                number,
                self._cipher.encrypt_bytes(piece, table=self._table, column=self._column, row=f"{row}/{number}"),
            )

    def opened(self, row: UUID, number: int, piece: bytes) -> bytes:
        return self._cipher.decrypt_bytes(piece, table=self._table, column=self._column, row=f"{row}/{number}")


class Identities:
    """Seals and opens what identifies a person."""

    COLUMNS = ("name", "resident_number", "resident_number_index", "identity_index")

    def __init__(self, settings: ServiceSettings) -> None:
        self._cipher: FieldCipher = settings.field_cipher()
        self._index: BlindIndex = settings.blind_index(RESIDENT_NUMBER)
        self._identity: BlindIndex = settings.blind_index(IDENTITY)
        self._likeness: BlindIndex = settings.blind_index(LIKENESS)

    def index_of(self, number: str) -> bytes:
        return self._index.of(number)

    def candidates(self, number: ResidentNumber) -> list[bytes]:
        """Every digest under which the number may stand."""
        return self._index.candidates(number.text)

    def sealed(self, person_id: UUID, *, name: str, number: ResidentNumber, phone: str | None) -> dict[str, Any]:
        """The columns of a person's row."""
        return {
            "name": self.seal(person_id, "name", name),
            "resident_number": self.seal(person_id, "resident_number", number.text),
            "resident_number_index": self.index_of(number.text),
            "identity_index": self.identity_index(number.text, name),
            "phone": self.seal(person_id, "phone", phone) if phone else None,
        }

    def columns(self, ids: Sequence[bytes], names: Sequence[str], numbers: Sequence[str]) -> list[list[bytes]]:
        """The columns of the rows of many, in the order of `COLUMNS`; `ids` are theirs as text."""
        return [
            self._cipher.encrypt_column(names, table=PERSON, column="name", rows=ids),
            self._cipher.encrypt_column(numbers, table=PERSON, column="resident_number", rows=ids),
            self._index.of_column(numbers),
            self.identity_indexes(numbers, names),
        ]

    def identity_indexes(self, numbers: Sequence[str], names: Sequence[str]) -> list[bytes]:
        """`identity_index` of many."""
        return self._identity.of_column(list(map(_identity, numbers, names)))

    def identity_index(self, number: str, name: str) -> bytes:
        """A digest of number and name together: equal for the same person alone, so no two names can be matched."""
        return self._identity.of(_identity(number, name))

    def identity_of(self, row: Row[Any], *, name: str) -> bytes:
        """The digest of a stored person under another name."""
        return self.identity_index(self.open(row.id, "resident_number", row.resident_number), name)

    @property
    def likeness_key(self) -> str:
        """The key that `likeness` is made under."""
        return self._likeness.head.decode()

    def likeness(self, row: Row[Any]) -> dict[str, int | None]:
        """Short digests of what is alike in two records of one person; a chance likeness is for a clerk to dismiss."""
        phone = self.open(row.id, "phone", row.phone) if row.phone else None
        number = self.open(row.id, "resident_number", row.resident_number)
        signs = alike(name=self.name(row), number=number, phone=phone)
        return {sign: None if said is None else self._short(sign, said) for sign, said in signs.items()}

    def _short(self, sign: str, said: str) -> int:
        digest = self._likeness.of(f"{sign}\0{said}")[len(self._likeness.head) :]
        return int.from_bytes(digest[:8], signed=True)

    def rekeying(self, database: Database) -> Rekeying:
        """What moves persons and rejected rows over to the current keys."""
        digests = {
            "resident_number_index": Digest(self._index, lambda said: said["resident_number"]),
            "identity_index": Digest(self._identity, lambda said: _identity(said["resident_number"], said["name"])),
        }
        persons = SealedRows(table=person, sealed=("name", "resident_number", "phone"), digests=digests)
        return Rekeying(database, self._cipher, (persons, SealedRows(table=rejected_row, sealed=("cells",))))

    def seal(self, row: UUID | str, column: str, plain: str, *, table: str = PERSON) -> bytes:
        return self._cipher.encrypt(plain, table=table, column=column, row=row)

    def pieces(self, *, table: str, column: str) -> SealedPieces:
        return SealedPieces(self._cipher, table=table, column=column)

    def open(self, row: UUID, column: str, ciphertext: bytes, *, table: str = PERSON) -> str:
        return self._cipher.decrypt(ciphertext, table=table, column=column, row=row)

    def name(self, row: Row[Any]) -> str:
        return self.open(row.id, "name", row.name)

    def masked(self, row: Row[Any]) -> Identity:
        """A person's row as an answer shows it."""
        return Identity(
            name=masked_name(self.name(row)),
            resident_number=masked(self.open(row.id, "resident_number", row.resident_number)),
            phone=masked(self.open(row.id, "phone", row.phone)) if row.phone else None,
        )


def _identity(number: str, name: str) -> str:
    return f"{number}\0{name}"


def masked_cells(cells: Mapping[str, Any]) -> dict[str, Any]:
    """The cells of a file's row for somebody who did not send the file."""
    hiding = {"name": masked_name, "resident_number": masked}
    return {
        column: hiding[column](cell) if column in hiding and cell is not None else cell
        for column, cell in cells.items()
    }
