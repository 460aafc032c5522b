"""Captions -> matches -> incidents: what operators ask for, in their own words.

The door: `RuleSpec` and its parts, `Lexicon`, `Matcher`, `RuleEngine`, and what comes out of it, `IncidentChange`.
Pure: no threads, sockets or clocks; files only when `Lexicon.load` reads its own words.
"""

from surveil.rules.engine import RuleEngine
from surveil.rules.incidents import ChangeKind, Incident, IncidentChange
from surveil.rules.lexicon import Lexicon
from surveil.rules.matcher import Matcher, PhraseMatch
from surveil.rules.schedule import Schedule
from surveil.rules.spec import Confirm, RuleSpec

__all__ = [
    "ChangeKind",
    "Confirm",
    "Incident",
    "IncidentChange",
    "Lexicon",
    "Matcher",
    "PhraseMatch",
    "RuleEngine",
    "RuleSpec",
    "Schedule",
]
