"""Callbacks: code of yours that a training calls.

A callback may keep something from epoch to epoch. What that is, `state()` gives as plain data, and `restore` takes it
back, so that a training that is resumed goes on as if it had not stopped.
"""

from .callback import Callback, LambdaCallback
from .logs import CSVLog, HistoryLog, LearningRateLog
from .progress import Progress, ProgressBar
from .stopping import EarlyStopping, StopWhen

__all__ = [
    "CSVLog",
    "Callback",
    "EarlyStopping",
    "HistoryLog",
    "LambdaCallback",
    "LearningRateLog",
    "Progress",
    "ProgressBar",
    "StopWhen",
]
