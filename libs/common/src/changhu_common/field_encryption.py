"""What identifies a person is ciphertext at rest, bound to its own cell, and found by a keyed index.

A ciphertext names its algorithm and key, so that keys can change while the system runs: a new key is
added and made current, old rows stay readable and move over one by one, then the old key goes.
Table, column and row id are bound in as associated data: a ciphertext moved to another cell is no
longer readable.
"""

import base64
import binascii
import os
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC

NONCE_BYTES = 12
# Random nonces of 96 bits are safe for 2**32 encryptions under one key (NIST SP 800-38D, 8.3).
TAG_BYTES = 16
INDEX_SECRET_BYTES_MIN = 32
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


class FieldUnreadable(Exception):
    """A ciphertext that this cell, these keys or its own tag do not vouch for. Somebody must look into it."""


class UnknownKey(FieldUnreadable):
    """The key that the ciphertext names is not configured."""


class Algorithm(StrEnum):
    """Authenticated encryption: AES (FIPS 197) or SM4 (GB/T 32907), both in Galois/counter mode."""

    AES_256_GCM = "aes-256-gcm"
    SM4_GCM = "sm4-gcm"

    @property
    def key_bytes(self) -> int:
        return 32 if self is Algorithm.AES_256_GCM else 16


class IndexAlgorithm(StrEnum):
    """Keyed digests: HMAC (RFC 2104) with SM3 (GB/T 32905) or SHA-256."""

    HMAC_SM3 = "hmac-sm3"
    HMAC_SHA256 = "hmac-sha256"


class _Sealer(Protocol):
    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes: ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes: ...


class _SM4GCM:
    """SM4-GCM in the shape of cryptography's AESGCM, which it has no counterpart of."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = algorithms.SM4(secret)

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        sealing = Cipher(self._cipher, modes.GCM(nonce)).encryptor()
        sealing.authenticate_additional_data(associated_data)
        return sealing.update(data) + sealing.finalize() + sealing.tag

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        sealed, tag = data[:-TAG_BYTES], data[-TAG_BYTES:]
        opening = Cipher(self._cipher, modes.GCM(nonce, tag)).decryptor()
        opening.authenticate_additional_data(associated_data)
        return opening.update(sealed) + opening.finalize()


@dataclass(frozen=True, slots=True)
class FieldKey:
    """A key and the algorithm that it is for; in configuration "sm4-gcm:BASE64"."""

    algorithm: Algorithm
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != self.algorithm.key_bytes:
            raise ValueError(f"a key for {self.algorithm} has {self.algorithm.key_bytes} bytes")

    @classmethod
    def parse(cls, text: str) -> Self:
        algorithm, secret = _parsed(text)
        return cls(Algorithm(algorithm), secret)

    @classmethod
    def generated(cls, algorithm: Algorithm = Algorithm.AES_256_GCM) -> Self:
        return cls(algorithm, os.urandom(algorithm.key_bytes))

    def written(self) -> str:
        """As `parse` reads it: whoever writes this down keeps it secret."""
        return f"{self.algorithm}:{base64.b64encode(self.secret).decode()}"


@dataclass(frozen=True, slots=True)
class IndexKey:
    """A key for lookups; in configuration "hmac-sm3:BASE64"."""

    algorithm: IndexAlgorithm
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) < INDEX_SECRET_BYTES_MIN:
            raise ValueError(f"a key for an index has {INDEX_SECRET_BYTES_MIN} bytes or more")

    @classmethod
    def parse(cls, text: str) -> Self:
        algorithm, secret = _parsed(text)
        return cls(IndexAlgorithm(algorithm), secret)

    @classmethod
    def generated(cls, algorithm: IndexAlgorithm = IndexAlgorithm.HMAC_SHA256) -> Self:
        return cls(algorithm, os.urandom(INDEX_SECRET_BYTES_MIN))

    def written(self) -> str:
        """As `parse` reads it: whoever writes this down keeps it secret."""
        return f"{self.algorithm}:{base64.b64encode(self.secret).decode()}"


def _parsed(text: str) -> tuple[str, bytes]:
    algorithm, _, secret = text.partition(":")
    try:
        return algorithm, base64.b64decode(secret, validate=True)
    except binascii.Error:
        # Without the cause, whose message could carry the secret into a log.
        raise ValueError('a key is written as "algorithm:BASE64"') from None


def _check_ring(ids: Mapping[str, object], current: str) -> None:
    if current not in ids:
        raise ValueError(f"the current key {current!r} is not among the keys")
    if bad := [each for each in ids if not _KEY_ID.fullmatch(each)]:
        raise ValueError(f"a key id is 1 to 32 letters, digits, - or _: {bad}")


class FieldCipher:
    """Encrypts and decrypts the cells of a table under a ring of keys, the current one for what is new."""

    def __init__(self, keys: Mapping[str, FieldKey], *, current: str) -> None:
        _check_ring(keys, current)
        self._sealers: dict[bytes, _Sealer] = {
            f"{key.algorithm}:{key_id}:".encode(): (
                AESGCM(key.secret) if key.algorithm is Algorithm.AES_256_GCM else _SM4GCM(key.secret)
            )
            for key_id, key in keys.items()
        }
        self._current = f"{keys[current].algorithm}:{current}:".encode()

    def encrypt(self, plain: str, *, table: str, column: str, row: UUID | str) -> bytes:
        """The ciphertext as it is stored: `algorithm:key-id:` in ASCII, nonce, sealed text with its tag."""
        return self.encrypt_bytes(plain.encode(), table=table, column=column, row=row)

    def encrypt_column(self, plains: Sequence[str], *, table: str, column: str, rows: Sequence[bytes]) -> list[bytes]:
        """The ciphertexts of a column's cells, of the rows with these ids (each as text): for a million of them."""
        head, encrypt = self._current, self._sealers[self._current].encrypt
        bound = _bound(head, table, column, "")
        nonces = struct.unpack(f"{NONCE_BYTES}s" * len(plains), os.urandom(NONCE_BYTES * len(plains)))
        return [
            b"%b%b%b" % (head, nonce, encrypt(nonce, plain.encode(), bound + row))
            for nonce, plain, row in zip(nonces, plains, rows, strict=True)
        ]

    def encrypt_bytes(self, plain: bytes, *, table: str, column: str, row: UUID | str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        bound = _bound(self._current, table, column, row)
        return self._current + nonce + self._sealers[self._current].encrypt(nonce, plain, bound)

    def decrypt(self, ciphertext: bytes, *, table: str, column: str, row: UUID | str) -> str:
        return self.decrypt_bytes(ciphertext, table=table, column=column, row=row).decode()

    def decrypt_bytes(self, ciphertext: bytes, *, table: str, column: str, row: UUID | str) -> bytes:
        head, body = _divided(ciphertext)
        sealer = self._sealers.get(head)
        if sealer is None:
            raise UnknownKey(f"no key {head.decode('ascii', 'replace')!r} for {table}.{column} of {row}")
        nonce, sealed = body[:NONCE_BYTES], body[NONCE_BYTES:]
        try:
            return sealer.decrypt(nonce, sealed, _bound(head, table, column, row))
        except (InvalidTag, ValueError) as error:
            raise FieldUnreadable(
                f"{table}.{column} of {row} was changed, moved from another cell or written with another key"
            ) from error

    @property
    def head(self) -> bytes:
        """What every ciphertext of the current key begins with, and no other."""
        return self._current


def _divided(ciphertext: bytes) -> tuple[bytes, bytes]:
    algorithm, key_id, body = (*ciphertext.split(b":", 2), b"", b"")[:3]
    if len(body) < NONCE_BYTES + TAG_BYTES:
        raise FieldUnreadable("too short for a ciphertext, or without the name of its key")
    return algorithm + b":" + key_id + b":", body


def _bound(head: bytes, table: str, column: str, row: UUID | str) -> bytes:
    # The head too: a ciphertext cannot be passed off as another key's or algorithm's.
    return head + f"{table}.{column}.{row}".encode()


class BlindIndex:
    """Finds an encrypted value by a keyed digest of it, which says nothing without the key.

    `purpose` ("person.resident_number") is digested too: two columns cannot be matched with each other.
    While two keys are in use one value has two digests, so uniqueness is asked with `candidates`.
    """

    def __init__(self, keys: Mapping[str, IndexKey], *, current: str, purpose: str) -> None:
        _check_ring(keys, current)
        self._digests = {
            f"{key_id}:".encode(): HMAC(
                key.secret, hashes.SM3() if key.algorithm is IndexAlgorithm.HMAC_SM3 else hashes.SHA256()
            )
            for key_id, key in keys.items()
        }
        for digest in self._digests.values():
            digest.update(purpose.encode() + b"\0")
        self._current = f"{current}:".encode()

    def of(self, value: str) -> bytes:
        """The digest to store: `key-id:` in ASCII and 32 bytes."""
        return self._under(self._current, value)

    def of_column(self, values: Sequence[str]) -> list[bytes]:
        """`of` for a million values."""
        head, begun = self._current, self._digests[self._current].copy
        digests = []
        for value in values:
            digest = begun()
            digest.update(value.encode())
            digests.append(head + digest.finalize())
        return digests

    def candidates(self, value: str) -> list[bytes]:
        """Every digest under which the value may be stored, the current key's first."""
        others = [head for head in self._digests if head != self._current]
        return [self._under(head, value) for head in (self._current, *others)]

    @property
    def head(self) -> bytes:
        """What every digest of the current key begins with, and no other."""
        return self._current

    def _under(self, head: bytes, value: str) -> bytes:
        digest = self._digests[head].copy()  # the key's schedule is worked out once, not for each row
        digest.update(value.encode())
        return head + digest.finalize()
