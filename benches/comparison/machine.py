"""What the timings were taken on: processor, cores, versions, kernels; nothing that names a host."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from .peers import installed

__all__ = ["machine"]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = dict(reversed([[part.strip() for part in line.split(":", 1)] for line in lines if ":" in line]))
    wide = [name for name in ("avx2", "avx512f") if name in facts.get("flags", "").split()]
    family = f"family {facts.get('cpu family')}, model {facts.get('model')}"
    return f"{facts.get('model name', platform.machine())} ({family}; {', '.join(wide)})"


def _rust() -> str:
    try:
        return subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "not here"


def _libraries() -> list[str]:
    """Libraries for products that are loaded now, each with the kernel that it picked and its threads."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return []
    names = ("internal_api", "version", "architecture", "num_threads")
    return sorted({" ".join(f"{name}={info.get(name)}" for name in names) for info in threadpool_info()})


def machine() -> dict[str, Any]:
    """Facts for the head of a report."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load before": round(os.getloadavg()[0], 1),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"Python": platform.python_version(), "Rust": _rust()}
        | {peer.NAME: peer.version() for peer in installed()},
        "libraries": _libraries(),
    }
