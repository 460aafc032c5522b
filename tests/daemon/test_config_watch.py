"""A saved configuration is noticed once, when it stands still."""

from pathlib import Path

from surveil.daemon.config_watch import ConfigWatch


def test_a_save_is_told_once_when_it_has_settled(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("a: 1", encoding="utf-8")
    watch = ConfigWatch(path)
    assert not watch.changed()
    path.write_text("a: 22", encoding="utf-8")
    assert not watch.changed()
    assert watch.changed()
    assert not watch.changed()


def test_an_editors_rename_is_a_save_and_a_missing_file_is_not(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("a: 1", encoding="utf-8")
    watch = ConfigWatch(path)
    path.unlink()
    assert [watch.changed(), watch.changed()] == [False, False]
    new = tmp_path / ".config.yaml.swp"
    new.write_text("a: 2", encoding="utf-8")
    new.rename(path)
    assert [watch.changed(), watch.changed()] == [False, True]
