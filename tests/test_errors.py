"""The tree of errors is the one that its docstring draws."""

import re

import pytest

from napari_cryonet import errors

CLASSES = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, Exception)
}
EXIT_CODES = {
    "CryonetError": 1,
    "FileProblem": 2,
    "FormatError": 2,
    "OutputExists": 2,
    "SettingsError": 2,
    "DataError": 2,
    "ModelError": 2,
    "DeviceError": 2,
    "OutOfMemory": 1,
    "TrainingError": 1,
}


def drawn() -> dict[str, tuple[str, str]]:
    """Return the parent and the built-in base that the docstring draws for each class."""
    tree: dict[str, tuple[str, str]] = {"CryonetError": ("Exception", "")}
    branch = ["CryonetError"]
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"    ([│ ]*)[├└]── (\w+)(?: \((\w+)\))?", line):
            depth = len(found[1]) // 4 + 1
            tree[found[2]] = (branch[depth - 1], found[3] or "")
            branch[depth:] = [found[2]]
    return tree


def test_the_docstring_draws_every_class_and_no_other() -> None:
    assert set(drawn()) == set(CLASSES) == set(EXIT_CODES)


@pytest.mark.parametrize("name", list(EXIT_CODES))
def test_a_class_hangs_where_it_is_drawn(name: str) -> None:
    parent, builtin = drawn()[name]
    bases = [base.__name__ for base in CLASSES[name].__bases__]
    assert bases == [parent] + [builtin] * bool(builtin)


@pytest.mark.parametrize(("name", "code"), list(EXIT_CODES.items()))
def test_the_exit_code_tells_input_from_work(name: str, code: int) -> None:
    assert CLASSES[name].exit_code == code


@pytest.mark.parametrize("name", list(EXIT_CODES))
def test_an_error_shows_its_message(name: str) -> None:
    assert str(CLASSES[name]("What was found.")) == "What was found."
