"""Living under systemd: what keeps the daemon supervised, observable, and inside its bounds.

    notify, watchdog, signals       the conversation with systemd
    logs, repeats, redact           one line an event, no flood, no secrets
    health, metrics, report         how things are, for subscribers, Prometheus and people
    http, routes, requests, client  where that can be asked, and who asks
    jobs                            periodic work on wall time (APScheduler)
    lock, crashes                   one daemon at a time; what to do after it was killed too often
    budget                          how much memory and how many threads each part may have

Modules are imported by name: importing all of them takes half a second, which `surveil check` need not wait for.
"""
