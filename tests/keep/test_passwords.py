"""Which passwords are good, and how they are hashed."""

from __future__ import annotations

import asyncio
import unicodedata

import argon2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import UsageError
from headrace.keep.codes import digest, holds_token, new_code, new_secret, new_token, same, token_id, typed_code
from headrace.keep.passwords import LONGEST, SHORTEST, Passwords, judge
from headrace.keep.write_keys import key_id, new_key

EMAIL = "ada.lovelace@example.com"
CHEAP = {"time": 1, "memory": 64}


@pytest.mark.parametrize(
    "password",
    [
        "", "short", "elevenchars", "a" * 40, "abababababab", "aaaabbbbcccc", "123456789012", "abcdefghijkl",
        "qwertyuiopas", "987654321098", "password1234", "Passwort!2026", "admin-admin-admin", "headrace2026!",
        "letmein_welcome", "correcthorsebatterystaple", EMAIL, EMAIL.upper(), "ada.lovelace@", f"{EMAIL}!!1",
        "x" + "long enough" * 100,
    ],
    ids=lambda password: password[:30],
)  # fmt: skip
def test_easy_passwords_are_refused(password: str) -> None:
    """The refusal says what to do, and does not repeat the password."""
    with pytest.raises(UsageError, match="Choose 12 characters or more") as refused:
        judge(password, EMAIL)
    assert refused.value.code == "weak_password"
    assert len(password) < 8 or password not in refused.value.message


@pytest.mark.parametrize(
    "password",
    [
        "three blind mice",
        "qK7#vTz29LmP",
        "пароль из нескольких слов",
        "日本語のパスワードです。",
        "password for the mill 7",
    ],
)
def test_good_passwords_pass(password: str) -> None:
    """Words, signs, any script: what is long and not on everybody's list is good."""
    judge(password, EMAIL)


async def test_the_hash_is_argon2id_as_owasp_has_it() -> None:
    """19 MiB, two passes, one lane; salted, so that two hashes of one password differ."""
    passwords = Passwords()
    hashed = await passwords.hashed("three blind mice")
    parameters = argon2.extract_parameters(hashed)
    assert parameters.type is argon2.Type.ID
    assert (parameters.time_cost, parameters.memory_cost, parameters.parallelism) == (2, 19_456, 1)
    assert hashed != await passwords.hashed("three blind mice")
    assert await passwords.fits(hashed, "three blind mice")
    assert not await passwords.fits(hashed, "three blind mice ")


async def test_changed_parameters_outdate_a_hash() -> None:
    """A hash with other parameters still fits, and is known to be old."""
    old = await Passwords(**CHEAP).hashed("three blind mice")
    new = Passwords(time=2, memory=64)
    assert await new.fits(old, "three blind mice")
    assert new.outdated(old)
    assert not new.outdated(await new.hashed("three blind mice"))


async def test_nobody_fits() -> None:
    """Without a hash, or with one that is none, no password fits; nor does the decoy's own."""
    passwords = Passwords(**CHEAP)
    assert not await passwords.fits(None, "three blind mice")
    assert not await passwords.fits(None, "of nobody")
    assert not await passwords.fits("no hash", "three blind mice")


async def test_a_letter_is_the_same_however_it_is_composed() -> None:
    """Keyboards write é in two ways; both open."""
    passwords = Passwords(**CHEAP)
    hashed = await passwords.hashed(unicodedata.normalize("NFC", "crème brûlée"))
    assert await passwords.fits(hashed, unicodedata.normalize("NFD", "crème brûlée"))


@given(st.text(max_size=LONGEST), st.text(max_size=60))
def test_any_text_is_judged(password: str, other: str) -> None:
    """Whatever is typed is judged or hashed, and only it fits its hash."""

    async def tried() -> None:
        passwords = Passwords(time=1, memory=8)
        hashed = await passwords.hashed(password)
        assert await passwords.fits(hashed, password)
        same_text = unicodedata.normalize("NFKC", password) == unicodedata.normalize("NFKC", other)
        assert await passwords.fits(hashed, other) is same_text

    asyncio.run(tried())
    try:
        judge(password, EMAIL)
    except UsageError:
        return
    assert len(password) >= SHORTEST


def test_tokens_and_keys_have_their_form() -> None:
    """What a token or key begins with names it; the rest is random and long."""
    token, key = new_token(), new_key()
    assert (len(token), token[:4], token_id(token)) == (4 + 8 + 1 + 43, "hdr_", token[:12])
    assert (len(key), key[:4], key_id(key)) == (4 + 8 + 1 + 32, "hdw_", key[:12])
    assert len({new_token() for _ in range(100)} | {new_key() for _ in range(100)}) == 200
    assert [token_id(text) for text in ("", key, token + "x", token[:-1], token.upper())] == [None] * 5
    assert holds_token(f"/x?y={token}&z")
    assert not holds_token(f"/tokens/{token[:12]}")


def test_a_code_may_be_typed_in_any_way() -> None:
    """Capital letters, spaces and missing hyphens do not matter."""
    code = new_code()
    assert len(code) == 24
    assert {
        typed_code(text) for text in (code, code.upper(), code.replace("-", ""), f" {code.replace('-', ' ')}\n")
    } == {code}


def test_a_digest_tells_its_text_alone() -> None:
    """And any text has one."""
    secret = new_secret()
    assert len(secret) == 43
    assert same(secret, digest(secret))
    assert not same(secret + "x", digest(secret))
    assert not same("\ud800ä", digest("ä"))
