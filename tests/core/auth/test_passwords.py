"""Hashes of passwords, and what is too easy to guess."""

from __future__ import annotations

import statistics
import time

import pytest
from argon2 import PasswordHasher

from exact_core.api.errors import Invalid
from exact_core.auth import passwords


def test_real_hashes_are_argon2id_with_the_recommended_cost(quick_passwords):
    assert quick_passwords.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert not PasswordHasher().check_needs_rehash(quick_passwords)  # it is checked for as long as one made today


def test_a_hash_knows_its_password_only():
    kept = passwords.hash_password("four words in a row")
    assert passwords.is_correct(kept, "four words in a row")
    assert not passwords.is_correct(kept, "four words in a Row")
    assert not passwords.is_correct(None, "the password of nobody")
    assert not passwords.is_correct("not a hash", "four words in a row")
    assert passwords.hash_password("four words in a row") != kept


def test_a_missing_hash_takes_as_long_as_a_wrong_password(quick_passwords):
    kept = passwords.hash_password("four words in a row")

    def seconds(password_hash: str | None) -> float:
        started = time.perf_counter()
        passwords.is_correct(password_hash, "wrong")
        return time.perf_counter() - started

    pairs = [(seconds(kept), seconds(None)) for _ in range(60)]
    known, unknown = (statistics.median(column) for column in zip(*pairs, strict=True))
    assert 0.4 < known / unknown < 2.5


def test_hashes_of_weaker_parameters_are_renewed(quick_passwords):
    assert passwords.needs_rehash(quick_passwords)
    assert not passwords.needs_rehash(passwords.hash_password("four words in a row"))


@pytest.mark.parametrize("password", ["", "short", "aaaaaaaaaaaa", "abababababab", "Christian1234", "x" * 1025])
def test_easy_passwords_are_refused(password):
    with pytest.raises(Invalid):
        passwords.check_acceptable(password, "christian")


def test_a_few_words_are_fine():
    passwords.check_acceptable("horse battery staple", "christian")
