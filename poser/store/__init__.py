"""What is kept on disk: pictures and finished calls by content, and the folder of a run."""

from poser.store.calls import DiskCallRecord
from poser.store.files import read_json, write_bytes, write_json
from poser.store.images import DiskImageStore
from poser.store.run import Run, find_run, list_runs

__all__ = [
    "DiskCallRecord",
    "DiskImageStore",
    "Run",
    "find_run",
    "list_runs",
    "read_json",
    "write_bytes",
    "write_json",
]
