"""Matches -> confirmation -> incidents: which captions matter, when, and for how long.

The door: `RuleSpec` and its parts, `RuleEngine`, what comes out of it, `IncidentChange`, and the alerts thread.
`RuleEngine` is pure: no threads, sockets or clocks.
"""

from surveil.rules.alerts_worker import AlertsWorker
from surveil.rules.incidents import ChangeKind, Incident, IncidentChange
from surveil.rules.rule_engine import Confirm, RuleEngine, RuleSpec, Schedule

__all__ = [
    "AlertsWorker",
    "ChangeKind",
    "Confirm",
    "Incident",
    "IncidentChange",
    "RuleEngine",
    "RuleSpec",
    "Schedule",
]
