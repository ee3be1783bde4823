"""The process beside a worker that renews its leases, without the database it renews them in."""

import json
import socket

from apps.activities.engine.heartbeat import Heartbeat
from apps.shared.ids import new_id


def test_a_heartbeat_that_reaches_no_database_says_so_once_and_tries_on(capfd):
    activity_id = new_id()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        port = server.getsockname()[1]
        address = f"host=127.0.0.1 port={port} dbname=none user=none sslmode=disable gssencmode=disable"
        beat = Heartbeat(database_url=address, lease_seconds=1, beat_seconds=0.05)
        beat.hold(activity_id, 1)
        for _ in range(3):
            server.accept()[0].close()
    beat.stop()

    (line,) = capfd.readouterr().err.splitlines()
    told = {"event": "heartbeat.failed", "level": "warning", "activity": str(activity_id)}
    assert json.loads(line) == {**told, "cause": "OperationalError"}
