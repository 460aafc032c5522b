"""What may be asked of a running node over HTTP, and the client that `surveil status` asks with.

    http_server, routes     the server: connections, and which path answers what to whom
    status_page, metrics    what it answers: for people and programs, and for Prometheus
    client                  who asks

Modules are imported by name: the command line needs the client alone.
"""
