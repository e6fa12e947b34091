"""Ids that events get when they have none."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from tenterhook.ids import new_id


def test_threads_share_no_id():
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: [new_id() for _ in range(1000)], range(8)))
    ids = {one for some in made for one in some}
    assert len(ids) == 8000
    assert all(len(one) == 32 and int(one, 16) >= 0 for one in ids)


def test_a_fork_shares_no_id_with_its_parent():
    program = """
import os
from tenterhook.ids import new_id
new_id()
read, write = os.pipe()
if os.fork() == 0:
    os.write(write, "".join(new_id() for _ in range(100)).encode())
    os._exit(0)
print("".join(new_id() for _ in range(100)), os.read(read, 3200).decode())
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    parent, child = ({text[at : at + 32] for at in range(0, 3200, 32)} for text in ran.stdout.split())
    assert len(parent) == len(child) == 100 and not parent & child
