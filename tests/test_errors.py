"""Errors cross process borders whole and read as what, where and hint."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thyrodata import errors

KINDS = [getattr(errors, name) for name in errors.__all__]


def test_every_error_class_is_listed() -> None:
    defined = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.ThyrodataError)
    }
    assert defined == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
@given(message=st.text(), where=st.text(), hint=st.text())
def test_pickling_keeps_everything(
    kind: type[errors.ThyrodataError], message: str, where: str, hint: str
) -> None:
    """An error comes back from pickling with its class, message, place and hint."""
    error = kind(message, where=where, hint=hint)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        back = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301 - the bytes were made in this line
        assert type(back) is kind
        assert (back.message, back.where, back.hint) == (message, where, hint)
        assert str(back) == str(error)
        assert back.args == error.args


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_reads_as_three_lines(kind: type[errors.ThyrodataError]) -> None:
    error = kind("a region is cut", where="12.xml#mark[1]", hint="ask for the file again")
    assert str(error).splitlines() == [
        "a region is cut",
        "where: 12.xml#mark[1]",
        "hint: ask for the file again",
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_without_place_and_hint_is_its_message(kind: type[errors.ThyrodataError]) -> None:
    assert str(kind("the disk is full")) == "the disk is full"
