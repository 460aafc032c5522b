"""Living under systemd: what keeps the daemon supervised, observable, and inside its bounds.

    sd_notify, watchdog, signals    the conversation with systemd
    logging_setup                   one line an event, no flood, no secrets
    jobs                            periodic work on wall time (APScheduler)
    instance_lock, crash_log        one daemon at a time; what to do after it was killed too often

Modules are imported by name: APScheduler takes a while, and `surveil check` need not wait for it.
"""
