"""A process that is told to keep less works on, with whatever C library it has."""

import ctypes

import pytest

from plumbline import memory


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="this C library has one heap, or bounds none")
def test_the_c_library_takes_the_bound(monkeypatch):
    said = []
    mallopt = ctypes.CDLL(None).mallopt

    class Library:
        def mallopt(self, name, value):
            said.append((name, value, mallopt(name, value)))

    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _name: Library())
    memory.frugal()
    assert said == [(-8, 2, 1)]


def test_a_c_library_that_knows_no_bound_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _name: object())
    memory.frugal()
