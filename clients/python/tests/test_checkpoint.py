"""A watch with a checkpoint goes on after what the program has handled, also in another process."""

import os
import stat

import pytest
from test_watch import bookmark, change, silent, starts

from tenterhook import FileCheckpoint


class Memory:
    """A checkpoint that notes what is saved, and fails when it is told to."""

    def __init__(self, token=None):
        self.token, self.saved, self.failures = token, [], 0

    def load(self):
        return self.token

    def save(self, token):
        if self.failures:
            self.failures -= 1
            raise PermissionError("the disk is read only")
        self.saved.append(token)


def test_a_change_counts_as_handled_when_the_next_is_asked_for(client, server):
    server.answers += [[change(1), bookmark("b"), change(2), silent(5)]]
    checkpoint = Memory()
    watch = client.watch(checkpoint=checkpoint, position="WATCH_POSITION_EARLIEST")
    next(watch)
    assert checkpoint.saved == []
    assert next(watch).token == "t2"
    assert checkpoint.saved == ["t1", "b"]
    watch.close()
    assert checkpoint.saved == ["t1", "b"]


def test_what_was_saved_wins_over_where_the_watch_would_begin(client, server):
    server.answers += [[change(8), silent(5)], [change(1), silent(5)]]
    for token in ["t7", None]:
        watch = client.watch(checkpoint=Memory(token), position="WATCH_POSITION_EARLIEST")
        next(watch)
        watch.close()
    assert starts(server) == [("resume_token", "t7"), ("position", "")]


def test_a_save_that_fails_is_raised_and_tried_again(client, server):
    server.answers += [[change(1), change(2), silent(5)]]
    checkpoint = Memory()
    watch = client.watch(checkpoint=checkpoint)
    next(watch)
    checkpoint.failures = 1
    with pytest.raises(PermissionError, match="read only"):
        next(watch)
    assert next(watch).token == "t2" and checkpoint.saved == ["t1"]
    watch.close()


def test_a_file_keeps_the_last_token(tmp_path):
    place = tmp_path / "deliveries.token"
    assert FileCheckpoint(place).load() is None
    FileCheckpoint(place).save("t1")
    FileCheckpoint(str(place)).save("t2")
    assert FileCheckpoint(place).load() == "t2"
    assert os.listdir(tmp_path) == ["deliveries.token"]


def test_a_token_is_on_the_disk_before_it_takes_the_place_of_another(tmp_path, monkeypatch):
    steps = []
    sync, replace = os.fsync, os.replace

    def noted_sync(descriptor):
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def noted_replace(*paths):
        steps.append("replace")
        replace(*paths)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "replace", noted_replace)
    FileCheckpoint(tmp_path / "token").save("t1")
    assert steps == ["file", "replace", "folder"]


def test_a_place_where_nothing_can_be_written_is_found_at_the_start(client, server, tmp_path):
    watch = client.watch(checkpoint=FileCheckpoint(tmp_path / "missing" / "token"))
    with pytest.raises(FileNotFoundError):
        next(watch)
    assert server.requests == []
    watch.close()
