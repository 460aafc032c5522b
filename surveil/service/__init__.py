"""Living under systemd: what keeps the daemon supervised, observable and inside its bounds."""

from surveil.service.budget import (
    CpuBudget,
    MemoryBudget,
    Wishes,
    memory_cap_bytes,
    plan_cpu,
    plan_memory,
    usable_cores,
    yield_to_capture,
)
from surveil.service.crashes import CrashLog
from surveil.service.health import Health
from surveil.service.http import HttpServer
from surveil.service.jobs import Jobs
from surveil.service.lock import InstanceLock
from surveil.service.logs import enable_faulthandler, setup_logging
from surveil.service.metrics import CaptionStats, Metrics
from surveil.service.notify import Notifier
from surveil.service.redact import redact, register_secret
from surveil.service.report import CameraReport, EngineReport, status_page
from surveil.service.routes import Sources
from surveil.service.signals import Signals
from surveil.service.watchdog import Watchdog

__all__ = [
    "CameraReport",
    "CaptionStats",
    "CpuBudget",
    "CrashLog",
    "EngineReport",
    "Health",
    "HttpServer",
    "InstanceLock",
    "Jobs",
    "MemoryBudget",
    "Metrics",
    "Notifier",
    "Signals",
    "Sources",
    "Watchdog",
    "Wishes",
    "enable_faulthandler",
    "memory_cap_bytes",
    "plan_cpu",
    "plan_memory",
    "redact",
    "register_secret",
    "setup_logging",
    "status_page",
    "usable_cores",
    "yield_to_capture",
]
