"""Checkpoints: a training that goes on after whatever ended it, with the bits of one that never ended.

- `checkpoint.py`: `Checkpoint`, what is kept, where and how often.
- `training.py`: one training and its directory: what it is, what it goes on from, what it hands to the writer.
- `identity.py`: what two trainings must have in common, and what differs.
- `files.py`: the names of the files, and the lock.
- `writer.py`: the thread that writes.
- `plain.py`: plain data as bytes.
"""

from .checkpoint import Checkpoint

__all__ = ["Checkpoint"]
