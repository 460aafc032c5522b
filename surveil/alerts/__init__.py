"""Alerts: a picture and a row that survive a power cut, and what waits until each destination has it.

recorder       AlertRecorder: an opened incident becomes a snapshot, a row, and deliveries; Destination
snapshots      Snapshots: JPEG files
alert_store    AlertStore: alerts.db. Below it state_table (small things that a restart must not forget),
               write_behind (a disk that refuses), alert_tables (SQL, rows, migrations), salvage (of a damaged file)
alert_search   what another process asks of alerts.db
clip_maker     ClipMaker: video around an alert
retention      Retention: what leaves the disk, and when
"""
