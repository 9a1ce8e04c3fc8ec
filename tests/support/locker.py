"""Another program that opens the databases of a server and keeps locks, for short and long times.

`python -m tests.support.locker SEED FILE…` until its standard input ends.
"""

import random
import sqlite3
import sys
import threading

#: Most are short; the long ones are beyond the patience of a server under test.
HELD_SECONDS = (0.001, 0.005, 0.02, 0.08, 0.3, 0.6)


def main(seed: int, files: list[str]) -> None:
    over = threading.Event()
    threads = [
        threading.Thread(target=_lock, args=(random.Random(seed + n), file, over))
        for n, file in enumerate(files)
    ]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    over.set()
    for thread in threads:
        thread.join()


def _lock(chance: random.Random, file: str, over: threading.Event) -> None:
    connection = sqlite3.connect(file, isolation_level=None, timeout=30)
    while not over.wait(chance.uniform(0, 0.3)):
        connection.execute("BEGIN IMMEDIATE")
        over.wait(chance.choice(HELD_SECONDS))
        connection.execute("ROLLBACK")
    connection.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
