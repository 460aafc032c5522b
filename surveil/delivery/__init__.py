"""Delivery: alerts leave, until each destination has acknowledged them; states and captions are told.

delivery_queue    what delivery asks of the room that keeps the alerts
delivery_worker   the thread of a destination that takes one alert at a time; webhook and speech are such
payloads          what goes over the wire, as bytes
mqtt              the broker's thread
"""
