"""Only the right key opens a cell, only in its own place, and keys change without a stop."""

import hmac
from uuid import UUID

import pytest
from changhu_common.field_encryption import (
    Algorithm,
    BlindIndex,
    FieldCipher,
    FieldKey,
    FieldUnreadable,
    IndexAlgorithm,
    IndexKey,
    UnknownKey,
)
from changhu_common.ids import named_id
from hypothesis import given
from hypothesis import strategies as st

ROW = named_id("person", 1)
KEYS = {algorithm: FieldKey.generated(algorithm) for algorithm in Algorithm}
CIPHERS = {algorithm: FieldCipher({"k1": key}, current="k1") for algorithm, key in KEYS.items()}
NUMBER = "211102195001011237"

every_algorithm = pytest.mark.parametrize("algorithm", Algorithm)
every_index = pytest.mark.parametrize("algorithm", IndexAlgorithm)


def sealed(algorithm: Algorithm, plain: str = NUMBER) -> bytes:
    return CIPHERS[algorithm].encrypt(plain, table="person", column="resident_number", row=ROW)


def opened(
    algorithm: Algorithm,
    ciphertext: bytes,
    table: str = "person",
    column: str = "resident_number",
    row: UUID = ROW,
) -> str:
    return CIPHERS[algorithm].decrypt(ciphertext, table=table, column=column, row=row)


@given(st.sampled_from(Algorithm), st.text())
def test_what_went_in_comes_out(algorithm: Algorithm, plain: str) -> None:
    assert opened(algorithm, sealed(algorithm, plain)) == plain


@given(st.sampled_from(Algorithm), st.lists(st.text(), max_size=5))
def test_a_column_is_encrypted_as_its_cells_are(algorithm: Algorithm, plains: list[str]) -> None:
    rows = [named_id("person", number) for number in range(len(plains))]
    as_text = [str(row).encode() for row in rows]
    column = CIPHERS[algorithm].encrypt_column(plains, table="person", column="resident_number", rows=as_text)
    assert [opened(algorithm, cell, row=row) for cell, row in zip(column, rows, strict=True)] == plains


@every_algorithm
def test_a_ciphertext_names_its_algorithm_and_key_and_hides_the_rest(algorithm: Algorithm) -> None:
    ciphertext = sealed(algorithm)
    assert ciphertext.startswith(f"{algorithm}:k1:".encode())
    assert NUMBER.encode() not in ciphertext


@every_algorithm
def test_the_same_text_is_never_encrypted_alike(algorithm: Algorithm) -> None:
    assert sealed(algorithm) != sealed(algorithm)


@given(st.sampled_from(Algorithm), st.integers(0), st.integers(1, 255))
def test_one_changed_byte_anywhere_makes_it_unreadable(algorithm: Algorithm, at: int, by: int) -> None:
    ciphertext = bytearray(sealed(algorithm))
    ciphertext[at % len(ciphertext)] ^= by
    with pytest.raises(FieldUnreadable):
        opened(algorithm, bytes(ciphertext))


@given(st.sampled_from(Algorithm), st.integers(0))
def test_a_cut_ciphertext_is_unreadable(algorithm: Algorithm, length: int) -> None:
    ciphertext = sealed(algorithm)
    with pytest.raises(FieldUnreadable):
        opened(algorithm, ciphertext[: length % len(ciphertext)])


@every_algorithm
def test_a_ciphertext_moved_to_another_cell_is_unreadable(algorithm: Algorithm) -> None:
    ciphertext = sealed(algorithm)
    with pytest.raises(FieldUnreadable):
        opened(algorithm, ciphertext, table="ward")
    with pytest.raises(FieldUnreadable):
        opened(algorithm, ciphertext, column="phone")
    with pytest.raises(FieldUnreadable):
        opened(algorithm, ciphertext, row=named_id("person", 2))


@every_algorithm
def test_another_key_under_the_same_name_does_not_open_it(algorithm: Algorithm) -> None:
    stranger = FieldCipher({"k1": FieldKey.generated(algorithm)}, current="k1")
    with pytest.raises(FieldUnreadable, match="resident_number"):
        stranger.decrypt(sealed(algorithm), table="person", column="resident_number", row=ROW)


def test_a_key_that_is_not_configured_is_named() -> None:
    stranger = FieldCipher({"k2": FieldKey.generated()}, current="k2")
    with pytest.raises(UnknownKey, match="aes-256-gcm:k1"):
        stranger.decrypt(sealed(Algorithm.AES_256_GCM), table="person", column="resident_number", row=ROW)


def test_rows_move_to_a_new_key_and_algorithm_while_old_ones_stay_readable() -> None:
    old, new = KEYS[Algorithm.AES_256_GCM], KEYS[Algorithm.SM4_GCM]
    ring = FieldCipher({"k1": old, "k2": new}, current="k2")
    before = sealed(Algorithm.AES_256_GCM)
    assert not before.startswith(ring.head)
    plain = ring.decrypt(before, table="person", column="resident_number", row=ROW)
    after = ring.encrypt(plain, table="person", column="resident_number", row=ROW)
    assert after.startswith(ring.head)
    assert (
        FieldCipher({"k2": new}, current="k2").decrypt(after, table="person", column="resident_number", row=ROW)
        == NUMBER
    )


@every_index
def test_the_same_value_is_found_and_another_is_not(algorithm: IndexAlgorithm) -> None:
    index = BlindIndex({"i1": IndexKey.generated(algorithm)}, current="i1", purpose="person.resident_number")
    assert index.of(NUMBER) == index.of(NUMBER)
    assert index.of(NUMBER) != index.of(NUMBER[:-1] + "X")
    assert index.of(NUMBER).startswith(b"i1:")
    assert len(index.of(NUMBER)) == len("i1:") + 32


@every_index
def test_a_column_is_digested_as_its_values_are(algorithm: IndexAlgorithm) -> None:
    index = BlindIndex({"i1": IndexKey.generated(algorithm)}, current="i1", purpose="person.resident_number")
    assert index.of_column([NUMBER, "", NUMBER]) == [index.of(NUMBER), index.of(""), index.of(NUMBER)]


def test_the_digest_is_the_standard_one() -> None:
    secret = bytes(32)
    for algorithm, name in ((IndexAlgorithm.HMAC_SM3, "sm3"), (IndexAlgorithm.HMAC_SHA256, "sha256")):
        index = BlindIndex({"i1": IndexKey(algorithm, secret)}, current="i1", purpose="p")
        assert index.of("value") == b"i1:" + hmac.digest(secret, b"p\0value", name)


@every_index
def test_two_columns_cannot_be_matched_with_each_other(algorithm: IndexAlgorithm) -> None:
    key = IndexKey.generated(algorithm)
    one, other = (BlindIndex({"i1": key}, current="i1", purpose=p) for p in ("person.phone", "ward.phone"))
    assert one.of(NUMBER) != other.of(NUMBER)


def test_while_keys_change_a_value_is_found_under_the_old_one_and_the_new() -> None:
    old, new = IndexKey.generated(), IndexKey.generated(IndexAlgorithm.HMAC_SM3)
    before = BlindIndex({"i1": old}, current="i1", purpose="p")
    during = BlindIndex({"i1": old, "i2": new}, current="i2", purpose="p")
    after = BlindIndex({"i2": new}, current="i2", purpose="p")
    assert during.candidates(NUMBER) == [after.of(NUMBER), before.of(NUMBER)]
    assert not before.of(NUMBER).startswith(during.head)
    assert during.of(NUMBER).startswith(during.head)


@every_algorithm
def test_a_key_is_written_and_read_and_never_shown(algorithm: Algorithm) -> None:
    key = KEYS[algorithm]
    assert FieldKey.parse(key.written()) == key
    assert key.written().partition(":")[2] not in repr(key)
    assert repr(key.secret)[2:-1] not in repr(key)


@pytest.mark.parametrize("text", ["", "aes-256-gcm:", "aes-256-gcm:AAAA", "rot13:AAAA", "sm4-gcm:not base64!"])
def test_a_key_that_cannot_work_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 — any of the reasons will do
        FieldKey.parse(text)


def test_a_ring_without_its_current_key_or_with_an_ambiguous_id_is_refused() -> None:
    with pytest.raises(ValueError, match="current"):
        FieldCipher({"k1": FieldKey.generated()}, current="k2")
    with pytest.raises(ValueError, match="key id"):
        FieldCipher({"k:1": FieldKey.generated()}, current="k:1")
