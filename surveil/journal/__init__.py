"""The journal: every caption, in SQLite, searchable.

store    Journal: what the daemon writes
search   Query, Hit, find: what people ask, also while the daemon runs
"""
