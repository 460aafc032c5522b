"""Alerts: a picture and a row that survive a power cut, then delivery until each destination has it.

store       AlertStore: alerts.db. Below it remembered (small states), tables (the SQL), stubborn (a disk that refuses)
snapshots   Snapshots: JPEG files
desk        AlertRecorder, OpenedIncident, Route: what the alerts thread calls
mqtt        MqttDelivery: the thread. Below it mqtt_link (staying connected), mqtt_session (one connection; MqttSpec),
            mqtt_publisher (what leaves, and the window), board and roster (states, cameras), pictures;
            topics, payloads, homeassistant hold what goes over the wire
webhook     WebhookDelivery, and speech SpeechDelivery: other ways out
clips       ClipMaker: video around an alert
retention   Retention: what leaves the disk, and when
"""
