"""MQTT, from the top: each module uses only those below it.

mqtt_delivery     MqttDelivery: the thread, and what other threads call
mqtt_publisher    what leaves, within the window that the broker allows
discovery         CameraInfo; cameras introduced and cleared; Home Assistant
mqtt_connection   staying connected
connection_problems  what is wrong with the connection, for the node's health
mqtt_session      MqttSpec; one connection: paho, driven by the thread
topics            names of topics, commands that arrive, retained messages
"""
