"""Outputs appear whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from napari_cryonet.errors import FileProblem, FormatError, OutputExists
from napari_cryonet.io.atomic import check_output, replacing, reserve


def interrupted(path: Path, error: BaseException) -> None:
    """Start to replace a file and raise half way."""
    with replacing(path, overwrite=True) as part:
        part.write_text("half")
        raise error


def test_a_new_name_in_a_folder_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_output(tmp_path / "new.mrc")
    monkeypatch.chdir(tmp_path)
    check_output(Path("new.mrc"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_passes_only_if_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "old.mrc"
    path.touch()
    check_output(path, overwrite=True)
    with pytest.raises(OutputExists, match=r"old\.mrc already exists; .*--overwrite"):
        check_output(path)


def test_a_folder_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match=r"The folder .*nowhere does not exist; create it"):
        check_output(tmp_path / "nowhere" / "a.mrc")


def test_a_folder_is_never_replaced(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="choose a file name"):
        check_output(tmp_path, overwrite=True)


def test_a_folder_has_to_be_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with pytest.raises(FileProblem, match=r"Cannot write .*a\.mrc: .* writable folder"):
        check_output(tmp_path / "a.mrc")


def test_the_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.mrc"
    with replacing(path) as part:
        part.write_text("new")
        assert not path.exists()
        assert part.parent == path.parent
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_is_there_until_the_new_one_is(tmp_path: Path) -> None:
    path = tmp_path / "a.mrc"
    path.write_text("old")
    with replacing(path, overwrite=True) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError("wrong"), KeyboardInterrupt(), SystemExit()])
def test_a_block_that_raises_leaves_all_as_it_was(error: BaseException, tmp_path: Path) -> None:
    path = tmp_path / "a.mrc"
    path.write_text("old")
    with pytest.raises(type(error)) as caught:
        interrupted(path, error)
    assert caught.value is error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_starts_if_the_output_is_refused(tmp_path: Path) -> None:
    path, entered = tmp_path / "a.mrc", []
    path.write_text("old")
    with pytest.raises(OutputExists), replacing(path):
        entered.append(True)
    assert entered == []


def test_an_error_of_the_system_becomes_a_problem_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mrc"
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(FileProblem) as caught:
        interrupted(path, full)
    assert str(caught.value) == f"Cannot write {path}: No space left on device."
    assert caught.value.__cause__ is full
    assert list(tmp_path.iterdir()) == []


def test_an_error_without_a_number_keeps_its_words(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match=r"a\.mrc: the share is gone\."):
        interrupted(tmp_path / "a.mrc", OSError("the share is gone"))


def test_our_own_errors_pass_unchanged(tmp_path: Path) -> None:
    own = FormatError("not a map")
    with pytest.raises(FormatError) as caught:
        interrupted(tmp_path / "a.mrc", own)
    assert caught.value is own


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="Cannot write"), replacing(tmp_path / "a.mrc"):
        pass


def test_room_is_taken_before_it_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "a.mrc"
    path.write_bytes(b"header")
    reserve(path, 1 << 20)
    assert path.read_bytes() == b"header" + bytes((1 << 20) - 6)
    if hasattr(os, "posix_fallocate"):
        assert path.stat().st_blocks * 512 >= 1 << 20


def test_without_room_the_size_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    path = tmp_path / "a.mrc"
    path.write_bytes(b"header")
    reserve(path, 1 << 20)
    assert path.read_bytes() == b"header" + bytes((1 << 20) - 6)


def together(path: Path) -> None:
    """Write a file that another program writes as well, and ends earlier."""
    with replacing(path) as part:
        part.write_text("second")
        path.write_text("first")


def test_what_another_program_wrote_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.mrc"
    said = r"another program meanwhile; this one's is in .*a-2\.mrc"
    with pytest.raises(OutputExists, match=said):
        together(path)
    assert path.read_text() == "first"
    assert (tmp_path / "a-2.mrc").read_text() == "second"
    assert len(list(tmp_path.iterdir())) == 2
