"""An MQTT broker inside the demo, so that nothing but Python is needed. A real box runs Mosquitto."""

from __future__ import annotations

import asyncio
import logging
import threading

from surveil.errors import DeliveryError

START_TIMEOUT_S = 20.0


class EmbeddedBroker:
    """amqtt on a free loopback port, in a thread of its own. Use as a context manager; `port` is known inside."""

    def __init__(self) -> None:
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="demo-broker", daemon=True)

    def __enter__(self) -> EmbeddedBroker:
        self._thread.start()
        if not self._ready.wait(START_TIMEOUT_S):
            raise DeliveryError(f"the demo's broker did not start within {START_TIMEOUT_S:.0f} s")
        if self._error is not None:
            raise DeliveryError(f"the demo's broker did not start: {self._error}")
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(START_TIMEOUT_S)

    def _run(self) -> None:
        # amqtt tells of every packet and of every client that goes away; none of it concerns the demo.
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            self._loop.run_until_complete(self._serve())
        except Exception as error:
            self._error = error
            self._ready.set()
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        try:
            from amqtt.broker import Broker
        except ModuleNotFoundError:
            raise DeliveryError(
                "amqtt is not installed; get it with: pip install 'surveil[demo]'"
            ) from None
        self._done = asyncio.Event()
        broker = Broker(
            {
                "listeners": {"default": {"type": "tcp", "bind": "127.0.0.1:0"}},
                "plugins": {
                    "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
                },
            }
        )
        await broker.start()
        sockets = broker._servers["default"].instance.sockets
        self.port = sockets[0].getsockname()[1]
        self._ready.set()
        await self._done.wait()
        await broker.shutdown()
