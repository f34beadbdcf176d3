"""A folder of code is packed the same everywhere, takes nothing along that lies outside, and is unpacked with care."""

import io
import os
import tarfile

import pytest

from millrace.code_archive import BadCode, pack, unpack


@pytest.fixture
def folder(tmp_path):
    code = tmp_path / "code"
    (code / "shop").mkdir(parents=True)
    (code / "train.py").write_text("from shop.net import Net\n\ndef main(job): ...\n")
    (code / "shop" / "net.py").write_text("class Net: ...\n")
    return code


def test_the_same_files_give_the_same_bytes_whatever_surrounds_them(folder, tmp_path):
    first = pack(folder, "train:main")
    for name in ("__pycache__", ".git", "venv"):
        (folder / name).mkdir()
        (folder / name / "x.pyc").write_bytes(b"x")
    (folder / "venv" / "pyvenv.cfg").touch()
    os.utime(folder / "train.py", (1, 1))
    os.utime(folder / "shop", (1, 1))
    (folder / "shop" / "net.py").chmod(0o600)
    assert pack(folder, "train:main") == first
    unpack(first, tmp_path / "out")
    assert pack(tmp_path / "out") == first
    (folder / "train.py").write_text("def main(job): return 1\n")
    assert pack(folder) != first


@pytest.mark.parametrize(
    ("entry", "says"),
    [("train:fit", "defines no fit"), ("learn:main", "has no learn.py"), ("broken:main", "broken.py:1")],
)
def test_an_entry_that_is_not_there_is_told_before_anything_runs(folder, entry, says):
    (folder / "broken.py").write_text("def main(:\n")
    with pytest.raises(BadCode, match=says):
        pack(folder, entry)


def test_links_out_of_the_folder_are_refused_and_links_within_are_files(folder, tmp_path):
    (folder / "also.py").symlink_to(folder / "train.py")
    unpack(pack(folder), tmp_path / "out")
    assert not (tmp_path / "out" / "also.py").is_symlink()
    (folder / "rows.csv").symlink_to("/etc/hostname")
    with pytest.raises(BadCode, match="leads out of the folder"):
        pack(folder)


def test_too_much_is_refused(folder, monkeypatch):
    monkeypatch.setattr("millrace.code_archive.MOST_BYTES", 10)
    with pytest.raises(BadCode, match="more than"):
        pack(folder)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("/etc/cron", tarfile.REGTYPE), ("../up", tarfile.REGTYPE), ("a/../../up", tarfile.REGTYPE),
     ("a", tarfile.SYMTYPE), ("a", tarfile.CHRTYPE), ("a", tarfile.LNKTYPE)],
)  # fmt: skip
def test_an_archive_of_somebody_elses_making_writes_nothing_outside(tmp_path, name, kind):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "/etc/hostname"
        tar.addfile(member)
    with pytest.raises(BadCode, match="no plain file"):
        unpack(archive.getvalue(), tmp_path / "out")
    assert not list(tmp_path.rglob("up"))
